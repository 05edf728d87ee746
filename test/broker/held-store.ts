import {
  MemoryStore,
  type Store,
  type StoreBatch,
  type StoreFailure,
  type StoreTable,
} from '../../src/store/mod.js';

/**
 * A memory store whose commits finish when the test says so: what a disk does, one step at a time.
 * `crashed()` is what a restart would find: nothing of a commit that was not finished.
 */
export class HeldStore implements Store {
  readonly kind = 'memory';
  readonly #durable: MemoryStore;
  #pending: { batch: StoreBatch; done: (failure: StoreFailure | undefined) => void } | undefined;
  /** Commits finish at once while this is false. */
  isHeld = false;
  /** As the contract says; the test sets it. */
  isFull = false;
  /** The next commits fail with this. */
  failure: StoreFailure | undefined;
  commits = 0;

  constructor(durable: MemoryStore = new MemoryStore()) {
    this.#durable = durable;
  }

  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  get(table: StoreTable, key: Uint8Array): Uint8Array | undefined {
    return this.#durable.get(table, key);
  }

  entries(
    table: StoreTable,
    from?: Uint8Array,
    to?: Uint8Array,
  ): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    return this.#durable.entries(table, from, to);
  }

  newBatch(): StoreBatch {
    return this.#durable.newBatch();
  }

  commit(batch: StoreBatch, done: (failure: StoreFailure | undefined) => void): void {
    this.#pending = { batch, done };
    if (!this.isHeld) this.finish();
  }

  /** The commit under way becomes durable, or fails. */
  finish(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    this.commits += 1;
    if (this.failure !== undefined) pending.done(this.failure);
    else this.#durable.commit(pending.batch, pending.done);
  }

  /** A store with what was durable when the process died. */
  crashed(): HeldStore {
    return new HeldStore(this.#durable);
  }
}
