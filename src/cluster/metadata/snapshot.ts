import { compareBoots } from '../identity/mod.js';
import type { Interval } from './interval.js';
import { isSameBoot } from './position.js';
import { SiteTable } from './site-table.js';

/**
 * A whole table in the making, from intervals that begin at 0. Nothing of it is in force, and
 * nothing of it is passed on, before it is complete.
 */
export class Snapshot {
  readonly table: SiteTable;
  /** The sender's number at the first interval: deletions up to it are accounted for. */
  readonly #base: number;
  /**
   * The highest number that a sender had. Rows that were superseded below it are missing, so what
   * is here is no state that ever was until it is reached; who has less cannot continue.
   */
  #horizon = 0;
  #isComplete = false;
  /** When it last grew. */
  grewAt: number;

  constructor(first: Interval, now: number) {
    this.table = new SiteTable(first.site, first.boot, first.isPartial);
    this.#base = first.of;
    this.grewAt = now;
    this.extend(first, now);
  }

  get number(): number {
    return this.table.number;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get horizon(): number {
    return this.#horizon;
  }

  /** See {@link Ask.base}. */
  get base(): number {
    return Math.max(this.#base, this.table.number);
  }

  fits(interval: Interval): boolean {
    return (
      isSameBoot(interval.boot, this.table.boot) &&
      interval.isPartial === this.table.isPartial &&
      interval.from <= this.table.number &&
      interval.to > this.table.number &&
      interval.of >= this.#horizon &&
      interval.floor <= this.base
    );
  }

  /** `interval` fits, or is the first. */
  extend(interval: Interval, now: number): void {
    const { table } = this;
    const had = table.number;
    for (const row of interval.rows) {
      if (row.number > had) table.insert(row);
    }
    table.advance(interval.to);
    table.raiseFloor(interval.floor);
    this.#horizon = interval.of;
    this.#isComplete = interval.to === interval.of;
    this.grewAt = now;
  }

  /** True when a snapshot that begins with `first` should take the place of this one. */
  yieldsTo(first: Interval): boolean {
    const order = compareBoots(first.boot, this.table.boot);
    if (order !== 0) return order > 0;
    if (first.isPartial !== this.table.isPartial) return this.table.isPartial;
    return first.floor > this.base;
  }
}
