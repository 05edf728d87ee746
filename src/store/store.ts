/**
 * A durable ordered map in a few tables, written in batches. Two implementations pass one contract
 * suite: memory (here) and LMDB (lmdb/, edge).
 *
 * The store knows bytes and order, nothing of MQTT; what the records mean is `journal`'s business.
 * One batch is written at a time, as a whole or not at all; group commit happens because everything
 * that gathers while a batch is on its way goes into the next one.
 */
export const storeTables = [
  'meta',
  'session',
  'subscription',
  'state',
  'queue',
  'message',
  'retained',
  'row',
  'place',
  'flow',
  'outbox',
] as const;
export type StoreTable = (typeof storeTables)[number];

/** One batch of changes. Later changes of a key win over earlier ones in the same batch. */
export interface StoreBatch {
  /** Key and value become the store's: neither is changed by the caller afterwards. */
  put(table: StoreTable, key: Uint8Array, value: Uint8Array): void;
  remove(table: StoreTable, key: Uint8Array): void;
  readonly size: number;
}

/** Why the store cannot own something now. `code` is stable. */
export interface StoreFailure {
  readonly code: 'STORE_FULL' | 'STORE_IO' | 'STORE_CLOSED';
  /** One sentence: what happened, where, and what to do. */
  readonly message: string;
}

export interface Store {
  readonly kind: 'lmdb' | 'memory';
  /** Sees what has been committed. Synchronous. */
  get(table: StoreTable, key: Uint8Array): Uint8Array | undefined;
  /** Keys in ascending byte order, `from` included, `to` excluded. Not across a commit. */
  entries(
    table: StoreTable,
    from?: Uint8Array,
    to?: Uint8Array,
  ): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  newBatch(): StoreBatch;
  /**
   * True from a commit that was refused for want of room until there is room for one of its kind
   * again. What needs little, above all what removes, may be committed meanwhile. Kept up to date
   * by commits; one of an empty batch does nothing else.
   */
  readonly isFull: boolean;
  /**
   * Writes the batch. `done` is called once, possibly before `commit` returns: without a failure
   * when the batch is durable (`store.sync = on`: synced to the disk; off: visible), with one when
   * none of it is. At most one commit is under way; the caller waits for `done`.
   */
  commit(batch: StoreBatch, done: (failure: StoreFailure | undefined) => void): void;
}
