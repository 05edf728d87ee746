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
