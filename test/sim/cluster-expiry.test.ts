/** The end of sessions whose member is not there to see it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RowKind } from '../../src/cluster/metadata/mod.js';
import {
  connect,
  type ConnectOptions,
  disconnect,
  publish,
  subscribe,
} from '../fixtures/client-packets.js';
import type { SimNode } from '../../sim/node.js';
import { names, payloads, type Rig, running } from './cluster-rig.js';

function kept(expiry: number, more: ConnectOptions = {}): ConnectOptions {
  return { cleanStart: false, properties: { sessionExpiryInterval: expiry }, ...more };
}

function crash(rig: Rig, name: string): void {
  rig.nodes[names.indexOf(name)]?.crash('process');
}

function start(rig: Rig, name: string): void {
  rig.nodes[names.indexOf(name)]?.start();
}

/** Sessions on a member. */
function sessions(rig: Rig, name: string): number {
  return rig.core(name).broker.sessionCount;
}

/** Rows of sessions and subscriptions that a member knows and that say something. */
function rows(rig: Rig, name: string): number {
  let count = 0;
  for (const kind of [RowKind.Session, RowKind.CleanSession, RowKind.Subscription]) {
    const cursor = rig.core(name).cluster.tables.cursor(kind);
    for (let row = cursor.next(); row !== undefined; row = cursor.next()) {
      if (row.value !== undefined) count += 1;
    }
  }
  return count;
}

describe('a session of a member that is down', () => {
  it('that moved and ended elsewhere is gone when the member is back', () => {
    const rig = running();
    const client = rig.client('c', 'mover', kept(3600));
    client.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(1000);
    crash(rig, 'c');
    rig.run(3000);
    const moved = rig.client('a', 'mover', kept(3600));
    rig.run(500);
    moved.send(disconnect(5, 0, { sessionExpiryInterval: 0 }));
    rig.run(2000);
    assert.equal(sessions(rig, 'a'), 0);
    start(rig, 'c');
    rig.run(10_000);
    assert.equal(sessions(rig, 'c'), 0, rig.told());
    for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
  });
});

describe('a persistent session that expires while its member is dead', () => {
  function expired(rig: Rig, connected: boolean): void {
    const client = rig.client('c', 'short', kept(8));
    client.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    const other = rig.client('c', 'long', kept(3600));
    other.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(1000);
    if (!connected) client.drop();
    rig.run(1000);
    crash(rig, 'c');
  }

  function publishOne(rig: Rig, payload: string): void {
    const pub = rig.client('a', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload }));
    rig.run(200);
    pub.drop();
    rig.run(50);
  }

  for (const connected of [true, false]) {
    const state = connected ? 'connected' : 'disconnected';
    it(`is gone for the survivors, and for that member when it is back (${state})`, () => {
      const rig = running();
      expired(rig, connected);
      rig.run(3000);
      publishOne(rig, 'kept for both');
      rig.run(8000);
      publishOne(rig, 'for the one that is left');
      assert.ok(rig.told().includes('session expired; its member is dead'), rig.told());
      start(rig, 'c');
      rig.run(20_000);
      assert.equal(sessions(rig, 'c'), 1, rig.told());
      for (const name of names) assert.equal(rows(rig, name), 2, rig.told());
      const short = rig.open('b');
      short.send(connect(5, { clientIdentifier: 'short', ...kept(8) }));
      rig.run(500);
      const connack = short.take();
      assert.ok(connack?.kind === 'connack' && !connack.sessionPresent, rig.told());
      const long = rig.client('b', 'long', kept(3600));
      rig.run(2000);
      assert.deepEqual(payloads(long), ['kept for both', 'for the one that is left']);
    });
  }

  it('goes on when the member is back in time, with all that came meanwhile', () => {
    const rig = running();
    expired(rig, true);
    rig.run(3000);
    publishOne(rig, 'meanwhile');
    start(rig, 'c');
    rig.run(4000);
    const short = rig.client('c', 'short', kept(8));
    rig.run(1000);
    assert.deepEqual(payloads(short), ['meanwhile'], rig.told());
  });

  it('is ended by no minority', () => {
    const rig = running();
    expired(rig, true);
    crash(rig, 'b');
    rig.run(30_000);
    start(rig, 'c');
    rig.run(4000);
    assert.equal(sessions(rig, 'c'), 2, rig.told());
    rig.run(20_000);
    assert.equal(sessions(rig, 'c'), 1, rig.told());
  });

  it('ends under a client that its cut-off member still has', () => {
    const rig = running();
    const client = rig.client('c', 'short', kept(2));
    rig.run(100);
    rig.cut('a', 'c');
    rig.cut('b', 'c');
    rig.run(12_000);
    client.takeAll();
    rig.mend('a', 'c');
    rig.mend('b', 'c');
    rig.run(8000);
    const last = client.takeAll().at(-1);
    assert.ok(last?.kind === 'disconnect' && last.reasonCode === 0x98, rig.told());
    for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
    const again = rig.open('c');
    again.send(connect(5, { clientIdentifier: 'short', ...kept(2) }));
    rig.run(500);
    const connack = again.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0 && !connack.sessionPresent);
  });
});

describe('a session that comes back to a member which kept messages for it', () => {
  it('has not expired when that member stops before it has it (seed 94)', () => {
    const rig = running();
    rig.client('c', 'mover', kept(3600)).send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(1000);
    crash(rig, 'c');
    rig.run(4000);
    const pub = rig.client('a', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'kept' }));
    rig.run(200);
    const node = rig.nodes[names.indexOf('c')] as SimNode;
    node.disk.isFailing = true;
    start(rig, 'c');
    rig.run(5000);
    rig.network.path('c', 'a').isCut = true;
    rig.open('a').send(connect(5, { clientIdentifier: 'mover', ...kept(3600) }));
    rig.run(300);
    crash(rig, 'a');
    node.disk.isFailing = false;
    rig.mend('c', 'a');
    start(rig, 'a');
    rig.run(8000);
    const mover = rig.open('a');
    mover.send(connect(5, { clientIdentifier: 'mover', ...kept(3600) }));
    rig.run(3000);
    const connack = mover.take();
    assert.ok(connack?.kind === 'connack' && connack.sessionPresent, rig.told());
    assert.deepEqual(payloads(mover), ['kept']);
  });
});
