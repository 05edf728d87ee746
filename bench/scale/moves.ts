/**
 * What clients wait for that members tell each other, between real processes: a persistent session
 * that moves to and fro, a subscription until another member routes by it; and what two members
 * say to each other when idle. Run: `node dist/bench/scale/moves.js [moves]`.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { publish, subscribe } from '../../test/fixtures/client-packets.js';
import { MqttSocket } from '../../test/fixtures/mqtt-socket.js';
import { type Members, say, spread, withMembers } from './members.js';

const rounds = Number(process.argv[2] ?? 500);
const idleSeconds = 20;
const kept = { cleanStart: false, properties: { sessionExpiryInterval: 600 } } as const;

function placeOf({ cluster }: Members, index: number): string {
  return cluster.node(index % 2).clientPath;
}

async function takeovers(members: Members): Promise<void> {
  const options = { clientIdentifier: 'moves', ...kept };
  let client = await MqttSocket.connect(placeOf(members, 0), 5, options);
  client.send(subscribe(5, 1, [{ topicFilter: 'moves', qos: 1 }]));
  await client.next('suback');
  const tookMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const from = performance.now();
    const next = await MqttSocket.connect(placeOf(members, round), 5, options);
    tookMs.push(performance.now() - from);
    if (!next.connack.sessionPresent) throw new Error('the session was lost');
    client.drop();
    client = next;
  }
  client.drop();
  say(`takeover, CONNECT to CONNACK with the session: ${spread(tookMs)}`);
}

async function subscriptions(members: Members): Promise<void> {
  const [subscriber, publisher] = await Promise.all([
    MqttSocket.connect(placeOf(members, 0), 5, { clientIdentifier: 'subscriber' }),
    MqttSocket.connect(placeOf(members, 1), 5, { clientIdentifier: 'publisher' }),
  ]);
  const tookMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const topicName = `round/${round}`;
    const from = performance.now();
    subscriber.send(subscribe(5, round, [{ topicFilter: topicName, qos: 1 }]));
    await subscriber.next('suback');
    publisher.send(publish(5, { topicName, qos: 0, payload: 'x' }));
    await subscriber.next('publish');
    tookMs.push(performance.now() - from);
  }
  for (const client of [subscriber, publisher]) client.drop();
  say(`SUBSCRIBE to a message published elsewhere right after SUBACK: ${spread(tookMs)}`);
}

async function idle(members: Members): Promise<void> {
  await sleep(2000);
  const [before, from] = [members.networkBytesOf(0), performance.now()];
  await sleep(idleSeconds * 1000);
  const bytes = members.networkBytesOf(0) - before;
  const perSecond = bytes / ((performance.now() - from) / 1000);
  say(
    `idle traffic of two members, both directions, with headers: ${perSecond.toFixed(0)} bytes/s`,
  );
}

await withMembers(2, {}, async (members) => {
  await takeovers(members);
  await subscriptions(members);
  await idle(members);
});
