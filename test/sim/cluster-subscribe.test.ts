/** SUBACK in a cluster: from then on no message is missed, wherever it is published. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, subscribe } from '../fixtures/client-packets.js';
import type { TestClient } from '../broker/core.js';
import { payloads, persistent, type Rig, running } from './cluster-rig.js';

/** Time until the client has an answer of `kind`, in steps of a millisecond. */
function until(rig: Rig, client: TestClient, kind: string, maxMs: number): number {
  for (let waited = 0; waited <= maxMs; waited += 1) {
    if (client.takeAll().some((packet) => packet.kind === kind)) return waited;
    rig.run(1);
  }
  return assert.fail(`no ${kind} within ${maxMs} ms\n${rig.told()}`);
}

const delay = (rig: Rig, one: string, other: string, delayMs: number): void => {
  for (const path of [rig.network.path(one, other), rig.network.path(other, one)]) {
    path.quality = { ...path.quality, delayMs };
  }
};

describe('a SUBACK', () => {
  it('leaves when every member routes by the subscription, over slow links too', () => {
    const rig = running();
    delay(rig, 'a', 'b', 70);
    delay(rig, 'a', 'c', 30);
    const pub = rig.client('b', 'pub');
    for (let round = 0; round < 20; round += 1) {
      const sub = rig.client('a', `sub ${round}`, round % 2 === 0 ? {} : persistent);
      sub.send(subscribe(5, 1, [{ topicFilter: `t/${round}`, qos: 1 }]));
      const waited = until(rig, sub, 'suback', 400);
      assert.ok(waited >= 139, `${waited} ms: the answer of b cannot have come`);
      pub.send(publish(5, { topicName: `t/${round}`, qos: 0, payload: `${round}` }));
      rig.run(200);
      assert.deepEqual(payloads(sub), [`${round}`]);
    }
  });

  it('waits for a filter that another client has made known a moment before', () => {
    const rig = running();
    delay(rig, 'a', 'b', 100);
    const pub = rig.client('b', 'pub');
    const [one, two] = [rig.client('a', 'one'), rig.client('a', 'two')] as const;
    one.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    rig.run(10);
    two.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    until(rig, two, 'suback', 400);
    pub.send(publish(5, { topicName: 't', qos: 0, payload: 'x' }));
    rig.run(200);
    assert.deepEqual(payloads(two), ['x']);
  });

  it('leaves within a second while a member is silent, and at once when it is down', () => {
    const rig = running();
    const subs = [1, 2, 3].map((at) => rig.client('a', `sub ${at}`));
    rig.cut('a', 'c');
    rig.cut('b', 'c');
    subs[0]?.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    const waited = until(rig, subs[0] as TestClient, 'suback', 1000);
    assert.ok(waited > 900, `${waited} ms`);
    rig.run(100);
    assert.equal(rig.states('a'), 'up up up');
    subs[1]?.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    until(rig, subs[1] as TestClient, 'suback', 1000);
    rig.run(2000);
    assert.equal(rig.states('a'), 'up up down');
    subs[2]?.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    assert.ok(until(rig, subs[2] as TestClient, 'suback', 1000) < 10);
    assert.equal(rig.core('a').broker.metrics.clusterSubscribeTimeouts, 2);
  });

  it('does not wait for a member whose process ends meanwhile', () => {
    const rig = running();
    const sub = rig.client('a', 'sub');
    delay(rig, 'a', 'c', 200);
    sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    rig.run(100);
    rig.nodes[2]?.crash('process');
    assert.ok(until(rig, sub, 'suback', 1000) < 350);
    assert.equal(rig.core('a').broker.metrics.clusterSubscribeTimeouts, 0);
  });

  it('holds back no other answer', () => {
    const rig = running();
    delay(rig, 'a', 'b', 50);
    delay(rig, 'a', 'c', 50);
    const client = rig.client('a', 'client');
    client.send(
      subscribe(5, 1, [{ topicFilter: 'one', qos: 0 }]),
      publish(5, { topicName: 'x', qos: 1, packetIdentifier: 2 }),
      subscribe(5, 3, [{ topicFilter: 'two', qos: 0 }]),
      publish(5, { topicName: 'x', qos: 2, packetIdentifier: 4 }),
    );
    rig.run(20);
    assert.deepEqual(
      client.takeAll().map(({ kind }) => kind),
      ['puback', 'pubrec'],
    );
    rig.run(150);
    const answers = client.takeAll();
    assert.deepEqual(
      answers.map((one) => one.kind === 'suback' && one.packetIdentifier),
      [1, 3],
    );
  });

  it('of a node whose client leaves while it waits is nobody’s', () => {
    const rig = running();
    delay(rig, 'a', 'b', 100);
    const sub = rig.client('a', 'sub');
    sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 0 }]));
    rig.run(20);
    sub.drop();
    rig.run(500);
    assert.deepEqual(sub.takeAll(), []);
  });
});

describe('a retained message', () => {
  const retain = (payload: string, topicName = 't'): Uint8Array =>
    publish(5, { topicName, qos: 1, packetIdentifier: 1, retain: true, payload });

  /** What a new subscriber on `a` gets, when a member publishes so long before it subscribes. */
  function around(rig: Rig, pub: TestClient, payload: string, leadMs: number): string[] {
    const sub = rig.client('a', `sub ${payload} ${leadMs}`);
    if (leadMs >= 0) pub.send(retain(payload));
    rig.run(Math.abs(leadMs));
    sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    if (leadMs < 0) {
      rig.run(-leadMs);
      pub.send(retain(payload));
    }
    rig.run(600);
    const got = payloads(sub);
    sub.drop();
    return got;
  }

  it('that another member sets comes once, whenever one subscribes', () => {
    for (const hasOther of [false, true]) {
      const rig = running();
      delay(rig, 'a', 'b', 40);
      const pub = rig.client('b', 'pub');
      if (hasOther) rig.client('a', 'other').send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
      for (let leadMs = -130; leadMs < 130; leadMs += 5) {
        const before = `before ${leadMs}`;
        pub.send(retain(before));
        rig.run(500);
        const got = around(rig, pub, 'x', leadMs);
        const known = got[0] === before ? got.slice(1) : got;
        assert.deepEqual(known, ['x'], `after ${leadMs} ms: ${got.join(', ')}\n${rig.told()}`);
      }
    }
  });

  it('is not sent after a newer one, whose row comes later than it', () => {
    const rig = running();
    const pub = rig.client('b', 'pub');
    const other = rig.client('c', 'late');
    rig.client('a', 'other').send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    // The newer one is delivered at once, its row is written to a slow disk first.
    const disk = rig.nodes[1]?.disk;
    assert.ok(disk !== undefined);
    disk.slownessMs = 50;
    delay(rig, 'a', 'c', 60);
    for (let leadMs = -120; leadMs < 120; leadMs += 10) {
      other.send(retain('old'));
      rig.run(500);
      const got = around(rig, pub, 'new', leadMs);
      assert.ok(got.join() === 'new' || got.join() === 'old,new', `${leadMs}: ${got.join()}`);
      other.send(retain('old'));
      rig.run(500);
      const ended = around(rig, pub, '', leadMs);
      assert.ok(['', 'old,'].includes(ended.join()), `${leadMs}: ${ended.join()}`);
    }
  });

  it('that a client sets itself while its SUBACK waits comes once', () => {
    const rig = running();
    delay(rig, 'a', 'b', 40);
    const client = rig.client('a', 'client');
    client.send(
      subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]),
      retain('mine'),
      subscribe(5, 2, [{ topicFilter: '#', qos: 1, retainHandling: 2 }]),
    );
    rig.run(500);
    assert.deepEqual(payloads(client), ['mine']);
  });
});
