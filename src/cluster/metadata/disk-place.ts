import type { Site } from '../identity/mod.js';
import type { TablesOut } from './out.js';
import type { SiteTable } from './site-table.js';

/** How far the disk is behind the table of another site. */
export class DiskPlace {
  readonly #site: Site;
  readonly #out: TablesOut;
  /** Known to be on disk, in the boot of the table. */
  #confirmed = 0;
  /** The last number whose rows were written. */
  #written = 0;
  /** False: what was written is a mixture of two states. */
  #isExact = true;
  #hasToSay = false;

  constructor(site: Site, out: TablesOut) {
    this.#site = site;
    this.#out = out;
  }

  /** The disk is at `number`, as it was read. */
  restored(number: number): void {
    this.#confirmed = number;
    this.#written = number;
  }

  /** A row was written or deleted. */
  wrote(): void {
    this.#hasToSay = true;
  }

  /** Another table took the place; `isOther`: of another boot. */
  swapped(isOther: boolean): void {
    this.#hasToSay = true;
    if (isOther) this.#confirmed = 0;
  }

  /** A transaction with everything up to `number` is durable. */
  confirm(number: number): void {
    this.#confirmed = Math.max(this.#confirmed, number);
  }

  /**
   * What of a table at `number` is on disk. What needs no writing is as durable as what was there
   * before it.
   */
  durable(number: number): number {
    if (this.#isExact && this.#confirmed >= this.#written && !this.#hasToSay) return number;
    return Math.min(this.#confirmed, number);
  }

  /** Before the table moves on from `number`: what is durable there stays so. */
  keepDurable(number: number): void {
    this.#confirmed = Math.max(this.#confirmed, this.durable(number));
  }

  /** Closes a turn. `isBetween`: the table is between two states, or not all of it is written. */
  endTurn(table: SiteTable, isBetween: boolean): void {
    if (!this.#hasToSay) return;
    if (isBetween) {
      if (this.#isExact) this.#out.place(this.#site, table.boot, 0);
      this.#isExact = false;
      return;
    }
    this.#out.place(this.#site, table.boot, table.number);
    this.#written = table.number;
    this.#isExact = true;
    this.#hasToSay = false;
  }
}
