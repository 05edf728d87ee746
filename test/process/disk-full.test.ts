/** A data directory whose disk fills up under a running broker, and is emptied again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { ReasonCode } from '../../src/packet/mod.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { canMount, SmallDisk } from '../fixtures/small-disk.js';

const closeAfterMs = 1500;
const payloadBytes = 20_000;
const keeper = {
  clientIdentifier: 'keeper',
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
};

function payload(number: number): Buffer {
  return Buffer.from(`${number} `.padEnd(payloadBytes, '.'));
}

function kept(version: 4 | 5, number: number): Buffer {
  const packetIdentifier = (number % 65_535) + 1;
  return write.publish(version, {
    topicName: 'kept',
    payload: payload(number),
    qos: 1,
    packetIdentifier,
  });
}

const title =
  'a full disk refuses what must be kept and serves the rest, until there is room again';
if (!canMount) it.skip(`${title} (skipped: mounting a tmpfs needs root, unshare and nsenter)`);
else
  it(title, { timeout: 120_000 }, async (t) => {
    const disk = await SmallDisk.mount('24m');
    const options = {
      directory: join(disk.path, 'data'),
      wrapper: disk.wrapper,
      settings: {
        'cluster.refused_close_after': closeAfterMs,
        max_offline_messages: 100_000,
        max_online_messages: 100_000,
        'log.console.level': 'info',
      },
    };
    let broker = await BrokerProcess.start(options);
    t.after(async () => {
      await broker.kill();
      await disk.unmount();
    });
    const offline = await MqttSocket.connect(broker.port, 5, keeper);
    offline.send(write.subscribe(5, 1, [{ topicFilter: 'kept', qos: 1 }]));
    await offline.next('suback');
    offline.drop();

    disk.fill(3 * 1024 * 1024);
    const publisher = await MqttSocket.connect(broker.port, 5);
    const acknowledged = await publishUntilRefused(publisher, 0);
    assert.ok(acknowledged.length > 5, `${acknowledged.length} were taken`);
    await othersAreServed(broker.port);
    await oldClientIsClosed(broker.port);
    await broker.outputMatching(/store refuses: .*full.* Messages that need it are refused\./i);
    assert.doesNotMatch(broker.output, /store writes again/, 'there is no room yet');

    disk.free();
    await broker.outputMatching(/store writes again/);
    publisher.send(kept(5, 1000));
    assert.equal((await publisher.next('puback')).reasonCode, ReasonCode.Success);
    const old = await MqttSocket.connect(broker.port, 4);
    old.send(kept(4, 1001));
    await old.next('puback');
    acknowledged.push(1000, 1001);

    disk.fill(2 * 1024 * 1024);
    acknowledged.push(...(await publishUntilRefused(publisher, 2000)));
    await broker.kill();
    const hopeless = BrokerProcess.spawn(options);
    assert.equal((await hopeless.exited).code, 1);
    assert.match(hopeless.output, /^nautilusmq: [^\n]+ cannot be written: [^\n]+free space\.\n$/);
    disk.free();
    broker = await BrokerProcess.start(options);
    await othersAreServed(broker.port);
    assert.deepEqual(await drain(broker.port, acknowledged.length), acknowledged);
    assert.equal((await broker.stop()).code, 0, broker.output);
  });

/** The numbers that were acknowledged with success, in order. */
async function publishUntilRefused(publisher: MqttSocket, from: number): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let number = from; number < from + 900; number += 1) {
    publisher.send(kept(5, number));
    const { reasonCode } = await publisher.next('puback');
    if (reasonCode === ReasonCode.QuotaExceeded) return acknowledged;
    assert.equal(reasonCode, ReasonCode.Success);
    acknowledged.push(number);
  }
  throw new Error('the disk did not fill up');
}

/** Clients that need nothing of the store. */
async function othersAreServed(port: number): Promise<void> {
  const client = await MqttSocket.connect(port, 5, { clientIdentifier: 'guest' });
  client.send(write.subscribe(5, 1, [{ topicFilter: 'free', qos: 2 }]));
  assert.deepEqual((await client.next('suback')).reasonCodes, [2]);
  for (const qos of [0, 1, 2]) {
    client.send(write.publish(5, { topicName: 'free', qos, packetIdentifier: 5 }));
    const packets = [await client.nextAny()];
    if (qos > 0) packets.push(await client.nextAny());
    const delivered = packets.find(({ kind }) => kind === 'publish');
    assert.ok(delivered?.kind === 'publish' && delivered.qos === qos);
    if (qos === 1) client.send(write.puback(5, delivered.packetIdentifier));
    if (qos !== 2) continue;
    client.send(write.pubrel(5, 5));
    await client.next('pubcomp');
    client.send(write.pubrec(5, delivered.packetIdentifier));
    await client.next('pubrel');
    client.send(write.pubcomp(5, delivered.packetIdentifier));
  }
  client.drop();
}

/** 3.1.1 knows no refusal: no answer, and the connection is closed after a while. */
async function oldClientIsClosed(port: number): Promise<void> {
  const client = await MqttSocket.connect(port, 4);
  const sentAt = performance.now();
  client.send(kept(4, 500), write.pingreq());
  await client.next('pingresp');
  client.send(kept(4, 501));
  await client.closed();
  assert.deepEqual(client.received, [], 'a refused message is not answered');
  const tookMs = performance.now() - sentAt;
  assert.ok(tookMs > closeAfterMs - 100, `closed after ${tookMs} ms, before there was room`);
  assert.ok(tookMs < closeAfterMs + 3000, `closed after ${tookMs} ms`);
}

/** The numbers that the keeper gets, until `count` have come and a PINGRESP after them. */
async function drain(port: number, count: number): Promise<number[]> {
  const client = await MqttSocket.connect(port, 5, keeper);
  assert.ok(client.connack.sessionPresent);
  const numbers: number[] = [];
  while (numbers.length < count) {
    const { payload: bytes, packetIdentifier } = await client.next('publish');
    assert.equal(bytes.length, payloadBytes);
    numbers.push(Number.parseInt(bytes.toString('latin1', 0, 8), 10));
    client.send(write.puback(5, packetIdentifier));
  }
  client.send(write.pingreq());
  await client.next('pingresp');
  client.drop();
  return numbers;
}
