import { assert } from '../../base/mod.js';
import type { Boot, Site } from '../identity/mod.js';
import { NumberedLog } from './numbered-log.js';
import { RowStore, slotsMax } from './row-store.js';
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
  readonly #site: Site;
  readonly boot: Boot;
  /** Loaded from disk (or taken from one that was): no rows of kinds that end with the boot. */
  readonly isPartial: boolean;
  readonly sum: RowSum = new RowSum();
  #number: number;
  #floor: number;
  /** By kind; made with its first row. */
  readonly #live: (RowStore | undefined)[] = new Array(kindsMax + 1).fill(undefined);
  readonly #deleted: (RowStore | undefined)[] = new Array(kindsMax + 1).fill(undefined);
  readonly #log = new NumberedLog();
  /** By number; those before `#tombstonesFrom` are dropped, some of the others superseded. */
  #tombstones: Row[] = [];
  #tombstonesFrom = 0;

  constructor(site: Site, boot: Boot, isPartial: boolean, number = 0) {
    this.#site = site;
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

  /** Live rows of a kind; undefined while there was none. */
  rowsOf(kind: RowKind): RowStore | undefined {
    return this.#live[kind];
  }

  /** Takes a row with a number above all earlier ones; returns the live one that it replaces. */
  insert(row: Row): Row | undefined {
    const { kind, key } = row;
    const live = this.#live[kind]?.get(key);
    if (live !== undefined) {
      this.sum.subtract(live);
      this.#log.remove(live.number);
    }
    const tombstone = this.#deleted[kind]?.slotOf(key) ?? -1;
    if (tombstone >= 0) this.#dropTombstone(kind, tombstone);
    if (isTombstone(row)) {
      if (live !== undefined) this.take(kind, key);
      if (row.number > this.#floor) this.#keepTombstone(row);
    } else {
      this.#log.append(row.number, placeOf(kind, false, this.#hold(row)));
      this.sum.add(row);
    }
    return live;
  }

  /** Takes a row for lookups only, into a table that no delta is ever cut from or applied to. */
  hold(row: Row): void {
    this.#hold(row);
  }

  /** The table has everything up to `number`; not below what it had. */
  advance(number: number): void {
    assert(number >= this.#number, 'a table never goes back');
    this.#number = number;
  }

  /** Changes above `from`, ascending, tombstones included. No change while one iterates. */
  *after(from: number): Generator<Row> {
    for (const place of this.#log.after(from)) {
      const stores = (place & 1) === 1 ? this.#deleted : this.#live;
      yield stores[((place >>> 1) & 7) + 1]?.at(place >>> 4) as Row;
    }
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
      const slot = this.#deleted[oldest.kind]?.slotOf(oldest.key) ?? -1;
      const isCurrent = slot >= 0 && this.#deleted[oldest.kind]?.numberAt(slot) === oldest.number;
      if (isCurrent) this.#dropTombstone(oldest.kind, slot);
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
    const slot = rows?.slotOf(key) ?? -1;
    const row = slot < 0 ? undefined : rows?.at(slot);
    if (row !== undefined) rows?.free(slot);
    return row;
  }

  /** All live rows. Rows may come and go while one iterates. */
  *live(): Generator<Row> {
    for (const rows of this.#live) {
      if (rows !== undefined) yield* rows.rows();
    }
  }

  /** Returns its slot. */
  #hold(row: Row): number {
    return (this.#live[row.kind] ??= new RowStore(this.#site, row.kind, false)).set(row);
  }

  #keepTombstone(row: Row): void {
    const { kind } = row;
    const slot = (this.#deleted[kind] ??= new RowStore(this.#site, kind, true)).set(row);
    this.#log.append(row.number, placeOf(kind, true, slot));
    this.#tombstones.push(row);
  }

  #dropTombstone(kind: RowKind, slot: number): void {
    this.#log.remove(this.#deleted[kind]?.numberAt(slot) ?? 0);
    this.#deleted[kind]?.free(slot);
  }
}

/** Where a row is, as the log has it: slot, kind - 1 in three bits, whether it is a tombstone. */
function placeOf(kind: RowKind, isDeleted: boolean, slot: number): number {
  assert(slot < slotsMax, 'more rows than a site may have');
  return (slot << 4) | ((kind - 1) << 1) | (isDeleted ? 1 : 0);
}
