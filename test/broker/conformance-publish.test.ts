/** PUBLISH between versions, topics that may not be, aliases, expiry: sections 3.3 and 4.7. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  hex,
  packet,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
} from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { disconnectCode, kinds, message, next, payloads, persistent } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

describe('a message between versions', () => {
  const properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: Buffer.from('id'),
    userProperties: [['a', 'b']] as [string, string][],
  };
  for (const from of versions) {
    for (const to of versions) {
      it(`goes from ${from} to ${to} whole, at every QoS [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-17]`, () => {
        for (const qos of [0, 1, 2]) {
          const core = new Core();
          const client = core.connect(to, { clientIdentifier: 'c' });
          subscribed(client, to, { topicFilter: 'a/b', qos });
          const publisher = core.connect(from, { clientIdentifier: 'p' });
          const payload = 'x'.repeat(300);
          publisher.send(message(from, 'a/b', qos, payload, { properties }));
          const [found, ...more] = client.takePublishes();
          assert.deepEqual(more, []);
          assert.ok(found !== undefined);
          assert.equal(found.topicName, 'a/b');
          assert.equal(found.payload.toString(), payload);
          assert.deepEqual([found.qos, found.retain, found.dup], [qos, false, false]);
          const carries = from === 5 && to === 5;
          assert.equal(found.properties.contentType, carries ? 'text/plain' : undefined);
          assert.equal(found.properties.messageExpiryInterval, carries ? 60 : undefined);
        }
      });
    }
  }

  it('of 3.x that waited keeps no expiry, of 5 that expired goes to nobody [MQTT5-3.3.2-5]', () => {
    for (const version of versions) {
      const core = new Core();
      const client = core.connect(version, persistent('c'));
      subscribed(client, version, { topicFilter: 'a', qos: 1 });
      client.drop();
      core.connect(4, { clientIdentifier: 'old' }).send(message(4, 'a', 1, 'old'));
      const expiring = { properties: { messageExpiryInterval: 10 } };
      core.connect(5, { clientIdentifier: 'new' }).send(message(5, 'a', 1, 'new', expiring));
      core.advance(60_000);
      assert.deepEqual(payloads(core.connect(version, persistent('c'))), ['old']);
    }
  });
});

for (const version of versions) {
  describe(`PUBLISH in version ${version}`, () => {
    it('to a topic with a wildcard or without a character ends the connection [MQTT5-3.3.2-2] [MQTT3-3.3.2-2] [MQTT5-4.7.0-1] [MQTT5-4.7.3-1] [MQTT3-4.7.3-1]', () => {
      for (const topicName of ['a/+', '#', 'a/#/b', 'a+', '']) {
        const core = new Core();
        const observer = watcher(core, '#');
        const client = core.connect(version, { clientIdentifier: 'c' });
        client.send(message(version, topicName, 1));
        assert.deepEqual(
          kinds(client).filter((kind) => kind !== 'disconnect'),
          [],
        );
        assert.notEqual(client.closed, undefined, topicName);
        assert.deepEqual(observer.takePublishes(), []);
      }
    });

    it('with QoS 3 or with identifier 0 ends the connection [MQTT5-3.3.1-4] [MQTT3-3.3.1-4] [MQTT5-2.2.1-3] [MQTT3-2.3.1-1]', () => {
      const topic = hex('000161');
      const end = version === 5 ? hex('00') : hex('');
      for (const bytes of [
        packet(0x36, topic, hex('0001'), end),
        packet(0x32, topic, hex('0000'), end),
      ]) {
        const client = new Core().connect(version, { clientIdentifier: 'c' });
        client.send(bytes);
        assert.notEqual(client.closed, undefined, bytes.toString('hex'));
      }
    });

    it('to a $-topic is refused with 0x87 in 5, acknowledged and dropped in 3.x [MQTT5-4.7.2-1] [MQTT3-4.7.2-1]', () => {
      const core = new Core();
      const observer = watcher(core, '$x/#');
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(message(version, '$x/a', 0), message(version, '$x/a', 1));
      client.send(message(version, '$x/a', 2, 'x', { packetIdentifier: 500, retain: true }));
      const codes = client.takeAll().map((one) => 'reasonCode' in one && one.reasonCode);
      assert.deepEqual(codes, version === 5 ? [0x87, 0x87] : [0, 0]);
      client.send(pubrel(version, 500));
      assert.equal(next(client, 'pubcomp').reasonCode, version === 5 ? 0x92 : 0);
      assert.deepEqual(observer.takePublishes(), []);
      assert.equal(core.broker.retainedCount, 0);
      assert.equal(client.closed, undefined);
    });

    it('with an unknown identifier in PUBREL, PUBREC, PUBACK or PUBCOMP harms nothing [MQTT5-4.3.3-11] [MQTT3-4.3.3-2]', () => {
      const client = new Core().connect(version, { clientIdentifier: 'c' });
      client.send(puback(version, 9), pubcomp(version, 9), pubrel(version, 9), pubrec(version, 9));
      const answers = client
        .takeAll()
        .map((one) => [one.kind, 'reasonCode' in one && one.reasonCode]);
      const code = version === 5 ? 0x92 : 0;
      assert.deepEqual(answers, [
        ['pubcomp', code],
        ['pubrel', code],
      ]);
      assert.equal(client.closed, undefined);
    });

    it('with wrong flags in PUBREL, SUBSCRIBE or UNSUBSCRIBE ends the connection in 3.1.1 and 5 [MQTT5-2.1.3-1] [MQTT3-2.2.2-2] [MQTT5-3.6.1-1] [MQTT3-3.6.1-1] [MQTT5-3.8.1-1] [MQTT3-3.8.1-1] [MQTT5-3.10.1-1] [MQTT3-3.10.1-1]', () => {
      if (version === 3) return;
      const none = version === 5 ? '00' : '';
      for (const bytes of [
        packet(0x60, hex('0001')),
        packet(0x80, hex(`0001${none}00016100`)),
        packet(0xa0, hex(`0001${none}000161`)),
      ]) {
        const client = new Core().connect(version, { clientIdentifier: 'c' });
        client.send(bytes);
        assert.equal(disconnectCode(client), version === 5 ? 0x81 : undefined);
      }
    });

    it('of what only a server may send ends the connection [MQTT5-4.13.1-1] [MQTT3-4.8.0-1]', () => {
      for (const first of [0x20, 0x90, 0xb0, 0xd0]) {
        const client = new Core().connect(version, { clientIdentifier: 'c' });
        client.send(packet(first, hex('0000')));
        assert.notEqual(client.closed, undefined, first.toString(16));
      }
    });
  });
}

describe('Topic Alias from the client', () => {
  const aliased = (topicAlias: number, topicName: string, qos = 0): Buffer =>
    message(5, topicName, qos, topicName, { properties: { topicAlias } });

  it('above topic_alias_max_client, or 0, ends the connection (0x94) [MQTT5-3.3.2-8] [MQTT5-3.3.2-9]', () => {
    for (const [maximum, alias] of [
      [0, 1],
      [3, 4],
      [3, 0],
    ] as const) {
      const core = new Core({ settings: { topicAliasMaxClient: maximum } });
      const observer = watcher(core, '#');
      const client = core.connect(5, { clientIdentifier: 'c' });
      client.send(aliased(alias, 'a'));
      assert.equal(disconnectCode(client), 0x94);
      assert.deepEqual(observer.takePublishes(), []);
    }
  });

  it('that was never set ends the connection (0x82)', () => {
    const client = new Core({ settings: { topicAliasMaxClient: 3 } }).connect(5, {});
    client.send(aliased(1, ''));
    assert.equal(disconnectCode(client), 0x82);
  });

  it('may be set anew, is checked as any topic, and never reaches a subscriber [MQTT5-3.3.2-7] [MQTT5-3.3.2-2]', () => {
    const core = new Core({ settings: { topicAliasMaxClient: 3 } });
    const observer = watcher(core, '#');
    const client = core.connect(5, { clientIdentifier: 'c' });
    client.send(aliased(1, 'a', 1), aliased(1, '', 1), aliased(1, 'b'), aliased(1, ''));
    const received = observer.takePublishes();
    assert.deepEqual(
      received.map(({ topicName }) => topicName),
      ['a', 'a', 'b', 'b'],
    );
    assert.ok(received.every(({ properties }) => properties.topicAlias === undefined));
    client.send(aliased(2, 'x/+'));
    assert.notEqual(client.closed, undefined);
  });

  it('does not outlive the connection, also of a session that does [MQTT5-3.3.2-7]', () => {
    const core = new Core({ settings: { topicAliasMaxClient: 3 } });
    const first = core.connect(5, persistent('c'));
    first.send(aliased(1, 'a'));
    first.drop();
    const back = core.connect(5, persistent('c'));
    back.send(aliased(1, ''));
    assert.equal(disconnectCode(back), 0x82);
  });
});

describe('Topic Alias to the client', () => {
  it('replaces the topic of QoS 0, 1 and 2, and begins anew with each connection [MQTT5-3.1.2-26] [MQTT5-3.3.2-7] [MQTT5-3.3.2-12]', () => {
    const core = new Core({ settings: { topicAliasMaxBroker: 5 } });
    const options = persistent('c', { properties: { topicAliasMaximum: 2 } });
    const client = core.connect(5, options);
    subscribed(client, 5, { topicFilter: '#', qos: 2 });
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    const seen = (of: typeof client): unknown[] =>
      of.takePublishes().map(({ topicName, properties }) => [topicName, properties.topicAlias]);
    for (const topic of ['a', 'b', 'c', 'a']) publisher.send(message(5, topic, 1));
    assert.deepEqual(seen(client), [
      ['a', 1],
      ['b', 2],
      ['c', undefined],
      ['', 1],
    ]);
    client.drop();
    const back = core.connect(5, options);
    assert.deepEqual(seen(back), [
      ['a', 1],
      ['b', 2],
      ['c', undefined],
      ['', 1],
    ]);
  });

  it('is not known to a client that could not take the packet that set it [MQTT5-3.3.2-7] [MQTT5-3.1.2-24]', () => {
    const core = new Core({ settings: { topicAliasMaxBroker: 5 } });
    const properties = { topicAliasMaximum: 2, maximumPacketSize: 60 };
    const client = core.connect(5, { clientIdentifier: 'c', properties });
    subscribed(client, 5, { topicFilter: '#', qos: 0 });
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    publisher.send(message(5, 'a', 0, 'x'.repeat(100)), message(5, 'a', 0), message(5, 'a', 0));
    assert.deepEqual(
      client.takePublishes().map(({ topicName }) => topicName),
      ['a', ''],
    );
  });
});

describe('the Payload Format Indicator', () => {
  it('1 with a payload that is not UTF-8 is refused with 0x99, and nobody gets it', () => {
    const core = new Core();
    const observer = watcher(core, '#');
    const client = core.connect(5, { clientIdentifier: 'c' });
    const bad = { payload: Buffer.from([0xc3, 0x28]), properties: { payloadFormatIndicator: 1 } };
    for (const qos of [0, 1, 2]) {
      client.send(publish(5, { topicName: 'a', qos, packetIdentifier: qos, ...bad }));
    }
    const codes = client.takeAll().map((one) => 'reasonCode' in one && one.reasonCode);
    assert.deepEqual(codes, [0x99, 0x99]);
    assert.deepEqual(observer.takePublishes(), []);
    client.send(message(5, 'a', 0, 'ünï', { properties: { payloadFormatIndicator: 1 } }));
    assert.equal(observer.takePublishes()[0]?.properties.payloadFormatIndicator, 1);
  });
});

describe('PUBACK and PUBREC of MQTT 5', () => {
  it('say 0x10 when nobody is subscribed, and 0x00 when somebody is', () => {
    const core = new Core();
    watcher(core, 'taken');
    const client = core.connect(5, { clientIdentifier: 'c' });
    for (const topic of ['free', 'taken']) client.send(message(5, topic, 1), message(5, topic, 2));
    const codes = client.takeAll().map((one) => 'reasonCode' in one && one.reasonCode);
    assert.deepEqual(codes, [0x10, 0x10, 0, 0]);
  });
});
