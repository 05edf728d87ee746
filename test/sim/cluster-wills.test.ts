/** Wills of clients of three members, when one of these dies, is cut off, or comes back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RowKind } from '../../src/cluster/metadata/mod.js';
import type { Settings } from '../../src/session/mod.js';
import type { TestClient } from '../broker/core.js';
import {
  connect,
  type ConnectOptions,
  disconnect,
  publish,
  subscribe,
} from '../fixtures/client-packets.js';
import { names, payloads, type Rig, running } from './cluster-rig.js';

/** `deadNodeWillDelayMs` in the simulator. */
const deadDelayMs = 5000;

function will(delaySeconds = 0, payload = 'gone'): NonNullable<ConnectOptions['will']> {
  return { topicName: 'w', payload, qos: 1, properties: { willDelayInterval: delaySeconds } };
}

function kept(expiry: number, more: ConnectOptions = {}): ConnectOptions {
  return { cleanStart: false, properties: { sessionExpiryInterval: expiry }, ...more };
}

function set(rig: Rig, name: string, changed: Partial<Settings>): void {
  const { broker } = rig.core(name);
  broker.settings = { ...broker.settings, ...changed };
}

function subscriber(rig: Rig, name: string, clientIdentifier = `sub ${name}`): TestClient {
  const client = rig.client(name, clientIdentifier);
  client.send(subscribe(5, 1, [{ topicFilter: 'w', qos: 1 }]));
  rig.run(100);
  client.takeAll();
  return client;
}

function crash(rig: Rig, name: string): void {
  rig.nodes[names.indexOf(name)]?.crash('process');
}

function start(rig: Rig, name: string): void {
  rig.nodes[names.indexOf(name)]?.start();
}

function rows(rig: Rig, name: string): number {
  const cursor = rig.core(name).cluster.tables.cursor(RowKind.Will);
  let count = 0;
  while (cursor.next() !== undefined) count += 1;
  return count;
}

describe('the row of a will', () => {
  it('is there while its client is, and costs clients without one nothing', () => {
    const rig = running();
    rig.client('a', 'none');
    const client = rig.client('a', 'one', { will: will() });
    const other = rig.client('a', 'other', { will: will() });
    rig.run(100);
    for (const name of names) assert.equal(rows(rig, name), 2, rig.told());
    client.send(disconnect(5));
    other.drop();
    rig.run(100);
    for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
  });
});

describe('the wills of a member that dies', () => {
  it('are published once, when it has been dead for long enough, to all who are left', () => {
    const rig = running();
    const at = [subscriber(rig, 'a'), subscriber(rig, 'b')];
    for (let index = 0; index < 10; index += 1) {
      rig.client('c', `client ${index}`, { will: will(0, `gone ${index}`) });
    }
    rig.run(100);
    crash(rig, 'c');
    rig.run(deadDelayMs - 500);
    for (const client of at) assert.deepEqual(payloads(client), []);
    rig.run(2500);
    const all = Array.from({ length: 10 }, (_, index) => `gone ${index}`);
    for (const client of at) assert.deepEqual(payloads(client).sort(), all, rig.told());
    rig.run(20_000);
    start(rig, 'c');
    rig.run(10_000);
    for (const client of at) assert.deepEqual(payloads(client), [], rig.told());
    for (const name of names) assert.equal(rig.states(name), 'up up up');
    rig.run(30_000);
    for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
  });

  it('wait for their own delay too, but not beyond the end of the session', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'short', kept(3600, { will: will(10, 'ten') }));
    rig.client('c', 'ended', kept(8, { will: will(60, 'eight') }));
    rig.client('c', 'clean', { will: will(60, 'none') });
    rig.run(100);
    crash(rig, 'c');
    rig.run(deadDelayMs + 1500);
    assert.deepEqual(payloads(sub), ['none'], rig.told());
    rig.run(3000);
    assert.deepEqual(payloads(sub), ['eight'], rig.told());
    rig.run(deadDelayMs + 10_000 - 8000 + 500);
    assert.deepEqual(payloads(sub), ['ten'], rig.told());
  });

  it('keep their due time when the client had gone before its member did', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    const client = rig.client('c', 'early', kept(3600, { will: will(10) }));
    client.drop();
    rig.run(4000);
    crash(rig, 'c');
    rig.run(5000);
    assert.deepEqual(payloads(sub), []);
    rig.run(3000);
    assert.deepEqual(payloads(sub), ['gone'], rig.told());
  });

  it('are withdrawn when the client comes back elsewhere in time, even if it goes again', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'mover', kept(3600, { will: will(4) }));
    rig.run(100);
    crash(rig, 'c');
    rig.run(4000);
    const again = rig.client('b', 'mover', kept(3600));
    again.send(disconnect(5));
    rig.run(20_000);
    start(rig, 'c');
    rig.run(20_000);
    assert.deepEqual(payloads(sub), [], rig.told());
  });

  it('go out before what the client publishes from elsewhere, when they have no delay', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'mover', kept(3600, { will: will(0) }));
    rig.run(100);
    crash(rig, 'c');
    rig.run(3000);
    rig.client('b', 'mover', kept(3600));
    assert.deepEqual(payloads(sub), ['gone'], rig.told());
    rig.run(20_000);
    start(rig, 'c');
    rig.run(20_000);
    assert.deepEqual(payloads(sub), [], rig.told());
  });

  it('are published by nobody else with off, and by it when it is back', () => {
    const rig = running();
    for (const name of names) set(rig, name, { deadNodeWills: 'off' });
    const sub = subscriber(rig, 'a');
    rig.client('c', 'one', kept(3600, { will: will() }));
    rig.run(2000);
    crash(rig, 'c');
    rig.run(30_000);
    assert.deepEqual(payloads(sub), []);
    start(rig, 'c');
    rig.run(10_000);
    assert.deepEqual(payloads(sub), ['gone'], rig.told());
  });
});

describe('a member that restarts before its wills are due', () => {
  it('publishes them itself, each once, whatever happens meanwhile', () => {
    const rig = running();
    const at = [subscriber(rig, 'a'), subscriber(rig, 'b')];
    rig.client('c', 'now', kept(3600, { will: will(0, 'now') }));
    rig.client('c', 'later', kept(3600, { will: will(10, 'later') }));
    rig.client('c', 'clean', { will: will(10, 'clean') });
    rig.run(2000);
    crash(rig, 'c');
    rig.run(1000);
    start(rig, 'c');
    rig.run(8000);
    for (const client of at) {
      assert.deepEqual(payloads(client).sort(), ['clean', 'now'], rig.told());
    }
    rig.run(5000);
    for (const client of at) assert.deepEqual(payloads(client), ['later'], rig.told());
    rig.run(20_000);
    for (const client of at) assert.deepEqual(payloads(client), []);
  });

  it('that dies again leaves them to the survivors', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'later', kept(3600, { will: will(10, 'later') }));
    rig.run(2000);
    crash(rig, 'c');
    rig.run(1000);
    start(rig, 'c');
    rig.run(5000);
    crash(rig, 'c');
    rig.run(10_000);
    assert.deepEqual(payloads(sub), ['later'], rig.told());
    start(rig, 'c');
    rig.run(10_000);
    assert.deepEqual(payloads(sub), [], rig.told());
  });
});

describe('a member that is cut off with its clients', () => {
  it('has their wills published by the majority, and none of them again', () => {
    const rig = running();
    const at = [subscriber(rig, 'a'), subscriber(rig, 'c')];
    rig.client('c', 'stays', { will: will(0, 'stays') });
    const leaves = rig.client('c', 'leaves', { will: will(0, 'leaves') });
    rig.run(100);
    rig.cut('a', 'c');
    rig.cut('b', 'c');
    rig.run(4000);
    leaves.drop();
    rig.run(4000);
    assert.deepEqual(payloads(at[0] as TestClient).sort(), ['leaves', 'stays'], rig.told());
    assert.deepEqual(payloads(at[1] as TestClient), []);
    rig.mend('a', 'c');
    rig.mend('b', 'c');
    rig.run(10_000);
    for (const name of names) assert.equal(rig.states(name), 'up up up', rig.told());
    assert.deepEqual(payloads(at[0] as TestClient), [], rig.told());
  });

  it('keeps a will that is due until it may publish', () => {
    const rig = running();
    const at = [subscriber(rig, 'a'), subscriber(rig, 'c')];
    const leaves = rig.client('c', 'leaves', { will: will() });
    rig.run(100);
    rig.cut('a', 'c');
    rig.cut('b', 'c');
    rig.run(3500);
    leaves.drop();
    rig.run(500);
    assert.deepEqual(at.map(payloads), [[], []]);
    rig.mend('a', 'c');
    rig.mend('b', 'c');
    rig.run(10_000);
    assert.deepEqual(at.map(payloads), [['gone'], ['gone']], rig.told());
  });

  it('keeps the session of a client whose will it holds, over a restart (seed 818)', () => {
    const rig = running();
    const client = rig.client('c', 'one', kept(3600, { will: will() }));
    rig.run(500);
    client.drop();
    rig.cut('c', 'a');
    rig.cut('c', 'b');
    rig.run(8000);
    crash(rig, 'c');
    rig.run(500);
    rig.mend('c', 'a');
    rig.mend('c', 'b');
    start(rig, 'c');
    rig.run(8000);
    const again = rig.open('c');
    again.send(connect(5, { clientIdentifier: 'one', ...kept(3600) }));
    rig.run(500);
    const connack = again.take();
    assert.ok(connack?.kind === 'connack' && connack.sessionPresent, rig.told());
  });

  it('is not dead while one of the others sees it', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'stays', { will: will() });
    rig.run(100);
    rig.cut('a', 'c');
    rig.run(30_000);
    assert.deepEqual(payloads(sub), [], rig.told());
  });
});

describe('survivors', () => {
  it('that are no majority publish nothing, until they are one', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'one', { will: will() });
    rig.run(100);
    crash(rig, 'c');
    crash(rig, 'b');
    rig.run(20_000);
    assert.deepEqual(payloads(sub), []);
    start(rig, 'b');
    rig.run(10_000);
    assert.deepEqual(payloads(sub), ['gone'], rig.told());
  });

  it('that are alone publish them with on, when clients may publish', () => {
    const rig = running();
    const sub = subscriber(rig, 'a');
    rig.client('c', 'one', { will: will() });
    rig.run(100);
    set(rig, 'a', { deadNodeWills: 'on' });
    const policies = { connect: 'on', publish: 'off', subscribe: 'on', unsubscribe: 'on' } as const;
    rig.core('a').cluster.setPolicies(policies, 0);
    crash(rig, 'c');
    crash(rig, 'b');
    rig.run(20_000);
    assert.deepEqual(payloads(sub), []);
    rig.core('a').cluster.setPolicies({ ...policies, publish: 'on' }, 0);
    rig.run(2000);
    assert.deepEqual(payloads(sub), ['gone'], rig.told());
  });

  it('publish what the one that was chosen did not', () => {
    const rig = running();
    for (const name of names) set(rig, name, { deadNodeWills: 'on' });
    const policies = { connect: 'on', publish: 'on', subscribe: 'on', unsubscribe: 'on' } as const;
    for (const name of names) rig.core(name).cluster.setPolicies(policies, 0);
    const sub = subscriber(rig, 'a');
    for (let index = 0; index < 10; index += 1) {
      rig.client('c', `client ${index}`, { will: will(0, `gone ${index}`) });
    }
    rig.run(100);
    crash(rig, 'c');
    rig.run(4500);
    crash(rig, 'b');
    rig.run(10_000);
    const all = Array.from({ length: 10 }, (_, index) => `gone ${index}`);
    assert.deepEqual(payloads(sub).sort(), all, rig.told());
  });
});

describe('the will of a client that comes to another member', () => {
  for (const [what, options] of [
    ['with its session', kept(3600)],
    ['with a clean start', {}],
  ] as const) {
    it(`goes out before what it publishes there (${what})`, () => {
      const rig = running();
      const sub = subscriber(rig, 'b');
      const first = rig.client('c', 'mover', { ...options, will: will() });
      rig.run(500);
      const second = rig.client('a', 'mover', options);
      second.send(publish(5, { topicName: 'w', payload: 'here again' }));
      rig.run(500);
      assert.deepEqual(payloads(sub), ['gone', 'here again'], rig.told());
      assert.equal(first.takeAll().at(-1)?.kind, 'disconnect');
      for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
    });
  }

  it('is withdrawn when it has a delay and comes in time', () => {
    const rig = running();
    const sub = subscriber(rig, 'b');
    rig.client('c', 'mover', { ...kept(3600), will: will(2) });
    rig.run(500);
    rig.client('a', 'mover', kept(3600));
    rig.run(10_000);
    assert.deepEqual(payloads(sub), [], rig.told());
    for (const name of names) assert.equal(rows(rig, name), 0, rig.told());
  });
});

describe('the wills of a member that leaves', () => {
  function leave(rig: Rig, withinMs: number): void {
    let said = '';
    const { cluster } = rig.core('a');
    const options = { force: false, kill: true, timeoutMs: 20_000 };
    const now = rig.nodes[0]?.clock.wall() ?? 0;
    cluster.leave('NautilusMQ@c', options, now, ({ text }) => (said = text));
    rig.run(withinMs);
    assert.equal(cluster.members.length, 2, said + rig.told());
  }

  it('go out at once when it is dead, or wait for the client with the session', () => {
    const rig = running();
    const sub = subscriber(rig, 'b');
    rig.client('c', 'clean', { will: will(60, 'clean') });
    rig.client('c', 'now', kept(3600, { will: will(0, 'now') }));
    rig.client('c', 'later', kept(3600, { will: will(10, 'later') }));
    rig.client('c', 'back', kept(3600, { will: will(10, 'back') }));
    rig.run(100);
    crash(rig, 'c');
    rig.run(2000);
    leave(rig, 2000);
    rig.run(1500);
    assert.deepEqual(payloads(sub).sort(), ['clean', 'now'], rig.told());
    rig.client('b', 'back', kept(3600));
    rig.run(12_000);
    assert.deepEqual(payloads(sub), ['later'], rig.told());
  });

  it('go with the sessions when it lives', () => {
    const rig = running();
    const sub = subscriber(rig, 'b');
    rig.client('c', 'clean', { will: will(60, 'clean') });
    const gone = rig.client('c', 'gone', kept(3600, { will: will(20, 'gone') }));
    rig.client('c', 'sent away', kept(3600, { will: will(22, 'sent away') }));
    const left = rig.client('c', 'left', kept(3600, { will: will(20, 'left') }));
    rig.run(1000);
    left.send(disconnect(5));
    gone.drop();
    rig.run(1000);
    leave(rig, 12_000);
    assert.deepEqual(payloads(sub), ['clean'], rig.told());
    rig.run(2000);
    assert.deepEqual(payloads(sub), []);
    rig.run(10_000);
    assert.deepEqual(payloads(sub).sort(), ['gone', 'sent away'], rig.told());
  });
});
