/**
 * Sections 3.1, 3.2 and 4.1 of both specifications: CONNECT, CONNACK, sessions, wills, keep alive.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connect,
  disconnect,
  packet,
  pingreq,
  publish,
  subscribe,
} from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';

const versions = [4, 5] as const;
const keeps = { sessionExpiryInterval: 3600 };
const resuming = { clientIdentifier: 'c', cleanStart: false, properties: keeps };

function subscribed(core: Core, filter: string, qos = 1): TestClient {
  const client = core.connect(5, { clientIdentifier: `watches ${filter}` });
  client.send(subscribe(5, 1, [{ topicFilter: filter, qos, retainAsPublished: true }]));
  client.takeAll();
  return client;
}

function connackOf(client: TestClient): { present: boolean; code: number } {
  const connack = client.take();
  assert.ok(connack?.kind === 'connack');
  return { present: connack.sessionPresent, code: connack.reasonCode };
}

for (const version of versions) {
  describe(`a session in version ${version}`, () => {
    it('clean start discards what there was and begins anew [MQTT5-3.1.2-4] [MQTT5-3.1.4-4] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3] [MQTT5-3.2.2-2] [MQTT3-3.2.2-1]', () => {
      const core = new Core();
      const first = core.connect(version, resuming);
      first.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 1 }]));
      first.drop();
      const second = core.open(version);
      second.send(connect(version, { ...resuming, cleanStart: true }));
      assert.deepEqual(connackOf(second), { present: false, code: 0 });
      core.connect(5, { clientIdentifier: 'p' }).send(publish(5, { topicName: 'a' }));
      assert.deepEqual(second.takePublishes(), []);
    });

    it('without clean start the session of the identifier is resumed, and else made [MQTT5-3.1.2-5] [MQTT5-3.1.2-6] [MQTT5-3.2.2-3] [MQTT3-3.1.2-4] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3] [MQTT5-3.1.3-2] [MQTT3-3.1.3-2]', () => {
      const core = new Core();
      const first = core.open(version);
      first.send(connect(version, resuming));
      assert.deepEqual(connackOf(first), { present: false, code: 0 });
      first.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 1 }]));
      first.drop();
      const other = core.open(version);
      other.send(connect(version, { ...resuming, clientIdentifier: 'other' }));
      assert.equal(connackOf(other).present, false);
      const second = core.open(version);
      second.send(connect(version, resuming));
      assert.deepEqual(connackOf(second), { present: true, code: 0 });
    });

    it('keeps messages of QoS 1 and 2 for a client that is away [MQTT3-3.1.2-5] [MQTT5-3.1.2-23] [MQTT5-4.1.0-1] [MQTT3-4.1.0-1] [MQTT3-4.1.0-2] [MQTT5-4.5.0-1] [MQTT3-4.5.0-1]', () => {
      const core = new Core();
      const first = core.connect(version, resuming);
      first.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 2 }]));
      first.drop();
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (const qos of [0, 1, 2]) {
        const message = { topicName: 'a', qos, packetIdentifier: qos, payload: String(qos) };
        publisher.send(publish(5, message));
      }
      const second = core.open(version);
      second.send(connect(version, resuming));
      const payloads = second.takePublishes().map(({ payload }) => payload.toString());
      assert.deepEqual(payloads, ['1', '2']);
    });

    it('ends with the connection when it is clean, but retained messages stay [MQTT3-3.1.2-7] [MQTT5-4.1.0-2]', () => {
      const core = new Core();
      const first = core.connect(version, { clientIdentifier: 'c', cleanStart: true });
      first.send(publish(version, { topicName: 'kept', retain: true, payload: 'x' }));
      first.drop();
      assert.equal(core.broker.sessionCount, 0);
      const second = core.connect(version, { clientIdentifier: 'c', cleanStart: true });
      second.send(subscribe(version, 1, [{ topicFilter: 'kept' }]));
      assert.equal(second.takePublishes().length, 1);
    });

    it('answers CONNECT with one CONNACK before anything else [MQTT5-3.1.4-5] [MQTT5-3.2.0-1] [MQTT5-3.2.0-2] [MQTT5-3.2.2-8] [MQTT3-3.1.4-4] [MQTT3-3.2.0-1]', () => {
      const core = new Core();
      const client = core.open(version);
      client.send(
        Buffer.concat([
          connect(version, { clientIdentifier: 'c' }),
          subscribe(version, 1, [{ topicFilter: 'a' }]),
          publish(version, { topicName: 'a' }),
          pingreq(),
        ]),
      );
      const kinds = client.takeAll().map(({ kind }) => kind);
      assert.deepEqual(kinds, ['connack', 'suback', 'publish', 'pingresp']);
    });

    it('processes nothing after a CONNECT that was refused [MQTT5-3.1.4-2] [MQTT5-3.1.4-6] [MQTT3-3.1.4-5] [MQTT5-3.2.2-7] [MQTT3-3.2.2-5] [MQTT5-4.13.2-1] [MQTT5-3.1.3-8] [MQTT3-3.1.3-9]', () => {
      const core = new Core();
      const watcher = subscribed(core, 'a');
      const client = core.open(version);
      client.send(
        connect(version, { clientIdentifier: 'x'.repeat(101) }),
        publish(version, { topicName: 'a' }),
      );
      assert.deepEqual(connackOf(client), { present: false, code: version === 5 ? 0x85 : 2 });
      assert.equal(client.closed, 'flush');
      assert.deepEqual(watcher.takePublishes(), []);
    });

    it('accepts identifiers of 1 to 23 letters and digits [MQTT5-3.1.3-5] [MQTT3-3.1.3-5]', () => {
      const core = new Core();
      for (const clientIdentifier of ['0', 'aZ9', 'abcdefghijklmnopqrstuvw']) {
        core.connect(version, { clientIdentifier });
      }
    });

    it('gives a client without an identifier one of its own [MQTT5-3.1.3-6] [MQTT5-3.1.3-7] [MQTT5-3.2.2-16] [MQTT3-3.1.3-6]', () => {
      const core = new Core();
      const names = new Set<string>();
      for (let at = 0; at < 3; at += 1) {
        const client = core.open(version);
        client.send(connect(version, { clientIdentifier: '', cleanStart: true }));
        const connack = client.take();
        assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0);
        names.add(connack.properties.assignedClientIdentifier ?? `none ${at}`);
      }
      assert.equal(core.broker.sessionCount, 3);
      assert.equal(names.size, 3);
    });

    it('disconnects the client that was connected under the same identifier [MQTT5-3.1.4-3] [MQTT3-3.1.4-2]', () => {
      const core = new Core();
      const first = core.connect(version, resuming);
      core.connect(version, { ...resuming, cleanStart: false });
      assert.equal(first.closed, 'flush');
      const last = first.takeAll().at(-1);
      if (version === 5) assert.ok(last?.kind === 'disconnect' && last.reasonCode === 0x8e);
      else assert.equal(last, undefined);
    });

    it('cuts off a client that is silent for one and a half keep alives [MQTT5-3.1.2-22] [MQTT3-3.1.2-24] [MQTT5-3.2.2-22]', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 10 });
      core.advance(14_000);
      assert.equal(client.closed, undefined);
      client.send(pingreq());
      core.advance(14_000);
      assert.equal(client.closed, undefined);
      core.advance(4_000);
      assert.equal(client.closed, 'flush');
    });

    it('never cuts off a client whose keep alive is 0', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 0 });
      core.advance(3_600_000);
      assert.equal(client.closed, undefined);
    });
  });

  describe(`a will in version ${version}`, () => {
    const will = { topicName: 'will', payload: 'gone', qos: 1 };

    it('is published when the connection breaks, once [MQTT5-3.1.2-7] [MQTT5-3.1.2-8] [MQTT5-3.1.2-10] [MQTT3-3.1.2-8] [MQTT3-3.1.2-10]', () => {
      const core = new Core();
      const watcher = subscribed(core, 'will');
      core.connect(version, { ...resuming, will }).drop();
      assert.equal(watcher.takePublishes().length, 1);
      core.connect(version, resuming).drop();
      core.advance(10_000);
      assert.equal(watcher.takePublishes().length, 0);
    });

    it('is dropped by a DISCONNECT [MQTT5-3.14.4-3] [MQTT3-3.14.4-3] [MQTT5-3.14.4-1] [MQTT5-3.14.4-2]', () => {
      const core = new Core();
      const watcher = subscribed(core, 'will');
      const client = core.connect(version, { clientIdentifier: 'c', will });
      client.send(disconnect(version));
      assert.equal(client.closed, 'flush');
      assert.deepEqual(client.takeAll(), []);
      core.advance(10_000);
      assert.deepEqual(watcher.takePublishes(), []);
    });

    it('is not there without a will flag [MQTT3-3.1.2-12]', () => {
      const core = new Core();
      const watcher = subscribed(core, '#');
      core.connect(version, { clientIdentifier: 'c' }).drop();
      assert.deepEqual(watcher.takePublishes(), []);
    });

    it('is retained or not as its flag says [MQTT5-3.1.2-14] [MQTT5-3.1.2-15] [MQTT3-3.1.2-16] [MQTT3-3.1.2-17]', () => {
      for (const retain of [false, true]) {
        const core = new Core();
        core.connect(version, { clientIdentifier: 'c', will: { ...will, retain } }).drop();
        assert.equal(core.broker.retainedCount, retain ? 1 : 0);
      }
    });
  });
}

describe('wills of MQTT 5', () => {
  const will = {
    topicName: 'will',
    payload: 'gone',
    properties: {
      willDelayInterval: 5,
      userProperties: [
        ['b', '2'],
        ['a', '1'],
        ['b', '3'],
      ] as [string, string][],
    },
  };

  it('wait for their delay, and keep the order of user properties [MQTT5-3.1.3-10]', () => {
    const core = new Core();
    const watcher = subscribed(core, 'will');
    core.connect(5, { ...resuming, will }).drop();
    core.advance(3000);
    assert.deepEqual(watcher.takePublishes(), []);
    core.advance(4000);
    const [message] = watcher.takePublishes();
    assert.deepEqual(message?.properties.userProperties, will.properties.userProperties);
  });

  it('are not published when the client is back within the delay [MQTT5-3.1.3-9]', () => {
    const core = new Core();
    const watcher = subscribed(core, 'will');
    core.connect(5, { ...resuming, will }).drop();
    core.advance(2000);
    core.connect(5, resuming);
    core.advance(20_000);
    assert.deepEqual(watcher.takePublishes(), []);
  });

  it('are published when the session ends before the delay does', () => {
    const core = new Core();
    const watcher = subscribed(core, 'will');
    const properties = { sessionExpiryInterval: 2 };
    core.connect(5, { clientIdentifier: 'c', cleanStart: true, properties, will }).drop();
    core.advance(4000);
    assert.equal(watcher.takePublishes().length, 1);
  });

  it('are published on a DISCONNECT that asks for it (0x04)', () => {
    const core = new Core();
    const watcher = subscribed(core, 'will');
    const client = core.connect(5, { clientIdentifier: 'c', will: { topicName: 'will' } });
    client.send(disconnect(5, 0x04));
    assert.equal(watcher.takePublishes().length, 1);
  });
});

describe('CONNECT and CONNACK', () => {
  it('closes on a malformed CONNECT, in 3.x without CONNACK [MQTT5-3.1.4-1] [MQTT3-3.1.4-1] [MQTT3-3.2.2-6] [MQTT5-4.13.1-1] [MQTT3-4.8.0-1] [MQTT3-2.2.2-1]', () => {
    const core = new Core();
    const v3 = core.open(4);
    v3.send(packet(0x10, Buffer.from([0, 4]), Buffer.from('MQTT'), Buffer.from([4, 0xc3, 0, 0])));
    assert.deepEqual(v3.takeAll(), []);
    assert.notEqual(v3.closed, undefined);
    const v5 = core.open(5);
    v5.send(packet(0x11, connect(5, { clientIdentifier: 'c' }).subarray(2)));
    assert.notEqual(v5.closed, undefined);
  });

  it('does not take another protocol name for MQTT [MQTT3-3.1.2-1]', () => {
    const client = new Core().open(4);
    const body = Buffer.concat([
      Buffer.from([0, 4]),
      Buffer.from('MQTX'),
      Buffer.from([4, 2, 0, 0]),
    ]);
    client.send(packet(0x10, body, Buffer.from([0, 1, 0x61])));
    assert.notEqual(client.closed, undefined);
    assert.ok(!client.takeAll().some((one) => one.kind === 'connack' && one.reasonCode === 0));
  });

  it('refuses an empty identifier without clean session with 0x02 in 3.1.1 [MQTT3-3.1.3-8]', () => {
    const client = new Core().open(4);
    client.send(connect(4, { clientIdentifier: '', cleanStart: false }));
    assert.deepEqual(connackOf(client), { present: false, code: 2 });
    assert.equal(client.closed, 'flush');
  });

  it('announces its maximum QoS, still takes subscriptions above it, and refuses a will above it [MQTT5-3.2.2-9] [MQTT5-3.2.2-10] [MQTT5-3.2.2-12]', () => {
    const core = new Core({ settings: { maximumQoS: 1 } });
    const client = core.open(5);
    client.send(connect(5, { clientIdentifier: 'c' }));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack' && connack.properties.maximumQoS === 1);
    client.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 2 }]));
    const suback = client.take();
    assert.ok(suback?.kind === 'suback');
    assert.deepEqual(suback.reasonCodes, [1]);
    const other = core.open(5);
    other.send(connect(5, { clientIdentifier: 'w', will: { topicName: 'w', qos: 2 } }));
    assert.equal(connackOf(other).code, 0x9b);
  });

  it('refuses a retained will where retaining is off [MQTT5-3.2.2-13]', () => {
    const client = new Core({ settings: { retainAvailable: false } }).open(5);
    client.send(connect(5, { clientIdentifier: 'c', will: { topicName: 'w', retain: true } }));
    assert.equal(connackOf(client).code, 0x9a);
  });

  it('sends no response information that was not asked for [MQTT5-3.1.2-28]', () => {
    const client = new Core().open(5);
    client.send(connect(5, { clientIdentifier: 'c' }));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack');
    assert.equal(connack.properties.responseInformation, undefined);
  });

  it('sends nothing larger than the client takes, and counts it as delivered [MQTT5-3.1.2-24] [MQTT5-3.1.2-25]', () => {
    const core = new Core();
    const properties = { maximumPacketSize: 40 };
    const client = core.connect(5, { clientIdentifier: 'c', properties });
    client.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }]));
    client.takeAll();
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    for (const [at, payload] of ['x'.repeat(50), 'small'].entries()) {
      const message = { topicName: 'a', qos: 1, packetIdentifier: at + 1, payload };
      publisher.send(publish(5, message));
    }
    const payloads = client.takePublishes().map(({ payload }) => payload.toString());
    assert.deepEqual(payloads, ['small']);
    assert.equal(core.drops[0]?.reason, 'packet_too_large');
  });

  it('sends reason strings on PUBACK and SUBACK only to clients that want them [MQTT5-3.1.2-29]', () => {
    const core = new Core();
    const properties = { requestProblemInformation: 0 };
    const client = core.connect(5, { clientIdentifier: 'c', properties });
    client.send(publish(5, { topicName: '$x', qos: 1, packetIdentifier: 1 }));
    const puback = client.take();
    assert.ok(puback?.kind === 'puback' && puback.reasonCode === 0x87);
    assert.deepEqual(puback.properties, {});
  });

  it('keeps the session until the expiry interval has passed, also the one of DISCONNECT [MQTT5-3.14.2-2]', () => {
    const core = new Core();
    const client = core.connect(5, resuming);
    client.send(disconnect(5, 0, { sessionExpiryInterval: 5 }));
    assert.ok(!client.takeAll().some(({ kind }) => kind === 'disconnect'));
    core.advance(4000);
    assert.equal(core.broker.sessionCount, 1);
    core.advance(3000);
    assert.equal(core.broker.sessionCount, 0);
  });

  it('sends no DISCONNECT before a successful CONNACK [MQTT5-3.14.0-1]', () => {
    const core = new Core();
    const client = core.open(5);
    core.advance(6000);
    assert.equal(client.closed, 'abort');
    assert.deepEqual(client.takeAll(), []);
    const second = core.open(5);
    second.send(pingreq());
    assert.deepEqual(second.takeAll(), []);
    assert.notEqual(second.closed, undefined);
  });
});
