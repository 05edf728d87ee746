/** Keep Alive: section 3.1.2.10 of both specifications, max_keepalive, and waiting for answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend, Decision, PublishModifiers } from '../../src/auth/mod.js';
import { connect, pingreq } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { HeldStore } from './held-store.js';
import { answered, disconnectCode, kinds, message, next, persistent } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

/** Answers to onPublish when the test says so. */
function slowBackend(): { backend: AuthBackend; answer: () => void } {
  const waiting: ((decision: Decision<PublishModifiers>) => void)[] = [];
  const backend: AuthBackend = {
    name: 'slow',
    onPublish: (_request, reply) => {
      waiting.push(reply);
      return undefined;
    },
  };
  const answer = (): void => waiting.shift()?.({ verdict: 'allow', modifiers: undefined });
  return { backend, answer };
}

for (const version of versions) {
  describe(`Keep Alive in version ${version}`, () => {
    it('is kept by any packet, not only by PINGREQ [MQTT5-3.1.2-22] [MQTT3-3.1.2-24]', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 10 });
      for (let round = 0; round < 5; round += 1) {
        core.advance(14_000);
        client.send(message(version, 'a', 0));
        assert.equal(client.closed, undefined);
      }
      core.advance(17_000);
      assert.equal(disconnectCode(client), version === 5 ? 0x8d : undefined);
    });

    it('is not kept by what the client receives, nor by half a packet [MQTT5-3.1.2-22] [MQTT3-3.1.2-24]', () => {
      const core = new Core();
      const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 10 });
      subscribed(client, version, { topicFilter: 'a' });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let second = 0; second < 17; second += 1) {
        publisher.send(message(5, 'a', 0));
        if (second < 4) client.send(Buffer.from([[0x30, 50, 0, 1][second] as number]));
        core.advance(1000);
      }
      assert.notEqual(client.closed, undefined);
    });

    it('publishes the will of a client that is cut off [MQTT5-3.1.2-8] [MQTT3-3.1.2-8]', () => {
      const core = new Core();
      const observer = watcher(core, 'will');
      const will = { topicName: 'will' };
      core.connect(version, { clientIdentifier: 'c', keepAlive: 4, will });
      core.advance(9000);
      assert.equal(observer.takePublishes().length, 1);
    });

    it('cuts nobody off whose packets wait to be read, and counts from when they are read', () => {
      const { backend, answer } = slowBackend();
      const core = new Core({ backends: [backend] });
      const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 4 });
      client.send(message(version, 'a', 1));
      client.send(pingreq());
      core.advance(20_000);
      assert.equal(client.closed, undefined);
      answer();
      core.turn();
      assert.deepEqual(kinds(client), ['puback', 'pingresp']);
      core.advance(4000);
      assert.equal(client.closed, undefined);
      core.advance(4000);
      assert.notEqual(client.closed, undefined);
    });

    it('waits for an answer and for max_message_rate together: neither lets packets by the other', () => {
      const { backend, answer } = slowBackend();
      const core = new Core({ backends: [backend], settings: { maxMessageRate: 1 } });
      const observer = watcher(core, '#');
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(message(version, 'first', 0), message(version, 'second', 0));
      core.advance(5000);
      assert.deepEqual(observer.takePublishes(), []);
      answer();
      core.turn();
      const topics = (): string[] => observer.takePublishes().map(({ topicName }) => topicName);
      assert.deepEqual(topics(), ['first']);
      answer();
      core.turn();
      assert.deepEqual(topics(), ['second']);
      client.send(message(version, 'third', 0));
      answer();
      core.turn();
      // The rate still holds: not even the question was put.
      assert.deepEqual(topics(), []);
      core.advance(3000);
      answer();
      core.turn();
      assert.deepEqual(topics(), ['third']);
    });

    it('takes no packet before CONNACK, also when the answer of a back end came late [MQTT5-3.2.0-1] [MQTT3-3.2.0-1]', () => {
      const replies: (() => void)[] = [];
      const late: AuthBackend = {
        name: 'late',
        onRegister: (_request, reply) => {
          replies.push(() => reply({ verdict: 'allow', modifiers: undefined }));
          return undefined;
        },
      };
      const store = new HeldStore();
      const core = new Core({ store, backends: [late], settings: { allowAnonymous: false } });
      const client = core.open(version);
      client.send(connect(version, persistent('c')), pingreq());
      store.isHeld = true;
      replies.shift()?.();
      core.turn();
      assert.deepEqual(kinds(client), []);
      store.isHeld = false;
      store.finish();
      core.turn();
      assert.deepEqual(kinds(client), ['connack', 'pingresp']);
    });
  });
}

describe('max_keepalive', () => {
  const settings = { maxKeepAlive: 10 };

  it('is told to a v5 client that asks for more or for none, and holds [MQTT5-3.1.2-21] [MQTT5-3.2.2-21]', () => {
    for (const keepAlive of [0, 11, 65_535]) {
      const core = new Core({ settings });
      const { client, connack } = answered(core, 5, { clientIdentifier: 'c', keepAlive });
      assert.equal(connack.properties.serverKeepAlive, 10);
      core.advance(14_000);
      assert.equal(client.closed, undefined);
      core.advance(3000);
      assert.equal(next(client, 'disconnect').reasonCode, 0x8d);
    }
  });

  it('is not told to one that asks for less, whose own holds [MQTT5-3.2.2-22]', () => {
    const core = new Core({ settings });
    const { client, connack } = answered(core, 5, { clientIdentifier: 'c', keepAlive: 4 });
    assert.equal(connack.properties.serverKeepAlive, undefined);
    core.advance(9000);
    assert.notEqual(client.closed, undefined);
  });

  it('leaves 3.x clients with their own, since they cannot be told [MQTT3-3.1.2-24]', () => {
    for (const version of [3, 4] as const) {
      const core = new Core({ settings });
      const long = core.connect(version, { clientIdentifier: 'long', keepAlive: 60 });
      const none = core.connect(version, { clientIdentifier: 'none', keepAlive: 0 });
      core.advance(80_000);
      assert.equal(long.closed, undefined);
      core.advance(12_000);
      assert.notEqual(long.closed, undefined);
      assert.equal(none.closed, undefined);
    }
  });
});
