/** Enhanced authentication and decisions of back ends: section 4.12 of MQTT 5, and 4.13. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend, EnhancedAnswer, EnhancedRequest } from '../../src/auth/mod.js';
import type { Properties } from '../../src/packet/mod.js';
import {
  auth,
  connect,
  disconnect,
  packet,
  pingreq,
  publish,
  subscribe,
  unsubscribe,
} from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { disconnectCode, kinds, message, next, payloads } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

const named = (data: string, authenticationMethod = 'TEST'): Properties => ({
  authenticationMethod,
  authenticationData: Buffer.from(data),
});

/** Asks twice, then wants 'right'. Denies with a detail that is for the log only. */
const threeRounds: AuthBackend = {
  name: 'rounds',
  authenticationMethods: ['TEST'],
  onEnhanced: ({ authenticationData, state }: EnhancedRequest): EnhancedAnswer => {
    const round = typeof state === 'number' ? state : 0;
    if (round < 2) {
      const question = Buffer.from(`question ${round}`);
      return { verdict: 'continue', authenticationData: question, state: round + 1 };
    }
    if (Buffer.from(authenticationData ?? []).toString() !== 'right') {
      return { verdict: 'deny', reasonCode: 0x87, reason: 'secret detail' };
    }
    return { verdict: 'allow', authenticationData: Buffer.from('welcome'), modifiers: undefined };
  },
};

function open(properties: Properties): { core: Core; client: TestClient } {
  const core = new Core({ backends: [threeRounds], settings: { allowAnonymous: false } });
  const client = core.open(5);
  client.send(connect(5, { clientIdentifier: 'c', properties }));
  return { core, client };
}

function authenticated(): { core: Core; client: TestClient } {
  const opened = open(named('hello'));
  opened.client.send(auth(0x18, named('one')), auth(0x18, named('right')));
  opened.client.takeAll();
  return opened;
}

describe('enhanced authentication', () => {
  it('takes as many rounds as the back end wants, each AUTH with 0x18 and the method [MQTT5-4.12.0-2] [MQTT5-4.12.0-3] [MQTT5-4.12.0-5]', () => {
    const { client } = open(named('hello'));
    for (const round of [0, 1]) {
      const asked = next(client, 'auth');
      assert.equal(asked.reasonCode, 0x18);
      assert.equal(asked.properties.authenticationMethod, 'TEST');
      const data = Buffer.from(asked.properties.authenticationData ?? []).toString();
      assert.equal(data, `question ${round}`);
      client.send(auth(0x18, named(round === 0 ? 'one' : 'right')));
    }
    const connack = next(client, 'connack');
    assert.equal(connack.reasonCode, 0);
    assert.equal(connack.properties.authenticationMethod, 'TEST');
    assert.equal(Buffer.from(connack.properties.authenticationData ?? []).toString(), 'welcome');
  });

  it('takes nothing but AUTH and DISCONNECT meanwhile [MQTT5-3.1.2-30]', () => {
    for (const bytes of [
      pingreq(),
      publish(5, { topicName: 'a' }),
      subscribe(5, 1, [{ topicFilter: 'a' }]),
      connect(5, { clientIdentifier: 'c', properties: named('again') }),
    ]) {
      const { core, client } = open(named('hello'));
      client.takeAll();
      client.send(bytes);
      assert.equal(next(client, 'connack').reasonCode, 0x82);
      assert.equal(client.closed, 'flush');
      assert.equal(core.broker.sessionCount, 0);
    }
    const { client } = open(named('hello'));
    client.takeAll();
    client.send(disconnect(5));
    assert.deepEqual(client.takeAll(), []);
    assert.notEqual(client.closed, undefined);
  });

  it('refuses another method, another reason, and no method in AUTH [MQTT5-4.12.0-3] [MQTT5-4.12.0-5]', () => {
    for (const bytes of [
      auth(0x18, named('one', 'OTHER')),
      auth(0x19, named('one')),
      auth(0x00, named('one')),
      auth(0x18),
    ]) {
      const { client } = open(named('hello'));
      client.takeAll();
      client.send(bytes);
      const refused = next(client, 'connack');
      assert.ok([0x81, 0x82].includes(refused.reasonCode));
      assert.equal(client.closed, 'flush');
    }
  });

  it('refuses an unknown method with 0x8C and data without a method as an error [MQTT5-4.12.0-1] [MQTT5-3.1.2-30]', () => {
    const unknown = open(named('hello', 'NONE'));
    assert.equal(next(unknown.client, 'connack').reasonCode, 0x8c);
    const nameless = open({ authenticationData: Buffer.from('x') });
    assert.equal(next(nameless.client, 'connack').reasonCode, 0x82);
  });

  it('that fails closes the connection, with the reason in the log only [MQTT5-4.12.0-4]', () => {
    const { core, client } = open(named('hello'));
    client.send(auth(0x18, named('one')), auth(0x18, named('wrong')));
    const refused = client.takeAll().at(-1);
    assert.ok(refused?.kind === 'connack' && refused.reasonCode === 0x87);
    assert.deepEqual(refused.properties, {});
    assert.equal(client.closed, 'flush');
    assert.ok(core.log.some((line) => line.includes('secret detail')));
  });

  it('is cut off by mqtt_connect_timeout like any CONNECT', () => {
    const { core, client } = open(named('hello'));
    core.advance(7000);
    assert.equal(client.closed, 'abort');
  });
});

describe('re-authentication', () => {
  it('goes on beside other packets and ends with AUTH 0x00 [MQTT5-4.12.1-1]', () => {
    const { client } = authenticated();
    client.send(auth(0x19, named('again')), pingreq());
    assert.deepEqual(kinds(client), ['auth', 'pingresp']);
    client.send(auth(0x18, named('one')), auth(0x18, named('right')));
    const [asked, done] = client.takeAll();
    assert.ok(asked?.kind === 'auth' && asked.reasonCode === 0x18);
    assert.ok(done?.kind === 'auth' && done.reasonCode === 0);
    assert.equal(done.properties.authenticationMethod, 'TEST');
    client.send(auth(0x19, named('once more')));
    assert.deepEqual(kinds(client), ['auth']);
  });

  it('that fails ends the connection, with the reason in the log only [MQTT5-4.12.1-2]', () => {
    const { core, client } = authenticated();
    client.send(auth(0x19, named('x')), auth(0x18, named('x')), auth(0x18, named('wrong')));
    const last = client.takeAll().at(-1);
    assert.ok(last?.kind === 'disconnect' && last.reasonCode === 0x87);
    assert.equal(JSON.stringify(last.properties).includes('secret'), false);
    assert.ok(core.log.some((line) => line.includes('secret detail')));
  });

  it('with another method, out of order, or without a method in CONNECT ends the connection [MQTT5-4.12.1-1]', () => {
    for (const bytes of [auth(0x19, named('x', 'OTHER')), auth(0x18, named('x'))]) {
      const { client } = authenticated();
      client.send(bytes);
      assert.equal(disconnectCode(client), 0x82);
    }
    const plain = new Core({ backends: [threeRounds] }).connect(5, { clientIdentifier: 'c' });
    plain.send(auth(0x19, named('x')));
    assert.equal(disconnectCode(plain), 0x82);
  });

  it('is nothing that 3.x knows: the packet ends the connection [MQTT3-4.8.0-1]', () => {
    for (const version of [3, 4] as const) {
      const client = new Core().connect(version, { clientIdentifier: 'c' });
      client.send(packet(0xf0));
      assert.notEqual(client.closed, undefined);
      assert.deepEqual(client.takeAll(), []);
    }
  });
});

for (const version of versions) {
  describe(`what back ends decide in version ${version}`, () => {
    const acl: AuthBackend = {
      name: 'acl',
      onPublish: ({ topicName }) =>
        topicName.startsWith('ok')
          ? { verdict: 'allow', modifiers: undefined }
          : { verdict: 'deny', reasonCode: 0x87, reason: 'told', tellClient: true },
      onSubscribe: ({ subscriptions }) => ({
        verdict: 'allow',
        modifiers: {
          verdicts: subscriptions.map(({ topicFilter, qos }) =>
            topicFilter.startsWith('ok')
              ? { topicFilter, qos }
              : { refused: 0x87, reason: 'internal' },
          ),
        },
      }),
    };

    it('a publish that is not permitted: 0x87 in 5, the end of the connection in 3.1.1, silence in 3.1 [MQTT3-3.3.5-2]', () => {
      const core = new Core({ backends: [acl] });
      const observer = watcher(core, 'ok/#');
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(
        message(version, 'ok/a', 1),
        message(version, 'no', 1),
        message(version, 'ok/b', 1),
      );
      if (version === 4) {
        assert.notEqual(client.closed, undefined);
        assert.equal(observer.takePublishes().length, 1);
        return;
      }
      assert.equal(observer.takePublishes().length, 2);
      const codes = client.takeAll().map((one) => 'reasonCode' in one && one.reasonCode);
      assert.deepEqual(codes, version === 5 ? [0, 0x87, 0] : [0, 0, 0]);
    });

    it('a subscription that is not permitted has its own code beside those that are [MQTT5-3.8.4-5] [MQTT5-3.9.3-1] [MQTT3-3.8.4-5] [MQTT3-3.9.3-1]', () => {
      if (version === 3) return;
      const core = new Core({ backends: [acl] });
      const client = core.connect(version, { clientIdentifier: 'c' });
      const filters = ['ok/a', 'no', 'ok/b'].map((topicFilter) => ({ topicFilter, qos: 1 }));
      const suback = subscribed(client, version, ...filters);
      assert.deepEqual(suback.reasonCodes, [1, version === 5 ? 0x87 : 0x80, 1]);
      assert.equal(core.broker.subscriptionCount, 2);
    });

    it('an unsubscription that is denied leaves the subscription', () => {
      const keep: AuthBackend = {
        name: 'keep',
        onUnsubscribe: () => ({ verdict: 'deny', reasonCode: 0x87, reason: 'no' }),
      };
      const core = new Core({ backends: [keep] });
      const client = core.connect(version, { clientIdentifier: 'c' });
      subscribed(client, version, { topicFilter: 'a' });
      client.send(unsubscribe(version, 2, ['a']));
      const unsuback = next(client, 'unsuback');
      assert.deepEqual(unsuback.reasonCodes, version === 5 ? [0x87] : []);
      assert.equal(core.broker.subscriptionCount, 1);
    });

    it('a late answer keeps the order of the client, and holds up nobody else', () => {
      const late: ((text: string) => void)[] = [];
      const slow: AuthBackend = {
        name: 'slow',
        onPublish: ({ topicName, payload }, reply) => {
          if (topicName !== 'slow') return { verdict: 'allow', modifiers: undefined };
          const kept = Buffer.from(payload).toString();
          late.push((text) =>
            reply({ verdict: 'allow', modifiers: { payload: Buffer.from(kept + text) } }),
          );
          return undefined;
        },
      };
      const core = new Core({ backends: [slow] });
      const observer = watcher(core, '#', 0);
      const client = core.connect(version, { clientIdentifier: 'c' });
      const other = core.connect(version, { clientIdentifier: 'other' });
      client.send(message(version, 'slow', 1, '1'), message(version, 'fast', 0, '2'));
      client.send(subscribe(version, 9, [{ topicFilter: 'x' }]));
      other.send(message(version, 'fast', 0, 'other'));
      assert.deepEqual(payloads(observer), ['other']);
      late.shift()?.('!');
      core.turn();
      assert.deepEqual(payloads(observer), ['1!', '2']);
      assert.deepEqual(kinds(client), ['puback', 'suback']);
    });

    it('a late answer for a client that has gone is of no effect', () => {
      const late: (() => void)[] = [];
      const slow: AuthBackend = {
        name: 'slow',
        onPublish: (_request, reply) => {
          late.push(() => reply({ verdict: 'allow', modifiers: undefined }));
          return undefined;
        },
      };
      const core = new Core({ backends: [slow] });
      const observer = watcher(core, '#');
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(message(version, 'a', 1));
      client.drop();
      late.shift()?.();
      core.turn();
      assert.deepEqual(payloads(observer), []);
    });
  });
}

describe('DISCONNECT of MQTT 5', () => {
  it('from the server carries a code and a reason, and nothing follows it [MQTT5-3.14.2-1] [MQTT5-4.13.2-1]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    subscribed(client, 5, { topicFilter: 'a' });
    core.broker.disconnectAll(0x8b, 'shutting down', core.clock.at);
    core.broker.publishOwn({ topicName: 'a', payload: Buffer.from('x') }, core.clock.at);
    core.turn();
    const last = next(client, 'disconnect');
    assert.deepEqual([last.reasonCode, last.properties.reasonString], [0x8b, 'shutting down']);
    assert.deepEqual(client.takeAll(), []);
  });

  it('from the client is the last that is taken [MQTT5-3.14.4-1] [MQTT5-3.14.4-2] [MQTT3-3.14.4-1] [MQTT3-3.14.4-2]', () => {
    for (const version of versions) {
      const core = new Core();
      const observer = watcher(core, 'a');
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(disconnect(version), message(version, 'a', 0), pingreq());
      assert.deepEqual(client.takeAll(), []);
      assert.equal(client.closed, 'flush');
      assert.deepEqual(payloads(observer), []);
    }
  });

  it('with reserved flags or an unknown reason is malformed [MQTT5-3.14.1-1] [MQTT3-3.14.1-1] [MQTT5-3.14.2-1]', () => {
    const flags = new Core().connect(5, { clientIdentifier: 'c' });
    flags.send(packet(0xe1));
    assert.equal(disconnectCode(flags), 0x81);
    const reason = new Core().connect(5, { clientIdentifier: 'c' });
    reason.send(disconnect(5, 0x8b));
    assert.equal(disconnectCode(reason), 0x82);
  });
});
