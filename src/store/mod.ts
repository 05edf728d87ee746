/**
 * store: bytes that survive. Owns the Store interface and its memory implementation; never knows
 * what a record means. lmdb/ is the durable implementation (edge).
 *
 * ```
 * journal ── newBatch ──▶ batch ── put, remove … ──▶ commit ──▶ done(failure?) ── acks leave
 *            everything that comes while a commit is under way goes into the next batch
 * ```
 */
export { ChangeList } from './batch.js';
export { MemoryStore } from './memory.js';
export {
  type Store,
  type StoreBatch,
  type StoreFailure,
  type StoreTable,
  storeTables,
} from './store.js';
