/** Messages that another member takes its time to confirm: `cluster.ack_timeout`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SimNode } from '../../sim/node.js';
import type { TestClient } from '../broker/core.js';
import { publish, pubrel, subscribe } from '../fixtures/client-packets.js';
import { payloads, persistent, type Rig, running } from './cluster-rig.js';

const onA = 0;
const onB = 1;

interface Play {
  readonly rig: Rig;
  readonly publisher: TestClient;
}

/** A session on `a` whose client is away, a publisher on `b`. */
function play(): Play {
  const rig = running();
  const subscriber = rig.client('a', 'reader', persistent);
  subscriber.send(subscribe(5, 1, [{ topicFilter: 't/#', qos: 2 }]));
  rig.run(200);
  assert.equal(subscriber.take()?.kind, 'suback');
  subscriber.drop();
  rig.run(100);
  return { rig, publisher: rig.client('b', 'writer') };
}

function node(rig: Rig, index: number): SimNode {
  return rig.nodes[index] as SimNode;
}

function read(rig: Rig, where = 'a'): string[] {
  const reader = rig.client(where, 'reader', persistent);
  rig.run(1000);
  return payloads(reader);
}

function acks(publisher: TestClient): string[] {
  return publisher.takeAll().map(({ kind }) => kind);
}

describe('an acknowledgement waits for another member', () => {
  it('no longer than cluster.ack_timeout and a commit', () => {
    const { rig, publisher } = play();
    node(rig, onA).disk.slownessMs = 800;
    publisher.send(publish(5, { topicName: 't/1', qos: 1, packetIdentifier: 7, payload: 'kept' }));
    rig.run(15);
    assert.deepEqual(acks(publisher), [], 'that member may still confirm');
    rig.run(150);
    assert.deepEqual(acks(publisher), ['puback']);
    node(rig, onA).disk.slownessMs = 1;
    rig.run(2000);
    assert.deepEqual(read(rig), ['kept'], 'it comes once, from there');
  });

  it('and not at all for one that is dead by then, which has it when it is back', () => {
    const { rig, publisher } = play();
    node(rig, onA).disk.slownessMs = 5000;
    publisher.send(publish(5, { topicName: 't/1', qos: 2, packetIdentifier: 7, payload: 'kept' }));
    publisher.send(pubrel(5, 7));
    rig.run(200);
    assert.deepEqual(acks(publisher), ['pubrec', 'pubcomp']);
    node(rig, onA).crash('machine');
    rig.run(4000);
    node(rig, onA).disk.slownessMs = 1;
    node(rig, onA).start();
    rig.run(5000);
    assert.deepEqual(read(rig), ['kept']);
  });
});

describe('a message that its member refuses after its publisher was acknowledged', () => {
  it('is kept also while the store here refuses (seed 757)', () => {
    const { rig, publisher } = play();
    const back = rig.network.path('a', 'b');
    back.quality = { ...back.quality, delayMs: 150 };
    node(rig, onA).disk.isFailing = true;
    publisher.send(publish(5, { topicName: 't/1', qos: 1, packetIdentifier: 7, payload: 'kept' }));
    rig.run(100);
    assert.deepEqual(acks(publisher), ['puback'], 'written here');
    node(rig, onB).disk.isFailing = true;
    rig.run(3000);
    node(rig, onA).disk.isFailing = false;
    node(rig, onB).disk.isFailing = false;
    rig.run(3000);
    assert.deepEqual(read(rig), ['kept']);
  });
});

describe('a message that a member had when it went down', () => {
  it('does not come a second time from whoever kept it', () => {
    const { rig, publisher } = play();
    // It arrives and is committed, and nobody hears of that.
    rig.network.path('a', 'b').isCut = true;
    publisher.send(publish(5, { topicName: 't/1', qos: 2, packetIdentifier: 7, payload: 'once' }));
    rig.run(200);
    assert.deepEqual(acks(publisher), ['pubrec']);
    node(rig, onA).crash('machine');
    rig.run(4000);
    rig.mend('a', 'b');
    node(rig, onA).start();
    rig.run(5000);
    assert.deepEqual(read(rig), ['once']);
  });

  it('comes from whoever kept it when the session moves meanwhile', () => {
    const { rig, publisher } = play();
    node(rig, onA).disk.slownessMs = 5000;
    publisher.send(publish(5, { topicName: 't/1', qos: 1, packetIdentifier: 7, payload: 'kept' }));
    rig.run(200);
    assert.deepEqual(acks(publisher), ['puback']);
    node(rig, onA).crash('machine');
    rig.run(4000);
    assert.deepEqual(read(rig, 'c'), ['kept']);
  });
});

describe('a member that restarts with messages that were not confirmed', () => {
  it('has them, and the other one gets those that it lacks', () => {
    const { rig, publisher } = play();
    node(rig, onA).disk.slownessMs = 30_000;
    publisher.send(publish(5, { topicName: 't/1', qos: 1, packetIdentifier: 7, payload: 'kept' }));
    rig.run(200);
    assert.deepEqual(acks(publisher), ['puback']);
    node(rig, onA).crash('machine');
    node(rig, onB).crash('machine');
    node(rig, onA).disk.slownessMs = 1;
    rig.run(1000);
    node(rig, onB).start();
    node(rig, onA).start();
    rig.run(8000);
    assert.deepEqual(read(rig), ['kept']);
  });

  it('sends none again that the other one has', () => {
    const { rig, publisher } = play();
    rig.network.path('a', 'b').isCut = true;
    publisher.send(publish(5, { topicName: 't/1', qos: 2, packetIdentifier: 7, payload: 'once' }));
    rig.run(200);
    assert.deepEqual(acks(publisher), ['pubrec']);
    node(rig, onB).crash('machine');
    rig.run(1000);
    rig.mend('a', 'b');
    node(rig, onB).start();
    rig.run(8000);
    assert.deepEqual(read(rig), ['once']);
  });
});
