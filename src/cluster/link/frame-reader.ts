import { Buffer } from 'node:buffer';
import { type FrameTable, lengthBytesMax, optionalBit, skippedMax } from './frames.js';

/** The other end does not keep to the format; the connection is of no more use. */
export interface FrameError {
  readonly code: 'malformed' | 'oversized' | 'unexpected';
  /** For people, without a full stop. */
  readonly reason: string;
}

/** Takes the frames of a {@link FrameReader}. */
export interface FrameSink {
  /**
   * `body` is valid until the method returns. False: no more frames, the connection was given up.
   */
  onFrame(type: number, body: Uint8Array, now: number): boolean;
}

/** Smallest buffer for a frame that straddles chunks. */
const keptMin = 64;

const nothing: Uint8Array = new Uint8Array(0);

/**
 * Cuts the bytes of one connection into frames: a varint, which counts what follows, a type byte,
 * a body. Whole frames are passed on where they lie; only one that straddles chunks is copied, into
 * a buffer that grows with what arrives and never by what a length claims.
 */
export class FrameReader {
  /** In force from the next frame on, so a sink may change it. */
  allowed: FrameTable;
  #error: FrameError | undefined = undefined;
  /** The beginning of a frame: `#kept[0, #keptLength)`. */
  #kept: Uint8Array = nothing;
  #keptLength = 0;
  /** Bytes of an optional frame that are still to be skipped. */
  #skipping = 0;
  /** Set by `#readHeader`: where the type is, and where the frame ends. */
  #typeAt = 0;
  #frameEnd = 0;

  constructor(allowed: FrameTable) {
    this.allowed = allowed;
  }

  /** Memory held for a frame that is not whole. */
  get bufferedBytes(): number {
    return this.#kept.length;
  }

  /** Passes on every frame that `chunk` completes. An error is for good: nothing is read after. */
  read(chunk: Uint8Array, sink: FrameSink, now: number): FrameError | undefined {
    let at = 0;
    while (at < chunk.length && this.#error === undefined) {
      if (this.#skipping > 0) {
        const skipped = Math.min(this.#skipping, chunk.length - at);
        this.#skipping -= skipped;
        at += skipped;
      } else if (this.#keptLength > 0) {
        at = this.#completeKept(chunk, at, sink, now);
      } else {
        at = this.#readWhole(chunk, at, sink, now);
      }
    }
    return this.#error;
  }

  /** A frame that begins at `at`. Returns where the next one does. */
  #readWhole(chunk: Uint8Array, at: number, sink: FrameSink, now: number): number {
    if (!this.#readHeader(chunk, at, chunk.length)) return this.#keep(chunk, at, chunk.length);
    if (this.#error !== undefined) return chunk.length;
    const end = this.#frameEnd;
    if (this.#skips(chunk)) {
      this.#skipping = end - this.#typeAt;
      return this.#typeAt;
    }
    if (end > chunk.length) return this.#keep(chunk, at, chunk.length);
    return this.#pass(chunk, sink, now) ? end : chunk.length;
  }

  /** Adds to the kept beginning just what its frame lacks. */
  #completeKept(chunk: Uint8Array, at: number, sink: FrameSink, now: number): number {
    let from = at;
    while (!this.#readHeader(this.#kept, 0, this.#keptLength)) {
      if (from === chunk.length) return from;
      from = this.#keep(chunk, from, from + 1);
    }
    if (this.#error !== undefined) return chunk.length;
    if (this.#skips(this.#kept)) {
      this.#skipping = this.#frameEnd - this.#keptLength;
      this.#dropKept();
      return from;
    }
    const missing = this.#frameEnd - this.#keptLength;
    from = this.#keep(chunk, from, Math.min(chunk.length, from + missing));
    if (this.#keptLength < this.#frameEnd) return from;
    const frame = this.#kept;
    this.#dropKept();
    return this.#pass(frame, sink, now) ? from : chunk.length;
  }

  /** False while the header is not whole. Checks it against the table once it is. */
  #readHeader(bytes: Uint8Array, start: number, available: number): boolean {
    let length = 0;
    let scale = 1;
    let at = start;
    for (;;) {
      if (at - start === lengthBytesMax) {
        return this.#fail('malformed', 'the length of a frame has more than five bytes');
      }
      if (at >= available) return false;
      const next = bytes[at] as number;
      length += (next & 0x7f) * scale;
      scale *= 0x80;
      at += 1;
      if (next < 0x80) break;
    }
    if (length === 0) return this.#fail('malformed', 'a frame without a type');
    if (at >= available) return false;
    this.#typeAt = at;
    this.#frameEnd = at + length;
    return this.#check(bytes[at] as number, length - 1);
  }

  #check(type: number, bodyLength: number): boolean {
    const cap = this.allowed.caps.get(type);
    if (cap === undefined && ((type & optionalBit) === 0 || !this.allowed.skipsOptional)) {
      return this.#fail('unexpected', `a frame of type ${type} is not expected here`);
    }
    if (bodyLength > (cap ?? skippedMax)) {
      return this.#fail('oversized', `a frame of type ${type} claims ${bodyLength} bytes`);
    }
    return true;
  }

  #skips(bytes: Uint8Array): boolean {
    return !this.allowed.caps.has(bytes[this.#typeAt] as number);
  }

  /** True, as for a header that is whole: there is nothing to wait for. */
  #fail(code: FrameError['code'], reason: string): true {
    this.#error = { code, reason };
    this.#dropKept();
    return true;
  }

  #pass(bytes: Uint8Array, sink: FrameSink, now: number): boolean {
    const body = bytes.subarray(this.#typeAt + 1, this.#frameEnd);
    return sink.onFrame(bytes[this.#typeAt] as number, body, now);
  }

  /** Appends `chunk[from, to)` to the kept beginning; returns `to`. */
  #keep(chunk: Uint8Array, from: number, to: number): number {
    const needed = this.#keptLength + to - from;
    if (needed > this.#kept.length) {
      const grown = Buffer.allocUnsafeSlow(this.#grownSize(needed));
      grown.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = grown;
    }
    this.#kept.set(chunk.subarray(from, to), this.#keptLength);
    this.#keptLength = needed;
    return to;
  }

  /** Doubles, so that a long frame is not copied with every chunk, but not beyond its end. */
  #grownSize(needed: number): number {
    return Math.max(needed, keptMin, Math.min(this.#kept.length * 2, this.#frameEnd));
  }

  #dropKept(): void {
    this.#kept = nothing;
    this.#keptLength = 0;
  }
}
