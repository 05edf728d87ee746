import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  Decoder,
  Failed,
  NeedMore,
  PacketType,
  type ProtocolVersion,
  ReasonCode,
} from '../../../src/packet/mod.js';
import { arbitraryPacket, arbitraryStream } from '../../fixtures/arbitrary-packets.js';
import { connect, hex, packet, publish } from '../../fixtures/client-packets.js';
import { decodedPacket, decoderOf, drain } from '../../fixtures/packet-vectors.js';

const versions: readonly ProtocolVersion[] = [3, 4, 5];

/** How much of the stream a chunk brings, and how many packets the session then takes. */
interface Step {
  bytes: number;
  packets: number;
}

/** Small chunks in the main; a session that takes 0 packets is paused. */
const steps = fc.array(
  fc.record({
    bytes: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 })),
    packets: fc.oneof(fc.constant(1000), fc.integer({ min: 0, max: 3 })),
  }),
  { minLength: 1, maxLength: 60 },
);

/**
 * Feeds `stream` as an edge does: every chunk lies in the same buffer, which is overwritten after
 * `keepRemainder`. Where `packetEnds` are given, no packet may wait once its last byte is there.
 */
function decodeInSteps(
  stream: Buffer,
  plan: readonly Step[],
  packetEnds: readonly number[] = [],
): unknown[] {
  const decoder = new Decoder(1 << 28);
  const edge = Buffer.alloc(1024);
  const decoded: unknown[] = [];
  let at = 0;
  const take = (count: number): void => {
    for (let taken = 0; taken < count; taken += 1) {
      const type = decoder.next();
      assert.notEqual(type, Failed, decoder.error?.reason);
      if (type === NeedMore) {
        const whole = packetEnds.filter((end) => end <= at).length;
        assert.ok(decoded.length >= whole, `${decoded.length} of ${whole} packets`);
        return;
      }
      decoded.push(decodedPacket(decoder, type));
    }
  };
  for (let turn = 0; at < stream.length; turn += 1) {
    const step = plan[turn % plan.length] as Step;
    const end = Math.min(at + step.bytes, stream.length);
    const offset = turn % 7;
    stream.copy(edge, offset, at, end);
    decoder.feed(edge, offset, offset + end - at);
    at = end;
    take(step.packets);
    decoder.keepRemainder();
    edge.fill(0xee);
  }
  take(Number.POSITIVE_INFINITY);
  assert.equal(decoder.pendingBytes, 0);
  return decoded;
}

describe('a stream of packets', () => {
  for (const version of versions) {
    test(`decodes to what the client meant, in version ${version}`, () => {
      fc.assert(
        fc.property(arbitraryStream(version), (sent) => {
          const stream = Buffer.concat(sent.map((each) => each.bytes));
          const decoder = new Decoder(1 << 28);
          decoder.feed(stream, 0, stream.length);
          const { packets, error } = drain(decoder);
          assert.equal(error, undefined);
          assert.deepEqual(
            packets,
            sent.map((each) => each.expected),
          );
        }),
        { numRuns: 150 },
      );
    });

    test(`decodes alike wherever its chunks end and the session pauses, version ${version}`, () => {
      fc.assert(
        fc.property(arbitraryStream(version), steps, (sent, plan) => {
          const stream = Buffer.concat(sent.map((each) => each.bytes));
          let end = 0;
          const ends = sent.map((each) => (end += each.bytes.length));
          assert.deepEqual(
            decodeInSteps(stream, plan, ends),
            sent.map((each) => each.expected),
          );
        }),
        { numRuns: 300 },
      );
    });
  }

  test('decodes in chunks of one byte', () => {
    fc.assert(
      fc.property(arbitraryStream(5), (sent) => {
        const stream = Buffer.concat(sent.map((each) => each.bytes));
        const expected = sent.map((each) => each.expected);
        assert.deepEqual(decodeInSteps(stream, [{ bytes: 1, packets: 1000 }]), expected);
        assert.deepEqual(decodeInSteps(stream, [{ bytes: 1, packets: 0 }]), expected);
      }),
      { numRuns: 40 },
    );
  });

  test('cut at every byte decodes alike', () => {
    const [sample] = fc.sample(fc.array(arbitraryPacket(5), { minLength: 3, maxLength: 3 }), {
      numRuns: 1,
      seed: 7,
    });
    const packets = sample ?? [];
    const stream = Buffer.concat([connect(5), ...packets.map((each) => each.bytes)]);
    const whole = decodeInSteps(stream, [{ bytes: 1000, packets: 1000 }]);
    for (let cut = 1; cut < Math.min(stream.length, 1000); cut += 1) {
      const plan = [
        { bytes: cut, packets: 1000 },
        { bytes: 1000, packets: 1000 },
      ];
      assert.deepEqual(decodeInSteps(stream, plan), whole);
    }
  });
});

describe('the bytes of a PUBLISH', () => {
  test('lie in the chunk when the packet is whole there', () => {
    const decoder = decoderOf(5);
    const chunk = publish(5, { topicName: 'a', payload: 'x' });
    decoder.feed(chunk, 0, chunk.length);
    assert.equal(decoder.next(), PacketType.Publish);
    assert.equal(decoder.publish.bytes, chunk);
    assert.equal(decoder.publish.packetStart, 0);
    assert.equal(decoder.publish.packetEnd, chunk.length);
  });

  test('of a cut packet are the only ones copied; the next is decoded from its chunk', () => {
    const decoder = decoderOf(4);
    const one = publish(4, { topicName: 'first', payload: 'x' });
    const both = Buffer.concat([one, publish(4, { topicName: 'second', payload: 'y' })]);
    decoder.feed(both, 0, 4);
    assert.equal(decoder.next(), NeedMore);
    decoder.keepRemainder();
    decoder.feed(both, 4, both.length);
    assert.equal(decoder.next(), PacketType.Publish);
    assert.notEqual(decoder.publish.bytes, both);
    assert.equal(decoder.next(), PacketType.Publish);
    assert.equal(decoder.publish.bytes, both);
    assert.equal(decoder.publish.packetStart, one.length);
    assert.equal(decoder.next(), NeedMore);
  });

  test('in the own buffer stay as they are while the next packet arrives', () => {
    const decoder = decoderOf(4);
    const stream = Buffer.concat(
      ['aaaa', 'bbbb', 'cccc'].map((payload) => publish(4, { topicName: 't', payload })),
    );
    decoder.feed(stream, 0, 3);
    decoder.next();
    decoder.keepRemainder();
    decoder.feed(stream, 3, 15);
    assert.equal(decoder.next(), PacketType.Publish);
    const { bytes, payloadStart, payloadEnd } = decoder.publish;
    decoder.next();
    decoder.keepRemainder();
    decoder.feed(stream, 15, stream.length);
    decoder.next();
    assert.equal(Buffer.from(bytes.subarray(payloadStart, payloadEnd)).toString(), 'aaaa');
  });
});

describe('memory', () => {
  test('is not taken for a length that is only claimed', () => {
    const decoder = decoderOf(4);
    const header = hex('30 ff ff ff 7f');
    decoder.feed(header, 0, header.length);
    assert.equal(decoder.next(), NeedMore);
    decoder.keepRemainder();
    assert.ok(decoder.pendingBytes <= 64);
    const body = Buffer.alloc(1000);
    for (let fed = 0; fed < 20; fed += 1) {
      decoder.feed(body, 0, body.length);
      assert.equal(decoder.next(), NeedMore);
      decoder.keepRemainder();
      assert.ok(decoder.pendingBytes <= 2 * (fed + 1) * 1000 + 64);
    }
  });

  test('for a packet in one-byte chunks is taken in few steps, so copying stays linear', () => {
    const decoder = decoderOf(4);
    const bytes = publish(4, { topicName: 't'.repeat(65_535), payload: 'end' });
    const sizes = new Set<number>();
    for (let at = 0; at < bytes.length; at += 1) {
      decoder.feed(bytes, at, at + 1);
      if (at + 1 < bytes.length) assert.equal(decoder.next(), NeedMore);
      decoder.keepRemainder();
      sizes.add(decoder.pendingBytes);
    }
    assert.equal(decoder.next(), PacketType.Publish);
    assert.ok(sizes.size <= 14, `${sizes.size} sizes`);
    assert.ok(Math.max(...sizes) <= bytes.length + 64);
  });

  test('is given back when everything was decoded', () => {
    const decoder = decoderOf(4);
    const bytes = publish(4, { topicName: 't', payload: Buffer.alloc(500) });
    decoder.feed(bytes, 0, 100);
    decoder.next();
    decoder.keepRemainder();
    assert.ok(decoder.pendingBytes >= 100);
    decoder.feed(bytes, 100, bytes.length);
    assert.equal(decoder.next(), PacketType.Publish);
    decoder.keepRemainder();
    assert.equal(decoder.pendingBytes, 0);
  });
});

test('an idle connection holds no buffer, not even through the view of its last PUBLISH', () => {
  const decoder = decoderOf(4);
  const bytes = publish(4, { topicName: 't', payload: Buffer.alloc(500) });
  decoder.feed(bytes, 0, bytes.length);
  decoder.keepRemainder();
  assert.equal(decoder.next(), PacketType.Publish);
  assert.equal(decoder.publish.bytes.length, bytes.length);
  assert.equal(decoder.next(), NeedMore);
  assert.equal(decoder.pendingBytes, 0);
  assert.equal(decoder.publish.bytes.length, 0);
  decoder.feed(bytes, 0, bytes.length);
  assert.equal(decoder.next(), PacketType.Publish);
  decoder.keepRemainder();
  assert.equal(decoder.publish.bytes.length, 0);
});

describe('a packet larger than the maximum', () => {
  test('is refused by its fixed header alone [MQTT5-3.2.2-15]', () => {
    const decoder = decoderOf(5, 100);
    const header = hex('30 64');
    decoder.feed(header, 0, 2);
    assert.equal(decoder.next(), Failed);
    assert.equal(decoder.error?.reasonCode, ReasonCode.PacketTooLarge);
    assert.equal(decoder.error?.statement, 'MQTT5-3.2.2-15');
    assert.equal(decoder.pendingBytes, 0);
  });

  test('is one byte larger than one that is accepted', () => {
    const decoder = decoderOf(4, 100);
    const bytes = publish(4, { topicName: 't', payload: Buffer.alloc(95) });
    assert.equal(bytes.length, 100);
    decoder.feed(bytes, 0, bytes.length);
    assert.equal(decoder.next(), PacketType.Publish);
  });

  test('is refused when its header becomes whole in a later chunk', () => {
    const decoder = decoderOf(4, 1000);
    const header = hex('30 ff ff 7f');
    for (let at = 0; at < 4; at += 1) {
      decoder.feed(header, at, at + 1);
      assert.equal(decoder.next(), at < 3 ? NeedMore : Failed);
      decoder.keepRemainder();
    }
    assert.equal(decoder.error?.reasonCode, ReasonCode.PacketTooLarge);
  });

  test('is, for a CONNECT, one of more than 512 KiB', () => {
    const decoder = new Decoder(1 << 28);
    const header = hex('10 81 80 20');
    decoder.feed(header, 0, header.length);
    assert.equal(decoder.next(), Failed);
    assert.equal(decoder.error?.reasonCode, ReasonCode.PacketTooLarge);
    const largest = new Decoder(1 << 28);
    const allowed = hex('10 fc ff 1f');
    largest.feed(allowed, 0, allowed.length);
    assert.equal(largest.next(), NeedMore);
  });
});

describe('the version of a connection', () => {
  test('is that of its CONNECT', () => {
    for (const version of versions) {
      const decoder = new Decoder(1000);
      const bytes = connect(version);
      decoder.feed(bytes, 0, bytes.length);
      assert.equal(decoder.protocolVersion, 0);
      assert.equal(decoder.next(), PacketType.Connect);
      assert.equal(decoder.protocolVersion, version);
    }
  });

  test('is known when the CONNECT fails behind it, so that the refusal can be written', () => {
    const failing: [bytes: Buffer, version: number][] = [
      [hex('10 0e 00044d515454 05 03 0000 00 0000 00'), 5],
      [hex('10 0c 00044d515454 04 03 0000 0000'), 4],
      [hex('10 0c 00044d515454 07 02 0000 0000'), 5],
      [hex('10 0c 00044d515454 03 02 0000 0000'), 4],
      [hex('10 0c 000448545450 04 02 0000 0000'), 0],
    ];
    for (const [bytes, version] of failing) {
      const decoder = new Decoder(1000);
      decoder.feed(bytes, 0, bytes.length);
      assert.equal(decoder.next(), Failed);
      assert.equal(decoder.protocolVersion, version);
    }
  });

  test('does not change with a second CONNECT [MQTT5-3.1.0-2] [MQTT3-3.1.0-2]', () => {
    const decoder = decoderOf(5);
    const bytes = connect(4);
    decoder.feed(bytes, 0, bytes.length);
    assert.equal(decoder.next(), PacketType.Connect);
    assert.equal(decoder.protocolVersion, 5);
  });
});

test('a failed decoder stays failed, whatever it is fed', () => {
  const decoder = decoderOf(4);
  const bytes = Buffer.concat([packet(0x00), publish(4, { topicName: 't' })]);
  decoder.feed(bytes, 0, bytes.length);
  assert.equal(decoder.next(), Failed);
  const { error } = decoder;
  decoder.keepRemainder();
  decoder.feed(bytes, 2, bytes.length);
  assert.equal(decoder.next(), Failed);
  assert.equal(decoder.error, error);
  assert.equal(decoder.pendingBytes, 0);
});

test('what is not a CONNECT is refused by its first byte [MQTT5-3.1.0-1] [MQTT3-3.1.0-1]', () => {
  const decoder = new Decoder(1000);
  decoder.feed(hex('30'), 0, 1);
  assert.equal(decoder.next(), Failed);
  assert.equal(decoder.error?.reasonCode, ReasonCode.ProtocolError);
});
