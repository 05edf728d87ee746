/** What ends after a time, where the clock of one member is wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SimNode } from '../../sim/node.js';
import { connect, publish, subscribe } from '../fixtures/client-packets.js';
import { names, payloads, type Rig, running } from './cluster-rig.js';

const hourMs = 3_600_000;

/** Three members; the clock of c is wrong by `skewMs`. */
function skewed(skewMs: number): Rig {
  const rig = running();
  const node = rig.nodes[2] as SimNode;
  node.crash('process');
  rig.run(3000);
  node.clock.skewMs = skewMs;
  node.start();
  rig.run(8000);
  for (const name of names) assert.equal(rig.states(name), 'up up up', rig.told());
  return rig;
}

function isPresent(rig: Rig, name: string, expiry: number): boolean {
  const client = rig.open(name);
  const properties = { sessionExpiryInterval: expiry };
  client.send(connect(5, { clientIdentifier: 'one', cleanStart: false, properties }));
  rig.run(3000);
  const connack = client.take();
  assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0, rig.told());
  return connack.sessionPresent;
}

function leaves(rig: Rig, expiry: number): void {
  const properties = { sessionExpiryInterval: expiry };
  const client = rig.client('c', 'one', { cleanStart: false, properties });
  client.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
  rig.run(500);
  client.drop();
  rig.run(500);
}

for (const [what, skewMs] of [
  ['an hour behind', -hourMs],
  ['an hour ahead', hourMs],
  ['half a minute behind', -30_000],
  ['half a minute ahead', 30_000],
] as const) {
  describe(`where the clock of a member is ${what}`, () => {
    it('a session of it does not expire too early', () => {
      const rig = skewed(skewMs);
      leaves(rig, 20);
      assert.ok(isPresent(rig, 'a', 20), rig.told());
    });

    it('a session of it that dies does not expire too early', () => {
      const rig = skewed(skewMs);
      leaves(rig, 20);
      rig.nodes[2]?.crash('process');
      rig.run(10_000);
      assert.ok(isPresent(rig, 'a', 20), rig.told());
    });

    it('a session of it that dies does not expire too late', () => {
      const rig = skewed(skewMs);
      leaves(rig, 20);
      rig.nodes[2]?.crash('process');
      rig.run(22_000);
      assert.ok(!isPresent(rig, 'a', 20), rig.told());
    });

    it('a retained message expires in time, from it and for it', () => {
      const rig = skewed(skewMs);
      const pub = rig.client('c', 'pub c');
      const other = rig.client('a', 'pub a');
      const properties = { messageExpiryInterval: 10 };
      const message = { qos: 0, retain: true, properties } as const;
      pub.send(publish(5, { ...message, topicName: 'r/c', payload: 'c' }));
      other.send(publish(5, { ...message, topicName: 'r/a', payload: 'a' }));
      const got = (name: string, identifier: string): string[] => {
        const client = rig.client(name, identifier);
        client.send(subscribe(5, 1, [{ topicFilter: 'r/#', qos: 0 }]));
        rig.run(1500);
        return payloads(client).sort();
      };
      rig.run(1000);
      for (const name of names) assert.deepEqual(got(name, `early ${name}`), ['a', 'c'], name);
      rig.run(8000);
      for (const name of names) assert.deepEqual(got(name, `late ${name}`), [], name);
    });
  });
}

describe('a session that was begun on a member before that knew its clock to be ahead', () => {
  it('gives nothing to one that is begun anew elsewhere (seed 929)', () => {
    const rig = running();
    const node = rig.nodes[2] as SimNode;
    node.crash('process');
    rig.run(3000);
    node.clock.skewMs = hourMs;
    node.start();
    rig.run(10);
    leaves(rig, 7200);
    rig.run(4000);
    node.crash('process');
    rig.run(4000);
    const pub = rig.client('b', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'old' }));
    rig.run(200);
    assert.equal(pub.take()?.kind, 'puback');
    const properties = { sessionExpiryInterval: 3600 };
    const client = rig.client('a', 'one', { cleanStart: true, properties });
    client.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(2000);
    assert.deepEqual(payloads(client), [], rig.told());
  });
});
