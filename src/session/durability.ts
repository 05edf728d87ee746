import type { Entry } from '../queue/mod.js';
import type { Session } from './session.js';
import type { Subscription } from './subscription.js';

/**
 * What the session machine tells of changes that must survive, and how it learns that they do.
 *
 * Changes gather in a batch. `ticket` is the number of the batch that will hold the changes made
 * from now on; once `durable` has reached it, they are owned and acknowledgements may leave. The
 * journal implements this (journal/journal.ts); only persistent sessions call it.
 */
export interface Durability {
  /** Number of the batch that changes made now go into. */
  readonly ticket: number;
  /** Highest batch that is durable; all lower ones are, too. */
  readonly durable: number;
  /** True while the store cannot own anything new (full, failing). Deletes are still tried. */
  readonly refusing: boolean;
  /** `entry` came into the session's queue. Gives it its sequence. */
  appended(session: Session, entry: Entry): void;
  /** `entry` is Done: acknowledged, dropped or expired. */
  finished(session: Session, entry: Entry): void;
  /** In-flight entries or received QoS 2 identifiers changed. */
  stateChanged(session: Session): void;
  /** Expiry, will, connectedness or persistence changed. */
  sessionChanged(session: Session): void;
  /** The session is over: all its records go. */
  sessionEnded(session: Session): void;
  subscribed(session: Session, subscription: Subscription): void;
  unsubscribed(session: Session, subscription: Subscription): void;
  /** `waiter.onDurable` is called once after the next batch has settled, whatever became of it. */
  wait(waiter: DurabilityWaiter): void;
}

export interface DurabilityWaiter {
  /** `durable` rose, or the batch with number `refused` could not be written (0: none). */
  onDurable(durable: number, refused: number, now: number): void;
}
