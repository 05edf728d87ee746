import type { Entry } from '../queue/mod.js';
import type { Subscription } from './subscription.js';
import type { SessionWill } from './will.js';

/** A session as its records have it. */
export interface DurableSession {
  /** Number of its records in the store; 0: it has none. Set by the journal. */
  storeNumber: number;
  /** Sequence of the entry that was persisted last. Kept by the journal. */
  lastSequence: number;
  /** Bytes of the messages that are persisted and not Done. Kept by the journal. */
  storedBytes: number;
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly persistent: boolean;
  readonly isConnected: boolean;
  readonly expiryInterval: number;
  readonly disconnectedAt: number;
  readonly will: SessionWill | undefined;
  readonly willDueAt: number;
  /** Of the row that tells other members of the will; 0: none does. */
  readonly willStamp: number;
  /** When it was made, as all members know it; 0: this node is alone. */
  readonly born: number;
  /** Another member has the session, and this is what it left here. */
  readonly isStranded: boolean;
  /** QoS 2 identifiers, with the batch that their messages came in. */
  readonly received: ReadonlyMap<number, number> | undefined;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** In order: in flight, then waiting. */
  entries(): Iterable<Entry>;
  inflightEntries(): Iterable<Entry>;
  /** The first persisted entry that waits. */
  firstWaiting(): Entry | undefined;
  /** The store could not own these: they are nobody's any more. */
  withdraw(entries: ReadonlySet<Entry>): void;
  /** QoS 2 messages of this client that came in batch `refused` or later are not ours. */
  forgetReceived(refused: number): void;
}

/**
 * What the session machine tells of changes that must survive, and how it learns that they do.
 *
 * Changes gather in a batch. `ticket` is the number of the batch that holds the changes made until
 * now; once `durable` has reached it, they are owned and acknowledgements may leave. The
 * journal implements this (journal/journal.ts); only persistent sessions call it.
 */
export interface Durability {
  /** Number of the batch that holds the last change made; ask for it after making yours. */
  readonly ticket: number;
  /** Highest batch that is durable; all lower ones are, too. */
  readonly durable: number;
  /** True while the store cannot own anything new (full, failing). Deletes are still tried. */
  readonly refusing: boolean;
  /** `entry` came into the session's queue. Gives it its sequence. */
  appended(session: DurableSession, entry: Entry): void;
  /** `entry` is Done: acknowledged, dropped or expired. */
  finished(session: DurableSession, entry: Entry): void;
  /** In-flight entries or received QoS 2 identifiers changed. */
  stateChanged(session: DurableSession): void;
  /** Expiry, will, connectedness or persistence changed. */
  sessionChanged(session: DurableSession): void;
  /** The session is over: all its records go. */
  sessionEnded(session: DurableSession): void;
  subscribed(session: DurableSession, subscription: Subscription): void;
  unsubscribed(session: DurableSession, subscription: Subscription): void;
  /** `waiter.onDurable` is called once after the next batch has settled, whatever became of it. */
  wait(waiter: DurabilityWaiter): void;
}

export interface DurabilityWaiter {
  /** `durable` rose, or batch `refused` could not be written, nor what came since (0: none). */
  onDurable(durable: number, refused: number, now: number): void;
}
