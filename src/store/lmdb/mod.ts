/**
 * store/lmdb (edge): the Store interface on one LMDB file. Owns the data directory: its lock, its
 * layout version, its identity (site and boot), the room that is kept for a full disk, and the
 * offline tools. Never knows what a record means.
 *
 * ```
 * data/  nautilusmq.lock   who has it open
 *        store.mdb         one LMDB database per table, then zeros as headroom
 *        store.mdb-lock    LMDB's reader table
 * ```
 */
export { StoreOpenError, type StoreOpenCode } from './errors.js';
export type { StoreIdentity } from './identity.js';
export {
  type LmdbStore,
  type LmdbStoreOptions,
  type OpenedStore,
  openLmdbStore,
} from './lmdb-store.js';
export type { LockHolder } from './lock.js';
export {
  backupStore,
  type CompactResult,
  compactStore,
  type StoreSummary,
  showStore,
  type TableSummary,
} from './tools.js';
