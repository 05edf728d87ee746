/**
 * cluster/exchange: brings rows from member to member, and tells when they are in force there. Owns
 * when vectors are told, what is asked of whom, and how answers are cut; never looks into a row,
 * never decides who is up.
 *
 * ```
 *  link opens ── Vector ──▶ │ compares: what is missing here?      every 10 s, with one of them:
 *     Rows, BulkRows ◀───── │ AskRows                              the same again
 *  own changes ── Rows ──▶ all, at the end of the turn
 *  who waits ── AskApplied ──▶ all, behind those rows ── Applied ──▶ RowWaits
 * ```
 */
export { Exchange } from './exchange.js';
export type { ExchangePeer } from './row-exchange.js';
export type { RowWaiter, RowWaits } from './row-waits.js';
export type { Amount, ExchangeStory } from './story.js';
