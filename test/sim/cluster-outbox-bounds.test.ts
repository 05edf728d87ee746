/** How much is kept for members that are down: cluster.outbox_max_bytes and cluster.outbox_full. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, subscribe } from '../fixtures/client-packets.js';
import { payloads, persistent, type Rig, running } from './cluster-rig.js';

/** Ten messages of 1,000 bytes for a session of a dead member; what the publisher is told. */
function flooded(rig: Rig, outboxFull: 'drop' | 'refuse'): (number | undefined)[] {
  const sub = rig.client('c', 'sub', persistent);
  sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
  rig.run(100);
  sub.drop();
  const pub = rig.client('a', 'pub');
  const { broker } = rig.core('a');
  broker.settings = { ...broker.settings, outboxMaxBytes: 5500, outboxFull };
  rig.nodes[2]?.crash('process');
  rig.run(4000);
  for (let at = 1; at <= 10; at += 1) {
    const payload = `${at}`.padEnd(1000, '.');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: at, payload }));
    rig.run(20);
  }
  return pub.takeAll().map((packet) => (packet.kind === 'puback' ? packet.reasonCode : undefined));
}

function kept(rig: Rig): number[] {
  rig.nodes[2]?.start();
  rig.run(6000);
  return payloads(rig.client('c', 'sub', persistent)).map((text) => Number.parseInt(text, 10));
}

describe('what is kept for a member that is down', () => {
  it('is bounded, and what is beyond is dropped and counted', () => {
    const rig = running();
    assert.deepEqual(
      flooded(rig, 'drop'),
      Array.from({ length: 10 }, () => 0),
    );
    const { metrics } = rig.core('a').broker;
    assert.equal(metrics.queueMessageDrop, 5);
    assert.match(
      rig.told(),
      /take 100 % of cluster.outbox_max_bytes; beyond 100 % they are dropped/,
    );
    assert.deepEqual(kept(rig), [1, 2, 3, 4, 5]);
  });

  it('is bounded, and publishers are told, where that is wanted', () => {
    const rig = running();
    assert.deepEqual(flooded(rig, 'refuse'), [0, 0, 0, 0, 0, 0x97, 0x97, 0x97, 0x97, 0x97]);
    assert.deepEqual(kept(rig), [1, 2, 3, 4, 5]);
  });
});
