import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import {
  type Decoder,
  decodeProperties,
  Failed,
  forwardableProperties,
  NeedMore,
  PacketType,
  type ProtocolVersion,
  ReasonCode,
  readTopicName,
} from '../../../src/packet/mod.js';
import { clientVectors, decoderOf } from '../../fixtures/packet-vectors.js';

const seed = 20_261_123;
const versions: readonly (ProtocolVersion | 0)[] = [0, 3, 4, 5];
const knownCodes = new Set<number>(Object.values(ReasonCode));

/** Everything a session would look at, so that offsets out of bounds come to light. */
function inspect(decoder: Decoder): void {
  const view = decoder.publish;
  const order = [
    view.packetStart,
    view.topicStart,
    view.topicEnd,
    view.propertiesStart,
    view.propertiesEnd,
    view.payloadStart,
    view.payloadEnd,
    view.bytes.length,
  ];
  for (let index = 1; index < order.length; index += 1) {
    assert.ok((order[index - 1] as number) <= (order[index] as number), order.join());
  }
  assert.equal(view.payloadEnd, view.packetEnd);
  readTopicName(view);
  forwardableProperties(view);
  decodeProperties(view.bytes, view.propertiesStart, view.propertiesEnd);
}

function feedInPieces(decoder: Decoder, bytes: Buffer, random: SeededRandom): void {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + 1 + random.below(bytes.length), bytes.length);
    const chunk = Buffer.from(bytes.subarray(at, end));
    decoder.feed(chunk, 0, chunk.length);
    at = end;
    for (let count = 0; ; count += 1) {
      assert.ok(count <= bytes.length, 'next() goes on for ever');
      const type = decoder.next();
      if (type === PacketType.Publish) inspect(decoder);
      if (type === NeedMore || type === Failed) break;
    }
    decoder.keepRemainder();
    chunk.fill(0xee);
    assert.ok(decoder.pendingBytes <= 2 * at + 64, 'memory by claim');
    if (decoder.error !== undefined) {
      assert.ok(knownCodes.has(decoder.error.reasonCode));
      assert.equal(decoder.next(), Failed);
      assert.equal(decoder.pendingBytes, 0);
    }
  }
}

test(`random bytes are refused or waited on, never thrown at (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 8000; round += 1) {
    const bytes = Buffer.alloc(1 + random.below(60));
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.below(256);
    // A short length that fits makes it past the fixed header more often.
    if (round % 2 === 0 && bytes.length > 2) bytes[1] = random.below(bytes.length - 1);
    const version = versions[round % versions.length] as ProtocolVersion | 0;
    if (version === 0) bytes[0] = 0x10;
    feedInPieces(decoderOf(version), bytes, random);
  }
});

test(`mutated packets are decoded or refused, never thrown at (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const vectors = clientVectors();
  for (let round = 0; round < 20_000; round += 1) {
    const vector = vectors[random.below(vectors.length)];
    if (vector === undefined) continue;
    const bytes = Buffer.from(vector.bytes, 'hex');
    for (let change = 0; change <= random.below(3); change += 1) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    const others = [bytes, Buffer.from(vector.bytes, 'hex')];
    if (random.below(3) === 0) others.reverse();
    feedInPieces(decoderOf(vector.version), Buffer.concat(others), random);
  }
});
