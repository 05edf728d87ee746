import type { StoreBatch, StoreTable } from './store.js';

/**
 * A batch as three parallel lists, in the order of the calls. Both stores read it directly;
 * `values` holds `undefined` where the key is removed. Nothing is copied: key and value were handed
 * over.
 */
export class ChangeList implements StoreBatch {
  readonly tables: StoreTable[] = [];
  readonly keys: Uint8Array[] = [];
  readonly values: (Uint8Array | undefined)[] = [];
  /** Number of changes with a value. Zero means that the batch only removes. */
  puts = 0;

  get size(): number {
    return this.tables.length;
  }

  put(table: StoreTable, key: Uint8Array, value: Uint8Array): void {
    this.tables.push(table);
    this.keys.push(key);
    this.values.push(value);
    this.puts += 1;
  }

  remove(table: StoreTable, key: Uint8Array): void {
    this.tables.push(table);
    this.keys.push(key);
    this.values.push(undefined);
  }
}
