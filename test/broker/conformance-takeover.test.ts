/** One connection per Client Identifier: sections 3.1.4 of both specifications. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, pingreq } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { HeldStore } from './held-store.js';
import { answered, disconnectCode, kinds, message, next, payloads, persistent } from './talk.js';
import { subscribed, versions, watcher } from './talk.js';

for (const version of versions) {
  describe(`takeover in version ${version}`, () => {
    it('ends the older connection and resumes its session [MQTT5-3.1.4-3] [MQTT3-3.1.4-2]', () => {
      const core = new Core();
      const first = core.connect(version, persistent('c'));
      subscribed(first, version, { topicFilter: 'a', qos: 1 });
      const { client, connack } = answered(core, version, persistent('c'));
      assert.equal(connack.sessionPresent, version !== 3);
      assert.equal(disconnectCode(first), version === 5 ? 0x8e : undefined);
      core.connect(5, { clientIdentifier: 'p' }).send(message(5, 'a', 1, 'hello'));
      assert.deepEqual(payloads(client), ['hello']);
    });

    it('lets the older connection end without harm to the newer one', () => {
      const core = new Core();
      const first = core.connect(version, persistent('c'));
      const second = core.connect(version, persistent('c'));
      first.drop();
      core.advance(2000);
      second.send(pingreq());
      assert.deepEqual(kinds(second), ['pingresp']);
      subscribed(second, version, { topicFilter: 'a', qos: 0 });
      core.connect(5, { clientIdentifier: 'p' }).send(message(5, 'a', 0, 'hello'));
      assert.deepEqual(payloads(second), ['hello']);
    });

    it('also ends a connection that still waits for its CONNACK [MQTT5-3.1.4-3] [MQTT3-3.1.4-2] [MQTT5-3.14.0-1]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      store.isHeld = true;
      const first = core.open(version);
      first.send(connect(version, persistent('c')));
      const second = core.open(version);
      second.send(connect(version, persistent('c')));
      assert.notEqual(first.closed, undefined);
      store.finish();
      core.turn();
      store.isHeld = false;
      store.finish();
      core.turn();
      assert.deepEqual(first.takeAll(), []);
      assert.equal(next(second, 'connack').reasonCode, 0);
      first.drop();
      subscribed(second, version, { topicFilter: 'a', qos: 0 });
      core.connect(5, { clientIdentifier: 'p' }).send(message(5, 'a', 0, 'hello'));
      assert.deepEqual(payloads(second), ['hello']);
    });

    it('a hundred times in a row leaves one connection and one session', () => {
      const core = new Core();
      for (let at = 0; at < 100; at += 1) core.connect(version, persistent('c'));
      assert.equal(core.clients.filter(({ closed }) => closed === undefined).length, 1);
      assert.equal(core.broker.sessionCount, 1);
      assert.equal(core.broker.clientCount, 1);
    });

    it('publishes the will of the older connection [MQTT5-3.1.2-8] [MQTT3-3.1.2-8]', () => {
      const core = new Core();
      const observer = watcher(core, 'will');
      core.connect(version, persistent('c', { will: { topicName: 'will', payload: 'gone' } }));
      core.connect(version, persistent('c'));
      assert.deepEqual(payloads(observer), ['gone']);
    });

    it('does not publish it where suppress_lwt_on_session_takeover is on', () => {
      const core = new Core({ settings: { suppressWillOnTakeover: true } });
      const observer = watcher(core, 'will');
      core.connect(version, persistent('c', { will: { topicName: 'will', payload: 'gone' } }));
      core.connect(version, persistent('c'));
      core.advance(5000);
      assert.deepEqual(payloads(observer), []);
    });

    it('is not one between mountpoints', () => {
      const core = new Core();
      const clients = ['', 'one', 'two'].map((mountpoint) => {
        const client = core.open(version, { mountpoint });
        client.send(connect(version, persistent('c')));
        assert.equal(next(client, 'connack').sessionPresent, false);
        return client;
      });
      assert.ok(clients.every(({ closed }) => closed === undefined));
    });
  });
}

describe('takeover and the will delay', () => {
  const will = { topicName: 'will', payload: 'gone', properties: { willDelayInterval: 30 } };

  it('a resumed session never publishes the delayed will [MQTT5-3.1.3-9]', () => {
    const core = new Core();
    const observer = watcher(core, 'will');
    core.connect(5, persistent('c', { will }));
    core.connect(5, persistent('c'));
    core.advance(60_000);
    assert.deepEqual(payloads(observer), []);
  });

  it('a clean start ends the session and so publishes it at once', () => {
    const core = new Core();
    const observer = watcher(core, 'will');
    core.connect(5, persistent('c', { will }));
    core.connect(5, { clientIdentifier: 'c', cleanStart: true });
    assert.deepEqual(payloads(observer), ['gone']);
    core.advance(60_000);
    assert.deepEqual(payloads(observer), []);
  });
});
