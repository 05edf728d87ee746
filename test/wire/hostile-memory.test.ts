/** Who sends much, promises much or takes nothing: memory stays bounded, others are served. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ReasonCode } from '../../src/packet/mod.js';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { Witness } from '../fixtures/witness.js';

const mebibyte = 1024 * 1024;

interface Setup {
  readonly broker: BrokerProcess;
  readonly witness: Witness;
  /** Fails when the broker holds that much more than at the start. */
  assertGrowth(bytes: number): void;
}

async function setUp(t: TestContext, settings: Record<string, number> = {}): Promise<Setup> {
  const data = temporaryDirectory();
  const broker = await BrokerProcess.start({ directory: data.path, settings });
  t.after(async () => {
    await broker.kill();
    data.remove();
    assert.doesNotMatch(broker.output, /internal fault|uncaught|unhandled/);
  });
  const witness = await Witness.start(broker);
  for (let count = 0; count < 200; count += 1) await witness.talk();
  const before = broker.residentBytes;
  return {
    broker,
    witness,
    assertGrowth: (bytes) => {
      const now = broker.residentBytes;
      // Where the system does not say, the rest of the test stands on its own.
      if (before === undefined || now === undefined) return;
      const grown = now - before;
      assert.ok(grown < bytes, `grew by ${Math.round(grown / mebibyte)} MiB`);
    },
  };
}

/** The beginning of a PUBLISH that claims the longest body there is. */
const longestClaim = write.hex('30 ff ff ff 7f 00 01 61 00');

describe('bytes that are promised', () => {
  it('200 claims of 256 MB cost nothing', async (t) => {
    const { broker, witness, assertGrowth } = await setUp(t);
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => MqttSocket.connect(broker.port, 5)),
    );
    for (const client of clients) client.send(longestClaim, Buffer.alloc(1000));
    await witness.talk();
    assertGrowth(60 * mebibyte);
    for (const client of clients) assert.deepEqual(client.received, []);
    for (const client of clients) client.drop();
    await witness.talk();
  });

  it('a CONNECT that claims 256 MB costs nothing', async (t) => {
    const { broker, witness, assertGrowth } = await setUp(t);
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => MqttSocket.open(broker.port)),
    );
    for (const client of clients) {
      client.send(write.hex('10 ff ff ff 7f 00 04 4d 51 54 54 05 02 00 00'), Buffer.alloc(1000));
    }
    await witness.talk();
    assertGrowth(60 * mebibyte);
    for (const client of clients) client.drop();
  });

  it('beyond listener.max_pending_bytes the connection with the most is closed', async (t) => {
    const { broker, witness } = await setUp(t, { 'listener.max_pending_bytes': 4 * mebibyte });
    const largest = await MqttSocket.connect(broker.port, 5);
    largest.send(longestClaim, Buffer.alloc(3 * mebibyte));
    const payload = Buffer.alloc(2 * mebibyte, 'x');
    const message = write.publish(5, { topicName: 'a', qos: 1, packetIdentifier: 9, payload });
    const smaller = await MqttSocket.connect(broker.port, 5);
    smaller.send(message.subarray(0, -1));
    const { reasonCode } = await largest.next('disconnect');
    assert.equal(reasonCode, ReasonCode.QuotaExceeded);
    await largest.closed();
    smaller.send(message.subarray(-1));
    await smaller.next('puback');
    await witness.talk();
    smaller.drop();
  });

  it('maximum sizes are refused before they are received', async (t) => {
    const { broker, witness, assertGrowth } = await setUp(t, { max_message_size: 1000 });
    const client = await MqttSocket.connect(broker.port, 5);
    client.send(longestClaim);
    assert.equal((await client.next('disconnect')).reasonCode, ReasonCode.PacketTooLarge);
    await client.closed();
    await witness.talk();
    assertGrowth(60 * mebibyte);
  });
});

describe('a subscriber that stops reading', () => {
  for (const qos of [0, 1]) {
    it(`costs no more than its buffers while QoS ${qos} messages go on`, async (t) => {
      const { broker, witness, assertGrowth } = await setUp(t, {
        max_write_buffer_size: mebibyte,
        max_online_messages: 200,
      });
      const deaf = await MqttSocket.connect(broker.port, 4);
      deaf.send(write.subscribe(4, 1, [{ topicFilter: 'flood', qos }]));
      await deaf.next('suback');
      deaf.socket.pause();
      const publisher = await MqttSocket.connect(broker.port, 4);
      const payload = Buffer.alloc(16 * 1024, 'z');
      await witness.during(async () => {
        for (let count = 0; count < 8000; count += 1) {
          publisher.send(
            write.publish(4, { topicName: 'flood', qos, payload, packetIdentifier: 1 }),
          );
          if (qos === 1) await publisher.next('puback');
          else if (count % 100 === 99) {
            publisher.send(write.pingreq());
            await publisher.next('pingresp');
          }
        }
      });
      assertGrowth(120 * mebibyte);
      deaf.drop();
      publisher.drop();
      await witness.talk();
    });
  }

  it('50,000 retained messages for a client that does not read come when it does', async (t) => {
    const { broker, witness, assertGrowth } = await setUp(t, { max_write_buffer_size: mebibyte });
    const publisher = await MqttSocket.connect(broker.port, 5);
    const total = 50_000;
    const payload = Buffer.alloc(500, 'r');
    for (let count = 0; count < total; count += 1) {
      const topicName = `retained/${count % 250}/${count}`;
      publisher.send(write.publish(5, { topicName, payload, retain: true }));
      if (count % 1000 !== 999) continue;
      publisher.send(write.pingreq());
      await publisher.next('pingresp');
    }
    const names = new Set<string>();
    let resolve: () => void = () => {};
    const complete = new Promise<void>((done) => {
      resolve = done;
    });
    const slow = await MqttSocket.open(broker.port, {
      version: 5,
      onPacket: (packet) => {
        if (packet.kind === 'publish') names.add(packet.topicName);
        if (names.size === total) resolve();
      },
    });
    slow.send(write.connect(5), write.subscribe(5, 1, [{ topicFilter: '#', qos: 0 }]));
    slow.socket.pause();
    const storm = await Promise.all(
      Array.from({ length: 20 }, () => MqttSocket.connect(broker.port, 5)),
    );
    for (const client of storm) {
      client.socket.pause();
      client.send(write.subscribe(5, 1, [{ topicFilter: '#' }, { topicFilter: '+/+/#' }]));
    }
    const slowest = await slowestOf(witness, 30);
    assert.ok(slowest < 1000, `others waited ${slowest} ms`);
    // The messages themselves, a buffer for each client; all of it unsent would be above 1 GiB.
    assertGrowth(400 * mebibyte);
    for (const client of storm) client.drop();
    slow.socket.resume();
    await complete;
    slow.drop();
    await witness.talk();
  });
});

/** Milliseconds of the slowest of `count` exchanges. */
async function slowestOf(witness: Witness, count: number): Promise<number> {
  let slowest = 0;
  for (let left = count; left > 0; left -= 1) {
    const before = performance.now();
    await witness.talk();
    slowest = Math.max(slowest, performance.now() - before);
  }
  return slowest;
}
