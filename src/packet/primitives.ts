/**
 * The data representations of MQTT 5 section 1.5 over plain byte arrays: free functions that take
 * and return offsets, so that hot loops allocate nothing.
 */
import { Buffer, isUtf8 } from 'node:buffer';

/** What {@link inspectUtf8} found. */
export const Utf8 = { Ascii: 0, MultiByte: 1, HasNull: 2, IllFormed: 3 } as const;
export type Utf8 = (typeof Utf8)[keyof typeof Utf8];

/** Undocumented but stable methods of Buffer that skip the argument juggling of `toString`. */
interface BufferSlices {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
}
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as BufferSlices;

/** Bytes of a UTF-8 Encoded String, or of Binary Data, at most. */
export const fieldMax = 0xffff;

/** Up to this many bytes a loop beats `Uint8Array.set` with its view (bench/micro/codec.ts). */
const loopCopyMax = 48;

/**
 * Whether `bytes[start, end)` is a UTF-8 Encoded String that MQTT allows: well formed, without
 * surrogates [MQTT5-1.5.4-1] [MQTT3-1.5.3-1], without U+0000 [MQTT5-1.5.4-2] [MQTT3-1.5.3-2].
 */
export function inspectUtf8(bytes: Uint8Array, start: number, end: number): Utf8 {
  let seen = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === 0) return Utf8.HasNull;
    seen |= byte;
  }
  if (seen < 0x80) return Utf8.Ascii;
  return isUtf8(bytes.subarray(start, end)) ? Utf8.MultiByte : Utf8.IllFormed;
}

/** The string in `bytes[start, end)`, which {@link inspectUtf8} found to be `kind`. */
export function sliceUtf8(bytes: Uint8Array, start: number, end: number, kind: Utf8): string {
  if (start === end) return '';
  // A byte order mark stays in the string [MQTT5-1.5.4-3] [MQTT3-1.5.3-3].
  return kind === Utf8.Ascii
    ? latin1Slice.call(bytes, start, end)
    : utf8Slice.call(bytes, start, end);
}

/** Big endian, bytes `at` and `at + 1`. */
export function readTwoByteInteger(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Big endian and unsigned, bytes `at` to `at + 3`. */
export function readFourByteInteger(bytes: Uint8Array, at: number): number {
  return readTwoByteInteger(bytes, at) * 0x10000 + readTwoByteInteger(bytes, at + 2);
}

/** Bytes that `value` takes as a Variable Byte Integer. */
export function variableByteIntegerSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Writes the shortest form [MQTT5-1.5.5-1] and returns the offset behind it. */
export function writeVariableByteInteger(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let offset = at;
  while (rest > 127) {
    bytes[offset++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[offset++] = rest;
  return offset;
}

/** Returns the offset behind the integer. */
export function writeTwoByteInteger(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
  return at + 2;
}

/** Returns the offset behind the integer. */
export function writeFourByteInteger(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

/** Writes Binary Data or an already encoded string with its length; returns the offset behind. */
export function writeBinary(bytes: Uint8Array, at: number, data: Uint8Array): number {
  return writeBytes(bytes, writeTwoByteInteger(bytes, at, data.length), data);
}

/** Writes a UTF-8 Encoded String; returns the offset behind it. */
export function writeString(bytes: Buffer, at: number, text: string): number {
  const length = bytes.write(text, at + 2, 'utf8');
  return writeTwoByteInteger(bytes, at, length) + length;
}

/**
 * Bytes of `text` as a UTF-8 Encoded String, its length field included. Infinite: it is longer than
 * the field can say.
 */
export function stringSize(text: string): number {
  return binarySize(Buffer.byteLength(text, 'utf8'));
}

/** As {@link stringSize}, of Binary Data with `length` bytes. */
export function binarySize(length: number): number {
  return length > fieldMax ? Number.POSITIVE_INFINITY : 2 + length;
}

/** Copies all of `source` to `bytes[at…]`; returns the offset behind it. */
export function writeBytes(bytes: Uint8Array, at: number, source: Uint8Array): number {
  const count = source.length;
  if (count > loopCopyMax) {
    bytes.set(source, at);
  } else {
    for (let from = 0; from < count; from += 1) bytes[at + from] = source[from] as number;
  }
  return at + count;
}
