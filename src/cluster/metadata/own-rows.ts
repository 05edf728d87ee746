import { Buffer } from 'node:buffer';
import { assert } from '../../base/mod.js';
import type { Boot, Site, Stamp } from '../identity/mod.js';
import { cut } from './cut.js';
import type { Interval } from './interval.js';
import type { TablesOut } from './out.js';
import type { Ask, Position } from './position.js';
import {
  isKept,
  isTombstone,
  keyBytesMax,
  makeRow,
  type Row,
  type RowKind,
  valueBytesMax,
} from './rows.js';
import { SiteTable } from './site-table.js';

/** Deletions can be asked for so long, in ms; a member that was away longer takes a snapshot. */
const tombstoneLifeMs = 600_000;

/** Deletions that are kept, at most. */
const tombstonesMax = 100_000;

/** How often the number of the moment is noted, in ms, to know later how old a deletion is. */
const noteEveryMs = 5_000;

/**
 * What this node says itself. Its own lookups see a change at once; others do when it may be sent:
 *
 * ```
 *  write ──▶ pending ── committed ──▶ table ──▶ pushed to all, asked for by some
 *            rows for the disk, and what was written behind them
 * ```
 */
export class OwnRows {
  readonly #site: Site;
  readonly #out: TablesOut;
  /** What the others may know. */
  readonly table: SiteTable;
  #last: number;
  /** Of the last change of a kind in this boot. */
  readonly #lastOf = new Map<RowKind, number>();
  readonly #found: number;
  #pushed: number;
  #pending: Row[] = [];
  #pendingFrom = 0;
  readonly #latestPending = new Map<string, Row>();
  readonly #notes: { readonly at: number; readonly number: number }[] = [];

  /** `number`: the highest that a row on disk has; numbers go on above it in the new boot. */
  constructor(site: Site, boot: Boot, rows: readonly Row[], out: TablesOut) {
    this.#site = site;
    this.#out = out;
    const number = rows.at(-1)?.number ?? 0;
    this.table = new SiteTable(site, boot, false, number);
    for (const row of rows) {
      this.table.insert(row);
      out.changed(row.kind, row.key, site, undefined, row);
    }
    this.#last = number;
    this.#found = number;
    this.#pushed = number;
  }

  /** Of the last change, sent or not. */
  get lastNumber(): number {
    return this.#last;
  }

  /** Of the last change of `kind`, sent or not. */
  lastNumberOf(kind: RowKind): number {
    return this.#lastOf.get(kind) ?? this.#found;
  }

  get position(): Position {
    const { boot, number, floor, sum } = this.table;
    const durable = number;
    return { boot, number, durable, floor, sumHigh: sum.high, sumLow: sum.low, isPartial: false };
  }

  /** The live row of the key, committed or not. */
  get(kind: RowKind, key: string): Row | undefined {
    const pending = this.#latestPending.get(pendingKey(kind, key));
    if (pending === undefined) return this.table.get(kind, key);
    return isTombstone(pending) ? undefined : pending;
  }

  /** True when {@link table} has an older row of the key, or none. */
  isPending(kind: RowKind, key: string): boolean {
    return this.#latestPending.has(pendingKey(kind, key));
  }

  /** Latest changes that are not in {@link table}. Goes on while some come and go. */
  pending(): Iterator<Row> {
    return this.#latestPending.values();
  }

  /** A change; `value` is undefined for a deletion. Returns the row. */
  write(
    kind: RowKind,
    key: string,
    value: Uint8Array | undefined,
    stamp: Stamp,
    isOverride: boolean,
  ): Row {
    assert(Buffer.byteLength(key) <= keyBytesMax, 'a key is too long for a row');
    assert((value?.length ?? 0) <= valueBytesMax, 'a value is too long for a row');
    const before = this.get(kind, key);
    this.#last += 1;
    this.#lastOf.set(kind, this.#last);
    const row = makeRow(this.#site, this.#last, kind, key, value, stamp, isOverride);
    const isLive = !isTombstone(row);
    if (isKept(row) || this.#pendingFrom < this.#pending.length) {
      this.#pending.push(row);
      this.#latestPending.set(pendingKey(kind, key), row);
    } else {
      this.#publish(row);
    }
    if (isLive && isKept(row)) this.#out.persist(this.#site, row);
    else if (before !== undefined && isKept(before)) this.#out.forget(this.#site, kind, key);
    this.#out.changed(kind, key, this.#site, before, isLive ? row : undefined);
    return row;
  }

  /** All changes up to `number` are committed, with what follows from them. */
  durable(number: number): void {
    for (;;) {
      const row = this.#pending[this.#pendingFrom];
      if (row === undefined || (row.number > number && isKept(row))) break;
      this.#pendingFrom += 1;
      const name = pendingKey(row.kind, row.key);
      if (this.#latestPending.get(name) === row) this.#latestPending.delete(name);
      this.#publish(row);
    }
    if (this.#pendingFrom * 2 >= this.#pending.length) {
      this.#pending = this.#pending.slice(this.#pendingFrom);
      this.#pendingFrom = 0;
    }
  }

  /** What has not been pushed yet and may be sent. Undefined: nothing. */
  pushable(bytesMax: number): Interval | undefined {
    const { table } = this;
    if (this.#pushed >= table.number) return undefined;
    if (this.#pushed < table.floor) {
      // Nobody can use a delta from there: members find by their vectors what they lack.
      this.#pushed = table.number;
      return undefined;
    }
    const from = this.#pushed;
    const interval = this.interval(
      { site: this.#site, boot: table.boot, from, base: from },
      bytesMax,
    );
    this.#pushed = interval?.to ?? table.number;
    return interval;
  }

  interval(ask: Ask, bytesMax: number): Interval | undefined {
    return cut(this.#site, this.table, ask, bytesMax);
  }

  /** Moves the floor, and forgets up to `max` deletions below it. */
  tick(now: number, max: number): void {
    const { table } = this;
    const lastNote = this.#notes.at(-1);
    if (lastNote === undefined || now >= lastNote.at + noteEveryMs) {
      this.#notes.push({ at: now, number: table.number });
    }
    while ((this.#notes[0]?.at ?? now) <= now - tombstoneLifeMs) {
      table.raiseFloor(this.#notes.shift()?.number ?? 0);
    }
    table.raiseFloor(table.floorFor(tombstonesMax));
    table.dropTombstones(max);
  }

  #publish(row: Row): void {
    this.table.insert(row);
    this.table.advance(row.number);
  }
}

function pendingKey(kind: RowKind, key: string): string {
  return String.fromCharCode(kind) + key;
}
