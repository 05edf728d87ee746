import { Buffer } from 'node:buffer';
import { assert } from '../base/mod.js';
import { ChangeList } from './batch.js';
import { SortedKeys } from './sorted-keys.js';
import {
  type Store,
  type StoreBatch,
  type StoreFailure,
  type StoreTable,
  storeTables,
} from './store.js';

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One table. Keys are held as one character per byte, whose order is the order of the bytes. */
interface MemoryTable {
  readonly entries: Map<string, Entry>;
  readonly order: SortedKeys;
}

/**
 * The store of throw-away nodes and tests: everything is gone when the process ends. `commit` calls
 * `done` before it returns and never fails. Keys and values are kept, not copied; what `get` and
 * `entries` return is the stored bytes themselves and must not be changed.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly isFull = false;
  readonly #tables = new Map<StoreTable, MemoryTable>();

  constructor() {
    for (const table of storeTables) {
      this.#tables.set(table, { entries: new Map(), order: new SortedKeys() });
    }
  }

  get(table: StoreTable, key: Uint8Array): Uint8Array | undefined {
    return this.#table(table).entries.get(characters(key))?.value;
  }

  *entries(
    table: StoreTable,
    from?: Uint8Array,
    to?: Uint8Array,
  ): Generator<readonly [key: Uint8Array, value: Uint8Array], void, undefined> {
    const { entries, order } = this.#table(table);
    const first = from === undefined ? '' : characters(from);
    for (const name of order.range(first, to === undefined ? undefined : characters(to))) {
      const entry = entries.get(name);
      assert(entry !== undefined, 'the order names only keys that are in the table');
      yield [entry.key, entry.value];
    }
  }

  newBatch(): StoreBatch {
    return new ChangeList();
  }

  commit(batch: StoreBatch, done: (failure: StoreFailure | undefined) => void): void {
    assert(batch instanceof ChangeList, 'a store commits only batches that it made');
    for (let i = 0; i < batch.size; i += 1) {
      const { entries, order } = this.#table(batch.tables[i] as StoreTable);
      const key = batch.keys[i] as Uint8Array;
      const value = batch.values[i];
      const name = characters(key);
      if (value !== undefined) {
        if (!entries.has(name)) order.add(name);
        entries.set(name, { key, value });
      } else if (entries.delete(name)) order.remove(name);
    }
    done(undefined);
  }

  #table(name: StoreTable): MemoryTable {
    const table = this.#tables.get(name);
    assert(table !== undefined, `the store has no table ${name}`);
    return table;
  }
}

function characters(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
