/**
 * Nanoseconds per packet in the codec's hot loops, and bytes allocated per packet: decoding a small
 * PUBLISH out of a full chunk, reading its Topic Name, acknowledgements, and writing a PUBLISH.
 * Run: `node --expose-gc dist/bench/micro/codec.js`.
 */
import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import {
  Decoder,
  NeedMore,
  PacketType,
  PacketWriter,
  type ProtocolVersion,
  readTopicName,
  writePuback,
  writePublish,
} from '../../src/packet/mod.js';

const packetsPerChunk = 700;
const rounds = 3000;
const topic = Buffer.from('bench/7/temperature');
const payload = Buffer.alloc(64, 0x61);

function connectBytes(version: ProtocolVersion): Uint8Array {
  const properties = version === 5 ? [0] : [];
  const body = [0, 4, 0x4d, 0x51, 0x54, 0x54, version, 2, 0, 0, ...properties, 0, 1, 0x61];
  return Uint8Array.from([0x10, body.length, ...body]);
}

function connectedDecoder(version: ProtocolVersion): Decoder {
  const decoder = new Decoder(1 << 20);
  const bytes = connectBytes(version);
  decoder.feed(bytes, 0, bytes.length);
  if (decoder.next() !== PacketType.Connect) throw new Error('the CONNECT was refused');
  decoder.keepRemainder();
  return decoder;
}

function publishChunk(version: ProtocolVersion, qos: number, properties?: Uint8Array): Buffer {
  const writer = new PacketWriter();
  const parts = { topic, payload, properties };
  for (let packet = 1; packet <= packetsPerChunk; packet += 1) {
    writePublish(writer, version, parts, qos << 1, packet, undefined);
  }
  return writer.take();
}

function ackChunk(version: ProtocolVersion): Buffer {
  const writer = new PacketWriter();
  for (let packet = 1; packet <= packetsPerChunk; packet += 1) {
    writePuback(writer, version, packet, 0);
  }
  return writer.take();
}

/** Runs `round` often enough to be compiled, then measures it. */
function measure(title: string, round: () => number): void {
  for (let warm = 0; warm < rounds / 5; warm += 1) round();
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const begun = performance.now();
  let packets = 0;
  for (let count = 0; count < rounds; count += 1) packets += round();
  const nanoseconds = (performance.now() - begun) * 1e6;
  const allocated = process.memoryUsage().heapUsed - heapBefore;
  const perPacket = (nanoseconds / packets).toFixed(1).padStart(8);
  const bytes = (allocated / packets).toFixed(1).padStart(8);
  console.log(`${title.padEnd(44)} ${perPacket} ns ${bytes} B`);
}

function decodeRound(
  version: ProtocolVersion,
  chunk: Uint8Array,
  readTopic: boolean,
): () => number {
  const decoder = connectedDecoder(version);
  return () => {
    decoder.feed(chunk, 0, chunk.length);
    let packets = 0;
    while (decoder.next() !== NeedMore) {
      if (readTopic) readTopicName(decoder.publish);
      packets += 1;
    }
    decoder.keepRemainder();
    return packets;
  };
}

function writeRound(version: ProtocolVersion, qos: number): () => number {
  const parts = { topic, payload, properties: undefined };
  return () => {
    const writer = new PacketWriter();
    for (let packet = 1; packet <= packetsPerChunk; packet += 1) {
      writePublish(writer, version, parts, qos << 1, packet, undefined);
    }
    writer.take();
    return packetsPerChunk;
  };
}

const userProperty = Uint8Array.from([0x26, 0, 3, 0x6b, 0x65, 0x79, 0, 3, 0x61, 0x62, 0x63]);

measure('decode PUBLISH QoS 0, 3.1.1', decodeRound(4, publishChunk(4, 0), false));
measure('decode PUBLISH QoS 0, 5', decodeRound(5, publishChunk(5, 0), false));
measure('decode PUBLISH QoS 1, 5', decodeRound(5, publishChunk(5, 1), false));
measure(
  'decode PUBLISH, 5, one User Property',
  decodeRound(5, publishChunk(5, 0, userProperty), false),
);
measure('decode PUBLISH QoS 0, 5, and Topic Name', decodeRound(5, publishChunk(5, 0), true));
measure('decode PUBACK, 5', decodeRound(5, ackChunk(5), false));
measure('write PUBLISH QoS 0, 3.1.1', writeRound(4, 0));
measure('write PUBLISH QoS 1, 5', writeRound(5, 1));
