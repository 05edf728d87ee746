/** What CONNECT and the configuration limit: packet sizes, flow control, depth, counts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, publish, pubrel, subscribe, unsubscribe } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { HeldStore } from './held-store.js';
import { answered, disconnectCode, kinds, message, next, payloads, persistent } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

describe('Maximum Packet Size of the client', () => {
  const limited = (maximumPacketSize: number): { properties: object } => ({
    properties: { maximumPacketSize },
  });

  it('leaves out reason strings that do not fit [MQTT5-3.1.2-24] [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.9.2-1] [MQTT5-3.14.2-3]', () => {
    const core = new Core({ settings: { maxSubscriptionsPerClient: 1, maximumQoS: 1 } });
    const client = core.connect(5, { clientIdentifier: 'c', ...limited(12) });
    client.send(message(5, '$x', 1));
    assert.deepEqual(next(client, 'puback').properties, {});
    const filters = [{ topicFilter: 'a' }, { topicFilter: 'b' }];
    assert.deepEqual(subscribed(client, 5, ...filters).properties, {});
    client.send(message(5, 'a', 2));
    const last = next(client, 'disconnect');
    assert.deepEqual([last.reasonCode, last.properties], [0x9b, {}]);
  });

  it('leaves out the reason string of a refusing CONNACK [MQTT5-3.2.2-19]', () => {
    const core = new Core();
    const long = { clientIdentifier: 'x'.repeat(200) };
    const told = answered(core, 5, long);
    assert.notEqual(told.connack.properties.reasonString, undefined);
    const { connack } = answered(core, 5, { ...long, ...limited(10) });
    assert.equal(connack.reasonCode, 0x85);
    assert.deepEqual(connack.properties, {});
  });

  it('closes where a SUBACK or UNSUBACK would be larger [MQTT5-3.1.2-24]', () => {
    for (const what of ['subscribe', 'unsubscribe']) {
      const core = new Core();
      const client = core.connect(5, { clientIdentifier: 'c', ...limited(10) });
      const filters = Array.from({ length: 10 }, (_, at) => `f${at}`);
      const packet =
        what === 'subscribe'
          ? subscribe(
              5,
              1,
              filters.map((topicFilter) => ({ topicFilter })),
            )
          : unsubscribe(5, 1, filters);
      client.send(packet);
      assert.equal(disconnectCode(client), 0x95);
    }
  });

  it('closes without a word where not even CONNACK fits [MQTT5-3.1.2-24]', () => {
    for (const [size, clientIdentifier] of [
      [4, 'c'],
      [10, ''],
    ] as const) {
      const core = new Core();
      const client = core.open(5);
      client.send(connect(5, { clientIdentifier, ...limited(size) }));
      assert.deepEqual(client.takeAll(), []);
      assert.notEqual(client.closed, undefined);
      assert.equal(core.broker.sessionCount, 0);
    }
  });

  it('lets a message through that is exactly as large, whatever its way [MQTT5-3.1.2-24]', () => {
    // Fixed header 2, topic 3, Packet Identifier 2 for QoS above 0, property length 1.
    for (const qos of [0, 1, 2]) {
      const other = qos === 0 ? 6 : 8;
      const core = new Core();
      const client = core.connect(5, persistent('c', limited(40)));
      subscribed(client, 5, { topicFilter: 'a', qos });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      publisher.send(message(5, 'a', qos, 'x'.repeat(41 - other)));
      publisher.send(message(5, 'a', qos, 'x'.repeat(40 - other)));
      const sizes = client.takePublishes().map(({ payload }) => payload.length);
      assert.deepEqual(sizes, [40 - other], `QoS ${qos}`);
    }
  });

  it('drops what is too large in a queue and goes on behind it [MQTT5-3.1.2-25]', () => {
    for (const qos of [1, 2]) {
      const core = new Core();
      const client = core.connect(5, persistent('c', limited(40)));
      subscribed(client, 5, { topicFilter: 'a', qos });
      client.drop();
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (const size of [100, 1, 100, 2]) publisher.send(message(5, 'a', qos, 'x'.repeat(size)));
      const back = core.connect(5, persistent('c', limited(40)));
      const sizes = back.takePublishes().map(({ payload }) => payload.length);
      assert.deepEqual(sizes, [1, 2]);
      assert.equal(core.drops.filter(({ reason }) => reason === 'packet_too_large').length, 2);
    }
  });
});

describe('Request Problem Information', () => {
  const refusals = (requestProblemInformation: number | undefined): unknown[] => {
    const core = new Core({ settings: { maxSubscriptionsPerClient: 1 } });
    const properties = requestProblemInformation === undefined ? {} : { requestProblemInformation };
    const client = core.connect(5, { clientIdentifier: 'c', properties });
    client.send(message(5, '$x', 1), message(5, '$x', 2));
    client.send(
      publish(5, {
        topicName: 'a',
        qos: 1,
        packetIdentifier: 9,
        payload: Buffer.from([0xff]),
        properties: { payloadFormatIndicator: 1 },
      }),
    );
    client.send(subscribe(5, 1, [{ topicFilter: 'a' }, { topicFilter: 'b' }]));
    return client.takeAll().map((packet) => {
      assert.ok('properties' in packet);
      return packet.properties.reasonString !== undefined;
    });
  };

  it('1 or absent: refusals say why [MQTT5-3.1.2-29]', () => {
    assert.deepEqual(refusals(undefined), [true, true, true, true]);
    assert.deepEqual(refusals(1), [true, true, true, true]);
  });

  it('0: reason strings only on CONNACK and DISCONNECT [MQTT5-3.1.2-29]', () => {
    assert.deepEqual(refusals(0), [false, false, false, false]);
    const core = new Core();
    const properties = { requestProblemInformation: 0 };
    const { connack } = answered(core, 5, { clientIdentifier: 'x'.repeat(200), properties });
    assert.notEqual(connack.properties.reasonString, undefined);
  });
});

describe('Receive Maximum of the server', () => {
  const settings = { receiveMaxBroker: 4 };

  it('is announced, and only where it is not the default [MQTT5-3.3.4-7]', () => {
    const few = answered(new Core({ settings }), 5, { clientIdentifier: 'c' });
    assert.equal(few.connack.properties.receiveMaximum, 4);
    const many = answered(new Core(), 5, { clientIdentifier: 'c' });
    assert.equal(many.connack.properties.receiveMaximum, undefined);
  });

  for (const version of versions) {
    it(`disconnects a client that exceeds it in version ${version} (0x93) [MQTT5-3.3.4-7]`, () => {
      const core = new Core({ settings });
      const client = core.connect(version, { clientIdentifier: 'c' });
      for (let at = 1; at <= 4; at += 1) client.send(message(version, 'a', 2));
      assert.deepEqual(kinds(client), ['pubrec', 'pubrec', 'pubrec', 'pubrec']);
      client.send(message(version, 'a', 2));
      assert.equal(disconnectCode(client), version === 5 ? 0x93 : undefined);
    });

    it(`counts a message once while its PUBREC waits for the store in version ${version} [MQTT5-3.3.4-7]`, () => {
      const store = new HeldStore();
      const core = new Core({ store, settings });
      const client = core.connect(version, persistent('c'));
      store.isHeld = true;
      for (let at = 1; at <= 4; at += 1) client.send(message(version, 'a', 2));
      client.send(message(version, 'a', 0));
      assert.equal(client.closed, undefined);
      assert.deepEqual(kinds(client), []);
      store.isHeld = false;
      store.finish();
      core.turn();
      assert.deepEqual(kinds(client), ['pubrec', 'pubrec', 'pubrec', 'pubrec']);
    });

    it(`frees a place with PUBACK, PUBCOMP and a refusing PUBREC in version ${version} [MQTT5-3.3.4-7]`, () => {
      const core = new Core({ settings });
      const client = core.connect(version, { clientIdentifier: 'c' });
      for (let round = 1; round <= 20; round += 1) {
        client.send(message(version, 'a', 1), message(version, '$x', 1), message(version, '$x', 2));
        client.send(message(version, 'a', 2, 'x', { packetIdentifier: round }));
        for (const packet of client.takeAll()) {
          if (packet.kind !== 'pubrec' || packet.reasonCode >= 0x80) continue;
          client.send(pubrel(version, packet.packetIdentifier));
        }
        assert.equal(client.closed, undefined, `round ${round}`);
      }
    });

    it(`begins anew with each connection in version ${version} [MQTT5-3.3.4-7]`, () => {
      const core = new Core({ settings });
      const first = core.connect(version, persistent('c'));
      const sent = [101, 102, 103, 104];
      for (const packetIdentifier of sent) {
        first.send(message(version, 'a', 2, 'x', { packetIdentifier }));
      }
      first.drop();
      const back = core.connect(version, persistent('c'));
      for (const packetIdentifier of sent) {
        const again = { packetIdentifier, dup: true };
        back.send(message(version, 'a', 2, 'x', again), pubrel(version, packetIdentifier));
      }
      for (let at = 1; at <= 4; at += 1) back.send(message(version, 'a', 2));
      assert.equal(back.closed, undefined);
      back.drop();
      const third = core.connect(version, persistent('c'));
      for (let at = 1; at <= 4; at += 1) third.send(message(version, 'a', 1));
      for (let at = 1; at <= 4; at += 1) third.send(message(version, 'a', 2));
      assert.equal(third.closed, undefined);
      third.send(message(version, 'a', 2));
      assert.notEqual(third.closed, undefined);
    });
  }
});

for (const version of versions) {
  describe(`limits in version ${version}`, () => {
    it('max_message_size ends a connection that sends more (0x95) [MQTT5-3.2.2-15]', () => {
      const core = new Core({ settings: { maxMessageSize: 100 } });
      const observer = watcher(core, 'a');
      const { client, connack } = answered(core, version, { clientIdentifier: 'c' });
      if (version === 5) assert.equal(connack.properties.maximumPacketSize, 100);
      client.send(message(version, 'a', 0, 'x'.repeat(60)));
      assert.equal(client.closed, undefined);
      client.send(message(version, 'a', 0, 'x'.repeat(100)));
      assert.equal(disconnectCode(client), version === 5 ? 0x95 : undefined);
      assert.equal(observer.takePublishes().length, 1);
    });

    it('max_client_id_size refuses longer identifiers, counted in bytes', () => {
      const core = new Core({ settings: { maxClientIdSize: 10 } });
      assert.equal(
        answered(core, version, { clientIdentifier: 'x'.repeat(10) }).connack.reasonCode,
        0,
      );
      const code = version === 5 ? 0x85 : 2;
      for (const clientIdentifier of ['x'.repeat(11), 'ä'.repeat(6)]) {
        const { client, connack } = answered(core, version, { clientIdentifier });
        assert.equal(connack.reasonCode, code);
        assert.equal(client.closed, 'flush');
      }
    });

    it('topic_max_depth ends the connection for names and filters that are deeper', () => {
      for (const send of [
        message(version, 'a/b/c/d', 1),
        subscribe(version, 1, [{ topicFilter: 'a/b/c/#' }]),
        unsubscribe(version, 1, ['a/b/c/d']),
      ]) {
        const core = new Core({ settings: { topicMaxDepth: 3 } });
        const client = core.connect(version, { clientIdentifier: 'c' });
        client.send(message(version, 'a/b/c', 0));
        assert.equal(client.closed, undefined);
        client.send(send);
        assert.notEqual(client.closed, undefined);
      }
    });

    it('max_subscriptions_per_client refuses new filters and takes known ones', () => {
      const core = new Core({ settings: { maxSubscriptionsPerClient: 2 } });
      const client = core.connect(version, { clientIdentifier: 'c' });
      subscribed(client, version, { topicFilter: 'a' }, { topicFilter: 'b' });
      const again = subscribed(client, version, { topicFilter: 'b', qos: 1 });
      assert.deepEqual(again.reasonCodes, [1]);
      client.send(subscribe(version, 3, [{ topicFilter: 'c' }]));
      if (version === 3) {
        // 3.1 has no code for a refusal.
        assert.notEqual(client.closed, undefined);
        return;
      }
      assert.deepEqual(next(client, 'suback').reasonCodes, [version === 5 ? 0x97 : 0x80]);
      client.send(unsubscribe(version, 4, ['a']));
      client.takeAll();
      assert.deepEqual(subscribed(client, version, { topicFilter: 'c' }).reasonCodes, [0]);
    });

    it('max_message_rate reads no more than so many messages a second, and loses none', () => {
      const core = new Core({ settings: { maxMessageRate: 10 } });
      const observer = watcher(core, 'a');
      const client = core.connect(version, { clientIdentifier: 'c' });
      for (let at = 0; at < 35; at += 1) client.send(message(version, 'a', 0, String(at)));
      const all: string[] = [];
      for (let second = 0; second < 10; second += 1) {
        const received = payloads(observer);
        assert.ok(received.length <= 10);
        all.push(...received);
        core.advance(1000);
      }
      assert.deepEqual(
        all,
        Array.from({ length: 35 }, (_, at) => String(at)),
      );
    });

    it('max_connection_lifetime ends the connection when it is over (0xA0)', () => {
      const core = new Core();
      const client = core.open(version, { maxConnectionLifetime: 60 });
      client.send(connect(version, { clientIdentifier: 'c' }));
      client.takeAll();
      core.advance(59_000);
      assert.equal(client.closed, undefined);
      core.advance(2000);
      assert.equal(disconnectCode(client), version === 5 ? 0xa0 : undefined);
    });

    it('maximum_qos ends the connection of who publishes above it (0x9B) [MQTT5-3.2.2-11]', () => {
      const core = new Core({ settings: { maximumQoS: 1 } });
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(message(version, 'a', 1));
      assert.deepEqual(kinds(client), ['puback']);
      client.send(message(version, 'a', 2));
      assert.equal(disconnectCode(client), version === 5 ? 0x9b : undefined);
    });

    it('maximum_qos lowers what a subscription is granted, and refuses wills above it [MQTT5-3.2.2-10] [MQTT5-3.2.2-12]', () => {
      const core = new Core({ settings: { maximumQoS: 0 } });
      const client = core.connect(version, { clientIdentifier: 'c' });
      const suback = subscribed(
        client,
        version,
        { topicFilter: 'a', qos: 2 },
        { topicFilter: 'b' },
      );
      assert.deepEqual(suback.reasonCodes, [0, 0]);
      const will = { topicName: 'w', qos: 1 };
      const refused = answered(core, version, { clientIdentifier: 'w', will });
      assert.equal(refused.connack.reasonCode, version === 5 ? 0x9b : 3);
      assert.equal(refused.client.closed, 'flush');
    });

    it('retain_available off ends the connection of who publishes with RETAIN (0x9A) [MQTT5-3.2.2-14] [MQTT5-3.2.2-13]', () => {
      const core = new Core({ settings: { retainAvailable: false } });
      const { client, connack } = answered(core, version, { clientIdentifier: 'c' });
      if (version === 5) assert.equal(connack.properties.retainAvailable, 0);
      client.send(message(version, 'a', 0, 'x', { retain: true }));
      assert.equal(disconnectCode(client), version === 5 ? 0x9a : undefined);
      assert.equal(core.broker.retainedCount, 0);
      const will = { topicName: 'w', retain: true };
      const refused = answered(core, version, { clientIdentifier: 'w', will });
      assert.equal(refused.connack.reasonCode, version === 5 ? 0x9a : 3);
    });

    it('retain_max_messages and retain_max_bytes refuse what is above them', () => {
      const core = new Core({ settings: { maxRetainedMessages: 2, maxRetainedBytes: 50 } });
      const client = core.connect(version, { clientIdentifier: 'c' });
      const retained = (topic: string, payload: string): Buffer =>
        message(version, topic, 1, payload, { retain: true });
      client.send(retained('a', '1'), retained('b', '1'), retained('a', '2'));
      assert.deepEqual(kinds(client), ['puback', 'puback', 'puback']);
      client.send(retained('c', '1'));
      const answer = client.take();
      if (version === 5) assert.ok(answer?.kind === 'puback' && answer.reasonCode === 0x97);
      else assert.equal(answer, undefined);
      assert.equal(core.broker.retainedCount, 2);
      const other = core.connect(version, { clientIdentifier: 'd' });
      other.send(retained('b', 'x'.repeat(60)));
      assert.equal(core.broker.retainedBytes, 4);
      const third = core.connect(version, { clientIdentifier: 'e' });
      third.send(retained('a', ''), retained('c', '1'));
      assert.equal(core.broker.retainedCount, 2);
    });
  });
}
