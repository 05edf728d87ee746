/** CONNECT and CONNACK: sections 3.1, 3.2, versions and their names, bridges, 3.1's own rules. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend } from '../../src/auth/mod.js';
import { connect, hex, packet, pingreq, publish, subscribe } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { answered, disconnectCode, kinds, message, next, persistent } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

/** A CONNECT with a Protocol Name and level as given. */
function connectAs(name: string, level: number): Buffer {
  const head = Buffer.from([0, name.length, ...Buffer.from(name), level, 2, 0, 0]);
  const properties = level === 5 ? Buffer.from([0]) : Buffer.alloc(0);
  return packet(0x10, head, properties, Buffer.from([0, 1, 0x63]));
}

describe('the protocol version', () => {
  it('of MQTT 3.1, 3.1.1 and 5 is served by its name and level [MQTT5-3.1.2-1] [MQTT3-3.1.2-1]', () => {
    for (const [name, level] of [
      ['MQIsdp', 3],
      ['MQTT', 4],
      ['MQTT', 5],
    ] as const) {
      const client = new Core().open(level);
      client.send(connectAs(name, level));
      assert.equal(next(client, 'connack').reasonCode, 0);
    }
  });

  it('that is unknown is answered with 0x01 in the form of 3.1.1, or 0x84 in that of 5 [MQTT5-3.1.2-2] [MQTT3-3.1.2-2]', () => {
    for (const level of [0, 1, 2, 3]) {
      const client = new Core().open(4);
      client.send(connectAs('MQTT', level), pingreq());
      assert.equal(next(client, 'connack').reasonCode, 1);
      assert.deepEqual(client.takeAll(), []);
      assert.equal(client.closed, 'flush');
    }
    for (const level of [6, 7, 100]) {
      const client = new Core().open(5);
      client.send(connectAs('MQTT', level), pingreq());
      assert.equal(next(client, 'connack').reasonCode, 0x84);
      assert.equal(client.closed, 'flush');
    }
  });

  it('is not served where allowed_protocol_versions does not name it [MQTT5-3.1.2-2] [MQTT3-3.1.2-2]', () => {
    for (const version of versions) {
      const core = new Core();
      const others = versions.filter((other) => other !== version);
      const client = core.open(version, { allowedProtocolVersions: others });
      client.send(connect(version, { clientIdentifier: 'c' }));
      assert.equal(next(client, 'connack').reasonCode, version === 5 ? 0x84 : 1);
      assert.equal(client.closed, 'flush');
    }
  });
});

for (const version of versions) {
  describe(`CONNECT in version ${version}`, () => {
    it('is the only packet that opens a connection; others close it unanswered [MQTT5-3.1.0-1] [MQTT3-3.1.0-1] [MQTT5-3.14.0-1]', () => {
      for (const first of [
        pingreq(),
        publish(version, { topicName: 'a' }),
        subscribe(version, 1, [{ topicFilter: 'a' }]),
        packet(0xe0),
        packet(0xf0),
      ]) {
        const core = new Core();
        const observer = watcher(core, 'a');
        const client = core.open(version);
        client.send(first);
        assert.deepEqual(client.takeAll(), []);
        assert.notEqual(client.closed, undefined);
        assert.deepEqual(observer.takePublishes(), []);
      }
    });

    it('may not come twice, and the second ends the connection [MQTT5-3.1.0-2] [MQTT3-3.1.0-2]', () => {
      const client = new Core().connect(version, { clientIdentifier: 'c' });
      client.send(connect(version, { clientIdentifier: 'c' }));
      assert.equal(disconnectCode(client), version === 5 ? 0x82 : undefined);
    });

    it('is waited for as long as mqtt_connect_timeout, byte by byte or not at all', () => {
      for (const sent of [
        Buffer.alloc(0),
        connect(version, { clientIdentifier: 'c' }).subarray(0, 9),
      ]) {
        const core = new Core({ settings: { connectTimeoutMs: 3000 } });
        const client = core.open(version);
        if (sent.length > 0) client.send(sent);
        core.advance(2000);
        assert.equal(client.closed, undefined);
        core.advance(3000);
        assert.equal(client.closed, 'abort');
        assert.deepEqual(client.takeAll(), []);
        assert.equal(core.broker.clientCount, 0);
      }
    });

    it('byte by byte is understood', () => {
      const core = new Core();
      const client = core.open(version);
      const bytes = connect(version, {
        clientIdentifier: 'c',
        userName: 'u',
        password: 'p',
        will: { topicName: 'w', payload: 'x' },
      });
      for (const byte of bytes) client.send(Buffer.from([byte]));
      assert.equal(next(client, 'connack').reasonCode, 0);
    });

    it('with reserved bits in its fixed header is malformed, in 3.1 they are unused [MQTT5-2.1.3-1] [MQTT3-2.2.2-2]', () => {
      const client = new Core().open(version);
      const bytes = connect(version, { clientIdentifier: 'c' });
      bytes[0] = 0x11;
      client.send(bytes);
      assert.equal(client.closed === undefined, version === 3);
    });

    it('with the reserved flag set is malformed [MQTT5-3.1.2-3] [MQTT3-3.1.2-3]', () => {
      const client = new Core().open(version);
      const bytes = connect(version, { clientIdentifier: 'c' });
      const flagsAt = bytes.indexOf(version === 3 ? 'p' : 'T', 2) + (version === 3 ? 2 : 3);
      bytes[flagsAt] = (bytes[flagsAt] as number) | 1;
      client.send(bytes);
      if (version !== 3) assert.notEqual(client.closed, undefined);
      assert.ok(
        !client.takeAll().some((one) => one.kind === 'connack' && one.reasonCode === 0) ||
          version === 3,
      );
    });

    it('refused for its credentials is answered with a code and closed [MQTT5-3.1.4-2] [MQTT5-3.2.2-7] [MQTT5-3.2.2-8] [MQTT3-3.2.2-5] [MQTT3-3.1.4-5]', () => {
      const deny: AuthBackend = {
        name: 'deny',
        onRegister: ({ userName }) => ({
          verdict: 'deny',
          reasonCode: userName === undefined ? 0x87 : 0x86,
          reason: 'internal detail',
        }),
      };
      const core = new Core({ backends: [deny], settings: { allowAnonymous: false } });
      const anonymous = answered(core, version, { clientIdentifier: 'c' });
      assert.equal(anonymous.connack.reasonCode, version === 5 ? 0x87 : 5);
      const wrong = answered(core, version, {
        clientIdentifier: 'c',
        userName: 'u',
        password: 'p',
      });
      assert.equal(wrong.connack.reasonCode, version === 5 ? 0x86 : 4);
      assert.equal(wrong.connack.sessionPresent, false);
      assert.equal(wrong.client.closed, 'flush');
      assert.equal(JSON.stringify(wrong.connack.properties).includes('internal'), false);
      assert.equal(core.broker.sessionCount, 0);
    });

    it('without a back end that knows the client is refused where allow_anonymous is off', () => {
      const core = new Core({ settings: { allowAnonymous: false } });
      const { connack } = answered(core, version, { clientIdentifier: 'c' });
      assert.equal(connack.reasonCode, version === 5 ? 0x86 : 5);
    });

    it('refused leaves the session of the identifier as it was [MQTT3-3.2.2-4] [MQTT5-3.2.2-6]', () => {
      const core = new Core({ settings: { maximumQoS: 1 } });
      const first = core.connect(version, persistent('c'));
      const will = { topicName: 'w', qos: 2 };
      const refused = answered(core, version, persistent('c', { will }));
      assert.notEqual(refused.connack.reasonCode, 0);
      assert.equal(refused.connack.sessionPresent, false);
      assert.equal(first.closed, undefined);
    });
  });
}

describe('CONNACK of MQTT 5', () => {
  it('has only codes of its own: the reasons of DISCONNECT are told as 0x88 [MQTT5-3.2.2-8]', () => {
    const never: AuthBackend = { name: 'never', onRegister: () => undefined };
    for (const [reason, expected] of [
      [0x8b, 0x88],
      [0x8d, 0x88],
      [0x97, 0x97],
      [0x9f, 0x9f],
    ] as const) {
      const core = new Core({ backends: [never], settings: { allowAnonymous: false } });
      const client = core.open(5);
      client.send(connect(5, { clientIdentifier: 'c' }));
      core.broker.disconnectAll(reason, 'going', core.clock.at);
      core.turn();
      assert.equal(next(client, 'connack').reasonCode, expected);
      assert.equal(client.closed, 'flush');
    }
  });

  it('says nothing where all is as the client assumes', () => {
    const { connack } = answered(new Core(), 5, { clientIdentifier: 'c' });
    assert.deepEqual(connack.properties, {});
  });

  it('carries no Response Information, asked for or not, since there is none [MQTT5-3.1.2-28]', () => {
    for (const requestResponseInformation of [0, 1]) {
      const properties = { requestResponseInformation };
      const { connack } = answered(new Core(), 5, { clientIdentifier: 'c', properties });
      assert.equal(connack.properties.responseInformation, undefined);
    }
  });

  it('carries a server reference when a back end names one', () => {
    const moved: AuthBackend = {
      name: 'moved',
      onRegister: () => ({
        verdict: 'deny',
        reasonCode: 0x9d,
        reason: 'moved',
        tellClient: true,
        serverReference: 'other:1883',
      }),
    };
    const core = new Core({ backends: [moved], settings: { allowAnonymous: false } });
    const { connack } = answered(core, 5, { clientIdentifier: 'c' });
    assert.equal(connack.reasonCode, 0x9d);
    assert.deepEqual(connack.properties, {
      reasonString: 'moved',
      serverReference: 'other:1883',
    });
  });
});

describe('MQTT 3.1', () => {
  it('needs a Client Identifier, also with clean session', () => {
    for (const cleanStart of [true, false]) {
      const { client, connack } = answered(new Core(), 3, { clientIdentifier: '', cleanStart });
      assert.equal(connack.reasonCode, 2);
      assert.equal(client.closed, 'flush');
    }
  });

  it('takes identifiers longer than its 23 characters', () => {
    const { connack } = answered(new Core(), 3, { clientIdentifier: 'x'.repeat(60) });
    assert.equal(connack.reasonCode, 0);
  });

  it('has no code for a refused subscription: the connection is closed', () => {
    const core = new Core({
      backends: [
        { name: 'acl', onSubscribe: () => ({ verdict: 'deny', reasonCode: 0x87, reason: 'no' }) },
      ],
    });
    const client = core.connect(3, { clientIdentifier: 'c' });
    client.send(subscribe(3, 1, [{ topicFilter: 'a', qos: 1 }]));
    assert.deepEqual(client.takeAll(), []);
    assert.notEqual(client.closed, undefined);
  });

  it('acknowledges a publish that is not authorised, unless disconnect_on_unauthorized_publish_v3', () => {
    const acl: AuthBackend = {
      name: 'acl',
      onPublish: () => ({ verdict: 'deny', reasonCode: 0x87, reason: 'no' }),
    };
    const core = new Core({ backends: [acl] });
    const observer = watcher(core, 'a');
    const client = core.connect(3, { clientIdentifier: 'c' });
    client.send(message(3, 'a', 0), message(3, 'a', 1), message(3, 'a', 2));
    assert.deepEqual(kinds(client), ['puback', 'pubrec']);
    assert.deepEqual(observer.takePublishes(), []);
    const strict = new Core({
      backends: [acl],
      settings: { disconnectOnUnauthorizedPublishV3: true },
    });
    const closed = strict.connect(3, { clientIdentifier: 'c' });
    closed.send(message(3, 'a', 1));
    assert.deepEqual(closed.takeAll(), []);
    assert.notEqual(closed.closed, undefined);
  });
});

describe('bridges (levels 131 and 132)', () => {
  for (const version of [3, 4] as const) {
    it(`get nothing back that they publish, and RETAIN as it was published, in version ${version}`, () => {
      const core = new Core();
      const bridge = core.connect(version, { clientIdentifier: 'bridge', bridge: true });
      subscribed(bridge, version, { topicFilter: '#', qos: 1 });
      bridge.send(message(version, 'a', 0));
      const publisher = core.connect(4, { clientIdentifier: 'p' });
      publisher.send(message(4, 'a', 0, 'x', { retain: true }), message(4, 'a', 0, 'y'));
      const flags = bridge
        .takePublishes()
        .map(({ payload, retain }) => [payload.toString(), retain]);
      assert.deepEqual(flags, [
        ['x', true],
        ['y', false],
      ]);
    });

    it(`are refused where allowed_protocol_versions lacks their level, in version ${version}`, () => {
      const client = new Core().open(version, { allowedProtocolVersions: [3, 4, 5] });
      client.send(connect(version, { clientIdentifier: 'bridge', bridge: true }));
      assert.equal(next(client, 'connack').reasonCode, 1);
    });
  }
});

describe('bytes that are no MQTT', () => {
  it('close the connection without an answer [MQTT5-4.13.1-1] [MQTT3-4.8.0-1]', () => {
    for (const bytes of [
      hex('474554202f20485454502f312e310d0a'),
      hex('160301020001'),
      hex('00'),
      hex('ff'),
      hex('10ffffffff7f'),
      hex('1000'),
    ]) {
      const core = new Core();
      const client = core.open(5);
      client.send(bytes);
      assert.notEqual(client.closed, undefined, bytes.toString('hex'));
      assert.deepEqual(client.takeAll(), []);
    }
  });
});
