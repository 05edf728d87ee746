/**
 * journal: what sessions and retained messages look like in the store. Owns the records, the
 * batches and the order in which they become durable; never decides what is kept.
 *
 *   Session changes ─▶ Journal (dirty) ─▶ one batch at a time ─▶ Store ─▶ durable ticket ─▶ acks
 */
export { type BatchPart, Journal, type JournalHost } from './journal.js';
export { type LoadedRetained, type LoadedSession, type LoadReport, StoreLoader } from './load.js';
