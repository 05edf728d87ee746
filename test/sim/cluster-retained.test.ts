/** Retained messages of three members: set anywhere, known everywhere, and the latest counts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, subscribe } from '../fixtures/client-packets.js';
import { names, payloads, type Rig, running } from './cluster-rig.js';

let identifier = 0;

function retain(
  rig: Rig,
  name: string,
  payload: string,
  properties: { messageExpiryInterval?: number } = {},
): void {
  identifier += 1;
  const pub = rig.client(name, `pub ${identifier}`);
  pub.send(
    publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, retain: true, payload, properties }),
  );
  rig.run(100);
  const puback = pub.takeAll().find(({ kind }) => kind === 'puback');
  assert.ok(puback?.kind === 'puback' && puback.reasonCode < 0x80, rig.told());
  pub.drop();
}

/** What a new subscriber of a member is given. */
function retainedAt(rig: Rig, name: string): string[] {
  identifier += 1;
  const sub = rig.client(name, `sub ${identifier}`);
  sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
  rig.run(100);
  const got = payloads(sub);
  sub.drop();
  rig.run(50);
  return got;
}

function everywhere(rig: Rig, expected: string[]): void {
  for (const name of names) assert.deepEqual(retainedAt(rig, name), expected, `on ${name}`);
}

function split(rig: Rig): void {
  rig.cut('a', 'b');
  rig.cut('a', 'c');
  rig.run(4000);
}

function heal(rig: Rig): void {
  rig.mend('a', 'b');
  rig.mend('a', 'c');
  rig.run(8000);
  for (const name of names) assert.equal(rig.states(name), 'up up up', rig.told());
}

describe('a retained message', () => {
  it('that is set on one member is there for subscribers of all, and so is its end', () => {
    const rig = running();
    retain(rig, 'a', 'one');
    everywhere(rig, ['one']);
    retain(rig, 'b', 'two');
    everywhere(rig, ['two']);
    retain(rig, 'c', '');
    everywhere(rig, []);
    for (const name of names) assert.equal(rig.core(name).broker.retainedCount, 0);
  });

  it('outlives the restart of every member', () => {
    const rig = running();
    retain(rig, 'a', 'kept');
    rig.run(1000);
    for (const node of rig.nodes) node.crash('machine');
    rig.run(1000);
    for (const node of rig.nodes) node.start();
    rig.run(6000);
    everywhere(rig, ['kept']);
  });

  it('that was set last is the one that all have after a split', () => {
    const rig = running();
    retain(rig, 'c', 'before');
    split(rig);
    // A minority does not publish: what it has to say comes from the broker itself.
    const payload = Buffer.from('alone');
    rig
      .core('a')
      .broker.publishOwn(
        { topicName: 't', payload, retain: true },
        rig.core('a').broker.clock.now(),
      );
    rig.run(500);
    retain(rig, 'b', 'together');
    assert.deepEqual(retainedAt(rig, 'c'), ['together']);
    heal(rig);
    everywhere(rig, ['together']);
  });

  it('that was cleared last is gone for all after a split', () => {
    const rig = running();
    split(rig);
    const payload = Buffer.from('alone');
    rig
      .core('a')
      .broker.publishOwn(
        { topicName: 't', payload, retain: true },
        rig.core('a').broker.clock.now(),
      );
    rig.run(500);
    retain(rig, 'b', '');
    heal(rig);
    everywhere(rig, []);
  });

  it('expires on every member, without a word between them', () => {
    const rig = running();
    retain(rig, 'a', 'soon gone', { messageExpiryInterval: 3 });
    everywhere(rig, ['soon gone']);
    rig.run(4000);
    everywhere(rig, []);
  });

  it('of 200 KB comes whole', () => {
    const rig = running();
    const long = 'x'.repeat(200 * 1024);
    retain(rig, 'b', long);
    rig.run(1000);
    everywhere(rig, [long]);
  });

  it('of the node itself stays its own below $SYS', () => {
    const rig = running();
    const topicName = '$SYS/mine';
    const payload = Buffer.from('x');
    rig
      .core('a')
      .broker.publishOwn({ topicName, payload, retain: true }, rig.core('a').broker.clock.now());
    rig.run(500);
    assert.deepEqual(
      names.map((name) => rig.core(name).broker.retainedCount),
      [1, 0, 0],
    );
  });
});
