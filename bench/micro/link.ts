/**
 * Microseconds of processor per message between two members, without sockets and subscribers: what
 * broker/outgoing-bodies.ts, broker/remote-intake.ts, cluster/flow and cluster/link do on both
 * sides together. Messages of one publisher leave in one frame, those of several in a frame each.
 * Run: `node dist/bench/micro/link.js`.
 */
import { Buffer } from 'node:buffer';
import { SeededRandom } from '../../src/base/mod.js';
import { OutgoingBodies } from '../../src/broker/outgoing-bodies.js';
import { Realm } from '../../src/broker/realm.js';
import { RemoteIntake } from '../../src/broker/remote-intake.js';
import { Router } from '../../src/broker/router.js';
import { type Arriving, PeerFlow, type PeerFlowOut } from '../../src/cluster/flow/mod.js';
import {
  FrameReader,
  type FrameType,
  LaneKind,
  laneFrames,
  writeFrame,
} from '../../src/cluster/link/mod.js';
import { Journal } from '../../src/journal/mod.js';
import { Metrics } from '../../src/metrics/mod.js';
import { Decoder, PacketType, PacketWriter, writePublish } from '../../src/packet/mod.js';
import { Publication } from '../../src/queue/mod.js';
import { MemoryStore } from '../../src/store/mod.js';

const messagesPerTurn = 700;
const turns = 2000;
const now = 1_800_000_000_000;
const topicName = 'bench/7/temperature';
const topic = Buffer.from(topicName);
const payload = Buffer.alloc(64, 0x61);
const siteA = 'a'.repeat(32);
const siteB = 'b'.repeat(32);
const boot = { counter: 1, nonce: '01'.repeat(8) };
const ackTimeoutMs = 20;

function remoteIntake(): RemoteIntake {
  const clock = { now: () => now };
  const durability = new Journal(new MemoryStore(), clock, {
    storeFailed() {},
    storeRecovered() {},
    commitWanted() {},
    backlogCleared() {},
  });
  const realm = new Realm('');
  return new RemoteIntake({
    publication: new Publication(),
    durability,
    router: new Router(new Metrics(), new SeededRandom(1)),
    realm: () => realm,
    retainedPassed() {},
  });
}

/** One side, whose frames gather until the other side reads them. */
class Side implements PeerFlowOut {
  readonly flow: PeerFlow;
  readonly ticket = 0;
  arrived = 0;
  readonly #intake = remoteIntake();
  readonly #reader = new FrameReader(laneFrames[LaneKind.Data]);
  #frames: Uint8Array[] = [];

  constructor(other: string) {
    this.flow = new PeerFlow(other, boot, ackTimeoutMs, this);
  }

  transmit(type: FrameType, ...parts: Uint8Array[]): boolean {
    this.#frames.push(writeFrame(type, ...parts));
    return true;
  }

  take(): Uint8Array {
    const chunk = Buffer.concat(this.#frames);
    this.#frames = [];
    return chunk;
  }

  read(chunk: Uint8Array): void {
    this.#reader.read(chunk, this, now);
  }

  onFrame(type: number, body: Uint8Array): boolean {
    this.flow.onFrame(type, body, now);
    return true;
  }

  opened(site: string, body: Uint8Array, start: number): Arriving {
    return this.#intake.open(site, body, start);
  }

  handedOver(): never {
    throw new Error('nothing is handed over');
  }

  recordChanged(): void {}

  sentChanged(): void {}

  batchAwaited(): void {}

  unsent(count: number): void {
    throw new Error(`${count} messages were lost`);
  }
}

function chunkOf(qos: number): Uint8Array {
  const writer = new PacketWriter();
  const parts = { topic, payload, properties: undefined };
  for (let packet = 1; packet <= messagesPerTurn; packet += 1) {
    writePublish(writer, 4, parts, qos << 1, packet, undefined);
  }
  return writer.take();
}

/** One turn: a chunk of a client is forwarded, and what comes back is read. */
function turnOf(one: Side, other: Side, qos: number, publishers: number): () => void {
  const bodies = new OutgoingBodies();
  const publication = new Publication();
  const decoder = new Decoder(1 << 20);
  decoder.protocolVersion = 4;
  const chunk = chunkOf(qos);
  const names = Array.from({ length: publishers }, (_, at) => `publisher-${at}`);
  return () => {
    decoder.feed(chunk, 0, chunk.length);
    for (let at = 0; decoder.next() === PacketType.Publish; at += 1) {
      const name = names[at % publishers] as string;
      publication.fromView(decoder.publish, 4, topicName, topic, name, now);
      const body = bodies.plain(publication, '', now);
      if (qos === 0) one.flow.sendOnce(body);
      else one.flow.send(body, undefined, now);
    }
    decoder.keepRemainder();
    one.flow.flush();
    other.read(one.take());
    other.flow.flush();
    one.read(other.take());
  };
}

function measure(title: string, qos: number, publishers: number): void {
  const one = new Side(siteB);
  const other = new Side(siteA);
  for (const side of [one, other]) side.flow.laneOpened();
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const)
    to.read(from.take());
  const turn = turnOf(one, other, qos, publishers);
  for (let warm = 0; warm < turns / 5; warm += 1) turn();
  const begun = process.cpuUsage();
  for (let count = 0; count < turns; count += 1) turn();
  const { user, system } = process.cpuUsage(begun);
  if (one.flow.unconfirmedCount > 0) throw new Error('not all was confirmed');
  const each = ((user + system) / turns / messagesPerTurn).toFixed(2).padStart(8);
  console.log(`${title.padEnd(44)} ${each} µs`);
}

measure('QoS 0, one publisher', 0, 1);
measure('QoS 0, 200 publishers in turn', 0, 200);
measure('QoS 1, one publisher', 1, 1);
measure('QoS 1, 200 publishers in turn', 1, 200);
