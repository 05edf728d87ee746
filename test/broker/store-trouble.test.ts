/** What a store that is full, or fails for a while, does to what nobody will send again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, pubrel, subscribe } from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { HeldStore } from './held-store.js';

const persistent = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } };
const full = { code: 'STORE_FULL', message: 'full' } as const;

function subscriber(core: Core, topicFilter: string, clientIdentifier = 'sub'): TestClient {
  const client = core.connect(5, { clientIdentifier, ...persistent });
  client.send(subscribe(5, 1, [{ topicFilter, qos: 1 }]));
  assert.equal(client.take()?.kind, 'suback');
  return client;
}

function message(packetIdentifier: number, payload: string | Buffer, topicName = 'a'): Buffer {
  return publish(5, { topicName, qos: 1, packetIdentifier, payload });
}

function makeFull(store: HeldStore): void {
  store.failure = full;
  store.isFull = true;
}

/** What the stored session gets on a node that starts with what is durable. */
function afterCrash(store: HeldStore, clientIdentifier = 'sub'): string[] {
  const core = new Core({ store: store.crashed() });
  const client = core.connect(5, { clientIdentifier, ...persistent });
  return client.takePublishes().map(({ payload }) => payload.toString());
}

describe('a full store', () => {
  it('counts as recovered when it would take again what it refused, not when removals go', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 'a').drop();
    const publisher = core.connect(4, { clientIdentifier: 'pub' });
    makeFull(store);
    publisher.send(publish(4, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    store.failure = undefined;
    core.advance(3000);
    assert.ok(core.broker.durability.refusing);
    assert.equal(publisher.closed, undefined, 'sending again would not help yet');
    const commits = store.commits;
    core.advance(1000);
    assert.ok(store.commits > commits, 'it is asked although there is nothing to write');
    store.isFull = false;
    core.advance(1000);
    assert.ok(!core.broker.durability.refusing);
    assert.equal(publisher.closed, 'flush');
  });

  it('keeps a will until there is room: its client will not send it again', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 'a').drop();
    const will = { topicName: 'a', payload: 'gone', qos: 1 as const };
    const mortal = core.connect(5, { clientIdentifier: 'mortal', will });
    store.failure = full;
    mortal.drop();
    makeFull(store);
    core.advance(1000);
    store.failure = undefined;
    core.advance(2000);
    assert.deepEqual(afterCrash(store), [], 'what takes room waits');
    store.isFull = false;
    core.advance(2000);
    assert.deepEqual(afterCrash(store), ['gone']);
  });

  it('keeps what moved to another member of a shared subscription', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const clientIdentifier = 'first';
    const first = core.connect(5, { clientIdentifier, properties: { sessionExpiryInterval: 5 } });
    first.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos: 1 }]));
    first.drop();
    core.connect(5, { clientIdentifier: 'pub' }).send(message(1, 'acknowledged'));
    subscriber(core, '$share/g/a').drop();
    makeFull(store);
    core.advance(6000);
    store.failure = undefined;
    store.isFull = false;
    core.advance(2000);
    assert.deepEqual(afterCrash(store), ['acknowledged']);
  });

  it('loses nothing of what moves when the node ends before there is room', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const clientIdentifier = 'first';
    const first = core.connect(5, { clientIdentifier, properties: { sessionExpiryInterval: 5 } });
    first.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos: 1 }]));
    first.drop();
    core.connect(5, { clientIdentifier: 'pub' }).send(message(1, 'acknowledged'));
    subscriber(core, '$share/g/a').drop();
    makeFull(store);
    core.advance(6000);
    store.failure = undefined;
    core.advance(2000);
    assert.ok(core.broker.durability.refusing);
    const after = new Core({ store: store.crashed(), startAt: core.clock.at });
    after.advance(1000);
    const sub = after.connect(5, { clientIdentifier: 'sub', ...persistent });
    assert.deepEqual(
      sub.takePublishes().map(({ payload }) => payload.toString()),
      ['acknowledged'],
      'the session that it moved from still has it, and ends anew',
    );
  });

  it('says no to a PUBLISH although a PUBCOMP before it has to wait for the store', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 'a').drop();
    const publisher = core.connect(5, { clientIdentifier: 'pub', ...persistent });
    publisher.send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: 1 }));
    assert.equal(publisher.take()?.kind, 'pubrec');
    makeFull(store);
    publisher.send(pubrel(5, 1));
    publisher.send(message(2, 'refused'));
    core.advance(2000);
    const [refused, ...more] = publisher.takeAll();
    assert.ok(refused?.kind === 'puback' && refused.reasonCode === 0x97);
    assert.deepEqual(more, []);
    store.failure = undefined;
    store.isFull = false;
    core.advance(2000);
    assert.equal(publisher.take()?.kind, 'pubcomp');
  });

  it('does not leave a queue standing behind what it withdraws', () => {
    const store = new HeldStore();
    const core = new Core({ store, settings: { maxInflightMessages: 1 } });
    const sub = core.connect(4, { clientIdentifier: 'sub', cleanStart: false });
    sub.send(subscribe(4, 1, [{ topicFilter: 'a', qos: 2 }]));
    sub.takeAll();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.isHeld = true;
    publisher.send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: 1, payload: 'lost' }));
    publisher.send(publish(5, { topicName: 'a', qos: 0, payload: 'waits' }));
    store.failure = full;
    store.finish();
    store.isHeld = false;
    store.failure = undefined;
    sub.unstick();
    core.advance(2000);
    const got = sub.takePublishes().map(({ payload }) => payload.toString());
    assert.deepEqual(got, ['waits']);
  });

  it('writes what removes before retained messages that take room', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const sub = subscriber(core, 'a');
    core.connect(5, { clientIdentifier: 'pub' }).send(message(1, 'read'));
    const [received] = sub.takePublishes();
    assert.ok(received !== undefined);
    makeFull(store);
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    publisher.send(
      publish(5, { topicName: 'r', retain: true, payload: 'later' }),
      message(2, 'no'),
    );
    store.failure = undefined;
    sub.drop();
    core.advance(2000);
    assert.equal([...store.entries('retained')].length, 0);
    store.isFull = false;
    core.advance(2000);
    assert.equal([...store.entries('retained')].length, 1);
  });
});

it('a shared body that expires between others is not missed at the next start', () => {
  const store = new HeldStore();
  const core = new Core({ store, settings: { maxOfflineMessages: 3 } });
  subscriber(core, 'a', 'one').drop();
  subscriber(core, 'a', 'two').drop();
  const publisher = core.connect(5, { clientIdentifier: 'pub' });
  const body = (character: string): Buffer => Buffer.alloc(1000, character);
  const properties = { messageExpiryInterval: 1 };
  const mortal = { topicName: 'a', qos: 1 as const, packetIdentifier: 2, payload: body('y') };
  // One batch, hence one record of the queue.
  publisher.send(
    message(1, body('x')),
    publish(5, { ...mortal, properties }),
    message(3, body('z')),
  );
  core.advance(5000);
  publisher.send(message(4, body('w')));
  assert.equal(core.drops.filter(({ reason }) => reason === 'expired').length, 2);
  core.advance(2000);
  const after = new Core({ store: store.crashed(), startAt: core.clock.at });
  assert.deepEqual(after.loaded.damaged, []);
  for (const clientIdentifier of ['one', 'two']) {
    const client = after.connect(5, { clientIdentifier, ...persistent });
    const letters = client.takePublishes().map(({ payload }) => payload.toString()[0]);
    assert.equal(letters.join(''), 'xzw');
  }
});
