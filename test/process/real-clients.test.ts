/**
 * Clients that others wrote, against the command as it is started: the same conversation for all.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';

const patienceMs = 30_000;
const data = temporaryDirectory();
const javascriptClients = new Set<MqttClient>();
const children = new Set<ChildProcess>();
let broker: BrokerProcess;

before(async () => {
  broker = await BrokerProcess.start({ directory: data.path });
});

after(async () => {
  for (const client of javascriptClients) client.end(true);
  for (const child of children) child.kill('SIGKILL');
  await broker.kill();
  data.remove();
});

function has(program: string, ...words: string[]): boolean {
  const { error, status } = spawnSync(program, words);
  return error === undefined && (status === 0 || status === 1);
}

describe('MQTT.js', () => {
  for (const scheme of ['mqtt', 'ws'] as const) {
    for (const protocolVersion of [4, 5] as const) {
      const name = `js-${scheme}-${protocolVersion}`;
      it(`v${protocolVersion} over ${scheme} publishes, subscribes, retains, leaves a will and comes back`, () =>
        javascriptConversation(scheme, { protocolVersion }, name));
    }
  }

  for (const scheme of ['mqtt', 'ws'] as const) {
    it(`v5 over ${scheme} shares a subscription`, async () => {
      const members = await Promise.all(
        [1, 2].map(() => connectJs(scheme, { protocolVersion: 5 })),
      );
      const received: string[][] = members.map(() => []);
      const sender = await connectJs(scheme, { protocolVersion: 5 });
      const complete = new Promise<void>((done) => {
        for (const [at, member] of members.entries()) {
          member.on('message', (_topic, payload) => {
            received[at]?.push(payload.toString());
            if (received.flat().length === 20) done();
          });
        }
      });
      for (const member of members)
        await member.subscribeAsync(`$share/g/js/${scheme}`, { qos: 1 });
      const sent = Array.from({ length: 20 }, (_, number) => String(number));
      for (const one of sent) await sender.publishAsync(`js/${scheme}`, one, { qos: 1 });
      await inTime(complete);
      assert.deepEqual(new Set(received.flat()), new Set(sent));
      assert.ok(received.every((each) => each.length > 0));
      for (const client of [...members, sender]) await client.endAsync();
    });
  }
});

async function connectJs(scheme: 'mqtt' | 'ws', options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync(placeOf(scheme), { reconnectPeriod: 0, ...options });
  javascriptClients.add(client);
  return client;
}

function placeOf(scheme: 'mqtt' | 'ws'): string {
  const { port, webSocketPort } = broker;
  return scheme === 'ws' ? `ws://127.0.0.1:${webSocketPort}/mqtt` : `mqtt://127.0.0.1:${port}`;
}

interface Arrived {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
}

/** Messages in the order in which they came, each waited for. */
function inbox(client: MqttClient): () => Promise<Arrived> {
  const arrived: Arrived[] = [];
  const bell = new EventEmitter();
  client.on('message', (topic, payload, { qos, retain }) => {
    arrived.push({ topic, payload: payload.toString(), qos, retain });
    bell.emit('arrived');
  });
  return async () => {
    while (arrived.length === 0) {
      await once(bell, 'arrived', { signal: AbortSignal.timeout(patienceMs) });
    }
    return arrived.shift() as Arrived;
  };
}

async function javascriptConversation(
  scheme: 'mqtt' | 'ws',
  base: IClientOptions,
  name: string,
): Promise<void> {
  const isV5 = base.protocolVersion === 5;
  const kept: IClientOptions = {
    ...base,
    clientId: `${name}-kept`,
    clean: false,
    ...(isV5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
  };
  const sender = await connectJs(scheme, base);
  let receiver = await connectJs(scheme, kept);
  let next = inbox(receiver);
  await receiver.subscribeAsync(`${name}/#`, { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    const payload = `live ${qos}`;
    await sender.publishAsync(`${name}/${qos}`, payload, { qos });
    assert.deepEqual(await next(), { topic: `${name}/${qos}`, payload, qos, retain: false });
  }
  await sender.publishAsync(`${name}/retained`, 'r', { qos: 1, retain: true });
  assert.equal((await next()).retain, false);
  await receiver.endAsync();
  for (const qos of [1, 2] as const) {
    await sender.publishAsync(`${name}/${qos}`, `stored ${qos}`, { qos });
  }
  // Messages may come with the CONNACK: the handler must be there before it.
  receiver = mqtt.connect(placeOf(scheme), { reconnectPeriod: 0, ...kept });
  javascriptClients.add(receiver);
  next = inbox(receiver);
  const { sessionPresent } = await new Promise<IConnackPacket>((done, fail) => {
    receiver.once('connect', done);
    receiver.once('error', fail);
  });
  assert.ok(sessionPresent);
  assert.equal((await next()).payload, 'stored 1');
  assert.equal((await next()).payload, 'stored 2');
  const will = { topic: `${name}/will`, payload: Buffer.from('gone'), qos: 1 as const };
  const dying = await connectJs(scheme, { ...base, will: { ...will, retain: false } });
  dying.stream.destroy();
  assert.equal((await next()).payload, 'gone');
  const fresh = await connectJs(scheme, base);
  const retained = inbox(fresh);
  await fresh.subscribeAsync(`${name}/+`, { qos: 0 });
  assert.deepEqual(await retained(), {
    topic: `${name}/retained`,
    payload: 'r',
    qos: 0,
    retain: true,
  });
  for (const client of [sender, receiver, fresh]) await client.endAsync();
}

/** Rejects when what is awaited takes longer than the patience of these tests. */
async function inTime<T>(awaited: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: patience.signal }).then(() => {
    throw new Error(`not within ${patienceMs} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([awaited, late]);
  } finally {
    patience.abort();
  }
}

const run = promisify(execFile);
const hasMosquitto = has('mosquitto_sub', '--help') && has('mosquitto_pub', '--help');

describe('mosquitto_pub and mosquitto_sub', () => {
  for (const version of ['mqttv31', 'mqttv311', 'mqttv5'] as const) {
    const title = `${version}: every QoS, retained messages, wills, a session that is taken up again`;
    if (!hasMosquitto) it.skip(`${title} (skipped: mosquitto-clients is not installed)`);
    else it(title, () => mosquittoConversation(version));
  }

  const title = 'mqttv5: a shared subscription';
  if (!hasMosquitto) it.skip(`${title} (skipped: mosquitto-clients is not installed)`);
  else
    it(title, async () => {
      const words = ['-V', 'mqttv5', '-t', '$share/g/shared/mosquitto', '-q', '1'];
      const members = [await subscribe(words), await subscribe(words)];
      const sent = Array.from({ length: 6 }, (_, number) => String(number));
      for (const one of sent) await publish('mqttv5', 'shared/mosquitto', one, '-q', '1');
      const firsts = await Promise.all(members.map((member) => member.line()));
      assert.equal(new Set(firsts).size, 2);
      for (const member of members) await member.end();
    });
});

interface Subscriber {
  /** The next message as mosquitto_sub prints it. */
  line(): Promise<string>;
  /** Asks it to end, and sees to it. */
  end(): Promise<void>;
  readonly process: ChildProcess;
}

/**
 * mosquitto_sub disconnects within its signal handler, which may wait for ever for a lock that
 * the interrupted thread holds.
 */
const endWithinMs = 5_000;

async function endOf(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
  await closed;
  clearTimeout(killer);
}

/** mosquitto_sub, subscribed: it says so in its debug output. */
async function subscribe(words: readonly string[]): Promise<Subscriber> {
  const all = ['-h', '127.0.0.1', '-p', String(broker.port), '-d', ...words];
  // It does not flush its debug output into a pipe.
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...all], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const debug = /^(Client |Subscribed )/;
  let isSubscribed: () => void = () => {};
  const subscribed = new Promise<void>((done) => {
    isSubscribed = done;
  });
  reader.on('line', (text) => {
    if (text.startsWith('Subscribed ')) isSubscribed();
    if (!debug.test(text)) lines.push(text);
    reader.emit('more');
  });
  const more = (): Promise<unknown> =>
    once(reader, 'more', { signal: AbortSignal.timeout(patienceMs) });
  await inTime(subscribed);
  return {
    process: child,
    line: async () => {
      while (lines.length === 0) await more();
      return lines.shift() as string;
    },
    end: () => endOf(child),
  };
}

async function publish(
  version: string,
  topic: string,
  message: string,
  ...words: readonly string[]
): Promise<void> {
  const place = ['-h', '127.0.0.1', '-p', String(broker.port), '-V', version];
  const all = [...place, '-t', topic, '-m', message, ...words];
  await run('mosquitto_pub', all, { timeout: patienceMs });
}

async function mosquittoConversation(version: string): Promise<void> {
  const format = ['-F', '%t %p %q %r'];
  const kept = ['-V', version, '-i', `${version}-kept`, '-c', '-q', '2', ...format];
  const topic = `mosquitto/${version}`;
  const first = await subscribe([...kept, '-t', `${topic}/#`]);
  for (const qos of ['0', '1', '2']) {
    await publish(version, `${topic}/live`, 'm', '-q', qos);
    assert.equal(await first.line(), `${topic}/live m ${qos} 0`);
  }
  await publish(version, `${topic}/kept`, 'r', '-q', '1', '-r');
  assert.equal(await first.line(), `${topic}/kept r 1 0`);
  await first.end();
  await publish(version, `${topic}/live`, 'stored', '-q', '2');
  const again = await subscribe([...kept, '-t', `${topic}/other`]);
  assert.equal(await again.line(), `${topic}/live stored 2 0`);
  const will = ['--will-topic', `${topic}/will`, '--will-payload', 'gone', '--will-qos', '1'];
  const dying = await subscribe(['-V', version, '-t', 'nothing', ...will]);
  dying.process.kill('SIGKILL');
  assert.equal(await again.line(), `${topic}/will gone 1 0`);
  await again.end();
  const fresh = await subscribe(['-V', version, '-t', `${topic}/+`, ...format]);
  assert.equal(await fresh.line(), `${topic}/kept r 0 1`);
  await fresh.end();
}

const python = ['python3', '/usr/bin/python3'].find(
  (each) => spawnSync(each, ['-c', 'import paho.mqtt.client']).status === 0,
);

describe('Paho for Python', () => {
  for (const version of [3, 4, 5]) {
    const shared = version === 5 ? ', shares a subscription' : '';
    const title = `protocol level ${version}: every QoS, retained, will, session${shared}`;
    if (python === undefined) it.skip(`${title} (skipped: python3-paho-mqtt is not installed)`);
    else
      it(title, async () => {
        const script = resolve('test/fixtures/paho-client.py');
        const words = [script, String(broker.port), String(version)];
        const { stdout } = await run(python, words, { timeout: 2 * patienceMs });
        const name = `paho-${version}`;
        assert.deepEqual(stdout.trim().split('\n'), [
          'present 0',
          `${name}/0 live 0 0 0`,
          `${name}/1 live 1 1 0`,
          `${name}/2 live 2 2 0`,
          `${name}/kept retained 1 0`,
          // MQTT 3.1 has no Session Present.
          version === 3 ? 'present 0' : 'present 1',
          `${name}/1 stored 1 1 0`,
          `${name}/2 stored 2 2 0`,
          `${name}/kept retained 1 1`,
          `${name}/will gone 1 0`,
          ...(version === 5 ? ['shared 10 2'] : []),
          'done',
        ]);
      });
  }
});
