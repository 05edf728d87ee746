import type { OwnRows } from './own-rows.js';
import type { Replica } from './replica.js';
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
  #map: ReadonlyMap<string, Row> | undefined;
  #rows: Iterator<Row> | undefined;

  constructor(kind: RowKind, own: OwnRows, replicas: Iterator<Replica>) {
    this.#kind = kind;
    this.#own = own;
    this.#replicas = replicas;
    this.#pending = own.pending();
    this.#map = own.table.rowsOf(kind);
    this.#rows = this.#map?.values();
  }

  /** Undefined at the end. */
  next(): Row | undefined {
    if (this.#pending !== undefined) {
      // First, because they are in the table afterwards.
      const row = this.#nextPending(this.#pending);
      if (row !== undefined) return row;
      this.#pending = undefined;
      this.#map = this.#own.table.rowsOf(this.#kind);
      this.#rows = this.#map?.values();
    }
    for (;;) {
      const row = this.#nextOfSite();
      if (row !== undefined) return row;
      const { value, done } = this.#replicas.next() as IteratorResult<Replica, undefined>;
      if (done === true) return undefined;
      this.#replica = value;
      this.#map = value.rowsOf(this.#kind);
      this.#rows = this.#map?.values();
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
    const map = replica?.rowsOf(this.#kind);
    if (replica !== undefined && map !== this.#map) {
      // A table was swapped: its rows have not been seen.
      this.#map = map;
      this.#rows = map?.values();
    }
    for (;;) {
      const row = this.#rows?.next().value as Row | undefined;
      if (row === undefined) return undefined;
      if (replica !== undefined || !this.#own.isPending(row.kind, row.key)) return row;
    }
  }
}
