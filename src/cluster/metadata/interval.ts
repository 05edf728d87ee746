import { Buffer, isUtf8 } from 'node:buffer';
import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { type Boot, readBoot, readSite, type Site, writeBoot, writeSite } from '../identity/mod.js';
import {
  keyBytesMax,
  kindsMax,
  makeRow,
  type Row,
  type RowKind,
  type SmallValues,
  valueBytesMax,
} from './rows.js';

/**
 * The rows of a site with numbers in (`from`, `to`]: all of them that nothing has superseded. The
 * only shape in which rows travel.
 */
export interface Interval {
  readonly site: Site;
  readonly boot: Boot;
  /** Who does not have everything up to here cannot use it. 0: this begins a snapshot. */
  readonly from: number;
  readonly to: number;
  /** The sender's own number when it cut this. Only what reaches it is a state that ever was. */
  readonly of: number;
  /** Deletions up to this one may be missing. */
  readonly floor: number;
  /** From a table that has no rows of kinds that end with the boot. */
  readonly isPartial: boolean;
  /** By number, ascending. */
  readonly rows: readonly Row[];
}

/** Not what {@link encodeInterval} makes. The connection it came from is of no more use. */
export interface MalformedRows {
  readonly code: 'malformed';
  /** For people, without a full stop. */
  readonly reason: string;
}

/** Rows of one interval: what a node takes in in one turn. */
export const intervalRowsMax = 1024;

const deletedBit = 0x10;
const overrideBit = 0x20;
const partialBit = 0x01;

/** Bytes around key and value: kind, number, stamp, two lengths. */
const rowOverheadMax = 1 + 8 + 8 + 3 + 3;

/** Bytes that a row takes in an interval, at most. */
export function rowBytes(row: Row): number {
  return rowOverheadMax + Buffer.byteLength(row.key) + (row.value?.length ?? 0);
}

export function encodeInterval(interval: Interval): Uint8Array {
  const writer = new ByteWriter(1024);
  writeSite(writer, interval.site);
  writeBoot(writer, interval.boot);
  writer.byte(interval.isPartial ? partialBit : 0);
  writer.varint(interval.from);
  writer.varint(interval.to);
  writer.varint(interval.of);
  writer.varint(interval.floor);
  writer.varint(interval.rows.length);
  let number = interval.from;
  for (const row of interval.rows) {
    const isDeleted = row.value === undefined;
    writer.byte(row.kind | (isDeleted ? deletedBit : 0) | (row.isOverride ? overrideBit : 0));
    writer.varint(row.number - number);
    writer.varint(row.stamp);
    writer.text(row.key);
    if (row.value !== undefined) writer.blob(row.value);
    number = row.number;
  }
  return writer.take();
}

/** Keeps nothing of `bytes`. Every length and every number is checked. */
export function decodeInterval(bytes: Uint8Array, values: SmallValues): Interval | MalformedRows {
  try {
    return readInterval(new ByteReader(bytes), values);
  } catch (error) {
    if (error instanceof TruncatedRecord) return malformed(error.message);
    throw error;
  }
}

export function malformed(reason: string): MalformedRows {
  return { code: 'malformed', reason };
}

function readInterval(reader: ByteReader, values: SmallValues): Interval | MalformedRows {
  const site = readSite(reader);
  const boot = readBoot(reader);
  const flags = reader.byte();
  if (flags > partialBit) return malformed('unknown flags of an interval');
  const from = reader.varint();
  const to = reader.varint();
  const of = reader.varint();
  const floor = reader.varint();
  if (from > to || to > of || floor > of) return malformed('an interval with its ends crossed');
  const count = reader.varint();
  if (count > intervalRowsMax) return malformed(`an interval of ${count} rows`);
  const rows: Row[] = [];
  let number = from;
  for (let left = count; left > 0; left -= 1) {
    const row = readRow(reader, site, number, values);
    if ('code' in row) return row;
    if (row.number <= number || row.number > to) return malformed('a row outside its interval');
    number = row.number;
    rows.push(row);
  }
  if (!reader.isAtEnd) return malformed('bytes behind an interval');
  return { site, boot, from, to, of, floor, isPartial: flags === partialBit, rows };
}

function readRow(
  reader: ByteReader,
  site: Site,
  above: number,
  values: SmallValues,
): Row | MalformedRows {
  const head = reader.byte();
  const kind = head & 0x0f;
  const isDeleted = (head & deletedBit) !== 0;
  const isOverride = (head & overrideBit) !== 0;
  if (kind === 0 || kind > kindsMax || head >= 2 * overrideBit) return malformed('unknown kind');
  if (isOverride && !isDeleted) return malformed('an override with a value');
  const number = above + reader.varint();
  const stamp = reader.varint();
  const key = reader.blob();
  if (key.length > keyBytesMax) return malformed('a key is too long');
  if (!isUtf8(key)) return malformed('a key that is not UTF-8');
  const value = isDeleted ? undefined : reader.blob();
  if (value !== undefined && value.length > valueBytesMax) return malformed('a value is too long');
  const kept = value === undefined ? undefined : values.keep(value);
  return makeRow(site, number, kind as RowKind, key.toString('utf8'), kept, stamp, isOverride);
}
