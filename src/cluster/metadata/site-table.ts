import { assert } from '../../base/mod.js';
import type { Boot } from '../identity/mod.js';
import { NumberedLog } from './numbered-log.js';
import { isTombstone, kindsMax, type Row, type RowKind } from './rows.js';
import { RowSum } from './row-sum.js';

/**
 * What one site said in one boot: the latest row of each key, all of them up to `number`.
 *
 * ```
 *  0 ─────────── floor ───────────────── number
 *   live rows     │   live rows and tombstones
 *                 └ deltas begin here or above: below it, deletions are forgotten
 * ```
 */
export class SiteTable {
  readonly boot: Boot;
  /** Loaded from disk (or taken from one that was): no rows of kinds that end with the boot. */
  readonly isPartial: boolean;
  readonly sum: RowSum = new RowSum();
  #number: number;
  #floor: number;
  /** By kind, by key; a kind's map is made with its first row. */
  readonly #live: (Map<string, Row> | undefined)[] = new Array(kindsMax + 1).fill(undefined);
  readonly #deleted: (Map<string, Row> | undefined)[] = new Array(kindsMax + 1).fill(undefined);
  readonly #log = new NumberedLog();
  /** By number; those before `#tombstonesFrom` are dropped, some of the others superseded. */
  #tombstones: Row[] = [];
  #tombstonesFrom = 0;

  constructor(boot: Boot, isPartial: boolean, number = 0) {
    this.boot = boot;
    this.isPartial = isPartial;
    this.#number = number;
    this.#floor = number;
  }

  /** All changes up to this one are in the table. */
  get number(): number {
    return this.#number;
  }

  /** Deletions up to this one may be forgotten. At most `number`. */
  get floor(): number {
    return this.#floor;
  }

  /** The live row (an override is one too) of a key. */
  get(kind: RowKind, key: string): Row | undefined {
    return this.#live[kind]?.get(key);
  }

  /** Live rows of a kind; undefined while there was none. Goes on while rows come and go. */
  rowsOf(kind: RowKind): ReadonlyMap<string, Row> | undefined {
    return this.#live[kind];
  }

  /** Takes a row with a number above all earlier ones; returns the live one that it replaces. */
  insert(row: Row): Row | undefined {
    const { kind, key } = row;
    const live = this.#live[kind]?.get(key);
    if (live !== undefined) {
      this.sum.subtract(live);
      this.#log.remove(live);
    }
    const tombstone = this.#deleted[kind]?.get(key);
    if (tombstone !== undefined) this.#dropTombstone(tombstone);
    if (isTombstone(row)) {
      this.#live[kind]?.delete(key);
      if (row.number > this.#floor) this.#keepTombstone(row);
    } else {
      (this.#live[kind] ??= new Map()).set(key, row);
      this.sum.add(row);
      this.#log.append(row);
    }
    return live;
  }

  /** Takes a row for lookups only, into a table that no delta is ever cut from or applied to. */
  hold(row: Row): void {
    (this.#live[row.kind] ??= new Map()).set(row.key, row);
  }

  /** The table has everything up to `number`; not below what it had. */
  advance(number: number): void {
    assert(number >= this.#number, 'a table never goes back');
    this.#number = number;
  }

  /** Changes above `from`, ascending, tombstones included. No change while one iterates. */
  after(from: number): Generator<Row> {
    return this.#log.after(from);
  }

  /** Forgets deletions up to `floor` by and by. A lower one changes nothing. */
  raiseFloor(floor: number): void {
    this.#floor = Math.max(this.#floor, Math.min(floor, this.#number));
  }

  /**
   * The floor that leaves at most `keepMax` tombstones; 0 when there are not more. Those that were
   * superseded count too: they are held as long.
   */
  floorFor(keepMax: number): number {
    const surplus = this.#tombstones.length - this.#tombstonesFrom - keepMax;
    if (surplus <= 0) return 0;
    return this.#tombstones[this.#tombstonesFrom + surplus - 1]?.number ?? 0;
  }

  /** Drops up to `max` tombstones below the floor. True while there are more. */
  dropTombstones(max: number): boolean {
    for (let dropped = 0; ; dropped += 1) {
      const oldest = this.#tombstones[this.#tombstonesFrom];
      if (oldest === undefined || oldest.number > this.#floor) break;
      if (dropped === max) return true;
      this.#tombstonesFrom += 1;
      const isCurrent = this.#deleted[oldest.kind]?.get(oldest.key) === oldest;
      if (isCurrent) this.#dropTombstone(oldest);
    }
    if (this.#tombstonesFrom * 2 >= this.#tombstones.length) {
      this.#tombstones = this.#tombstones.slice(this.#tombstonesFrom);
      this.#tombstonesFrom = 0;
    }
    return false;
  }

  /** Takes a live row out of a table that is being taken apart: sum and order are left behind. */
  take(kind: RowKind, key: string): Row | undefined {
    const rows = this.#live[kind];
    const row = rows?.get(key);
    if (row !== undefined) rows?.delete(key);
    return row;
  }

  /** All live rows. Rows may come and go while one iterates. */
  *live(): Generator<Row> {
    for (const rows of this.#live) {
      if (rows !== undefined) yield* rows.values();
    }
  }

  #keepTombstone(row: Row): void {
    (this.#deleted[row.kind] ??= new Map()).set(row.key, row);
    this.#log.append(row);
    this.#tombstones.push(row);
  }

  #dropTombstone(tombstone: Row): void {
    this.#deleted[tombstone.kind]?.delete(tombstone.key);
    this.#log.remove(tombstone);
  }
}
