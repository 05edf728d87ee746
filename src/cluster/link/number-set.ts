import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';

/** A run of numbers, both included. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

/**
 * A set of numbers from 1 on that becomes gapless: all up to one, and runs above it.
 *
 * ```
 *  1 ─────────── upTo    from ── to     from ─ to
 *  ██████████████████ ░░ █████████ ░░░░ ██████
 * ```
 *
 * Numbers arrive nearly in order, so there are few runs; their bound is half the window of numbers
 * that the owner of a set lets in.
 */
export class NumberSet {
  /** Every number up to here is in; 0: none. */
  #upTo = 0;
  /** Ascending, never touching each other or `#upTo`. */
  #ranges: { from: number; to: number }[] = [];

  get upTo(): number {
    return this.#upTo;
  }

  get ranges(): readonly NumberRange[] {
    return this.#ranges;
  }

  has(number: number): boolean {
    if (number <= this.#upTo) return true;
    const range = this.#ranges[this.#indexAfter(number) - 1];
    return range !== undefined && number <= range.to;
  }

  /** False: it was in. */
  add(number: number): boolean {
    if (number === this.#upTo + 1) {
      this.#upTo = number;
      if (this.#ranges.length > 0) this.#absorb();
      return true;
    }
    if (number <= this.#upTo) return false;
    const index = this.#indexAfter(number);
    const before = this.#ranges[index - 1];
    const after = this.#ranges[index];
    if (before !== undefined && number <= before.to) return false;
    const joinsBefore = before?.to === number - 1;
    const joinsAfter = after?.from === number + 1;
    if (joinsBefore && joinsAfter) {
      before.to = after.to;
      this.#ranges.splice(index, 1);
    } else if (joinsBefore) before.to = number;
    else if (joinsAfter) after.from = number;
    else this.#ranges.splice(index, 0, { from: number, to: number });
    return true;
  }

  /** Adds every number up to `number`. */
  addUpTo(number: number): void {
    if (number <= this.#upTo) return;
    this.#upTo = number;
    this.#absorb();
  }

  remove(number: number): void {
    if (number <= this.#upTo) {
      if (number < this.#upTo) this.#ranges.unshift({ from: number + 1, to: this.#upTo });
      this.#upTo = number - 1;
      return;
    }
    const index = this.#indexAfter(number) - 1;
    const range = this.#ranges[index];
    if (range === undefined || number > range.to) return;
    const below = { from: range.from, to: number - 1 };
    const above = { from: number + 1, to: range.to };
    const parts = [below, above].filter(({ from, to }) => from <= to);
    this.#ranges.splice(index, 1, ...parts);
  }

  copy(): NumberSet {
    const copied = new NumberSet();
    copied.#upTo = this.#upTo;
    copied.#ranges = this.#ranges.map(({ from, to }) => ({ from, to }));
    return copied;
  }

  write(): Uint8Array {
    const writer = new ByteWriter(32);
    writer.varint(this.#upTo);
    writeRanges(writer, this.#upTo, this.#ranges);
    return writer.take();
  }

  /** What {@link write} wrote; undefined for other bytes, or for numbers `spanMax` above `upTo`. */
  static read(bytes: Uint8Array, spanMax: number): NumberSet | undefined {
    try {
      const reader = new ByteReader(bytes);
      const set = new NumberSet();
      set.#upTo = reader.varint();
      const ranges = readRanges(reader, set.#upTo, spanMax);
      if ((ranges.at(-1)?.to ?? 0) > set.#upTo + spanMax) return undefined;
      set.#ranges = ranges.map(({ from, to }) => ({ from, to }));
      return set;
    } catch (error) {
      if (error instanceof TruncatedRecord) return undefined;
      throw error;
    }
  }

  /** Runs that `#upTo` has reached become part of it. */
  #absorb(): void {
    let count = 0;
    for (const { from, to } of this.#ranges) {
      if (from > this.#upTo + 1) break;
      this.#upTo = Math.max(this.#upTo, to);
      count += 1;
    }
    if (count > 0) this.#ranges.splice(0, count);
  }

  /** Index of the first run that begins above `number`. */
  #indexAfter(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as NumberRange).from <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Their count, then for each how far it is from the one before and how long, less one each. */
export function writeRanges(
  writer: ByteWriter,
  above: number,
  ranges: readonly NumberRange[],
): void {
  writer.varint(ranges.length);
  let last = above;
  for (const { from, to } of ranges) {
    writer.varint(from - last - 1);
    writer.varint(to - from);
    last = to;
  }
}

/** Throws `TruncatedRecord`, also for numbers that are too high and for more than `countMax`. */
export function readRanges(reader: ByteReader, above: number, countMax: number): NumberRange[] {
  const count = reader.varint();
  if (count > countMax) throw new TruncatedRecord('too many ranges');
  const ranges: NumberRange[] = [];
  let last = above;
  for (let at = 0; at < count; at += 1) {
    const from = last + reader.varint() + 1;
    const to = from + reader.varint();
    if (!Number.isSafeInteger(to)) throw new TruncatedRecord('a number is too high');
    ranges.push({ from, to });
    last = to;
  }
  return ranges;
}
