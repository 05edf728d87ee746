import { assert } from './assert.js';

/**
 * Growable byte buffer for our own records (store, later the wire between nodes): varints of up to
 * 53 bits, length-prefixed bytes and UTF-8. Not for MQTT packets.
 */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** LEB128; `value` is a non-negative safe integer. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'varint out of range');
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Length as varint, then the bytes. */
  blob(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.varint(length);
    if (length === 0) return;
    this.#reserve(length);
    this.#bytes.write(value, this.#length, length, 'utf8');
    this.#length += length;
  }

  /** A copy that is exactly as long as what was written; the writer starts anew. */
  take(): Buffer {
    return this.takeBefore(0);
  }

  /** As {@link take}, and `room` bytes behind it, which the caller fills. */
  takeBefore(room: number): Buffer {
    const taken = Buffer.allocUnsafe(this.#length + room);
    this.#bytes.copy(taken, 0, 0, this.#length);
    this.#length = 0;
    return taken;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, needed));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Thrown when a record ends early: it was not written by us, or it is damaged. */
export class TruncatedRecord extends Error {
  override readonly name = 'TruncatedRecord';
}

/** Reads what {@link ByteWriter} wrote. Throws {@link TruncatedRecord} past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  /** `start`: where the record begins in `bytes`; it ends where they do. */
  constructor(bytes: Uint8Array, start = 0) {
    this.#at = start;
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where in the bytes what comes next begins. */
  get position(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new TruncatedRecord('varint out of range');
      if (next < 0x80) return value;
      scale *= 0x80;
    }
  }

  byte(): number {
    const next = this.#bytes[this.#at];
    if (next === undefined) throw new TruncatedRecord('record ends early');
    this.#at += 1;
    return next;
  }

  /** A copy, so that the record's memory may go. */
  blob(): Buffer {
    const length = this.varint();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new TruncatedRecord('record ends early');
    const blob = Buffer.from(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return blob;
  }

  text(): string {
    const length = this.varint();
    if (length === 0) return '';
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) throw new TruncatedRecord('record ends early');
    this.#at = end;
    return this.#bytes.toString('utf8', start, end);
  }

  /** What has not been read: a view, not a copy. */
  rest(): Buffer {
    const rest = this.#bytes.subarray(this.#at);
    this.#at = this.#bytes.length;
    return rest;
  }
}
