import { type Boot, compareBoots, type Site } from '../identity/mod.js';
import { CatchUp } from './catch-up.js';
import { cut } from './cut.js';
import { DiskPlace } from './disk-place.js';
import { Handover } from './handover.js';
import { type Interval, intervalRowsMax } from './interval.js';
import type { TablesOut } from './out.js';
import { type Ask, hasReached, isOtherState, isSameBoot, type Position } from './position.js';
import type { RowStore } from './row-store.js';
import { isKept, isTombstone, type Row, type RowKind, saysTheSame } from './rows.js';
import { SiteTable } from './site-table.js';
import { Snapshot } from './snapshot.js';

/** What became of an interval. */
export type Applied =
  /** Its rows are in force, or wait only for {@link Tables.step}. */
  | { readonly outcome: 'applied' }
  /** Nothing new: a duplicate, an old boot, or not for us. */
  | { readonly outcome: 'known' }
  /** Taken, but of use only with what follows. Who sent it may go on by himself: then no need. */
  | { readonly outcome: 'more'; readonly ask: Ask }
  /** Discarded: what lies before it is missing. */
  | { readonly outcome: 'gap'; readonly ask: Ask };

/** What was begun and did not grow for so long is dropped, in ms: its sender is gone. */
const idleMaxMs = 30_000;

/**
 * The rows of another site, as far as this node has them.
 *
 * ```
 *  interval ─┬─ follows on ──────────────▶ table ◀── handover: tells what a swap changed
 *            ├─ part of a delta ─▶ catch-up ─▶┘ ▲
 *            └─ begins at 0 ─────▶ snapshot ────┘ swapped whole
 * ```
 */
export class Replica {
  readonly site: Site;
  /** The node is down: its clean sessions do not count. Outlives a swap of tables. */
  isMasked = false;
  readonly #out: TablesOut;
  #table: SiteTable | undefined = undefined;
  #catchUp: CatchUp | undefined = undefined;
  #snapshot: Snapshot | undefined = undefined;
  #handover: Handover | undefined = undefined;
  /** The table is not to be trusted: only a whole one mends it. */
  #wantsWhole = false;
  #isLeaving = false;
  /** What is said while the table is between two states, or its changes are not all told. */
  #announced: { readonly position: Position | undefined } | undefined = undefined;
  readonly #disk: DiskPlace;

  constructor(site: Site, out: TablesOut) {
    this.site = site;
    this.#out = out;
    this.#disk = new DiskPlace(site, out);
  }

  /** From disk, at start. `number` is 0 when what is there is no state that ever was. */
  restore(boot: Boot, number: number, rows: readonly Row[]): void {
    const table = new SiteTable(this.site, boot, true, number);
    for (const row of rows) {
      // A mixture may have a number twice; it is never passed on, so it needs no order.
      if (number === 0) table.hold(row);
      else table.insert(row);
      this.#out.changed(row.kind, row.key, this.site, undefined, row);
    }
    this.#table = table;
    this.#disk.restored(number);
    this.#wantsWhole = number === 0;
  }

  get(kind: RowKind, key: string): Row | undefined {
    return this.#table?.get(kind, key);
  }

  rowsOf(kind: RowKind): RowStore | undefined {
    return this.#table?.rowsOf(kind);
  }

  /** The live row of the key in a table that may come into force. */
  comingRow(kind: RowKind, key: string): Row | undefined {
    return this.#snapshot?.table.get(kind, key);
  }

  /** Undefined: no state of the site is known that ever was. */
  position(): Position | undefined {
    if (this.#announced !== undefined) return this.#announced.position;
    const table = this.#table;
    if (table === undefined || !isState(table)) return undefined;
    return {
      boot: table.boot,
      number: table.number,
      durable: this.#disk.durable(table.number),
      floor: table.floor,
      sumHigh: table.sum.high,
      sumLow: table.sum.low,
      isPartial: table.isPartial,
    };
  }

  /** The composition's transaction with everything up to `number` is durable. */
  durable(boot: Boot, number: number): void {
    if (this.#table === undefined || !isSameBoot(this.#table.boot, boot)) return;
    this.#disk.confirm(number);
  }

  /** A piece of what `ask` lacks. Undefined: nothing that it lacks, or no state to pass on. */
  interval(ask: Ask, bytesMax: number): Interval | undefined {
    const table = this.#table;
    if (table === undefined || !isState(table)) return undefined;
    if (this.#catchUp?.isApplying === true) return undefined;
    return cut(this.site, table, ask, bytesMax);
  }

  apply(interval: Interval, now: number): Applied {
    const table = this.#table;
    const order = table === undefined ? 1 : compareBoots(interval.boot, table.boot);
    if (order < 0) return known;
    if (table !== undefined && order === 0 && !isSameBoot(interval.boot, table.boot)) return known;
    let isTaken = false;
    if (order === 0 && table !== undefined) isTaken = this.#takeDelta(table, interval, now);
    if (this.#takeSnapshot(interval, order, now)) isTaken = true;
    if (!isTaken) {
      const ask = this.#ask(interval.boot, interval.isPartial);
      return this.#isGap(interval, ask, order) ? { outcome: 'gap', ask } : known;
    }
    this.step(intervalRowsMax);
    const isMore = [this.#catchUp, this.#snapshot].some(
      (begun) => begun?.number === interval.to && !begun.isComplete,
    );
    if (!isMore) return { outcome: 'applied' };
    return { outcome: 'more', ask: this.#ask(interval.boot, interval.isPartial) };
  }

  /** What to ask a peer for that is at `theirs`; undefined when it has nothing that is of use. */
  missing(theirs: Position): Ask | undefined {
    const table = this.#table;
    const ask = this.#ask(theirs.boot, theirs.isPartial);
    const order = table === undefined ? 1 : compareBoots(theirs.boot, table.boot);
    const isAhead = theirs.number > ask.from && theirs.number >= this.#horizon(theirs);
    if (order < 0 || (ask.from > 0 && !isAhead)) return undefined;
    if (table === undefined || order > 0) return ask;
    if (!isSameBoot(theirs.boot, table.boot)) return undefined;
    if (this.#wantsWhole) return theirs.number >= table.number ? ask : undefined;
    if (theirs.isPartial === table.isPartial) {
      return theirs.number > table.number ? ask : undefined;
    }
    const isWorth = table.isPartial
      ? theirs.number >= table.number
      : this.isMasked && theirs.number > table.number;
    return isWorth ? ask : undefined;
  }

  /** True when both are the same state and differ: then this table waits for a whole one. */
  doubts(theirs: Position): boolean {
    const ours = this.#announced === undefined ? this.position() : undefined;
    return ours !== undefined && isOtherState(ours, theirs);
  }

  /** The owner has forgotten deletions up to `floor`: so may we. */
  raiseFloor(boot: Boot, floor: number): void {
    if (this.#table !== undefined && isSameBoot(this.#table.boot, boot)) {
      this.#table.raiseFloor(floor);
    }
  }

  /** From now on a whole table is asked for. */
  distrust(): void {
    this.#wantsWhole = true;
  }

  /** Whether a member that is at `theirs` has told all that it can tell. */
  hasReached(theirs: Position): boolean {
    const ours = this.position();
    if (!hasReached(ours, theirs.boot, theirs.number)) {
      // What it remembers only in part is no substitute for what is known in full.
      const isSame = ours !== undefined && isSameBoot(ours.boot, theirs.boot);
      return isSame && theirs.isPartial && !ours.isPartial;
    }
    if (ours?.isPartial !== true || theirs.isPartial) return true;
    return !isSameBoot(ours.boot, theirs.boot) || ours.number > theirs.number;
  }

  /** Its rows end, those on disk too, as {@link step} comes to them. */
  leave(): void {
    this.#isLeaving = true;
    this.#snapshot = undefined;
    this.#catchUp = undefined;
  }

  /** There is something for {@link step} to do. */
  get isBusy(): boolean {
    const readyTo = this.#catchUp?.readyTo ?? 0;
    return this.#handover !== undefined || readyTo > (this.#table?.number ?? 0);
  }

  /** Puts up to `max` rows in force, or tells of them. True while there is more. */
  step(max: number): boolean {
    let left = max;
    for (;;) {
      this.#begin();
      if (left <= 0) break;
      if (this.#handover !== undefined) left -= this.#stepHandover(this.#handover, left);
      else if (this.#catchUp !== undefined && this.#table !== undefined) {
        const used = this.#stepCatchUp(this.#catchUp, this.#table, left);
        if (used === 0) break;
        left -= used;
      } else break;
    }
    if (this.#table !== undefined) this.#disk.endTurn(this.#table, this.isBusy);
    return this.isBusy;
  }

  /** Forgets up to `max` deletions, and what no longer grows. */
  tick(now: number, max: number): void {
    this.#table?.dropTombstones(max);
    const oldest = now - idleMaxMs;
    const snapshot = this.#snapshot;
    if (snapshot !== undefined && snapshot.grewAt < oldest) this.#snapshot = undefined;
    const catchUp = this.#catchUp;
    if (catchUp === undefined || catchUp.isApplying || catchUp.grewAt >= oldest) return;
    this.#catchUp = undefined;
  }

  #takeDelta(table: SiteTable, interval: Interval, now: number): boolean {
    if (interval.isPartial !== table.isPartial || interval.to <= table.number) return false;
    if (!isState(table)) return false;
    const catchUp = this.#catchUp;
    if (catchUp?.fits(interval) === true) {
      if (!catchUp.isTooLong) catchUp.extend(interval, now);
      else if (!catchUp.isApplying) {
        this.#catchUp = undefined;
        this.#wantsWhole = true;
      }
      return this.#catchUp?.number === interval.to;
    }
    if (catchUp?.isApplying === true) return false;
    if (interval.from > table.number || interval.floor > table.number) return false;
    if (interval.to < interval.of) {
      if (catchUp !== undefined) return false;
      this.#catchUp = new CatchUp(table.number, interval, now);
      return true;
    }
    const had = table.number;
    this.#disk.keepDurable(had);
    for (const row of interval.rows) {
      if (row.number > had) this.#insert(table, row);
    }
    table.advance(interval.to);
    table.raiseFloor(interval.floor);
    if (catchUp !== undefined && catchUp.number <= table.number) this.#catchUp = undefined;
    return true;
  }

  #takeSnapshot(interval: Interval, order: number, now: number): boolean {
    const snapshot = this.#snapshot;
    if (snapshot?.fits(interval) === true) {
      snapshot.extend(interval, now);
      return true;
    }
    if (interval.from > 0 || !this.#wants(interval, order)) return false;
    if (snapshot !== undefined && !snapshot.yieldsTo(interval)) return false;
    this.#snapshot = new Snapshot(interval, now);
    return true;
  }

  /** Whether a snapshot that begins with `first` is worth having. */
  #wants(first: Interval, order: number): boolean {
    const table = this.#table;
    if (table === undefined || order > 0) return true;
    if (table.isPartial && !first.isPartial) return first.of >= table.number;
    if (!table.isPartial && first.isPartial) return this.isMasked && first.of > table.number;
    if (this.#wantsWhole) return first.of >= table.number;
    return first.of > table.number && first.floor > (this.#catchUp?.number ?? table.number);
  }

  #isGap(interval: Interval, ask: Ask, order: number): boolean {
    if (interval.from === 0 || interval.to <= ask.from) return false;
    if (order === 0 && interval.isPartial && this.#table?.isPartial === false) return false;
    return interval.from > ask.from || interval.floor > ask.base;
  }

  /** What would follow on, in this boot. */
  #ask(boot: Boot, isPartial: boolean): Ask {
    const { site } = this;
    const snapshot = this.#snapshot?.table;
    if (snapshot !== undefined && isSameBoot(snapshot.boot, boot)) {
      if (snapshot.isPartial === isPartial) {
        return { site, boot, from: snapshot.number, base: this.#snapshot?.base ?? 0 };
      }
    }
    const table = this.#table;
    const isOther = table === undefined || !isSameBoot(table.boot, boot) || this.#wantsWhole;
    if (isOther || table.isPartial !== isPartial) return { site, boot, from: 0, base: 0 };
    const from = this.#catchUp?.number ?? table.number;
    return { site, boot, from, base: from };
  }

  /** Who has less than this cannot continue what was begun here. */
  #horizon(theirs: Position): number {
    const snapshot = this.#snapshot;
    if (snapshot !== undefined && isSameBoot(snapshot.table.boot, theirs.boot)) {
      if (snapshot.table.isPartial === theirs.isPartial) return snapshot.horizon;
    }
    return this.#catchUp?.horizon ?? 0;
  }

  /** Begins the next piece of work, if there is any and nothing else is going on. */
  #begin(): void {
    if (this.#handover !== undefined) return;
    if (this.#isLeaving && this.#table !== undefined) this.#swap(undefined);
    const next = this.#snapshot;
    if (next === undefined || !next.isComplete || this.#catchUp?.isApplying === true) return;
    const table = this.#table;
    if (table !== undefined && isSameBoot(table.boot, next.table.boot)) {
      if (next.table.number < table.number) {
        // It grows until it has what is in force, if there is a reason to have it at all.
        const isOfUse = this.#wantsWhole || next.table.isPartial !== table.isPartial;
        if (!isOfUse) this.#snapshot = undefined;
        return;
      }
    }
    this.#swap(next.table);
  }

  #swap(next: SiteTable | undefined): void {
    this.#announced ??= { position: this.position() };
    const old = this.#table;
    this.#handover = new Handover(old, next);
    this.#table = next;
    this.#snapshot = undefined;
    this.#catchUp = undefined;
    this.#wantsWhole = false;
    const isOther = old === undefined || next === undefined || !isSameBoot(old.boot, next.boot);
    this.#disk.swapped(isOther);
  }

  #stepHandover(handover: Handover, max: number): number {
    const used = handover.step(max, (kind, key, before, after) => {
      this.#show(kind, key, before, after);
    });
    if (handover.isDone) {
      this.#handover = undefined;
      this.#announced = undefined;
    }
    return Math.max(used, 1);
  }

  #stepCatchUp(catchUp: CatchUp, table: SiteTable, max: number): number {
    if (catchUp.readyTo <= table.number) return 0;
    this.#disk.keepDurable(table.number);
    this.#announced ??= { position: this.position() };
    for (let used = 0; used < max; used += 1) {
      const row = catchUp.next();
      if (row !== undefined) {
        if (row.number > table.number) this.#insert(table, row);
        continue;
      }
      table.advance(catchUp.readyTo);
      table.raiseFloor(catchUp.floor);
      catchUp.applied();
      this.#announced = undefined;
      if (catchUp.isComplete) this.#catchUp = undefined;
      return used + 1;
    }
    return max;
  }

  #insert(table: SiteTable, row: Row): void {
    const { kind, key } = row;
    const replaced = table.insert(row);
    const handover = this.#handover;
    const before = handover === undefined ? replaced : handover.before(kind, key, replaced);
    this.#show(kind, key, before, isTombstone(row) ? undefined : row);
  }

  #show(kind: RowKind, key: string, before: Row | undefined, after: Row | undefined): void {
    if (before === undefined && after === undefined) return;
    if (before === undefined || after === undefined || !saysTheSame(before, after)) {
      this.#out.changed(kind, key, this.site, before, after);
    } else if (before.number === after.number) return;
    if (after !== undefined && isKept(after)) this.#out.persist(this.site, after);
    else if (before !== undefined && isKept(before)) this.#out.forget(this.site, kind, key);
    else return;
    this.#disk.wrote();
  }
}

/** False for what was found on disk as a mixture. */
function isState(table: SiteTable): boolean {
  return table.number > 0 || !table.isPartial;
}

const known: Applied = { outcome: 'known' };
