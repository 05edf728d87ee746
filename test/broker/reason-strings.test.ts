/** What back ends say may be of any length; what a client gets is a packet that it can read. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend, Deny, PublishModifiers } from '../../src/auth/mod.js';
import type { Properties } from '../../src/packet/mod.js';
import type { ServerPacket } from '../fixtures/server-packets.js';
import { auth, connect, pingreq, unsubscribe } from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { message, next, watcher } from './talk.js';

const method = { authenticationMethod: 'TEST' };

/** Refuses everything with `reason`, but who connects without a user name. */
function refusing(reason: string): AuthBackend {
  const deny: Deny = { verdict: 'deny', reasonCode: 0x87, reason, tellClient: true };
  return {
    name: 'refuses',
    authenticationMethods: ['TEST'],
    onRegister: ({ userName }) =>
      userName === undefined ? { verdict: 'allow', modifiers: undefined } : deny,
    onPublish: () => deny,
    onUnsubscribe: () => deny,
    onEnhanced: ({ reAuthentication }) =>
      reAuthentication
        ? deny
        : { verdict: 'allow', authenticationData: undefined, modifiers: undefined },
  };
}

function open(reason: string, userName: string | undefined, properties: Properties): TestClient {
  const backends = [refusing(reason)];
  const client = new Core({ backends, settings: { allowAnonymous: false } }).open(5);
  client.send(connect(5, { clientIdentifier: 'c', userName, properties }));
  return client;
}

function connected(reason: string, properties: Properties): TestClient {
  const client = open(reason, undefined, properties);
  assert.equal(next(client, 'connack').reasonCode, 0);
  return client;
}

interface Way {
  readonly packet: ServerPacket['kind'];
  /** Asks for what is refused; the refusal comes next. */
  readonly ask: (reason: string, properties: Properties) => TestClient;
  /** The connection ends with it. */
  readonly isLast?: boolean;
}

const ways: readonly Way[] = [
  { packet: 'connack', ask: (reason, more) => open(reason, 'user', more), isLast: true },
  {
    packet: 'puback',
    ask: (reason, more) => {
      const client = connected(reason, more);
      client.send(message(5, 'a', 1));
      return client;
    },
  },
  {
    packet: 'pubrec',
    ask: (reason, more) => {
      const client = connected(reason, more);
      client.send(message(5, 'a', 2));
      return client;
    },
  },
  {
    packet: 'unsuback',
    ask: (reason, more) => {
      const client = connected(reason, more);
      client.send(unsubscribe(5, 1, ['a']));
      return client;
    },
  },
  {
    packet: 'disconnect',
    ask: (reason, more) => {
      const client = connected(reason, { ...more, ...method });
      client.send(auth(0x19, method));
      return client;
    },
    isLast: true,
  },
];

const reasons = [
  { what: '65,535 bytes', reason: 'x'.repeat(65_535), told: 'x'.repeat(65_535) },
  { what: '65,536 bytes', reason: 'x'.repeat(65_536), told: 'x'.repeat(65_535) },
  { what: '300,000 bytes', reason: 'x'.repeat(300_000), told: 'x'.repeat(65_535) },
  {
    what: '22,000 characters of three bytes',
    reason: '€'.repeat(22_000),
    told: '€'.repeat(21_845),
  },
  {
    what: '20,000 characters of four bytes behind one of one',
    reason: `x${'😀'.repeat(20_000)}`,
    told: `x${'😀'.repeat(16_383)}`,
  },
  { what: 'U+0000', reason: 'a\0b', told: 'a\uFFFDb' },
  { what: 'half a surrogate pair', reason: 'a\uD800b', told: 'a\uFFFDb' },
];

for (const { packet, ask, isLast = false } of ways) {
  describe(`a back end's reason in ${packet.toUpperCase()}`, () => {
    const refusal = (
      reason: string,
      properties: Properties,
    ): { client: TestClient; told: string | undefined } => {
      const client = ask(reason, { receiveMaximum: 10, ...properties });
      const refused = next(client, packet) as ServerPacket & { properties: Properties };
      return { client, told: refused.properties.reasonString };
    };

    for (const { what, reason, told } of reasons) {
      it(`of ${what} is told as far as a Reason String can [MQTT5-1.5.4-1] [MQTT5-1.5.4-2]`, () => {
        const refused = refusal(reason, {});
        assert.ok(refused.told === told, `${refused.told?.length} characters`);
        if (isLast) return;
        refused.client.send(pingreq());
        assert.equal(refused.client.take()?.kind, 'pingresp');
      });
    }

    it('that goes beyond the Maximum Packet Size is left out [MQTT5-3.1.2-24]', () => {
      for (const length of [500, 70_000]) {
        assert.equal(refusal('x'.repeat(length), { maximumPacketSize: 400 }).told, undefined);
      }
      assert.equal(refusal('x'.repeat(300), { maximumPacketSize: 400 }).told?.length, 300);
    });
  });
}

describe('a back end that changes a message into what no PUBLISH can be', () => {
  const tooLong = 'x'.repeat(65_536);
  const changes: readonly [what: string, modifiers: PublishModifiers][] = [
    ['a topic with a wildcard', { topicName: 'a/#' }],
    ['an empty topic', { topicName: '' }],
    ['a topic that is too long', { topicName: tooLong }],
    ['a property that is too long', { properties: { contentType: tooLong } }],
    ['a User Property that is too long', { properties: { userProperties: [['a', tooLong]] } }],
    ['too much Correlation Data', { properties: { correlationData: Buffer.from(tooLong) } }],
  ];
  for (const [what, modifiers] of changes) {
    for (const way of ['at once', 'later']) {
      it(`${what}, ${way}: nobody gets it, the publisher is told that it failed (0x83)`, () => {
        const late: (() => void)[] = [];
        const allow = { verdict: 'allow', modifiers } as const;
        const core = new Core({
          backends: [
            {
              name: 'changes',
              onPublish: (_request, reply) => {
                if (way === 'at once') return allow;
                late.push(() => reply(allow));
                return undefined;
              },
            },
          ],
        });
        const observer = watcher(core, '#');
        const client = core.connect(5, { clientIdentifier: 'c' });
        client.send(message(5, 'a', 1));
        late.shift()?.();
        core.turn();
        assert.equal(next(client, 'puback').reasonCode, 0x83);
        assert.deepEqual(observer.takeAll(), []);
        assert.ok(core.log.some((line) => line.includes('cannot be sent')));
      });
    }
  }
});

describe('what else a back end says and no packet can carry', () => {
  const long = Buffer.alloc(65_536, 1);
  const answers: readonly { what: string; backend: AuthBackend }[] = [
    {
      what: 'Authentication Data in AUTH',
      backend: {
        name: 'talks',
        authenticationMethods: ['TEST'],
        onEnhanced: () => ({ verdict: 'continue', authenticationData: long, state: 0 }),
      },
    },
    {
      what: 'Authentication Data in CONNACK',
      backend: {
        name: 'talks',
        authenticationMethods: ['TEST'],
        onEnhanced: () => ({ verdict: 'allow', authenticationData: long, modifiers: undefined }),
      },
    },
    {
      what: 'a Server Reference',
      backend: {
        name: 'moves',
        authenticationMethods: ['TEST'],
        onEnhanced: () => ({
          verdict: 'deny',
          reasonCode: 0x9c,
          reason: 'moved',
          serverReference: long.toString(),
        }),
      },
    },
  ];
  for (const { what, backend } of answers) {
    it(`${what}: the connection is closed without it`, () => {
      const client = new Core({ backends: [backend] }).open(5);
      client.send(connect(5, { clientIdentifier: 'c', properties: method }));
      for (const packet of client.takeAll()) {
        assert.ok('reasonCode' in packet && packet.reasonCode >= 0x80, packet.kind);
        assert.ok(JSON.stringify(packet).length < 1000);
      }
      assert.notEqual(client.closed, undefined);
    });
  }
});
