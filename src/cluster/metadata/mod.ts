/**
 * cluster/metadata: replicated rows. Owns what every site said last about every key, numbers, sums,
 * vectors, and what is asked for and sent so that all members come to know the same; never sends,
 * never writes to disk, never knows who is up, and never understands a value.
 *
 * ```
 *  put, remove ─▶ OwnRows ── pushable ─▶ all that are up      vector ─▶ a random peer
 *                    ▲                                            │
 *                    │ lookups: the latest stamp of all sites     ▼
 *                    ▼                                         missing ─▶ asks ─▶ interval
 *  changed ◀─── Replica (one per other site) ◀──────────────────── apply ◀───────────┘
 * ```
 *
 * Scuttlebutt reconciliation: van Renesse, Dumitriu, Gough, Thomas, Efficient Reconciliation and
 * Flow Control for Anti-Entropy Protocols, 2008.
 */
export type { RowCursor } from './cursor.js';
export { encodeInterval, type Interval, intervalRowsMax, type MalformedRows } from './interval.js';
export type { TablesOut } from './out.js';
export {
  type Ask,
  decodeAsks,
  decodeVector,
  encodeAsks,
  encodeVector,
  hasReached,
  type Position,
  type Vector,
} from './position.js';
export type { Applied } from './replica.js';
export { keyBytesMax, type Row, RowKind, valueBytesMax } from './rows.js';
export { type RestoredSite, Tables } from './tables.js';
