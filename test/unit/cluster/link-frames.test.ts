import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import {
  type FrameError,
  FrameReader,
  FrameType,
  handshakeFrames,
  helloMax,
  LaneKind,
  laneFrames,
  rowsMax,
  writeFrame,
} from '../../../src/cluster/link/mod.js';

interface Frame {
  type: number;
  body: string;
}

/** Reads `chunks`; copies what the reader only lends. */
function readAll(reader: FrameReader, ...chunks: Uint8Array[]): (Frame | FrameError)[] {
  const found: (Frame | FrameError)[] = [];
  const sink = {
    onFrame(type: number, body: Uint8Array): boolean {
      found.push({ type, body: Buffer.from(body).toString('hex') });
      return true;
    },
  };
  for (const chunk of chunks) {
    const error = reader.read(chunk, sink, 0);
    if (error !== undefined) return [...found, error];
  }
  return found;
}

const control = (): FrameReader => new FrameReader(laneFrames[LaneKind.Control]);
const data = (): FrameReader => new FrameReader(laneFrames[LaneKind.Data]);
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('frames', () => {
  it('are read the same however the bytes are cut', () => {
    const stream = Buffer.concat([
      writeFrame(FrameType.Heartbeat, bytes('0102')),
      writeFrame(FrameType.Rows, Buffer.alloc(300, 7), bytes('ff')),
      writeFrame(FrameType.Request),
      bytes('04f0aabbcc'),
      writeFrame(FrameType.Response, bytes('09')),
    ]);
    const expected = readAll(control(), stream);
    assert.deepEqual(
      expected.map((frame) => ('type' in frame ? frame.type : frame.code)),
      [FrameType.Heartbeat, FrameType.Rows, FrameType.Request, FrameType.Response],
    );
    for (let cut = 1; cut < stream.length; cut += 1) {
      const chunks = [stream.subarray(0, cut), stream.subarray(cut)];
      assert.deepEqual(readAll(control(), ...chunks), expected, `cut at ${cut}`);
    }
    const single = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
    assert.deepEqual(readAll(control(), ...single), expected);
  });

  it('that are whole are not copied', () => {
    const stream = writeFrame(FrameType.Rows, bytes('0102'));
    let seen: Uint8Array | undefined;
    const sink = {
      onFrame(_type: number, body: Uint8Array): boolean {
        seen = body;
        return true;
      },
    };
    control().read(stream, sink, 0);
    assert.equal(seen?.buffer, stream.buffer);
  });

  it('of unknown types are skipped when their type says so, unread and unkept', () => {
    const length = 5_000_000;
    const header = bytes('c196b102f1');
    const reader = control();
    const chunk = Buffer.alloc(65_536);
    assert.deepEqual(readAll(reader, header), []);
    for (let left = length; left > 0; left -= chunk.length) {
      assert.deepEqual(readAll(reader, chunk.subarray(0, Math.min(left, chunk.length))), []);
      assert.equal(reader.bufferedBytes, 0);
    }
    assert.deepEqual(readAll(reader, bytes('0210aa')), [{ type: 16, body: 'aa' }]);
  });

  it('of unknown types that may not be skipped end the connection', () => {
    const [error] = readAll(control(), bytes('0130'));
    assert.deepEqual(error, {
      code: 'unexpected',
      reason: 'a frame of type 48 is not expected here',
    });
  });

  it('of the other lane, or of the handshake once it is over, are not expected', () => {
    const publish = writeFrame(FrameType.Publish, bytes('00'));
    const code = (found: (Frame | FrameError)[]) => (found[0] as FrameError).code;
    assert.equal(code(readAll(control(), publish)), 'unexpected');
    assert.equal(code(readAll(data(), writeFrame(FrameType.Rows))), 'unexpected');
    assert.equal(code(readAll(data(), writeFrame(FrameType.Hello))), 'unexpected');
  });

  it('that may be skipped later may not be before the handshake is over', () => {
    const [error] = readAll(new FrameReader(handshakeFrames), bytes('01f0'));
    assert.equal((error as FrameError).code, 'unexpected');
  });

  it('above their cap are refused by their header', () => {
    const reader = new FrameReader(handshakeFrames);
    assert.deepEqual(readAll(reader, bytes('821001')), [
      { code: 'oversized', reason: `a frame of type 1 claims ${helloMax + 1} bytes` },
    ]);
    assert.equal(reader.bufferedBytes, 0);
    const exact = Buffer.concat([bytes('811001'), Buffer.alloc(helloMax)]);
    assert.equal(readAll(new FrameReader(handshakeFrames), exact).length, 1);
  });

  it('without a type, or with a length of more than five bytes, are malformed', () => {
    assert.equal((readAll(control(), bytes('00'))[0] as FrameError).code, 'malformed');
    assert.equal((readAll(control(), bytes('8080808080'))[0] as FrameError).code, 'malformed');
  });

  it('are not read any more after an error', () => {
    const reader = control();
    const good = writeFrame(FrameType.Request);
    const found = readAll(reader, Buffer.concat([good, bytes('00'), good]));
    assert.equal(found.length, 2);
    assert.equal((readAll(reader, good)[0] as FrameError).code, 'malformed');
  });

  it('are not read any more once the sink gave the connection up', () => {
    const frame = writeFrame(FrameType.Request);
    let count = 0;
    const sink = {
      onFrame(): boolean {
        count += 1;
        return false;
      },
    };
    control().read(Buffer.concat([frame, frame]), sink, 0);
    assert.equal(count, 1);
  });

  it('take memory by what arrived, not by what they claim', () => {
    const reader = data();
    readAll(reader, bytes('8180808001'), bytes('20'), Buffer.alloc(1000));
    assert.ok(reader.bufferedBytes <= 4096, String(reader.bufferedBytes));
  });

  it('of more than their type may have are not written', () => {
    assert.throws(() => writeFrame(FrameType.Rows, Buffer.alloc(rowsMax * 2)), /longer/);
  });
});

/** Streams that were cut, changed and repeated: what a broken peer may send. */
describe('a broken stream of frames', () => {
  const types = [FrameType.Heartbeat, FrameType.Rows, FrameType.Request, FrameType.Response];

  function brokenStream(random: SeededRandom): Buffer {
    const parts: Buffer[] = [];
    for (let count = random.below(8); count >= 0; count -= 1) {
      const type = types[random.below(types.length)] as FrameType;
      parts.push(Buffer.from(writeFrame(type, Buffer.alloc(random.below(400), random.below(256)))));
      if (random.below(6) === 0) parts.push(Buffer.from([random.below(256), random.below(256)]));
    }
    const stream = Buffer.concat(parts);
    for (let count = random.below(4); count > 0; count -= 1) {
      stream[random.below(stream.length)] = random.below(256);
    }
    return stream.subarray(0, random.below(stream.length + 1));
  }

  it('never throws and never takes more memory than arrived', () => {
    for (let seed = 1; seed <= 3000; seed += 1) {
      const random = new SeededRandom(seed);
      const stream = brokenStream(random);
      const reader = random.below(4) === 0 ? new FrameReader(handshakeFrames) : control();
      for (let at = 0; at < stream.length; ) {
        const size = 1 + random.below(100);
        readAll(reader, stream.subarray(at, at + size));
        at += size;
        assert.ok(reader.bufferedBytes <= Math.max(64, at * 2), `seed ${seed}`);
      }
    }
  });
});
