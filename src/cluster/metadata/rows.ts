import type { Site, Stamp } from '../identity/mod.js';

/** What a row is about. On the wire and on disk. */
export const RowKind = {
  /** site → name, address, state. */
  Member: 1,
  /** (filter, group) → who subscribes there. */
  Route: 2,
  /** A persistent session: (mountpoint, client identifier) → claim. */
  Session: 3,
  /** A clean session: keyed hash → claim. */
  CleanSession: 4,
  /** (client identifier, filter) → options, of a persistent session. */
  Subscription: 5,
  /** client identifier → will, for survivors. */
  Will: 6,
  /** topic → message. */
  Retain: 7,
  /** name → value. */
  Setting: 8,
} as const;
export type RowKind = (typeof RowKind)[keyof typeof RowKind];

/** Kinds are 1 … this. */
export const kindsMax = 8;

/** Bytes of a key in UTF-8: a topic or filter of 65,535 bytes and what stands beside it. */
export const keyBytesMax: number = 70 * 1024;

/**
 * Bytes of a value: a retained message of 16 MiB and what belongs to it. Each member holds and
 * sends it whole; the frame that carries it (link, `bulkRowsMax`) must be able to.
 */
export const valueBytesMax: number = 16 * 1024 * 1024 + 70 * 1024;

/**
 * The latest state of one key at one site; never changed once made. Tables keep rows as columns
 * (`RowStore`) and make one for whoever asks: two objects may be one row. They are made by
 * {@link makeRow} only, so that all have one shape.
 */
export interface Row {
  /** The one writer. */
  readonly site: Site;
  /** Counts the changes of `site`; of two rows of one key the higher is in force. */
  readonly number: number;
  readonly kind: RowKind;
  readonly key: string;
  /** Undefined: deleted. Nobody may write into it: equal small values are one object. */
  readonly value: Uint8Array | undefined;
  readonly stamp: Stamp;
  /**
   * A deletion that holds against the rows of other sites too, where `stamp` is the later. Without
   * it, a row without a value is a tombstone: it only tells others that this site's row is gone.
   */
  readonly isOverride: boolean;
}

export function makeRow(
  site: Site,
  number: number,
  kind: RowKind,
  key: string,
  value: Uint8Array | undefined,
  stamp: Stamp,
  isOverride: boolean,
): Row {
  return { site, number, kind, key, value, stamp, isOverride };
}

/** True for what only serves deltas: it is in no lookup and in no sum. */
export function isTombstone(row: Row): boolean {
  return row.value === undefined && !row.isOverride;
}

/** True for kinds that end with the boot that wrote them. They are never on disk. */
export function endsWithBoot(kind: RowKind): boolean {
  return kind === RowKind.Route || kind === RowKind.CleanSession || kind === RowKind.Will;
}

/**
 * True for what is on disk and outlives a boot. An override does whatever its kind is: a fired will
 * must stay fired after the survivor's own restart.
 */
export function isKept(row: Row): boolean {
  return row.isOverride || !endsWithBoot(row.kind);
}

/** True when two rows of one key say the same, whatever their numbers are. */
export function saysTheSame(one: Row, other: Row): boolean {
  if (one.stamp !== other.stamp || one.isOverride !== other.isOverride) return false;
  return sameBytes(one.value, other.value);
}

function sameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) {
    if (one[at] !== other[at]) return false;
  }
  return true;
}

const sharedBytesMax = 16;
const sharedValuesMax = 4096;

/**
 * Gives equal small values one object. A million routes say the same few things, and a typed array
 * of its own would cost each of them more than everything else in its row.
 */
export class SmallValues {
  readonly #values = new Map<string, Uint8Array>();

  /** A value equal to `bytes` that may be kept: shared, or a copy that holds no larger buffer. */
  keep(bytes: Uint8Array): Uint8Array {
    if (bytes.length > sharedBytesMax) return new Uint8Array(bytes);
    let name = '';
    for (const byte of bytes) name += String.fromCharCode(byte);
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const copy = new Uint8Array(bytes);
    if (this.#values.size < sharedValuesMax) this.#values.set(name, copy);
    return copy;
  }
}
