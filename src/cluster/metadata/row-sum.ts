import type { Row } from './rows.js';

const two32 = 0x1_0000_0000;

/** Of a longer value only this much of each end is hashed: its stamp tells changes apart. */
const hashedEndBytes = 512;

/**
 * The sum mod 2⁶⁴ of the hashes of rows: two tables with equal rows have equal sums, in whatever
 * order they came to them. Finds faults, not forgeries. Numbers are not part of it.
 */
export class RowSum {
  /** The upper 32 bits, unsigned. */
  high = 0;
  /** The lower 32 bits, unsigned. */
  low = 0;

  add(row: Row): void {
    hash(row);
    const low = this.low + hashedLow;
    this.low = low >>> 0;
    this.high = (this.high + hashedHigh + (low >= two32 ? 1 : 0)) >>> 0;
  }

  subtract(row: Row): void {
    hash(row);
    const low = this.low - hashedLow;
    this.low = low >>> 0;
    this.high = (this.high - hashedHigh - (low < 0 ? 1 : 0)) >>> 0;
  }
}

// The result of `hash`: two numbers without an object for each row.
let hashedHigh = 0;
let hashedLow = 0;

/** FNV-1a in two lanes with different primes, mixed at the end so that every bit depends on all. */
function hash(row: Row): void {
  const { key, value, stamp } = row;
  hashedHigh = 0x811c9dc5;
  hashedLow = 0x9e3779b9;
  eat(row.kind * 2 + (row.isOverride ? 1 : 0));
  eat(key.length);
  for (let at = 0; at < key.length; at += 1) eat(key.charCodeAt(at));
  eat(stamp % two32);
  eat(Math.floor(stamp / two32));
  if (value !== undefined) {
    eat(value.length + 1);
    const head = value.length > 2 * hashedEndBytes ? hashedEndBytes : value.length;
    for (let at = 0; at < head; at += 1) eat(value[at] as number);
    for (let at = Math.max(head, value.length - hashedEndBytes); at < value.length; at += 1) {
      eat(value[at] as number);
    }
  }
  hashedHigh = mixed(hashedHigh ^ (hashedLow >>> 15));
  hashedLow = mixed(hashedLow ^ hashedHigh);
}

function eat(word: number): void {
  hashedHigh = Math.imul(hashedHigh ^ word, 0x01000193);
  hashedLow = Math.imul(hashedLow ^ word, 0x85ebca6b);
  // Multiplying moves bits upwards only; without this the top byte of a word would be lost.
  hashedLow ^= hashedLow >>> 13;
}

function mixed(lane: number): number {
  let bits = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
