import { assert } from '../../base/mod.js';
import type { Row } from './rows.js';

/** Rows of one stretch: enough that there are few stretches, few enough to close up in a turn. */
const stretchMax = 1024;

/** A row, or the number of one that was taken out: numbers must stay searchable. */
type Slot = Row | number;

interface Stretch {
  slots: Slot[];
  holes: number;
}

/**
 * The rows of a site in the order of their numbers. Appending is O(1), taking out and finding a
 * number are O(log n), and no call ever moves more than one stretch:
 *
 * ```
 *  stretches  [ 1 2 _ 4 … ]  [ 1030 _ _ 1041 … ]  [ 2311 2312 ]◀─ append
 *             closed up when half of it are holes, then joined with a small neighbour
 * ```
 */
export class NumberedLog {
  readonly #stretches: Stretch[] = [];

  /** `row.number` is above all earlier ones. */
  append(row: Row): void {
    const last = this.#stretches.at(-1);
    if (last !== undefined && last.slots.length < stretchMax) {
      assert(numberOf(last.slots.at(-1) as Slot) < row.number, 'row numbers ascend');
      last.slots.push(row);
    } else {
      this.#stretches.push({ slots: [row], holes: 0 });
    }
  }

  /** Takes `row` out, which is in it. */
  remove(row: Row): void {
    const index = this.#stretchOf(row.number);
    const stretch = this.#stretches[index];
    const at = stretch === undefined ? -1 : firstFrom(stretch.slots, row.number);
    assert(stretch?.slots[at] === row, 'the row is in the log');
    stretch.slots[at] = row.number;
    stretch.holes += 1;
    if (stretch.holes * 2 >= stretch.slots.length) this.#closeUp(index, stretch);
  }

  /**
   * Rows with numbers above `from`, ascending. Whoever takes one out or appends asks anew
   * afterwards.
   */
  *after(from: number): Generator<Row> {
    let index = Math.max(0, this.#stretchOf(from));
    let at = firstFrom(this.#stretches[index]?.slots ?? [], from + 1);
    for (; index < this.#stretches.length; index += 1) {
      const { slots } = this.#stretches[index] as Stretch;
      for (; at < slots.length; at += 1) {
        const slot = slots[at] as Slot;
        if (typeof slot === 'object') yield slot;
      }
      at = 0;
    }
  }

  /** The last stretch that begins at or below `number`; -1: none does. */
  #stretchOf(number: number): number {
    let low = 0;
    let high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = (this.#stretches[middle] as Stretch).slots[0] as Slot;
      if (numberOf(first) <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #closeUp(index: number, stretch: Stretch): void {
    stretch.slots = stretch.slots.filter((slot) => typeof slot === 'object');
    stretch.holes = 0;
    if (stretch.slots.length === 0) {
      this.#stretches.splice(index, 1);
    } else {
      this.#join(index);
      this.#join(index - 1);
    }
  }

  /** Makes one of two small neighbours, the second of which is at `index` + 1. */
  #join(index: number): void {
    const one = this.#stretches[index];
    const next = this.#stretches[index + 1];
    if (one === undefined || next === undefined) return;
    if (one.slots.length + next.slots.length > stretchMax / 2) return;
    one.slots.push(...next.slots);
    one.holes += next.holes;
    this.#stretches.splice(index + 1, 1);
  }
}

function numberOf(slot: Slot): number {
  return typeof slot === 'object' ? slot.number : slot;
}

/** Index of the first slot with a number of at least `number`. */
function firstFrom(slots: readonly Slot[], number: number): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberOf(slots[middle] as Slot) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
