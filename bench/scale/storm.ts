/**
 * What many clients of one member cost the others, between real processes: 10,000 subscribe, and
 * then their member is killed with their wills. Run: `node dist/bench/scale/storm.js [clients]`.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { subscribe } from '../../test/fixtures/client-packets.js';
import { MqttSocket } from '../../test/fixtures/mqtt-socket.js';
import { type Members, say, turnsText, withMembers } from './members.js';

const clients = Number(process.argv[2] ?? 10_000);
const atOnce = 100;
const names = ['A', 'B', 'C'] as const;

async function sayTurns(members: Members, indexes: readonly number[], what: string): Promise<void> {
  say(what);
  for (const index of indexes) {
    say(`  ${names[index]}: ${turnsText(await members.turnsOf(index))}`);
  }
}

/** `each` for all numbers below `clients`, many at once. */
async function forAll(each: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < clients) await each(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function resetTurns(members: Members): Promise<void> {
  for (const index of [0, 1, 2]) await members.turnsOf(index);
}

await withMembers(3, { 'listener.max_connections': 'infinity' }, async (members) => {
  const place = members.cluster.node(0).clientPath;
  const sockets: MqttSocket[] = [];
  const watcher = await MqttSocket.connect(members.cluster.node(1).clientPath, 5, {
    clientIdentifier: 'watcher',
  });
  watcher.send(subscribe(5, 1, [{ topicFilter: 'gone/#', qos: 1 }]));
  await watcher.next('suback');
  await resetTurns(members);
  let from = performance.now();
  await forAll(async (at) => {
    const will = { topicName: `gone/${at}`, payload: 'x', qos: 0 } as const;
    const options = { clientIdentifier: `client ${at}`, will };
    sockets[at] = await MqttSocket.connect(place, 5, options);
  });
  const seconds = (): string => ((performance.now() - from) / 1000).toFixed(1);
  await sayTurns(
    members,
    [0, 1, 2],
    `${clients} clients with wills connect to A in ${seconds()} s`,
  );
  from = performance.now();
  await forAll(async (at) => {
    const client = sockets[at] as MqttSocket;
    client.send(subscribe(5, 1, [{ topicFilter: `device/${at}/+`, qos: 1 }]));
    await client.next('suback');
  });
  await sayTurns(members, [0, 1, 2], `each subscribes to a filter of its own, in ${seconds()} s`);
  from = performance.now();
  await members.cluster.node(0).kill();
  let wills = 0;
  while (wills < clients && performance.now() - from < 60_000) {
    await sleep(100);
    wills += watcher.received.splice(0).length;
  }
  await sayTurns(members, [1, 2], `A is killed; ${wills} wills are here after ${seconds()} s`);
  for (const client of [...sockets, watcher]) client.drop();
});
