/**
 * cluster/takeover: what members tell each other of a session that is one member's at a time. Owns
 * the bytes of a claim and of what is handed over; never decides who has a session (the latest
 * stamp does, in metadata), never touches a client or a queue (broker does).
 *
 * ```
 *  Session row   (mountpoint, client identifier) ─▶ born, expiry, since; its stamp is the claim
 *  Handover      state ─▶ entry … ─▶ end            from whoever holds something, to the owner
 *                mark                               from who routes to the new owner from here on
 * ```
 */
export {
  type HandedEntry,
  type HandedSubscription,
  type Handover,
  handoverBytes,
  readHandover,
  readSubscriptionValue,
  subscriptionValueBytes,
} from './handover.js';
export {
  isExpired,
  rangesMax,
  readSessionKey,
  readSessionValue,
  readSubscriptionKey,
  sessionKey,
  subscriptionKey,
  type SessionName,
  type SessionValue,
  sessionValueBytes,
} from './session-row.js';
