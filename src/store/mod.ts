/**
 * store: bytes that survive. Owns the Store interface and its memory implementation; never knows
 * what a record means. lmdb/ is the durable implementation (edge).
 */
export {
  type Store,
  type StoreBatch,
  type StoreFailure,
  type StoreTable,
  storeTables,
} from './store.js';
