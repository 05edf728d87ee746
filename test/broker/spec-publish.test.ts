/**
 * Sections 3.3, 4.3, 4.4, 4.6 and 4.9: PUBLISH and its acknowledgements, retained messages, order.
 */
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
  pingreq,
} from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';

const versions = [4, 5] as const;
type Version = (typeof versions)[number];
const resuming = {
  clientIdentifier: 'sub',
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
};

function receiver(core: Core, version: Version, qos: number, filter = 'a/#'): TestClient {
  const client = core.connect(version, resuming);
  client.send(subscribe(version, 1, [{ topicFilter: filter, qos }]));
  client.takeAll();
  return client;
}

function sender(core: Core, version: Version): TestClient {
  return core.connect(version, { clientIdentifier: 'pub' });
}

function payloadsOf(client: TestClient): string[] {
  return client.takePublishes().map(({ payload }) => payload.toString());
}

for (const version of versions) {
  const message = (qos: number, packetIdentifier: number, payload = 'x', more = {}): Buffer =>
    publish(version, { topicName: 'a/b', qos, packetIdentifier, payload, ...more });

  describe(`publishing in version ${version}`, () => {
    it('is answered as its QoS asks [MQTT5-3.3.4-1] [MQTT3-3.3.4-1] [MQTT5-4.3.2-4] [MQTT5-4.3.3-8] [MQTT3-4.3.2-2] [MQTT3-4.3.3-2]', () => {
      const core = new Core();
      receiver(core, version, 0);
      const client = sender(core, version);
      client.send(message(0, 0), message(1, 1), message(2, 2), pubrel(version, 2));
      const kinds = client.takeAll().map(({ kind }) => kind);
      assert.deepEqual(kinds, ['puback', 'pubrec', 'pubcomp']);
    });

    it('takes an identifier that was acknowledged for a new message, whatever DUP says [MQTT5-4.3.2-5] [MQTT5-4.3.3-12]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 0);
      const client = sender(core, version);
      client.send(message(1, 1, 'one'), message(1, 1, 'two', { dup: true }));
      client.send(message(2, 2, 'three'), pubrel(version, 2), message(2, 2, 'four'));
      assert.deepEqual(payloadsOf(watcher), ['one', 'two', 'three', 'four']);
    });

    it('delivers a QoS 2 message once however often it is sent before PUBREL [MQTT5-4.3.3-10] [MQTT5-4.3.3-11] [MQTT3-4.3.3-2]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 0);
      const client = sender(core, version);
      client.send(message(2, 9, 'once'), message(2, 9, 'once', { dup: true }), pubrel(version, 9));
      assert.deepEqual(payloadsOf(watcher), ['once']);
    });

    it('does not pass DUP on [MQTT5-3.3.1-3] [MQTT3-3.3.1-3] [MQTT5-4.3.1-1] [MQTT3-4.3.1-1]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 1);
      sender(core, version).send(message(1, 3, 'x', { dup: true }), message(0, 0));
      const [first, second] = watcher.takePublishes();
      assert.deepEqual([first?.dup, first?.qos, second?.dup, second?.qos], [false, 1, false, 0]);
    });

    it('delivers at the lower of published and granted QoS [MQTT5-3.8.4-8] [MQTT3-3.8.4-6]', () => {
      for (const granted of [0, 1, 2]) {
        const core = new Core();
        const watcher = receiver(core, version, granted);
        sender(core, version).send(message(0, 0), message(1, 1), message(2, 2));
        const received = watcher.takePublishes().map(({ qos }) => qos);
        const expected = [0, 1, 2].map((qos) => Math.min(qos, granted));
        assert.deepEqual(received, expected);
      }
    });

    it('goes out with the topic it came with, in the order in which it came [MQTT5-3.3.2-3] [MQTT3-3.3.2-3] [MQTT5-4.6.0-5] [MQTT5-4.6.0-6] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6] [MQTT5-4.2.0-1] [MQTT3-7.1.1-1]', () => {
      for (const qos of [0, 1, 2]) {
        const core = new Core({ settings: { maxInflightMessages: 5 } });
        const watcher = receiver(core, version, qos);
        const client = sender(core, version);
        const expected: string[] = [];
        for (let at = 1; at <= 40; at += 1) {
          client.send(message(qos, at, String(at)));
          expected.push(String(at));
        }
        const received: string[] = [];
        for (let round = 0; round < 60; round += 1) {
          for (const one of watcher.takeAll()) {
            if (one.kind === 'pubrel') watcher.send(pubcomp(version, one.packetIdentifier));
            if (one.kind !== 'publish') continue;
            assert.equal(one.topicName, 'a/b');
            received.push(one.payload.toString());
            if (one.qos === 1) watcher.send(puback(version, one.packetIdentifier));
            if (one.qos === 2) watcher.send(pubrec(version, one.packetIdentifier));
          }
        }
        assert.deepEqual(received, expected, `QoS ${qos}`);
      }
    });
  });

  describe(`delivery in version ${version}`, () => {
    it('gives each message an identifier that nobody uses, not 0 [MQTT5-2.2.1-4] [MQTT3-2.3.1-4] [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT5-4.3.3-1] [MQTT5-4.3.3-2] [MQTT3-4.3.2-1]', () => {
      const core = new Core({ settings: { maxInflightMessages: 0, maxOnlineMessages: -1 } });
      const watcher = receiver(core, version, 1);
      const client = sender(core, version);
      const held = new Set<number>();
      let kept: number | undefined;
      for (let at = 0; at < 70_000; at += 1) {
        client.send(message(1, 1 + (at % 60_000)));
        for (const { packetIdentifier, dup } of watcher.takePublishes()) {
          assert.ok(packetIdentifier > 0 && !held.has(packetIdentifier) && !dup);
          if (kept === undefined) {
            kept = packetIdentifier;
            held.add(packetIdentifier);
          } else {
            watcher.send(puback(version, packetIdentifier));
          }
        }
        client.takeAll();
      }
    });

    it('sends again what was not acknowledged, in order, with DUP and its identifier [MQTT5-3.3.1-1] [MQTT3-3.3.1-1] [MQTT5-4.3.2-3] [MQTT5-4.3.3-3] [MQTT3-4.4.0-1] [MQTT3-4.6.0-1] [MQTT5-4.4.0-1]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 2);
      sender(core, version).send(
        message(1, 1, 'one'),
        message(2, 2, 'two'),
        message(1, 3, 'three'),
      );
      const before = watcher.takePublishes();
      watcher.drop();
      const back = core.connect(version, resuming);
      const after = back.takePublishes();
      assert.ok(after.every(({ dup }) => dup));
      const identity = (list: typeof after): unknown[] =>
        list.map(({ packetIdentifier, payload }) => [packetIdentifier, payload.toString()]);
      assert.deepEqual(identity(after), identity(before));
    });

    it('answers PUBREC with PUBREL and never sends the PUBLISH again after it [MQTT5-4.3.3-4] [MQTT5-4.3.3-5] [MQTT5-4.3.3-6] [MQTT3-4.3.3-1]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 2);
      sender(core, version).send(message(2, 1, 'one'));
      const [first] = watcher.takePublishes();
      watcher.send(pubrec(version, first?.packetIdentifier ?? 0));
      assert.deepEqual(
        watcher.takeAll().map(({ kind }) => kind),
        ['pubrel'],
      );
      watcher.drop();
      const back = core.connect(version, resuming);
      const again = back.takeAll();
      assert.deepEqual(
        again.map(({ kind }) => kind),
        ['pubrel'],
      );
      back.send(pubcomp(version, first?.packetIdentifier ?? 0));
      back.drop();
      assert.deepEqual(core.connect(version, resuming).takeAll(), []);
    });

    it('does not begin a delivery above the window, and answers everything else meanwhile [MQTT5-3.3.4-9] [MQTT5-3.3.4-10] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2] [MQTT5-4.9.0-3]', () => {
      const core = new Core({ settings: { maxInflightMessages: 2 } });
      const properties = { sessionExpiryInterval: 3600, receiveMaximum: 2 };
      const watcher = core.connect(version, { ...resuming, properties });
      watcher.send(subscribe(version, 1, [{ topicFilter: 'a/#', qos: 1 }]));
      watcher.takeAll();
      const client = sender(core, version);
      for (let at = 1; at <= 4; at += 1) client.send(message(1, at));
      client.send(message(0, 0, 'zero'));
      const sent = watcher.takePublishes().filter(({ qos }) => qos === 1);
      assert.equal(sent.length, 2);
      watcher.send(pingreq(), publish(version, { topicName: 'x', qos: 1, packetIdentifier: 5 }));
      const kinds = watcher.takeAll().map(({ kind }) => kind);
      assert.deepEqual(
        kinds.filter((kind) => kind !== 'publish'),
        ['pingresp', 'puback'],
      );
      watcher.send(puback(version, sent[0]?.packetIdentifier ?? 0));
      assert.ok(watcher.takePublishes().length > 0);
    });
  });

  describe(`retained messages in version ${version}`, () => {
    const retained = (payload: string, qos = 0, more = {}): Buffer =>
      publish(version, {
        topicName: 'r',
        payload,
        qos,
        packetIdentifier: qos,
        retain: true,
        ...more,
      });
    const late = (core: Core): TestClient => {
      const client = core.connect(version, { clientIdentifier: 'late' });
      client.send(subscribe(version, 1, [{ topicFilter: 'r', qos: 1 }]));
      return client;
    };

    it('replace each other, also at QoS 0, and go to new subscriptions with RETAIN 1 and their QoS [MQTT5-3.3.1-5] [MQTT5-3.3.1-9] [MQTT3-3.3.1-5] [MQTT3-3.3.1-6] [MQTT3-3.3.1-7] [MQTT3-3.3.1-8]', () => {
      const core = new Core();
      sender(core, version).send(retained('one', 1), retained('two', 0), retained('three', 1));
      const [message3, ...more] = late(core).takePublishes();
      assert.deepEqual(more, []);
      assert.equal(message3?.payload.toString(), 'three');
      assert.deepEqual([message3?.retain, message3?.qos], [true, 1]);
    });

    it('go to established subscriptions with RETAIN 0 [MQTT5-3.3.1-12] [MQTT3-3.3.1-9]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 0, 'r');
      sender(core, version).send(retained('now'));
      assert.equal(watcher.takePublishes()[0]?.retain, false);
    });

    it('are removed by an empty one, which is delivered and not stored [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]', () => {
      const core = new Core();
      const watcher = receiver(core, version, 0, 'r');
      sender(core, version).send(retained('one'), retained(''));
      assert.equal(watcher.takePublishes().length, 2);
      assert.equal(core.broker.retainedCount, 0);
      assert.deepEqual(late(core).takePublishes(), []);
    });

    it('are left alone by messages without RETAIN [MQTT5-3.3.1-8] [MQTT3-3.3.1-12]', () => {
      const core = new Core();
      sender(core, version).send(retained('one'), retained('two', 0, { retain: false }));
      assert.equal(late(core).takePublishes()[0]?.payload.toString(), 'one');
    });
  });
}

describe('PUBLISH in MQTT 5', () => {
  const properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: Buffer.from([1, 2, 3]),
    userProperties: [
      ['z', '1'],
      ['a', '2'],
      ['z', '3'],
    ] as [string, string][],
  };

  it('forwards its properties unchanged and in order [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20]', () => {
    const core = new Core();
    const watcher = receiver(core, 5, 1);
    const client = sender(core, 5);
    for (const qos of [0, 1]) {
      client.send(publish(5, { topicName: 'a/b', qos, packetIdentifier: qos, properties }));
      const [message] = watcher.takePublishes();
      const found = { ...message?.properties };
      found.correlationData = Buffer.from(found.correlationData ?? []);
      assert.deepEqual(found, properties);
    }
  });

  it('keeps RETAIN for subscriptions with retain as published [MQTT5-3.3.1-13]', () => {
    const core = new Core();
    const watcher = core.connect(5, resuming);
    watcher.send(subscribe(5, 1, [{ topicFilter: 'a', retainAsPublished: true }]));
    sender(core, 5).send(publish(5, { topicName: 'a', retain: true, payload: 'x' }));
    assert.equal(watcher.takePublishes()[0]?.retain, true);
  });

  it('expires while it waits, or goes out with what is left [MQTT5-3.3.2-5] [MQTT5-3.3.2-6] [MQTT5-4.3.3-7] [MQTT5-4.3.3-13]', () => {
    const core = new Core();
    const watcher = receiver(core, 5, 2);
    const client = sender(core, 5);
    const expiring = (seconds: number, packetIdentifier: number, qos = 1): Buffer =>
      publish(5, {
        topicName: 'a/b',
        qos,
        packetIdentifier,
        properties: { messageExpiryInterval: seconds },
      });
    client.send(expiring(2, 1, 2));
    const [begun] = watcher.takePublishes();
    core.advance(10_000);
    watcher.send(pubrec(5, begun?.packetIdentifier ?? 0));
    assert.equal(watcher.take()?.kind, 'pubrel');
    watcher.send(pubcomp(5, begun?.packetIdentifier ?? 0));
    watcher.drop();
    client.send(expiring(5, 2), expiring(60, 3));
    core.advance(10_000);
    const back = core.connect(5, resuming);
    const [left, ...more] = back.takePublishes();
    assert.deepEqual(more, []);
    assert.equal(left?.properties.messageExpiryInterval, 50);
  });

  it('uses aliases up to the maximum, and forgets them with the connection [MQTT5-3.3.2-7] [MQTT5-3.3.2-12]', () => {
    const core = new Core({ settings: { topicAliasMaxClient: 2 } });
    const watcher = receiver(core, 5, 0);
    const client = sender(core, 5);
    const aliased = (topicAlias: number, topicName: string): Buffer =>
      publish(5, { topicName, properties: { topicAlias } });
    client.send(aliased(2, 'a/two'), aliased(1, 'a/one'), aliased(2, ''), aliased(1, ''));
    const topics = watcher.takePublishes().map(({ topicName }) => topicName);
    assert.deepEqual(topics, ['a/two', 'a/one', 'a/two', 'a/one']);
    const second = core.connect(5, { clientIdentifier: 'pub' });
    second.send(aliased(2, ''));
    const last = second.takeAll().at(-1);
    assert.ok(last?.kind === 'disconnect' && last.reasonCode === 0x82);
  });

  it('gives a client aliases only if it takes them, up to its maximum [MQTT5-3.1.2-26] [MQTT5-3.1.2-27] [MQTT5-3.3.2-11]', () => {
    for (const maximum of [0, 1]) {
      const core = new Core({ settings: { topicAliasMaxBroker: 10 } });
      const watcher = core.connect(5, {
        clientIdentifier: 'w',
        properties: { topicAliasMaximum: maximum },
      });
      watcher.send(subscribe(5, 1, [{ topicFilter: '#' }]));
      watcher.takeAll();
      const client = sender(core, 5);
      for (const topicName of ['a', 'b', 'a', 'b']) client.send(publish(5, { topicName }));
      const seen = watcher.takePublishes();
      const aliases = seen.map(({ properties: { topicAlias } }) => topicAlias ?? 0);
      assert.deepEqual(aliases, maximum === 0 ? [0, 0, 0, 0] : [1, 0, 1, 0]);
      const topics = seen.map(({ topicName }) => topicName);
      assert.deepEqual(topics, maximum === 0 ? ['a', 'b', 'a', 'b'] : ['a', 'b', '', 'b']);
    }
  });

  it('does not send again what the client refused [MQTT5-4.4.0-2] [MQTT5-4.8.2-6]', () => {
    const core = new Core();
    const watcher = core.connect(5, resuming);
    watcher.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos: 2 }]));
    const other = core.connect(5, { ...resuming, clientIdentifier: 'other' });
    watcher.takeAll();
    const client = sender(core, 5);
    client.send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    client.send(publish(5, { topicName: 'a', qos: 2, packetIdentifier: 2 }));
    const [one, two] = watcher.takePublishes();
    other.send(subscribe(5, 1, [{ topicFilter: '$share/g/a', qos: 2 }]));
    other.takeAll();
    watcher.send(
      puback(5, one?.packetIdentifier ?? 0, 0x80),
      pubrec(5, two?.packetIdentifier ?? 0, 0x80),
    );
    watcher.drop();
    const back = core.open(5);
    back.send(connect(5, resuming));
    assert.deepEqual(back.takePublishes(), []);
    assert.deepEqual(other.takePublishes(), []);
  });

  it('takes the identifier of a refused QoS 2 message for a new one [MQTT5-4.3.3-9]', () => {
    const core = new Core();
    const client = sender(core, 5);
    const watcher = receiver(core, 5, 0);
    client.send(publish(5, { topicName: '$x', qos: 2, packetIdentifier: 4 }));
    const refused = client.take();
    assert.ok(refused?.kind === 'pubrec' && refused.reasonCode === 0x87);
    client.send(publish(5, { topicName: 'a/b', qos: 2, packetIdentifier: 4, payload: 'new' }));
    assert.deepEqual(payloadsOf(watcher), ['new']);
  });
});

describe('PUBLISH in 3.1.1', () => {
  it('that is not permitted closes the connection [MQTT3-3.3.5-2]', () => {
    const deny = {
      name: 'nobody',
      onPublish: () => ({ verdict: 'deny', reasonCode: 0x87, reason: 'no' }) as const,
    };
    const core = new Core({ backends: [deny] });
    const client = sender(core, 4);
    client.send(publish(4, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    assert.equal(client.closed, 'flush');
  });

  it('with wrong flags closes the connection [MQTT3-4.8.0-2]', () => {
    const core = new Core();
    const client = sender(core, 4);
    client.send(Buffer.from([0x36, 4, 0, 1, 0x61, 0]));
    assert.notEqual(client.closed, undefined);
  });
});
