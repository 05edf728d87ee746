import { assert } from '../../base/mod.js';
import type { Interval } from './interval.js';
import type { Row } from './rows.js';

/** Rows that wait. More than this are no longer a delta: then a snapshot is asked for. */
export const catchUpRowsMax = 200_000;

/**
 * A delta in several intervals. Its rows wait until the last interval is here: in between they
 * would make a state that never was, for what its sender has superseded meanwhile is missing, and
 * if the sender dies nobody else could continue from there. Then they are put in force step by
 * step.
 *
 * ```
 *  table.number ── rows put in force ── ready to ── rows that wait for more ── number … horizon
 * ```
 */
export class CatchUp {
  #rows: Row[] = [];
  #at = 0;
  #number: number;
  #readyTo = 0;
  #horizon = 0;
  #floor = 0;
  #isApplying = false;
  grewAt: number;

  /** `number`: where the table is that `first` fits. */
  constructor(number: number, first: Interval, now: number) {
    this.#number = number;
    this.grewAt = now;
    this.extend(first, now);
  }

  /** Up to where intervals have come. */
  get number(): number {
    return this.#number;
  }

  get horizon(): number {
    return this.#horizon;
  }

  /** Up to where the rows make a state that was. */
  get readyTo(): number {
    return this.#readyTo;
  }

  get floor(): number {
    return this.#floor;
  }

  /** The table is between two states. */
  get isApplying(): boolean {
    return this.#isApplying;
  }

  get isComplete(): boolean {
    return this.#readyTo === this.#number;
  }

  get isTooLong(): boolean {
    return this.#rows.length - this.#at > catchUpRowsMax;
  }

  fits(interval: Interval): boolean {
    return (
      interval.from <= this.#number &&
      interval.to > this.#number &&
      interval.of >= this.#horizon &&
      interval.floor <= this.#number
    );
  }

  extend(interval: Interval, now: number): void {
    for (const row of interval.rows) {
      if (row.number > this.#number) this.#rows.push(row);
    }
    this.#number = interval.to;
    this.#horizon = interval.of;
    this.#floor = interval.floor;
    if (interval.to === interval.of) this.#readyTo = interval.to;
    this.grewAt = now;
  }

  /** The next row to be put in force; undefined when none is ready. */
  next(): Row | undefined {
    const row = this.#rows[this.#at];
    if (row === undefined || row.number > this.#readyTo) return undefined;
    this.#isApplying = true;
    this.#at += 1;
    return row;
  }

  /** All that was ready is in force. */
  applied(): void {
    assert(this.#readyTo > 0, 'a catch-up was ready');
    this.#rows = this.#rows.slice(this.#at);
    this.#at = 0;
    this.#isApplying = false;
  }
}
