import type { OwnRows } from './own-rows.js';
import type { Replica } from './replica.js';
import type { RowStore } from './row-store.js';
import { isTombstone, type Row, type RowKind } from './rows.js';

/**
 * Walks over the live rows of a kind, of all sites, one by one, for as long as it likes while rows
 * change: what is there all the time is seen; what changes meanwhile may be seen twice, before and
 * after.
 */
export class RowCursor {
  readonly #kind: RowKind;
  readonly #own: OwnRows;
  readonly #replicas: Iterator<Replica>;
  #pending: Iterator<Row> | undefined;
  #replica: Replica | undefined = undefined;
  #store: RowStore | undefined;
  #rows: Iterator<Row> | undefined;

  constructor(kind: RowKind, own: OwnRows, replicas: Iterator<Replica>) {
    this.#kind = kind;
    this.#own = own;
    this.#replicas = replicas;
    this.#pending = own.pending();
    this.#store = own.table.rowsOf(kind);
    this.#rows = this.#store?.rows();
  }

  /** Undefined at the end. */
  next(): Row | undefined {
    if (this.#pending !== undefined) {
      // First, because they are in the table afterwards.
      const row = this.#nextPending(this.#pending);
      if (row !== undefined) return row;
      this.#pending = undefined;
      this.#store = this.#own.table.rowsOf(this.#kind);
      this.#rows = this.#store?.rows();
    }
    for (;;) {
      const row = this.#nextOfSite();
      if (row !== undefined) return row;
      const { value, done } = this.#replicas.next() as IteratorResult<Replica, undefined>;
      if (done === true) return undefined;
      this.#replica = value;
      this.#store = value.rowsOf(this.#kind);
      this.#rows = this.#store?.rows();
    }
  }

  #nextPending(pending: Iterator<Row>): Row | undefined {
    for (;;) {
      const { value: row, done } = pending.next() as IteratorResult<Row, undefined>;
      if (done === true) return undefined;
      if (row.kind === this.#kind && !isTombstone(row)) return row;
    }
  }

  #nextOfSite(): Row | undefined {
    const replica = this.#replica;
    const store = replica?.rowsOf(this.#kind);
    if (replica !== undefined && store !== this.#store) {
      // A table was swapped: its rows have not been seen.
      this.#store = store;
      this.#rows = store?.rows();
    }
    for (;;) {
      const row = this.#rows?.next().value as Row | undefined;
      if (row === undefined) return undefined;
      if (replica !== undefined || !this.#own.isPending(row.kind, row.key)) return row;
    }
  }
}
