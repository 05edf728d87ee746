import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connect,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
} from '../fixtures/client-packets.js';
import type { StoreBatch } from '../../src/store/mod.js';
import { Core, type TestClient } from './core.js';
import { HeldStore } from './held-store.js';

const persistent = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } };

function subscriber(core: Core, qos: number): TestClient {
  const client = core.connect(5, { clientIdentifier: 'sub', ...persistent });
  client.send(subscribe(5, 1, [{ topicFilter: 'a/#', qos }]));
  assert.equal(client.take()?.kind, 'suback');
  return client;
}

function message(qos: number, packetIdentifier: number, payload: string): Buffer {
  return publish(5, { topicName: 'a/b', qos, packetIdentifier, payload });
}

describe('what is acknowledged is durable', () => {
  it('PUBACK leaves only after the commit that holds the message', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 1).drop();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.isHeld = true;
    publisher.send(message(1, 7, 'x'));
    assert.deepEqual(publisher.takeAll(), []);
    store.finish();
    core.turn();
    assert.equal(publisher.take()?.kind, 'puback');
  });

  it('PUBREC leaves only after the commit, and an acknowledged message survives a crash', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 2).drop();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.isHeld = true;
    publisher.send(message(2, 7, 'kept'));
    assert.deepEqual(publisher.takeAll(), []);
    store.finish();
    core.turn();
    assert.equal(publisher.take()?.kind, 'pubrec');
    const after = new Core({ store: store.crashed() });
    const back = after.open(5);
    back.send(connect(5, { clientIdentifier: 'sub', ...persistent }));
    const connack = back.take();
    assert.ok(connack?.kind === 'connack' && connack.sessionPresent);
    const [received] = back.takePublishes();
    assert.equal(received?.payload.toString(), 'kept');
    assert.equal(received?.qos, 2);
  });

  it('a QoS 2 message does not reach a persistent session before its identifier is durable', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const client = subscriber(core, 2);
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.isHeld = true;
    publisher.send(message(2, 7, 'x'));
    assert.deepEqual(client.takeAll(), []);
    store.finish();
    core.turn();
    assert.equal(client.takePublishes().length, 1);
  });

  it('QoS 2 goes on where it was after a crash: no second delivery of what was released', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const client = subscriber(core, 2);
    const publisher = core.connect(5, { clientIdentifier: 'pub', ...persistent });
    publisher.send(message(2, 7, 'once'));
    const [first] = client.takePublishes();
    assert.ok(first !== undefined);
    client.send(pubrec(5, first.packetIdentifier));
    core.turn();
    assert.equal(client.take()?.kind, 'pubrel');
    const after = new Core({ store: store.crashed() });
    const sub = after.connect(5, { clientIdentifier: 'sub', ...persistent });
    const [again] = sub.takeAll();
    assert.ok(again?.kind === 'pubrel');
    assert.equal(again.packetIdentifier, first.packetIdentifier);
    sub.send(pubcomp(5, again.packetIdentifier));
    const pub = after.connect(5, { clientIdentifier: 'pub', ...persistent });
    pub.send(
      publish(5, { topicName: 'a/b', qos: 2, packetIdentifier: 7, payload: 'once', dup: true }),
    );
    assert.deepEqual(
      pub.takeAll().map((packet) => packet.kind),
      ['pubrec'],
    );
    pub.send(pubrel(5, 7));
    after.turn();
    assert.deepEqual(
      pub.takeAll().map((packet) => packet.kind),
      ['pubcomp'],
    );
    assert.deepEqual(sub.takePublishes(), []);
  });

  it('PUBCOMP leaves only after the identifier was durably forgotten', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 2);
    const publisher = core.connect(5, { clientIdentifier: 'pub', ...persistent });
    publisher.send(message(2, 7, 'x'));
    core.turn();
    publisher.takeAll();
    store.isHeld = true;
    publisher.send(pubrel(5, 7));
    assert.deepEqual(publisher.takeAll(), []);
    store.finish();
    core.turn();
    assert.equal(publisher.take()?.kind, 'pubcomp');
  });

  it('acknowledgements keep the order of their PUBLISH packets [MQTT5-4.6.0-2]', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 1).drop();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.isHeld = true;
    publisher.send(
      message(1, 1, 'stored'),
      publish(5, { topicName: 'elsewhere', qos: 1, packetIdentifier: 2 }),
    );
    assert.deepEqual(publisher.takeAll(), []);
    store.finish();
    core.turn();
    const order = publisher
      .takeAll()
      .map((packet) => 'packetIdentifier' in packet && packet.packetIdentifier);
    assert.deepEqual(order, [1, 2]);
  });

  it('a message acknowledged by its subscriber is not delivered again after a crash', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const client = subscriber(core, 1);
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    publisher.send(message(1, 1, 'one'), message(1, 2, 'two'));
    const [one] = client.takePublishes();
    client.send(puback(5, one?.packetIdentifier ?? 0));
    core.advance(1000);
    const after = new Core({ store: store.crashed() });
    const sub = after.connect(5, { clientIdentifier: 'sub', ...persistent });
    const left = sub.takePublishes();
    assert.deepEqual(
      left.map((packet) => packet.payload.toString()),
      ['two'],
    );
    assert.equal(left[0]?.dup, true);
  });
});

describe('a store that cannot write', () => {
  it('refuses what it cannot own with 0x97, serves the rest, and recovers', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 1).drop();
    const online = core.connect(5, { clientIdentifier: 'online' });
    online.send(subscribe(5, 1, [{ topicFilter: 'free', qos: 1 }]));
    online.takeAll();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    store.failure = { code: 'STORE_FULL', message: 'full' };
    publisher.send(message(1, 1, 'lost'));
    core.turn();
    const refused = publisher.take();
    assert.ok(refused?.kind === 'puback');
    assert.equal(refused.reasonCode, 0x97);
    publisher.send(message(1, 2, 'lost too'));
    const second = publisher.take();
    assert.ok(second?.kind === 'puback' && second.reasonCode === 0x97);
    publisher.send(publish(5, { topicName: 'free', qos: 1, packetIdentifier: 3 }));
    assert.equal(online.takePublishes().length, 1);
    store.failure = undefined;
    core.advance(2000);
    publisher.takeAll();
    publisher.send(message(1, 4, 'kept'));
    core.turn();
    const accepted = publisher.take();
    assert.ok(accepted?.kind === 'puback' && accepted.reasonCode === 0);
    const sub = core.connect(5, { clientIdentifier: 'sub', ...persistent });
    assert.deepEqual(
      sub.takePublishes().map((packet) => packet.payload.toString()),
      ['kept'],
    );
  });

  it('leaves a 3.1.1 publish unanswered and closes the connection so that it is resent', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    subscriber(core, 1).drop();
    const publisher = core.connect(4, { clientIdentifier: 'pub' });
    store.failure = { code: 'STORE_FULL', message: 'full' };
    publisher.send(publish(4, { topicName: 'a/b', qos: 1, packetIdentifier: 1 }));
    core.turn();
    assert.deepEqual(publisher.takeAll(), []);
    assert.equal(publisher.closed, undefined);
    core.advance(6000);
    assert.equal(publisher.closed, 'flush');
  });
});

describe('somebody else’s changes in the same batch', () => {
  it('are durable together with the messages, and are told when they were refused', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const settled: boolean[] = [];
    const part = {
      isDirty: false,
      write: (batch: StoreBatch): void => {
        if (!part.isDirty) return;
        batch.put('meta', Buffer.from('other'), Buffer.from('x'));
        part.isDirty = false;
      },
      settled: (isDurable: boolean): void => {
        settled.push(isDurable);
        if (!isDurable) part.isDirty = true;
      },
    };
    core.broker.durability.addPart(part);
    subscriber(core, 1).drop();
    const publisher = core.connect(5, { clientIdentifier: 'pub' });
    settled.length = 0;
    store.isHeld = true;
    part.isDirty = true;
    publisher.send(message(1, 7, 'x'));
    store.failure = { code: 'STORE_FULL', message: 'full' };
    store.finish();
    assert.deepEqual(settled, [false]);
    store.failure = undefined;
    core.advance(1000);
    store.finish();
    assert.deepEqual(settled, [false, true]);
    assert.equal(store.crashed().get('meta', Buffer.from('other'))?.toString(), 'x');
  });
});
