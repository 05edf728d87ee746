/** Sections 3.8 to 3.12, 4.8 and 4.12: subscriptions, shared ones, PINGREQ, AUTH. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend, EnhancedRequest } from '../../src/auth/mod.js';
import {
  auth,
  connect,
  pingreq,
  puback,
  publish,
  pubrec,
  subscribe,
  unsubscribe,
} from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';

const versions = [4, 5] as const;
const properties = { sessionExpiryInterval: 3600 };

function publisher(core: Core): TestClient {
  return core.connect(5, { clientIdentifier: 'publisher' });
}

for (const version of versions) {
  describe(`SUBSCRIBE in version ${version}`, () => {
    it('is answered with one SUBACK of its identifier, with a code for every filter in order [MQTT5-2.2.1-6] [MQTT3-2.3.1-7] [MQTT5-3.8.4-1] [MQTT5-3.8.4-2] [MQTT5-3.8.4-5] [MQTT5-3.8.4-6] [MQTT5-3.8.4-7] [MQTT5-3.9.3-1] [MQTT5-3.9.3-2] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4] [MQTT3-3.8.4-5] [MQTT3-3.9.3-1]', () => {
      const core = new Core({ settings: { maxSubscriptionsPerClient: 3 } });
      const client = core.connect(version, { clientIdentifier: 'c' });
      const filters = ['a', 'b', 'c', 'd'].map((topicFilter, at) => ({ topicFilter, qos: at % 3 }));
      client.send(subscribe(version, 77, filters));
      const [suback, ...more] = client.takeAll();
      assert.deepEqual(more, []);
      assert.ok(suback?.kind === 'suback');
      assert.equal(suback.packetIdentifier, 77);
      assert.deepEqual(suback.reasonCodes, [0, 1, 2, version === 5 ? 0x97 : 0x80]);
    });

    it('with the same filter replaces the subscription, loses nothing, and sends retained messages again [MQTT5-3.8.4-3] [MQTT5-3.8.4-4] [MQTT3-3.8.4-3]', () => {
      const core = new Core();
      publisher(core).send(
        publish(5, { topicName: 'a', payload: 'kept', retain: true, qos: 1, packetIdentifier: 1 }),
      );
      const client = core.connect(version, { clientIdentifier: 'c' });
      for (const qos of [0, 1]) {
        client.send(subscribe(version, 1 + qos, [{ topicFilter: 'a', qos }]));
        const [message] = client.takePublishes();
        assert.deepEqual([message?.retain, message?.qos], [true, qos]);
      }
      assert.equal(core.broker.subscriptionCount, 1);
      core.clients[0]?.send(publish(5, { topicName: 'a', payload: 'live' }));
      assert.equal(client.takePublishes().length, 1);
    });

    it('that overlaps delivers one copy at the highest QoS [MQTT5-3.3.4-2] [MQTT3-3.3.5-1]', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c' });
      const filters = [
        { topicFilter: 'a/+', qos: 0 },
        { topicFilter: 'a/#', qos: 2 },
        { topicFilter: 'a/b', qos: 1 },
      ];
      client.send(subscribe(version, 1, filters));
      publisher(core).send(publish(5, { topicName: 'a/b', qos: 2, packetIdentifier: 1 }));
      assert.deepEqual(
        client.takePublishes().map(({ qos }) => qos),
        [2],
      );
    });
  });

  describe(`UNSUBSCRIBE in version ${version}`, () => {
    it('is answered with one UNSUBACK of its identifier, also if nothing was deleted [MQTT5-3.10.4-4] [MQTT5-3.10.4-5] [MQTT5-3.10.4-6] [MQTT5-3.11.3-1] [MQTT5-3.11.3-2] [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6]', () => {
      const client = new Core().connect(version, { clientIdentifier: 'c' });
      client.send(subscribe(version, 1, [{ topicFilter: 'a' }]));
      client.takeAll();
      client.send(unsubscribe(version, 88, ['a', 'b', 'a']));
      const [unsuback, ...more] = client.takeAll();
      assert.deepEqual(more, []);
      assert.ok(unsuback?.kind === 'unsuback');
      assert.equal(unsuback.packetIdentifier, 88);
      assert.deepEqual(unsuback.reasonCodes, version === 5 ? [0, 0x11, 0x11] : []);
    });

    it('deletes the filter that is the same character by character, and stops new messages [MQTT5-3.10.4-1] [MQTT5-3.10.4-2] [MQTT3-3.10.4-1] [MQTT3-3.10.4-2]', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(subscribe(version, 1, [{ topicFilter: 'a/+' }]));
      client.send(unsubscribe(version, 2, ['a/b', 'A/+', 'a/#']));
      client.takeAll();
      const sender = publisher(core);
      sender.send(publish(5, { topicName: 'a/b' }));
      assert.equal(client.takePublishes().length, 1);
      client.send(unsubscribe(version, 3, ['a/+']));
      sender.send(publish(5, { topicName: 'a/b' }));
      assert.deepEqual(client.takePublishes(), []);
    });

    it('lets deliveries that have begun be completed [MQTT5-3.10.4-3] [MQTT3-3.10.4-3]', () => {
      const core = new Core();
      const session = { clientIdentifier: 'c', cleanStart: false, properties };
      const client = core.connect(version, session);
      client.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 2 }]));
      publisher(core).send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: 1 }));
      const [message] = client.takePublishes();
      client.send(unsubscribe(version, 2, ['a']));
      client.takeAll();
      client.drop();
      const back = core.connect(version, session);
      assert.equal(back.takePublishes()[0]?.packetIdentifier, message?.packetIdentifier);
      back.send(pubrec(version, message?.packetIdentifier ?? 0));
      assert.equal(back.take()?.kind, 'pubrel');
    });
  });

  it(`PINGREQ is answered with PINGRESP in version ${version} [MQTT5-3.12.4-1] [MQTT3-3.12.4-1]`, () => {
    const client = new Core().connect(version, { clientIdentifier: 'c' });
    client.send(pingreq());
    assert.deepEqual(client.takeAll(), [{ kind: 'pingresp' }]);
  });
}

describe('subscription options of MQTT 5', () => {
  it('retain handling 1 sends retained messages to new subscriptions, 2 to none [MQTT5-3.3.1-10] [MQTT5-3.3.1-11]', () => {
    const core = new Core();
    publisher(core).send(publish(5, { topicName: 'a', payload: 'kept', retain: true }));
    const client = core.connect(5, { clientIdentifier: 'c' });
    const counts = [2, 1, 1, 0].map((retainHandling, at) => {
      client.send(subscribe(5, at + 1, [{ topicFilter: at === 0 ? 'x' : 'a', retainHandling }]));
      return client.takePublishes().length;
    });
    assert.deepEqual(counts, [0, 1, 0, 1]);
    const other = core.connect(5, { clientIdentifier: 'other' });
    other.send(subscribe(5, 1, [{ topicFilter: 'a', retainHandling: 2 }]));
    assert.deepEqual(other.takePublishes(), []);
  });

  it('no local keeps what a client publishes from itself, not from others [MQTT5-3.8.3-3]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    client.send(subscribe(5, 1, [{ topicFilter: 'a', noLocal: true }]));
    client.takeAll();
    client.send(publish(5, { topicName: 'a' }));
    assert.deepEqual(client.takePublishes(), []);
    client.send(subscribe(5, 2, [{ topicFilter: '+' }]));
    client.send(publish(5, { topicName: 'a' }));
    publisher(core).send(publish(5, { topicName: 'a' }));
    assert.equal(client.takePublishes().length, 2);
  });

  it('identifiers of all matching subscriptions come with the one copy [MQTT5-3.3.4-3] [MQTT5-3.3.4-4]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    client.send(subscribe(5, 1, [{ topicFilter: 'a/#' }], { subscriptionIdentifiers: [7] }));
    client.send(subscribe(5, 2, [{ topicFilter: 'a/+' }], { subscriptionIdentifiers: [300] }));
    client.takeAll();
    publisher(core).send(publish(5, { topicName: 'a/b' }));
    const [message, ...more] = client.takePublishes();
    assert.deepEqual(more, []);
    const identifiers = message?.properties.subscriptionIdentifiers ?? [];
    assert.deepEqual(
      identifiers.toSorted((a, b) => a - b),
      [7, 300],
    );
  });
});

describe('shared subscriptions', () => {
  const member = (core: Core, clientIdentifier: string, qos: number): TestClient => {
    const client = core.connect(5, { clientIdentifier, cleanStart: false, properties });
    client.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos }]));
    client.takeAll();
    return client;
  };

  it('give each message to one member, at the QoS it was granted [MQTT5-4.8.2-3]', () => {
    const core = new Core();
    const members = [0, 1, 2].map((qos) => member(core, `m${qos}`, qos));
    const sender = publisher(core);
    for (let at = 1; at <= 60; at += 1) {
      sender.send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: at }));
    }
    let total = 0;
    for (const [granted, client] of members.entries()) {
      const received = client.takePublishes();
      assert.ok(received.length > 0 && received.every(({ qos }) => qos === granted));
      total += received.length;
    }
    assert.equal(total, 60);
  });

  it('complete a QoS 2 delivery to the same client, or to nobody when its session ends [MQTT5-4.8.2-4] [MQTT5-4.8.2-5]', () => {
    const core = new Core();
    const first = member(core, 'first', 2);
    publisher(core).send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: 1 }));
    const [message] = first.takePublishes();
    const second = member(core, 'second', 2);
    first.drop();
    assert.deepEqual(second.takePublishes(), []);
    const back = core.open(5);
    back.send(connect(5, { clientIdentifier: 'first', cleanStart: false, properties }));
    assert.equal(back.takePublishes()[0]?.packetIdentifier, message?.packetIdentifier);
    back.drop();
    core.connect(5, { clientIdentifier: 'first', cleanStart: true });
    assert.deepEqual(second.takePublishes(), []);
  });

  it('give a QoS 1 message that was not acknowledged to another member when the session ends', () => {
    const core = new Core();
    const first = core.connect(5, { clientIdentifier: 'first' });
    first.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos: 1 }]));
    first.takeAll();
    publisher(core).send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 1, payload: 'x' }));
    assert.equal(first.takePublishes().length, 1);
    const second = member(core, 'second', 1);
    first.drop();
    const [message] = second.takePublishes();
    assert.equal(message?.payload.toString(), 'x');
    second.send(puback(5, message?.packetIdentifier ?? 0));
  });
});

describe('enhanced authentication', () => {
  const challenge: AuthBackend = {
    name: 'challenge',
    authenticationMethods: ['TEST'],
    onEnhanced: ({ authenticationData, state }: EnhancedRequest) => {
      const text = Buffer.from(authenticationData ?? []).toString();
      if (state === undefined) {
        return { verdict: 'continue', authenticationData: Buffer.from('?'), state: 1 };
      }
      if (text === 'right') {
        return { verdict: 'allow', authenticationData: Buffer.from('!'), modifiers: undefined };
      }
      return { verdict: 'deny', reasonCode: 0x87, reason: 'wrong answer' };
    },
  };
  const named = (data: string): { authenticationMethod: string; authenticationData: Buffer } => ({
    authenticationMethod: 'TEST',
    authenticationData: Buffer.from(data),
  });
  const open = (): TestClient => {
    const core = new Core({ settings: { allowAnonymous: false }, backends: [challenge] });
    const client = core.open(5);
    client.send(connect(5, { clientIdentifier: 'c', properties: named('hello') }));
    return client;
  };

  it('goes on with AUTH 0x18 and the method, up to CONNACK [MQTT5-4.12.0-2] [MQTT5-4.12.0-5]', () => {
    const client = open();
    const asked = client.take();
    assert.ok(asked?.kind === 'auth' && asked.reasonCode === 0x18);
    assert.equal(asked.properties.authenticationMethod, 'TEST');
    client.send(auth(0x18, named('right')));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0);
    assert.equal(connack.properties.authenticationMethod, 'TEST');
  });

  it('ends the connection when it fails [MQTT5-4.12.0-4]', () => {
    const client = open();
    client.takeAll();
    client.send(auth(0x18, named('wrong')));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0x87);
    assert.equal(client.closed, 'flush');
  });

  it('refuses a method that nobody knows with 0x8C', () => {
    const core = new Core({ backends: [challenge] });
    const client = core.open(5);
    const unknown = { authenticationMethod: 'NONE' };
    client.send(connect(5, { clientIdentifier: 'c', properties: unknown }));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0x8c);
  });

  it('is not begun by the server without a method in CONNECT [MQTT5-4.12.0-6]', () => {
    const core = new Core({ backends: [challenge] });
    const client = core.open(5);
    client.send(connect(5, { clientIdentifier: 'c' }));
    const [connack, ...more] = client.takeAll();
    assert.deepEqual(more, []);
    assert.ok(connack?.kind === 'connack');
    assert.equal(connack.properties.authenticationMethod, undefined);
  });

  it('may be done again, and ends the connection when that fails [MQTT5-4.12.1-2]', () => {
    const client = open();
    client.takeAll();
    client.send(auth(0x18, named('right')));
    client.takeAll();
    client.send(auth(0x19, named('again')));
    const asked = client.take();
    assert.ok(asked?.kind === 'auth' && asked.reasonCode === 0x18);
    client.send(auth(0x18, named('right')));
    const done = client.take();
    assert.ok(done?.kind === 'auth' && done.reasonCode === 0);
    client.send(auth(0x19, named('again')), auth(0x18, named('wrong')));
    const last = client.takeAll().at(-1);
    assert.ok(last?.kind === 'disconnect' && last.reasonCode === 0x87);
    assert.equal(client.closed, 'flush');
  });
});
