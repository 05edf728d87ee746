/**
 * cluster/netsplit: what clients are answered while a member is missing, and how that is said. Owns
 * the policy table, the state whole or split, and every sentence about it; never decides whether a
 * member is down, never closes a client, never counts.
 *
 * ```
 *  View ─────▶ Standing ─┐
 *  (who is there)        ├─▶ policy table ─▶ undefined (allowed) | reason naming who is missing
 *  off | on | majority ──┘
 * ```
 */
export { adviceFor, type Answer, answersOf } from './advice.js';
export { Netsplit, type NetsplitOut, type RefusedClient } from './netsplit.js';
export {
  type Operation,
  operations,
  type Policies,
  type Policy,
  refusalOf,
  type Standing,
  standingOf,
  type View,
  type ViewMember,
} from './policy.js';
export { utcText } from './utc-text.js';
