import type { Site } from './identity/mod.js';
import { type RowCursor, RowKind, type Tables } from './metadata/mod.js';

/** Kinds that any site may write, and that stand when their writer is gone. */
const kinds: readonly RowKind[] = [RowKind.Retain, RowKind.Setting];

/** Rows that are looked at in one step. */
const stepRows = 1000;

/** This node says under the same stamps what a member that leaves was the last to say. */
export class Adoption {
  readonly #tables: Tables;
  readonly #site: Site;
  readonly #cursors: readonly RowCursor[];
  #at = 0;

  constructor(tables: Tables, site: Site) {
    this.#tables = tables;
    this.#site = site;
    this.#cursors = kinds.map((kind) => tables.cursor(kind));
  }

  /** True: all of it is here, though perhaps not on disk. */
  step(): boolean {
    for (let left = stepRows; left > 0; left -= 1) {
      const cursor = this.#cursors[this.#at];
      if (cursor === undefined) return true;
      const row = cursor.next();
      if (row === undefined) this.#at += 1;
      else if (row.site === this.#site && row.value !== undefined) {
        const { kind, key, value, stamp } = row;
        if (this.#tables.wins(row)) this.#tables.put(kind, key, value, stamp);
      }
    }
    return false;
  }
}
