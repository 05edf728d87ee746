import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { type NumberRange, readRanges, writeRanges } from './number-set.js';

/** Of a frame with QoS 1 or 2, for one receiver; with the sender's site it is there once, ever. */
export interface FrameNumber {
  /** Counter of the sender's boot that gave the number. */
  readonly boot: number;
  /** From 1, rising by one with every number given, for each receiver. */
  readonly sequence: number;
}

/**
 * How far above the lowest unconfirmed number of its boot a number may lie: the sender gives no
 * higher one, so the receiver need not remember more.
 */
export const windowMax = 65_536;

/** Boots of one sender with numbers that are not confirmed. */
export const bootsMax = 1024;

/** Ranges of one Confirm, and exceptions: both fit its cap with the longest numbers. */
export const confirmListMax = 512;

/** Empty between two numbers. */
const numberWriter: ByteWriter = new ByteWriter(16);

/** The front of a frame that has a number. */
export function writeNumber({ boot, sequence }: FrameNumber): Uint8Array {
  numberWriter.varint(boot);
  numberWriter.varint(sequence);
  return numberWriter.take();
}

/** The front of a frame that has none. */
export const noNumber: Uint8Array = new Uint8Array(1);

/** The front of a Publish or Remnant. */
export interface NumberedFront {
  /** Undefined: sent once and never again, QoS 0. */
  readonly number: FrameNumber | undefined;
  /** Where the rest begins. */
  readonly end: number;
}

/** Undefined when there is no sound number at the front. */
export function splitNumber(bytes: Uint8Array): NumberedFront | undefined {
  if (bytes[0] === 0) return { number: undefined, end: 1 };
  const bootEnd = varintEnd(bytes, 0);
  const end = bootEnd === -1 ? -1 : varintEnd(bytes, bootEnd);
  if (end === -1) return undefined;
  try {
    const reader = new ByteReader(bytes);
    const number = { boot: reader.varint(), sequence: reader.varint() };
    return number.boot === 0 || number.sequence === 0 ? undefined : { number, end };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

/** A varint of 53 bits has no more. */
const varintBytesMax = 8;

function varintEnd(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + varintBytesMax);
  for (let at = start; at < limit; at += 1) if ((bytes[at] as number) < 0x80) return at + 1;
  return -1;
}

/** A number that was not taken. */
export interface Exception {
  readonly sequence: number;
  /** The composition's; 1 to 127. */
  readonly reason: number;
}

/** What the receiver says of the numbers of one boot. */
export interface Confirm {
  /** 0: nothing about numbers; all that was known when the lane opened has been said. */
  readonly boot: number;
  /** Every number up to here is owned, but for exceptions, which were told before or are here. */
  readonly upTo: number;
  /** Owned, above `upTo`. Ascending. */
  readonly ranges: readonly NumberRange[];
  /** Ascending. */
  readonly exceptions: readonly Exception[];
}

export function writeConfirm({ boot, upTo, ranges, exceptions }: Confirm): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(boot);
  writer.varint(upTo);
  writeRanges(writer, upTo, ranges);
  writer.varint(exceptions.length);
  let last = 0;
  for (const { sequence, reason } of exceptions) {
    writer.varint(sequence - last);
    writer.byte(reason);
    last = sequence;
  }
  return writer.take();
}

export function readConfirm(bytes: Uint8Array): Confirm | undefined {
  try {
    const reader = new ByteReader(bytes);
    const boot = reader.varint();
    const upTo = reader.varint();
    const ranges = readRanges(reader, upTo, confirmListMax);
    return { boot, upTo, ranges, exceptions: readExceptions(reader) };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

function readExceptions(reader: ByteReader): Exception[] {
  const count = reader.varint();
  if (count > confirmListMax) throw new TruncatedRecord('too many exceptions');
  const exceptions: Exception[] = [];
  let last = 0;
  for (let at = 0; at < count; at += 1) {
    const sequence = last + reader.varint();
    exceptions.push({ sequence, reason: reader.byte() });
    last = sequence;
  }
  return exceptions;
}

/** For each boot with numbers that are not confirmed, the lowest of them; also the present boot. */
export type Floors = ReadonlyMap<number, number>;

export function writeFloors(floors: Floors): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(floors.size);
  for (const [boot, floor] of floors) {
    writer.varint(boot);
    writer.varint(floor);
  }
  return writer.take();
}

export function readFloors(bytes: Uint8Array): Floors | undefined {
  try {
    const reader = new ByteReader(bytes);
    const count = reader.varint();
    if (count > bootsMax) return undefined;
    const floors = new Map<number, number>();
    for (let at = 0; at < count; at += 1) {
      const boot = reader.varint();
      floors.set(boot, reader.varint());
    }
    return floors;
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
