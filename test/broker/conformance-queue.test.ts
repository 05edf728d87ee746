/** Queues of a session: limits, what is dropped, order of delivery, and what waits for whom. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Settings } from '../../src/session/mod.js';
import { puback, pubcomp, pubrec, type ConnectOptions } from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { message, payloads, persistent, subscribed, versions } from './talk.js';

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => String(from + at));

/** A session that was subscribed with `qos` and is away, and messages 1 to `count` for it. */
function away(
  version: 3 | 4 | 5,
  settings: Partial<Settings>,
  count: number,
  qos = 1,
): { core: Core; publisher: TestClient } {
  const core = new Core({ settings });
  const client = core.connect(version, persistent('c'));
  subscribed(client, version, { topicFilter: 'a', qos });
  client.drop();
  const publisher = core.connect(5, { clientIdentifier: 'p' });
  for (const number of numbers(1, count)) publisher.send(message(5, 'a', qos, number));
  return { core, publisher };
}

/** Takes and acknowledges all there is. */
function drain(client: TestClient, version: 3 | 4 | 5): string[] {
  const all: string[] = [];
  for (;;) {
    const packets = client.takeAll();
    if (packets.length === 0) return all;
    for (const packet of packets) {
      if (packet.kind === 'pubrel') client.send(pubcomp(version, packet.packetIdentifier));
      if (packet.kind !== 'publish') continue;
      all.push(packet.payload.toString());
      if (packet.qos === 1) client.send(puback(version, packet.packetIdentifier));
      if (packet.qos === 2) client.send(pubrec(version, packet.packetIdentifier));
    }
  }
}

for (const version of versions) {
  describe(`the queue of a session in version ${version}`, () => {
    it('max_offline_messages with fifo keeps the oldest, and the drops are told', () => {
      const { core } = away(version, { maxOfflineMessages: 5 }, 8);
      assert.deepEqual(drain(core.connect(version, persistent('c')), version), numbers(1, 5));
      assert.equal(core.drops.length, 3);
      assert.ok(core.drops.every((drop) => drop.reason === 'queue_full'));
      assert.equal(core.metrics.queueMessageDrop, 3);
    });

    it('queue_type lifo keeps the newest, and delivers them in their order [MQTT5-4.6.0-6] [MQTT3-4.6.0-6]', () => {
      const { core } = away(version, { maxOfflineMessages: 5, queueType: 'lifo' }, 8);
      assert.deepEqual(drain(core.connect(version, persistent('c')), version), numbers(4, 8));
      assert.equal(core.drops.length, 3);
    });

    it('-1 is without limit, 0 keeps nothing', () => {
      const all = away(version, { maxOfflineMessages: -1 }, 3000);
      assert.equal(drain(all.core.connect(version, persistent('c')), version).length, 3000);
      const none = away(version, { maxOfflineMessages: 0 }, 3);
      assert.deepEqual(drain(none.core.connect(version, persistent('c')), version), []);
    });

    it('stored messages are not dropped when the client is back, whatever max_online_messages says', () => {
      const { core, publisher } = away(version, { maxOnlineMessages: 5 }, 100);
      const back = core.connect(version, persistent('c', { properties: { receiveMaximum: 10 } }));
      const first = back.takePublishes();
      publisher.send(message(5, 'a', 1, 'new'));
      back.received.unshift(...first);
      assert.deepEqual(drain(back, version), numbers(1, 100));
      assert.equal(core.drops.length, 1);
    });

    it('override_max_online_messages lets a woken session take new ones meanwhile', () => {
      const settings = { maxOnlineMessages: 5, overrideMaxOnlineMessages: true };
      const { core, publisher } = away(version, settings, 100);
      const back = core.connect(version, persistent('c', { properties: { receiveMaximum: 10 } }));
      const first = back.takePublishes();
      publisher.send(message(5, 'a', 1, 'new'));
      back.received.unshift(...first);
      assert.deepEqual(drain(back, version), [...numbers(1, 100), 'new']);
    });

    it('max_online_messages bounds what waits for a client that does not acknowledge', () => {
      const settings = { maxInflightMessages: 3, maxOnlineMessages: 4 };
      for (const queueType of ['fifo', 'lifo'] as const) {
        const core = new Core({ settings: { ...settings, queueType } });
        const options: ConnectOptions = { properties: { receiveMaximum: 3 } };
        const client = core.connect(version, { clientIdentifier: 'c', ...options });
        subscribed(client, version, { topicFilter: 'a', qos: 1 });
        const publisher = core.connect(5, { clientIdentifier: 'p' });
        for (const number of numbers(1, 10)) publisher.send(message(5, 'a', 1, number));
        const kept = queueType === 'fifo' ? numbers(1, 7) : [...numbers(1, 3), ...numbers(7, 10)];
        assert.deepEqual(drain(client, version), kept);
      }
    });

    it('max_write_buffer_size: a client that does not read has its queue, others are not held up', () => {
      const settings = { maxWriteBufferBytes: 1000, maxOnlineMessages: 10 };
      const core = new Core({ settings });
      const slow = core.connect(version, { clientIdentifier: 'slow' });
      const fast = core.connect(version, { clientIdentifier: 'fast' });
      for (const client of [slow, fast]) subscribed(client, version, { topicFilter: 'a', qos: 0 });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      slow.stuckBytes = 5000;
      for (const number of numbers(1, 30)) publisher.send(message(5, 'a', 0, number));
      assert.deepEqual(payloads(fast), numbers(1, 30));
      assert.deepEqual(payloads(slow), []);
      assert.equal(core.drops.length, 20);
      slow.unstick();
      assert.deepEqual(payloads(slow), numbers(1, 10));
      publisher.send(message(5, 'a', 0, 'next'));
      assert.deepEqual(payloads(slow), ['next']);
    });

    it('QoS 0 messages do not wait for a client that is away [MQTT3-3.1.2-5] [MQTT5-4.3.1-1]', () => {
      const { core } = away(version, {}, 3, 0);
      assert.deepEqual(drain(core.connect(version, persistent('c')), version), []);
      assert.equal(core.metrics.queueMessageUnhandled, 3);
    });

    it('expired messages make room before anything is dropped [MQTT5-3.3.2-5]', () => {
      const { core, publisher } = away(version, { maxOfflineMessages: 4 }, 2);
      const expiring = { properties: { messageExpiryInterval: 5 } };
      publisher.send(message(5, 'a', 1, 'e1', expiring), message(5, 'a', 1, 'e2', expiring));
      core.advance(10_000);
      publisher.send(message(5, 'a', 1, '3'), message(5, 'a', 1, '4'), message(5, 'a', 1, '5'));
      assert.deepEqual(drain(core.connect(version, persistent('c')), version), numbers(1, 4));
      assert.deepEqual(
        core.drops.map(({ reason }) => reason),
        ['expired', 'expired', 'queue_full'],
      );
      assert.equal(core.metrics.queueMessageExpired, 2);
    });

    it('keeps the order of QoS 1 and 2 in one queue, over a reconnect in the middle [MQTT5-4.6.0-1] [MQTT3-4.6.0-1]', () => {
      const core = new Core({ settings: { maxInflightMessages: 3 } });
      const small = persistent('c', { properties: { receiveMaximum: 3 } });
      const client = core.connect(version, small);
      subscribed(client, version, { topicFilter: 'a', qos: 2 });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (const number of numbers(1, 12))
        publisher.send(message(5, 'a', 1 + (+number % 2), number));
      assert.deepEqual(payloads(client), numbers(1, 3));
      client.drop();
      assert.deepEqual(drain(core.connect(version, small), version), numbers(1, 12));
    });

    it('upgrade_outgoing_qos delivers with the QoS of the subscription', () => {
      for (const upgradeOutgoingQoS of [false, true]) {
        const core = new Core({ settings: { upgradeOutgoingQoS } });
        const client = core.connect(version, { clientIdentifier: 'c' });
        subscribed(client, version, { topicFilter: 'a', qos: 1 });
        const publisher = core.connect(5, { clientIdentifier: 'p' });
        for (const qos of [0, 1, 2]) publisher.send(message(5, 'a', qos));
        const qualities = client.takePublishes().map(({ qos }) => qos);
        assert.deepEqual(qualities, upgradeOutgoingQoS ? [1, 1, 1] : [0, 1, 1]);
      }
    });
  });
}

describe('the window of a client', () => {
  it('is max_inflight_messages in 3.x, and 0 is as many as there are identifiers', () => {
    for (const version of [3, 4] as const) {
      for (const [maxInflightMessages, expected] of [
        [7, 7],
        [0, 500],
      ] as const) {
        const settings = { maxInflightMessages, maxOnlineMessages: -1 };
        const { core } = away(version, { ...settings, maxOfflineMessages: -1 }, 500);
        const back = core.connect(version, persistent('c'));
        assert.equal(back.takePublishes().length, expected);
      }
    }
  });

  it('is Receive Maximum in MQTT 5, cut to receive_max_client [MQTT5-3.3.4-9] [MQTT5-4.9.0-1]', () => {
    for (const [receiveMaximum, receiveMaxClient, expected] of [
      [5, 65_535, 5],
      [50, 8, 8],
      [undefined, 65_535, 200],
    ] as const) {
      const { core } = away(5, { receiveMaxClient, maxInflightMessages: 3 }, 200, 2);
      const properties = receiveMaximum === undefined ? {} : { receiveMaximum };
      const back = core.connect(5, persistent('c', { properties }));
      assert.equal(back.takePublishes().length, expected);
    }
  });

  it('opens with PUBACK, PUBCOMP and refusing PUBREC, not with PUBREC [MQTT5-4.9.0-2] [MQTT5-4.9.0-3]', () => {
    const { core } = away(5, {}, 10, 2);
    const back = core.connect(5, persistent('c', { properties: { receiveMaximum: 2 } }));
    const [one, two] = back.takePublishes();
    back.send(pubrec(5, one?.packetIdentifier ?? 0));
    core.turn();
    assert.equal(back.takePublishes().length, 0);
    back.send(pubcomp(5, one?.packetIdentifier ?? 0));
    core.turn();
    assert.equal(back.takePublishes().length, 1);
    back.send(pubrec(5, two?.packetIdentifier ?? 0, 0x80));
    core.turn();
    assert.equal(back.takePublishes().length, 1);
  });
});
