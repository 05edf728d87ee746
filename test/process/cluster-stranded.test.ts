/** Persistent sessions whose node dies. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as write from '../fixtures/client-packets.js';
import { type ClusterNode, ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { PersistentClient } from '../fixtures/persistent-client.js';

const timeout = 120_000;
const messages = 20;

/** A subscriber of `topicName` with a persistent session, and what has come to it. */
function subscriberOf(clientIdentifier: string): { client: PersistentClient; came: string[] } {
  const came: string[] = [];
  const client = new PersistentClient(clientIdentifier, 5, {
    onMessage: ({ payload }) => came.push(payload.toString()),
  });
  return { client, came };
}

async function until(what: string, isTrue: () => boolean, withinMs = 8000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (; !isTrue(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
  }
}

/** Publishes numbers from `from` on, waiting for each PUBACK. */
async function publish(node: ClusterNode, topicName: string, from: number): Promise<string[]> {
  const client = await MqttSocket.connect(node.clientPath, 5);
  const sent = Array.from({ length: messages }, (_, index) => String(from + index));
  for (const payload of sent) {
    client.send(write.publish(5, { topicName, payload, qos: 1, packetIdentifier: 1 }));
    const { reasonCode } = await client.next('puback');
    assert.ok(reasonCode === 0 || reasonCode === 0x10, `refused with ${reasonCode}`);
  }
  client.drop();
  return sent;
}

/** Three nodes, and a persistent subscriber that was on the last one, which is dead now. */
async function stranded(t: TestContext): Promise<{
  cluster: ClusterProcess;
  subscriber: ReturnType<typeof subscriberOf>;
  sent: string[];
}> {
  const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
  const [one, , dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  const subscriber = subscriberOf('traveller');
  assert.ok(await subscriber.client.connect(dead.clientPath));
  await subscriber.client.subscribe('for/traveller', 1);
  const before = await publish(one, 'for/traveller', 1);
  await until('the first messages', () => subscriber.came.length === messages);
  await dead.kill();
  subscriber.client.drop();
  const during = await publish(one, 'for/traveller', 1 + messages);
  return { cluster, subscriber, sent: [...before, ...during] };
}

describe('what is acknowledged for a persistent session on a dead node', { timeout }, () => {
  it('comes, in order, when the node returns', async (t) => {
    const { cluster, subscriber, sent } = await stranded(t);
    const dead = cluster.node(2);
    await dead.start();
    assert.ok(await subscriber.client.connect(dead.clientPath));
    await until('the rest', () => new Set(subscriber.came).size === sent.length);
    assert.deepEqual([...new Set(subscriber.came)], sent);
  });

  it('comes, in order, when the session moves, which takes no time', async (t) => {
    const { cluster, subscriber, sent } = await stranded(t);
    const [, other, dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const before = performance.now();
    // PersistentClient throws unless the session is present.
    assert.ok(await subscriber.client.connect(other.clientPath));
    const tookMs = performance.now() - before;
    t.diagnostic(`CONNACK with session present after ${Math.round(tookMs)} ms`);
    assert.ok(tookMs < 1000);
    await until('the rest', () => new Set(subscriber.came).size === sent.length);
    assert.deepEqual([...new Set(subscriber.came)], sent);
    const later = await publish(cluster.node(0), 'for/traveller', 1 + 2 * messages);
    await until('what follows', () => new Set(subscriber.came).size === 3 * messages);
    assert.deepEqual([...new Set(subscriber.came)], [...sent, ...later]);
    await dead.start();
    await cluster.untilWhole();
    const last = await publish(dead, 'for/traveller', 1 + 3 * messages);
    await until('what the returned node sends', () => subscriber.came.includes(last.at(-1) ?? ''));
  });
});
