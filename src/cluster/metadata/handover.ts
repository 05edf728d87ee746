import { isTombstone, type Row, type RowKind } from './rows.js';
import type { SiteTable } from './site-table.js';

/** Told of a key whose row is another one now. */
export type Show = (
  kind: RowKind,
  key: string,
  before: Row | undefined,
  after: Row | undefined,
) => void;

/**
 * One table took the place of another, at once. Who follows the changes is told the difference in
 * steps: first the new rows by number, each with what stood there before, then the old rows that
 * are left. The old table is taken apart on the way, so it always holds what has not been told.
 */
export class Handover {
  readonly #old: SiteTable | undefined;
  readonly #next: SiteTable | undefined;
  /** Later rows of the new table are told when they come. */
  readonly #target: number;
  #walked = 0;
  #rest: Generator<Row> | undefined = undefined;
  #isDone = false;

  /** `next` is absent when the site has left. */
  constructor(old: SiteTable | undefined, next: SiteTable | undefined) {
    this.#old = old;
    this.#next = next;
    this.#target = next?.number ?? 0;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** A row comes in the place of `replaced`: what was told of this key last, which is now told. */
  before(kind: RowKind, key: string, replaced: Row | undefined): Row | undefined {
    const old = this.#old?.take(kind, key);
    if (old !== undefined || replaced === undefined) return old;
    const isTold = replaced.number <= this.#walked || replaced.number > this.#target;
    return isTold ? replaced : undefined;
  }

  /** Tells of up to `max` rows; returns how many there were. */
  step(max: number, show: Show): number {
    let used = this.#walked < this.#target ? this.#walk(max, show) : 0;
    if (this.#walked < this.#target) return used;
    this.#rest ??= this.#old?.live();
    for (; used < max; used += 1) {
      const row = this.#rest?.next().value as Row | undefined;
      if (row === undefined) {
        this.#isDone = true;
        break;
      }
      this.#old?.take(row.kind, row.key);
      show(row.kind, row.key, row, undefined);
    }
    return used;
  }

  #walk(max: number, show: Show): number {
    let used = 0;
    for (const row of this.#next?.after(this.#walked) ?? []) {
      if (row.number > this.#target) break;
      if (used === max) return used;
      used += 1;
      this.#walked = row.number;
      if (isTombstone(row)) continue;
      show(row.kind, row.key, this.#old?.take(row.kind, row.key), row);
    }
    this.#walked = this.#target;
    return used;
  }
}
