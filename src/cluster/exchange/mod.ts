/**
 * cluster/exchange: brings rows from member to member. Owns when vectors are told, what is asked
 * of whom, and how answers are cut; never looks into a row, never decides who is up.
 *
 * ```
 *  link opens ── Vector ──▶ │ compares: what is missing here?      every 10 s, with one of them:
 *     Rows, BulkRows ◀───── │ AskRows                              the same again
 *  own changes ── Rows ──▶ all, at the end of the turn
 * ```
 */
export { type ExchangeOut, type ExchangePeer, RowExchange } from './row-exchange.js';
export type { Amount, ExchangeStory } from './story.js';
