/** What a session is and how long it lasts: sections 3.1.2.4, 3.1.2.11.2, 3.2.2.1 and 4.1. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { disconnect, puback, pubrec, pubrel } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { HeldStore } from './held-store.js';
import { answered, disconnectCode, kinds, message, next, payloads, persistent } from './talk.js';
import { subscribed, versions } from './talk.js';

for (const version of versions) {
  describe(`a session in version ${version}`, () => {
    it('survives a crash of the broker while its client is connected [MQTT5-4.1.0-1] [MQTT3-4.1.0-1]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      subscribed(core.connect(version, persistent('c')), version, { topicFilter: 'a', qos: 1 });
      core.turn();
      const after = new Core({ store: store.crashed(), startAt: core.clock.at + 10_000 });
      after.advance(5000);
      after.connect(5, { clientIdentifier: 'p' }).send(message(5, 'a', 1, 'kept'));
      const { client, connack } = answered(after, version, persistent('c'));
      assert.equal(connack.sessionPresent, version !== 3);
      assert.deepEqual(payloads(client), ['kept']);
    });

    it('is not there after a clean one of the same identifier [MQTT5-3.1.2-4] [MQTT5-3.1.2-6] [MQTT3-3.1.2-6] [MQTT3-3.2.2-3]', () => {
      const core = new Core();
      core.connect(version, persistent('c')).drop();
      core.connect(version, { clientIdentifier: 'c', cleanStart: true }).drop();
      const { connack } = answered(core, version, persistent('c'));
      assert.equal(connack.sessionPresent, false);
    });

    it('a clean start discards subscriptions, what waits, what is in flight and QoS 2 identifiers [MQTT5-3.1.2-4] [MQTT5-3.2.2-2] [MQTT3-3.1.2-6] [MQTT3-3.2.2-1]', () => {
      const core = new Core();
      const first = core.connect(version, persistent('c'));
      subscribed(first, version, { topicFilter: 'a', qos: 2 });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      publisher.send(message(5, 'a', 1), message(5, 'a', 2));
      first.send(message(version, 'b', 2, 'x', { packetIdentifier: 7 }));
      first.drop();
      publisher.send(message(5, 'a', 1));
      const again = persistent('c', { cleanStart: true });
      const { client, connack } = answered(core, version, again);
      assert.equal(connack.sessionPresent, false);
      publisher.send(message(5, 'a', 1));
      assert.deepEqual(client.takeAll(), []);
      client.send(pubrel(version, 7));
      assert.equal(next(client, 'pubcomp').reasonCode, version === 5 ? 0x92 : 0);
    });

    it('keeps its QoS 2 identifiers over connections, so a repeated message is not delivered twice [MQTT5-4.3.3-10] [MQTT3-4.3.3-2] [MQTT5-4.1.0-1] [MQTT3-4.1.0-1]', () => {
      const core = new Core();
      const observer = core.connect(5, { clientIdentifier: 'o' });
      subscribed(observer, 5, { topicFilter: 'a' });
      const first = core.connect(version, persistent('c'));
      first.send(message(version, 'a', 2, 'once', { packetIdentifier: 7 }));
      first.drop();
      const back = core.connect(version, persistent('c'));
      back.send(message(version, 'a', 2, 'once', { packetIdentifier: 7, dup: true }));
      back.send(pubrel(version, 7), message(version, 'a', 2, 'new', { packetIdentifier: 7 }));
      assert.deepEqual(kinds(back), ['pubrec', 'pubcomp', 'pubrec']);
      assert.deepEqual(payloads(observer), ['once', 'new']);
    });

    it('resends nothing on an existing connection but what retry_interval asks for in 3.x [MQTT5-4.4.0-1]', () => {
      const core = new Core({ settings: { retryIntervalMs: 20_000 } });
      const client = core.connect(version, persistent('c'));
      subscribed(client, version, { topicFilter: 'a', qos: 2 });
      core.connect(5, { clientIdentifier: 'p' }).send(message(5, 'a', 1), message(5, 'a', 2));
      const first = client.takePublishes();
      client.send(pubrec(version, first[1]?.packetIdentifier ?? 0));
      client.takeAll();
      core.advance(15_000);
      assert.deepEqual(kinds(client), []);
      core.advance(30_000);
      const again = client.takeAll();
      if (version === 5) {
        assert.deepEqual(again, []);
        return;
      }
      assert.ok(again.length >= 2);
      for (const packet of again) {
        if (packet.kind === 'publish') assert.equal(packet.dup, true);
        else assert.equal(packet.kind, 'pubrel');
      }
    });

    it('resends in the order of sending, then goes on with what waited [MQTT5-4.4.0-1] [MQTT5-4.6.0-1] [MQTT3-4.4.0-1] [MQTT3-4.6.0-1]', () => {
      const core = new Core({ settings: { maxInflightMessages: 4 } });
      const small = { properties: { receiveMaximum: 4 } };
      const client = core.connect(version, persistent('c', small));
      subscribed(client, version, { topicFilter: 'a', qos: 1 });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let at = 1; at <= 8; at += 1) publisher.send(message(5, 'a', 1, String(at)));
      const first = client.takePublishes();
      // Acknowledged out of order: the second.
      client.send(puback(version, first[1]?.packetIdentifier ?? 0));
      client.drop();
      const back = core.connect(version, persistent('c', { properties: { receiveMaximum: 8 } }));
      const order: string[] = [];
      for (let round = 0; round < 8; round += 1) {
        for (const { payload, packetIdentifier } of back.takePublishes()) {
          order.push(payload.toString());
          back.send(puback(version, packetIdentifier));
        }
      }
      assert.deepEqual(order, ['1', '3', '4', '5', '6', '7', '8']);
    });
  });
}

describe('a session of 3.x', () => {
  for (const version of [3, 4] as const) {
    it(`expires after persistent_client_expiration in version ${version}`, () => {
      const core = new Core({ settings: { persistentClientExpiration: 60 } });
      core.connect(version, persistent('c')).drop();
      core.advance(58_000);
      assert.equal(core.broker.sessionCount, 1);
      core.advance(4000);
      assert.equal(core.broker.sessionCount, 0);
    });

    it(`never expires without it in version ${version}`, () => {
      const core = new Core();
      core.connect(version, persistent('c')).drop();
      core.clock.at += 10 * 365 * 86_400_000;
      core.advance(2000);
      assert.equal(core.broker.sessionCount, 1);
    });

    it(`with clean session is discarded with its connection in version ${version} [MQTT3-3.1.2-6]`, () => {
      const core = new Core();
      core.connect(version, { clientIdentifier: 'c', cleanStart: true }).drop();
      assert.equal(core.broker.sessionCount, 0);
    });
  }

  it('is told Session Present in 3.1.1 only, since 3.1 has no such flag [MQTT3-3.2.2-2]', () => {
    for (const [version, present] of [
      [3, false],
      [4, true],
    ] as const) {
      const core = new Core();
      core.connect(version, persistent('c')).drop();
      const { connack } = answered(core, version, persistent('c'));
      assert.equal(connack.sessionPresent, present);
    }
  });
});

describe('the Session Expiry Interval', () => {
  const expiry = (sessionExpiryInterval: number): { properties: object } => ({
    properties: { sessionExpiryInterval },
  });

  it('absent or 0 ends the session with the connection [MQTT5-3.1.2-23]', () => {
    for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
      const core = new Core();
      core.connect(5, { clientIdentifier: 'c', cleanStart: false, properties }).drop();
      assert.equal(core.broker.sessionCount, 0);
    }
  });

  it('of 0xFFFFFFFF never ends it [MQTT5-3.1.2-23]', () => {
    const core = new Core();
    core.connect(5, persistent('c', expiry(0xffff_ffff))).drop();
    core.clock.at += 200 * 365 * 86_400_000;
    core.advance(2000);
    assert.equal(core.broker.sessionCount, 1);
  });

  it('runs from the end of the connection, not from its beginning [MQTT5-3.1.2-23]', () => {
    const core = new Core();
    const client = core.connect(5, persistent('c', expiry(10)));
    core.advance(60_000);
    client.drop();
    core.advance(8000);
    assert.equal(core.broker.sessionCount, 1);
    core.advance(4000);
    assert.equal(core.broker.sessionCount, 0);
  });

  it('is cut to max_session_expiry_interval, and CONNACK says so', () => {
    const core = new Core({ settings: { maxSessionExpiryInterval: 100 } });
    const { client, connack } = answered(core, 5, persistent('c', expiry(3600)));
    assert.equal(connack.properties.sessionExpiryInterval, 100);
    client.send(disconnect(5, 0, { sessionExpiryInterval: 5000 }));
    core.advance(102_000);
    assert.equal(core.broker.sessionCount, 0);
    const within = answered(core, 5, persistent('d', expiry(50)));
    assert.equal(within.connack.properties.sessionExpiryInterval, undefined);
  });

  it('may be set to 0 and to more by DISCONNECT, but not from 0 [MQTT5-3.14.2-2]', () => {
    const core = new Core();
    const ended = core.connect(5, persistent('ended'));
    ended.send(disconnect(5, 0, { sessionExpiryInterval: 0 }));
    assert.equal(core.broker.sessionCount, 0);
    const longer = core.connect(5, persistent('longer', expiry(2)));
    longer.send(disconnect(5, 0, { sessionExpiryInterval: 60 }));
    core.advance(30_000);
    assert.equal(core.broker.sessionCount, 1);
    const raised = core.connect(5, { clientIdentifier: 'raised' });
    raised.send(disconnect(5, 0, { sessionExpiryInterval: 60 }));
    assert.equal(disconnectCode(raised), 0x82);
    assert.equal(core.broker.sessionCount, 1);
  });

  it('set to 0 by DISCONNECT survives no crash either [MQTT5-3.14.2-2]', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    core.connect(5, persistent('c')).send(disconnect(5, 0, { sessionExpiryInterval: 0 }));
    core.advance(1000);
    assert.equal(new Core({ store: store.crashed() }).broker.sessionCount, 0);
  });

  it('of a resumed session is the one of the last CONNECT [MQTT5-3.1.2-23]', () => {
    const core = new Core();
    core.connect(5, persistent('c', expiry(3600))).drop();
    const { client, connack } = answered(core, 5, persistent('c', expiry(0)));
    assert.equal(connack.sessionPresent, true);
    client.drop();
    assert.equal(core.broker.sessionCount, 0);
  });
});
