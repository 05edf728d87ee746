/** With a disk whose syncs take long: what is acknowledged was synced, and nobody else waits. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import type { ProtocolVersion } from '../../src/packet/mod.js';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import type { ServerPacket } from '../fixtures/server-packets.js';
import { buildSlowSync, readSyncLog } from '../fixtures/slow-sync.js';

const delayMs = 250;
const library = buildSlowSync();
const withoutGcc = ' (skipped: gcc and LD_PRELOAD are needed)';

interface SlowBroker {
  readonly broker: BrokerProcess;
  readonly log: string;
}

async function startSlow(t: { after(fn: () => unknown): void }): Promise<SlowBroker> {
  const data = temporaryDirectory();
  const log = join(data.path, 'sync.log');
  const broker = await BrokerProcess.start({
    directory: join(data.path, 'data'),
    environment: {
      LD_PRELOAD: library ?? '',
      SLOW_SYNC_MS: String(delayMs),
      SLOW_SYNC_LOG: log,
    },
  });
  t.after(async () => {
    await broker.kill();
    data.remove();
  });
  return { broker, log };
}

function persistent(clientIdentifier: string): write.ConnectOptions {
  const properties = { sessionExpiryInterval: 3600 };
  return { clientIdentifier, cleanStart: false, properties };
}

interface Exchange {
  readonly kind: ServerPacket['kind'];
  readonly sentAt: bigint;
  readonly answeredAt: bigint;
}

async function exchange(
  client: MqttSocket,
  packet: Uint8Array,
  kind: ServerPacket['kind'],
): Promise<Exchange> {
  const sentAt = process.hrtime.bigint();
  client.send(packet);
  await client.next(kind);
  return { kind, sentAt, answeredAt: process.hrtime.bigint() };
}

/** A whole sync that began after the packet was sent must have ended before the answer came. */
function assertSynced(log: string, { kind, sentAt, answeredAt }: Exchange): void {
  const events = readSyncLog(log);
  const begun = events.findIndex(({ at, edge }) => edge === 'begin' && at > sentAt);
  const isCovered =
    begun >= 0 &&
    events.slice(begun).some(({ at, edge }) => edge === 'end' && at > sentAt && at < answeredAt);
  const tookMs = Number(answeredAt - sentAt) / 1e6;
  assert.ok(isCovered, `${kind} came after ${tookMs} ms and before the sync that covers it`);
  assert.ok(tookMs >= delayMs, `${kind} came after ${tookMs} ms`);
}

for (const version of [4, 5] as const) {
  const title = `no acknowledgement to a v${version} client leaves before the sync that covers it`;
  if (library === undefined) it.skip(title + withoutGcc);
  else it(title, (t) => acknowledgementsWait(t, version));
}

async function acknowledgementsWait(
  t: { after(fn: () => unknown): void },
  version: ProtocolVersion,
): Promise<void> {
  const { broker, log } = await startSlow(t);
  const exchanges: Exchange[] = [];
  const subscriber = await MqttSocket.open(broker.port, { version });
  const connecting = write.connect(version, persistent('subscriber'));
  exchanges.push(await exchange(subscriber, connecting, 'connack'));
  const wanted = [{ topicFilter: 'kept', qos: 2 }];
  exchanges.push(await exchange(subscriber, write.subscribe(version, 1, wanted), 'suback'));
  subscriber.drop();
  const publisher = await MqttSocket.open(broker.port, { version });
  exchanges.push(
    await exchange(publisher, write.connect(version, persistent('publisher')), 'connack'),
  );
  for (let packetIdentifier = 1; packetIdentifier <= 2; packetIdentifier += 1) {
    const one = write.publish(version, { topicName: 'kept', qos: 1, packetIdentifier });
    exchanges.push(await exchange(publisher, one, 'puback'));
  }
  const two = write.publish(version, { topicName: 'kept', qos: 2, packetIdentifier: 9 });
  exchanges.push(await exchange(publisher, two, 'pubrec'));
  exchanges.push(await exchange(publisher, write.pubrel(version, 9), 'pubcomp'));
  const gone = write.unsubscribe(version, 10, ['nothing']);
  await exchange(publisher, gone, 'unsuback');
  for (const each of exchanges) assertSynced(log, each);
}

{
  const title = 'a QoS 2 message to a persistent session is sent after its identifier is synced';
  if (library === undefined) it.skip(title + withoutGcc);
  else
    it(title, async (t) => {
      const { broker, log } = await startSlow(t);
      const subscriber = await MqttSocket.connect(broker.port, 5, persistent('subscriber'));
      subscriber.send(write.subscribe(5, 1, [{ topicFilter: 'kept', qos: 2 }]));
      await subscriber.next('suback');
      const publisher = await MqttSocket.connect(broker.port, 5);
      const sentAt = process.hrtime.bigint();
      publisher.send(write.publish(5, { topicName: 'kept', qos: 2, packetIdentifier: 1 }));
      const { packetIdentifier } = await subscriber.next('publish');
      assertSynced(log, { kind: 'publish', sentAt, answeredAt: process.hrtime.bigint() });
      assertSynced(log, await exchange(subscriber, write.pubrec(5, packetIdentifier), 'pubrel'));
    });
}

{
  const title = 'while a sync is under way others are served within milliseconds';
  if (library === undefined) it.skip(title + withoutGcc);
  else
    it(title, async (t) => {
      const { broker, log } = await startSlow(t);
      const kept = await MqttSocket.connect(broker.port, 5, persistent('kept'));
      kept.send(write.subscribe(5, 1, [{ topicFilter: 'kept', qos: 1 }]));
      await kept.next('suback');
      const clean = await MqttSocket.connect(broker.port, 5);
      clean.send(write.subscribe(5, 1, [{ topicFilter: 'free/#', qos: 1 }]));
      await clean.next('suback');
      const answer = exchange(
        kept,
        write.publish(5, { topicName: 'kept', qos: 1, packetIdentifier: 1 }),
        'publish',
      );
      const latencies: number[] = [];
      for (let count = 0; count < 20; count += 1) {
        const before = process.hrtime.bigint();
        clean.send(write.publish(5, { topicName: 'free/0' }));
        await clean.next('publish');
        const one = { topicName: 'free/1', qos: 1, packetIdentifier: 1 };
        clean.send(write.publish(5, one));
        const replies = [await clean.nextAny(), await clean.nextAny()];
        const delivered = replies.find(({ kind }) => kind === 'publish');
        assert.ok(delivered?.kind === 'publish' && replies.some(({ kind }) => kind === 'puback'));
        clean.send(write.puback(5, delivered.packetIdentifier));
        latencies.push(Number(process.hrtime.bigint() - before) / 1e6);
      }
      await answer;
      await kept.next('puback');
      const median = latencies.sort((a, b) => a - b)[10] ?? 0;
      assert.ok(median < delayMs / 5, `two round trips took ${median} ms while the disk was busy`);
      assert.ok(readSyncLog(log).length > 0);
    });
}
