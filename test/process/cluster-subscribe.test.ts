/** From its SUBACK on a subscriber misses nothing, wherever it is published. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, subscribe } from '../fixtures/client-packets.js';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';

const timeout = 120_000;

const persistent = { cleanStart: false, properties: { sessionExpiryInterval: 600 } } as const;

/** Sorts `values`. */
function percentile(values: number[], share: number): number {
  values.sort((one, other) => one - other);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

/** Milliseconds until SUBACK. */
async function subscribed(
  client: MqttSocket,
  packetIdentifier: number,
  topicFilter: string,
): Promise<number> {
  const from = performance.now();
  client.send(subscribe(5, packetIdentifier, [{ topicFilter, qos: 1 }]));
  const suback = await client.next('suback');
  assert.equal(suback.reasonCodes[0], 1);
  return performance.now() - from;
}

describe('a subscriber on one node', { timeout }, () => {
  const rounds = 500;

  it(`gets what is published on another right after its SUBACK, ${rounds} times`, async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const place = cluster.node(0).clientPath;
    const subscribers = [
      await MqttSocket.connect(place, 5, { clientIdentifier: 'clean' }),
      await MqttSocket.connect(place, 5, { clientIdentifier: 'kept', ...persistent }),
    ];
    const publishers = [
      await MqttSocket.connect(cluster.node(1).clientPath, 5, { clientIdentifier: 'on 1' }),
      await MqttSocket.connect(cluster.node(2).clientPath, 5, { clientIdentifier: 'on 2' }),
    ];
    const tookMs: { clean: number[]; kept: number[] } = { clean: [], kept: [] };
    for (let round = 0; round < rounds; round += 1) {
      const isKept = round % 2;
      const subscriber = subscribers[isKept] as MqttSocket;
      const publisher = publishers[(round >> 1) % 2] as MqttSocket;
      const topicName = `round/${round}`;
      const took = await subscribed(subscriber, round + 1, topicName);
      tookMs[isKept === 1 ? 'kept' : 'clean'].push(took);
      publisher.send(publish(5, { topicName, qos: 0, payload: 'x' }));
      assert.equal((await subscriber.next('publish')).topicName, topicName);
    }
    for (const [kind, values] of Object.entries(tookMs)) {
      const [half, most] = [percentile(values, 0.5), percentile(values, 0.99)];
      t.diagnostic(
        `subscribe to routable, ${kind}: p50 ${half.toFixed(1)} ms, p99 ${most.toFixed(1)} ms`,
      );
      assert.ok(most < 500, `${kind}: ${most} ms`);
    }
  });

  it('gets what was retained on another a moment before, once', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 2, settings: majority });
    const subscriber = await MqttSocket.connect(cluster.node(0).clientPath, 5, persistent);
    const publisher = await MqttSocket.connect(cluster.node(1).clientPath, 5);
    for (let round = 1; round <= 100; round += 1) {
      const topicName = `round/${round}`;
      const payload = `${round}`;
      publisher.send(publish(5, { topicName, qos: 1, packetIdentifier: 1, retain: true, payload }));
      if (round % 2 === 0) await publisher.next('puback');
      await subscribed(subscriber, round, topicName);
      const { packetIdentifier } = await subscriber.next('publish');
      assert.ok(packetIdentifier > 0);
      if (round % 2 === 1) await publisher.next('puback');
    }
    publisher.send(publish(5, { topicName: 'round/1', qos: 0, payload: 'end' }));
    assert.equal((await subscriber.next('publish')).payload.toString(), 'end');
    assert.deepEqual(subscriber.received, []);
  });

  it('has its SUBACK within a second while a member is frozen, and quickly once it is down', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const place = cluster.node(0).clientPath;
    const subscriber = await MqttSocket.connect(place, 5);
    await subscribed(subscriber, 1, 'before');
    cluster.node(2).freeze();
    const whileFrozen = await subscribed(subscriber, 2, 'while');
    await cluster.node(0).untilCheckSays(2);
    const afterwards = await subscribed(subscriber, 3, 'after');
    cluster.node(2).thaw();
    t.diagnostic(`frozen: ${Math.round(whileFrozen)} ms, down: ${Math.round(afterwards)} ms`);
    assert.ok(whileFrozen < 1500 && afterwards < 500, `${whileFrozen}, ${afterwards}`);
  });
});
