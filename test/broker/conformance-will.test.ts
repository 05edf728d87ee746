/** Wills: sections 3.1.2.5, 3.1.3.2 and 3.14.4, and what a DISCONNECT does to them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, disconnect, packet, puback } from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { HeldStore } from './held-store.js';
import { answered, message, payloads, persistent, subscribed, versions, watcher } from './talk.js';

for (const version of versions) {
  describe(`a will in version ${version}`, () => {
    const will = { topicName: 'will', payload: 'gone', qos: 1 };
    const ends: Record<string, (client: TestClient, core: Core) => void> = {
      'the connection breaks': (client) => client.drop(),
      'the keep alive runs out': (_client, core) => core.advance(8000),
      'the client breaks the protocol': (client) => client.send(packet(0x00)),
      'the client publishes with a wildcard': (client) => client.send(message(version, 'a/#', 0)),
      'the broker shuts down': (_client, core) =>
        core.broker.disconnectAll(0x8b, 'shutting down', core.clock.at),
    };
    for (const [name, end] of Object.entries(ends)) {
      it(`is published when ${name} [MQTT5-3.1.2-8] [MQTT3-3.1.2-8]`, () => {
        const core = new Core();
        const observer = core.connect(5, persistent('o'));
        subscribed(observer, 5, { topicFilter: 'will', qos: 1 });
        const client = core.connect(version, { clientIdentifier: 'c', keepAlive: 4, will });
        end(client, core);
        core.turn();
        const [message, ...more] = core.connect(5, persistent('o')).takePublishes();
        assert.deepEqual(more, []);
        assert.equal(message?.payload.toString(), 'gone');
        assert.equal(message?.qos, 1);
      });
    }

    it('may be empty, and of QoS 0, 1 and 2 [MQTT5-3.1.2-12] [MQTT3-3.1.2-14]', () => {
      for (const qos of [0, 1, 2]) {
        const core = new Core();
        const observer = watcher(core, 'will');
        const empty = { topicName: 'will', payload: '', qos };
        core.connect(version, { clientIdentifier: 'c', will: empty }).drop();
        const [message] = observer.takePublishes();
        assert.deepEqual([message?.payload.length, message?.qos], [0, qos]);
      }
    });

    it('that is retained reaches later subscribers, and clears when empty [MQTT5-3.1.2-15] [MQTT3-3.1.2-17]', () => {
      const core = new Core();
      const kept = { ...will, retain: true };
      core.connect(version, { clientIdentifier: 'c', will: kept }).drop();
      const late = core.connect(version, { clientIdentifier: 'late' });
      subscribed(late, version, { topicFilter: 'will', qos: 1 });
      const [message] = late.takePublishes();
      assert.deepEqual([message?.payload.toString(), message?.retain], ['gone', true]);
      core.connect(version, { clientIdentifier: 'd', will: { ...kept, payload: '' } }).drop();
      assert.equal(core.broker.retainedCount, 0);
    });

    it('of the newest CONNECT counts, also none [MQTT5-3.1.2-10] [MQTT3-3.1.2-10]', () => {
      const core = new Core();
      const observer = watcher(core, 'will');
      const first = core.connect(version, persistent('c', { will }));
      first.send(disconnect(version));
      core.connect(version, persistent('c', { will: { ...will, payload: 'second' } })).drop();
      core.connect(version, persistent('c')).drop();
      assert.deepEqual(payloads(observer), ['second']);
    });

    it('with a $-topic or wildcards in its topic is refused with the CONNECT [MQTT5-3.3.2-2] [MQTT3-3.3.2-2]', () => {
      for (const topicName of ['$SYS/x', 'a/#', '+/b']) {
        const core = new Core();
        const { client, connack } = answered(core, version, {
          clientIdentifier: 'c',
          will: { topicName },
        });
        assert.notEqual(connack.reasonCode, 0);
        assert.equal(client.closed, 'flush');
      }
    });

    it('is published once after a crash of the broker, also of a clean session [MQTT5-3.1.2-8] [MQTT3-3.1.2-8]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      core.connect(5, persistent('o'));
      subscribed(core.clients[0] as TestClient, 5, { topicFilter: 'will', qos: 1 });
      core.connect(version, { clientIdentifier: 'c', cleanStart: true, will });
      core.advance(2000);
      const after = new Core({ store: store.crashed(), startAt: core.clock.at });
      const observer = after.connect(5, persistent('o'));
      after.advance(2000);
      assert.deepEqual(payloads(observer), ['gone']);
    });
  });
}

describe('a will and DISCONNECT in MQTT 5', () => {
  const will = { topicName: 'will', payload: 'gone' };

  it('is discarded by reason 0x00 only; every other one publishes it [MQTT5-3.1.2-8] [MQTT5-3.1.2-10] [MQTT5-3.14.4-3]', () => {
    for (const code of [
      0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    ]) {
      const core = new Core();
      const observer = watcher(core, 'will');
      const client = core.connect(5, { clientIdentifier: 'c', will });
      client.send(disconnect(5, code));
      assert.deepEqual(payloads(observer), code === 0 ? [] : ['gone'], `0x${code.toString(16)}`);
      assert.equal(client.closed, 'flush');
    }
  });

  it('with reason 0x04 still waits for its delay [MQTT5-3.1.2-8]', () => {
    const core = new Core();
    const observer = watcher(core, 'will');
    const delayed = { ...will, properties: { willDelayInterval: 10 } };
    core.connect(5, persistent('c', { will: delayed })).send(disconnect(5, 0x04));
    core.advance(8000);
    assert.deepEqual(payloads(observer), []);
    core.advance(4000);
    assert.deepEqual(payloads(observer), ['gone']);
  });
});

describe('a will of MQTT 5', () => {
  it('carries its properties, and its expiry counts from publication [MQTT5-3.1.3-10] [MQTT5-3.1.2-8]', () => {
    const core = new Core();
    const observer = watcher(core, 'will');
    const properties = {
      willDelayInterval: 20,
      messageExpiryInterval: 100,
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from('id'),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '1'],
      ] as [string, string][],
    };
    const will = { topicName: 'will', payload: 'gone', properties };
    core.connect(5, persistent('c', { will })).drop();
    core.advance(25_000);
    const [message] = observer.takePublishes();
    const { willDelayInterval: _, ...rest } = properties;
    const found = { ...message?.properties };
    found.correlationData = Buffer.from(found.correlationData ?? []);
    assert.deepEqual(found, rest);
  });

  it('delay is cut to max_last_will_delay', () => {
    const core = new Core({ settings: { maxLastWillDelay: 5 } });
    const observer = watcher(core, 'will');
    const properties = { willDelayInterval: 3600 };
    core.connect(5, persistent('c', { will: { topicName: 'will', properties } })).drop();
    core.advance(7000);
    assert.equal(observer.takePublishes().length, 1);
  });

  it('whose delay runs is published on time after a crash of the broker [MQTT5-3.1.2-8]', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    const will = { topicName: 'will', payload: 'gone', properties: { willDelayInterval: 60 } };
    core.connect(5, persistent('c', { will })).drop();
    core.advance(20_000);
    const after = new Core({ store: store.crashed(), startAt: core.clock.at });
    const observer = watcher(after, 'will');
    after.advance(30_000);
    assert.deepEqual(payloads(observer), []);
    after.advance(15_000);
    assert.deepEqual(payloads(observer), ['gone']);
  });

  it('is not delivered to its own client’s No Local subscription [MQTT5-3.8.3-3]', () => {
    const core = new Core();
    const will = { topicName: 'will', properties: { willDelayInterval: 1 } };
    const client = core.connect(5, persistent('c', { will }));
    subscribed(client, 5, { topicFilter: 'will', qos: 1, noLocal: true });
    client.drop();
    core.advance(5000);
    assert.deepEqual(core.connect(5, persistent('c')).takePublishes(), []);
  });

  it('needs the authorisation that a PUBLISH would need, when the client connects', () => {
    const core = new Core({
      backends: [
        {
          name: 'acl',
          onPublish: ({ topicName }) =>
            topicName === 'mine'
              ? { verdict: 'allow', modifiers: undefined }
              : { verdict: 'deny', reasonCode: 0x87, reason: 'no' },
        },
      ],
    });
    for (const version of versions) {
      const client = core.open(version);
      client.send(connect(version, { clientIdentifier: 'c', will: { topicName: 'other' } }));
      const connack = client.take();
      assert.ok(connack?.kind === 'connack');
      assert.equal(connack.reasonCode, version === 5 ? 0x87 : 5);
      core.connect(version, { clientIdentifier: 'c', will: { topicName: 'mine' } });
    }
  });
});

it('a will that fired when the node started does not fire again at the next start', () => {
  const store = new HeldStore();
  const core = new Core({ store });
  core.connect(5, {
    ...persistent('mortal'),
    will: { topicName: 'will', payload: 'gone', qos: 1 },
  });
  subscribed(core.connect(5, persistent('o')), 5, { topicFilter: 'will', qos: 1 });
  const first = new Core({ store: store.crashed(), startAt: core.clock.at });
  first.advance(1000);
  assert.equal(first.connect(5, persistent('o')).takePublishes().length, 1);
  const observer = first.clients.at(-1);
  observer?.send(puback(5, 1));
  first.advance(1000);
  const second = new Core({ store: store.crashed(), startAt: first.clock.at });
  second.advance(1000);
  assert.deepEqual(second.connect(5, persistent('o')).takePublishes(), []);
});
