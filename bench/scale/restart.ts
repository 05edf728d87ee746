/**
 * How long a node with data is away: for 1, 2 and 4 times as many persistent sessions with waiting
 * messages, the time from its start to its first CONNACK, and from that until clients are served as
 * ever. Run: `node dist/bench/scale/restart.js [sessions at first] [messages for each]`.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from '../../test/fixtures/broker-process.js';
import { disconnect, publish, subscribe } from '../../test/fixtures/client-packets.js';
import { MqttSocket } from '../../test/fixtures/mqtt-socket.js';
import { say } from './members.js';

const first = Number(process.argv[2] ?? 25_000);
const messages = Number(process.argv[3] ?? 5);
const atOnce = 100;
const kept = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } } as const;
/** A PUBACK within this time is service as ever, in ms; it must hold for `steadyMs`. */
const usualMs = 50;
const steadyMs = 1000;

async function fill(place: string, from: number, to: number): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      const at = next++;
      const client = await MqttSocket.connect(place, 5, {
        clientIdentifier: `kept ${at}`,
        ...kept,
      });
      const filters = ['all', `own/${at}/+`].map((topicFilter) => ({
        topicFilter,
        qos: 1 as const,
      }));
      client.send(subscribe(5, 1, filters));
      await client.next('suback');
      client.send(disconnect(5));
      await client.closed();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const publisher = await MqttSocket.connect(place, 5, { clientIdentifier: 'publisher' });
  for (let at = 1; at <= messages; at += 1) {
    const payload = 'x'.repeat(100);
    publisher.send(publish(5, { topicName: 'all', qos: 1, packetIdentifier: at, payload }));
    await publisher.next('puback');
  }
  publisher.send(disconnect(5));
  await publisher.closed();
}

/** Of all threads; what a start costs whoever else is busy. */
function cpuSecondsOf(pid: number): number {
  const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(ticks[11]) + Number(ticks[12])) / 100;
}

/** Tries until there is a CONNACK. */
async function connected(place: string): Promise<MqttSocket> {
  for (;;) {
    try {
      return await MqttSocket.connect(place, 5, { clientIdentifier: 'probe' });
    } catch {
      await sleep(5);
    }
  }
}

/** Milliseconds until PUBACKs come in time, for a second. */
async function untilUsual(client: MqttSocket): Promise<number> {
  const from = performance.now();
  let since = from;
  for (let at = 1; performance.now() - since < steadyMs; at += 1) {
    const sent = performance.now();
    client.send(publish(5, { topicName: 'own/1/x', qos: 1, packetIdentifier: at, payload: 'x' }));
    await client.next('puback');
    if (performance.now() - sent > usualMs) since = performance.now();
    await sleep(10);
  }
  return since - from;
}

const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-bench-'));
const place = join(directory, 'clients.sock');
const options = {
  directory: join(directory, 'data'),
  settings: {
    'listener.tcp.default': 'off',
    'listener.ws.default': 'off',
    'listener.tcp.clients': `local:${place}:0`,
    max_offline_messages: '-1',
  },
};
let broker = await BrokerProcess.start(options);
try {
  for (const times of [1, 2, 4]) {
    await fill(place, times === 1 ? 0 : (first * times) / 2, first * times);
    await broker.stop();
    const from = performance.now();
    broker = BrokerProcess.spawn(options);
    const probe = await connected(place);
    const [loadMs, cpu] = [performance.now() - from, cpuSecondsOf(broker.pid)];
    const usualAfterMs = await untilUsual(probe);
    probe.drop();
    say(
      `${first * times} sessions: first CONNACK ${loadMs.toFixed(0)} ms after the start ` +
        `(${cpu.toFixed(2)} CPU seconds), ` +
        `service as ever ${usualAfterMs.toFixed(0)} ms later`,
    );
  }
} finally {
  await broker.kill();
  rmSync(directory, { recursive: true, force: true });
}
