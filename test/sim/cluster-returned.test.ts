/** A member that was removed while it was dead, and is back with what it had. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterSimCore } from '../../sim/cluster-core.js';
import type { SimNode } from '../../sim/node.js';
import { publish, subscribe } from '../fixtures/client-packets.js';
import { names, payloads, persistent, type Rig, running } from './cluster-rig.js';

const options = { force: false, kill: false, timeoutMs: 10_000 };

function node(rig: Rig, name: string): SimNode {
  return rig.nodes[names.indexOf(name)] as SimNode;
}

/** A session whose client is away. */
function keep(rig: Rig, where: string, clientIdentifier: string): void {
  const client = rig.client(where, clientIdentifier, persistent);
  client.send(subscribe(5, 1, [{ topicFilter: `${clientIdentifier}/#`, qos: 1 }]));
  rig.run(200);
  assert.equal(client.take()?.kind, 'suback');
  client.drop();
  rig.run(100);
}

function write(rig: Rig, where: string, topicName: string, payload: string): void {
  const client = rig.client(where, `writer-${payload}`);
  client.send(publish(5, { topicName, qos: 1, packetIdentifier: 7, payload }));
  rig.run(500);
  assert.equal(client.take()?.kind, 'puback');
  client.drop();
  rig.run(100);
}

function read(rig: Rig, where: string, clientIdentifier: string): string[] {
  const reader = rig.client(where, clientIdentifier, persistent);
  rig.run(1000);
  return payloads(reader);
}

function removed(rig: Rig, by: string, gone: string): void {
  const { cluster } = rig.core(by);
  let ended: { ok: boolean; text: string } | undefined;
  cluster.leave(`NautilusMQ@${gone}`, options, node(rig, by).clock.wall(), (result) => {
    ended = result;
  });
  rig.run(12_000);
  assert.ok(ended?.ok === true, `${ended?.text} ${rig.told()}`);
}

function othersOf(gone: string): readonly [string, string] {
  return names.filter((name) => name !== gone) as [string, string];
}

function stateOf(rig: Rig, name: string): ClusterSimCore['cluster']['startGate'] {
  return rig.core(name).cluster.startGate;
}

// Which of two dials depends on their sites.
for (const gone of names) {
  const [one, other] = othersOf(gone);

  describe(`${gone}, which was removed while it was dead and returns`, () => {
    it('hands over the queue of its session to whoever has that now', () => {
      const rig = running();
      keep(rig, gone, 'reader');
      write(rig, one, 'reader/1', 'before');
      node(rig, gone).crash('machine');
      rig.run(5000);
      removed(rig, one, gone);
      write(rig, other, 'reader/1', 'after');
      node(rig, gone).start();
      rig.run(40_000);
      assert.deepEqual(read(rig, other, 'reader').sort(), ['after', 'before'], rig.told());
    });

    it('and what it kept for a member that was dead as well', () => {
      const rig = running();
      keep(rig, other, 'reader');
      node(rig, other).crash('machine');
      rig.run(5000);
      write(rig, gone, 'reader/1', 'parked');
      node(rig, gone).crash('machine');
      node(rig, other).start();
      rig.run(8000);
      removed(rig, one, gone);
      node(rig, gone).start();
      rig.run(40_000);
      assert.deepEqual(read(rig, other, 'reader'), ['parked'], rig.told());
    });

    it('serves nobody, counts for nothing, and says what is to be done with it', () => {
      const rig = running();
      keep(rig, gone, 'reader');
      node(rig, gone).crash('machine');
      rig.run(5000);
      removed(rig, one, gone);
      node(rig, gone).start();
      rig.run(40_000);
      assert.ok(!stateOf(rig, gone).isOpen);
      assert.match(stateOf(rig, gone).reason, /has left the cluster: start it with an empty data/);
      assert.match(rig.told(), /What it held for the others is theirs now/);
      for (const name of [one, other]) {
        assert.equal(rig.core(name).cluster.members.length, 2);
        const site = rig.core(gone).cluster.site;
        assert.equal(rig.core(name).cluster.tables.position(site), undefined);
      }
      rig.run(60_000);
      for (const name of [one, other]) {
        assert.equal(rig.core(name).cluster.stateOf(rig.core(gone).cluster.site), 'down');
      }
    });
  });
}
