import { assert, ByteWriter, type Clock } from '../base/mod.js';
import type { Message } from '../queue/mod.js';
import { type Chunk, type Entry, EntryState } from '../queue/mod.js';
import type {
  Durability,
  DurabilityWaiter,
  Retained,
  DurableSession,
  Subscription,
} from '../session/mod.js';
import type { Store, StoreBatch, StoreFailure } from '../store/mod.js';
import { chunksOf, mergedChanges, noChanges, type SessionChanges } from './changes.js';
import { key, writeEntry, writeMessage, writeSession, writeSubscription } from './records.js';
import { writeState } from './state-record.js';

/** A queue record is closed at this size, so that acknowledged parts of a backlog can go. */
const chunkBytesMax = 64 * 1024;
/** Bodies above this size that more than one session keeps are stored once and referred to. */
const sharedBodyBytesMin = 256;
/** More undurable bytes than this, and publishers are read no further. */
const backlogBytesMax = 32 * 1024 * 1024;

export interface JournalHost {
  /** The store failed, works again, or goes on failing (once per attempt). */
  storeFailed(failure: StoreFailure): void;
  storeRecovered(): void;
  /** Somebody waits: `commit` should be called at the end of this turn. */
  commitWanted(): void;
  /** What was backlogged is written. */
  backlogCleared(now: number): void;
}

/** Somebody else whose changes go into the same batches, so that a crash shows one moment. */
export interface BatchPart {
  /** It has something to write. */
  readonly isDirty: boolean;
  /**
   * Adds its changes. `isWithheld`: messages that were accepted are not in the batch, because the
   * disk is full; what they come from must stay until they are.
   */
  write(batch: StoreBatch, isWithheld: boolean): void;
  /** Batch `number` is durable; or (false) refused, and all of it must be written again. */
  settled(isDurable: boolean, number: number, now: number): void;
}

/** The changes of a batch on its way, so that they can be taken back. */
interface Writing {
  readonly number: number;
  readonly sessions: Map<DurableSession, SessionChanges>;
  readonly retained: Map<number, RetainedChange>;
  /** Bodies that get a record of their own in this batch. */
  readonly messages: Message[];
  readonly removedMessages: number[];
}

interface RetainedChange {
  readonly mountpoint: string;
  /** Undefined: the record goes. */
  readonly retained: Retained | undefined;
}

/**
 * Turns what sessions and the retained store change into records, in batches.
 *
 * Between two batches changes only mark what is dirty; a message that comes and is acknowledged in
 * between costs nothing. When a batch begins, each dirty session writes at most one record of new
 * entries, one of its state, and so on: the cost per message falls as the load rises. The state
 * record and the entries that it speaks of are in the same batch, so a crash shows one moment.
 */
export class Journal implements Durability {
  durable = 0;
  refusing = false;
  /** Rises with every change that an acknowledgement may have to wait for. */
  changeCount = 0;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #host: JournalHost;
  #sessions = new Map<DurableSession, SessionChanges>();
  #retained = new Map<number, RetainedChange>();
  #removedMessages: number[] = [];
  #waiters = new Set<DurabilityWaiter>();
  #writing: Writing | undefined;
  #started = 0;
  #lastNumber = 0;
  #undurableBytes = 0;
  #wasBacklogged = false;
  /** The session of the last change, and its changes: bursts come from one session. */
  #recent: DurableSession | undefined;
  #parts: readonly BatchPart[] = [];
  #recentChanges: SessionChanges | undefined;

  constructor(store: Store, clock: Clock, host: JournalHost) {
    this.#store = store;
    this.#clock = clock;
    this.#host = host;
  }

  /** Without a change to write no batch will come: what is under way, or was last, has them all. */
  get ticket(): number {
    return this.#isDirty() ? this.#started + 1 : this.#started;
  }

  get isBacklogged(): boolean {
    if (this.#undurableBytes <= backlogBytesMax) return false;
    this.#wasBacklogged = true;
    return true;
  }

  /** True while a batch is under way or something waits to be written. */
  get isBusy(): boolean {
    return this.#writing !== undefined || this.#isDirty();
  }

  /** Before the first commit. */
  addPart(part: BatchPart): void {
    this.#parts = [...this.#parts, part];
  }

  /** At start: numbers up to this one are in use. */
  resumeNumbers(lastNumber: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, lastNumber);
  }

  appended(session: DurableSession, entry: Entry): void {
    const changes = this.#changesOf(session);
    session.lastSequence += 1;
    entry.sequence = session.lastSequence;
    entry.message.references += 1;
    session.storedBytes += entry.message.sizeBytes;
    this.changeCount += 1;
    changes.appended.push(entry);
    changes.state = true;
    this.#undurableBytes += entry.message.sizeBytes;
  }

  finished(session: DurableSession, entry: Entry): void {
    const changes = this.#changesOf(session);
    changes.state = true;
    session.storedBytes -= entry.message.sizeBytes;
    const { chunk } = entry;
    const body = this.#release(entry.message);
    if (body !== 0) {
      if (chunk !== undefined && isWithinQueue(session, entry)) (chunk.bodies ??= []).push(body);
      else this.#removedMessages.push(body);
    }
    if (chunk === undefined) return;
    chunk.remaining -= 1;
    if (chunk.remaining > 0) return;
    changes.emptied.push(chunk);
    this.#removedMessages.push(...(chunk.bodies ?? []));
  }

  stateChanged(session: DurableSession): void {
    this.#changesOf(session).state = true;
  }

  sessionChanged(session: DurableSession): void {
    this.#changesOf(session).record = true;
  }

  sessionEnded(session: DurableSession): void {
    if (session.storeNumber === 0) return;
    const changes = this.#changesOf(session);
    changes.ended = true;
    for (const chunk of chunksOf(session)) {
      changes.emptied.push(chunk);
      this.#removedMessages.push(...(chunk.bodies ?? []));
    }
    for (const entry of session.entries()) {
      if (entry.sequence !== 0) this.#releaseBody(entry.message);
    }
    for (const subscription of session.subscriptions.values()) {
      if (subscription.storeNumber !== 0) {
        changes.subscriptions.set(subscription.storeNumber, undefined);
      }
    }
    changes.appended = [];
  }

  subscribed(session: DurableSession, subscription: Subscription): void {
    if (subscription.storeNumber === 0) subscription.storeNumber = this.#nextNumber();
    this.#changesOf(session).subscriptions.set(subscription.storeNumber, subscription);
  }

  unsubscribed(session: DurableSession, subscription: Subscription): void {
    if (subscription.storeNumber === 0) return;
    this.#changesOf(session).subscriptions.set(subscription.storeNumber, undefined);
  }

  /** `retained` undefined: the message with this record number is gone. */
  retainedChanged(mountpoint: string, retained: Retained, isGone: boolean): void {
    if (retained.storeNumber === 0) retained.storeNumber = this.#nextNumber();
    this.changeCount += 1;
    this.#retained.set(retained.storeNumber, {
      mountpoint,
      retained: isGone ? undefined : retained,
    });
  }

  wait(waiter: DurabilityWaiter): void {
    if (this.#waiters.size === 0) this.#host.commitWanted();
    this.#waiters.add(waiter);
  }

  /**
   * Begins a batch when there is one to write and none under way. `isIdle`: nobody waits, but some
   * time has passed since the last one.
   */
  commit(isIdle: boolean): void {
    if (this.#writing !== undefined) return;
    if (this.refusing) {
      // Also when there is nothing to write: the batch asks whether there is room again.
      if (!isIdle) return;
    } else if (!this.#isDirty() || (this.#waiters.size === 0 && !isIdle)) return;
    const batch = this.#store.newBatch();
    const writing = this.#takeChanges();
    const isWithheld = this.#store.isFull && this.#withhold(writing);
    for (const [session, changes] of writing.sessions) {
      this.#putSession(batch, session, changes, writing.messages);
    }
    for (const [number, change] of writing.retained) putRetained(batch, number, change);
    for (const number of writing.removedMessages) batch.remove('message', key(number));
    this.#begin(batch, writing, isWithheld);
  }

  /** Before anything else: what loading found superfluous goes. */
  commitRemovals(removals: StoreBatch): void {
    this.#begin(removals, this.#takeChanges(), false);
  }

  #begin(batch: StoreBatch, writing: Writing, isWithheld: boolean): void {
    assert(this.#writing === undefined, 'one batch at a time');
    this.#writing = writing;
    for (const part of this.#parts) part.write(batch, isWithheld);
    this.#store.commit(batch, (failure) => this.#onSettled(writing, failure));
  }

  #takeChanges(): Writing {
    this.#started += 1;
    const writing: Writing = {
      number: this.#started,
      sessions: this.#sessions,
      retained: this.#retained,
      messages: [],
      removedMessages: this.#removedMessages,
    };
    this.#sessions = new Map();
    this.#retained = new Map();
    this.#removedMessages = [];
    this.#recent = undefined;
    this.#undurableBytes = 0;
    return writing;
  }

  /**
   * The disk is full: what takes much room stays for later, lest it keep back what makes room. What
   * is ours came from somewhere, an ended session or a will: that goes only together with it, or a
   * crash would find neither. True: some of that is withheld.
   */
  #withhold(writing: Writing): boolean {
    const isMoving = (entry: Entry): boolean =>
      entry.state !== EntryState.Done && entry.message.isOurs;
    const changesOfAll = [...writing.sessions.values()];
    const hasMoving = changesOfAll.some(({ appended }) => appended.some(isMoving));
    for (const [session, changes] of writing.sessions) {
      if (hasMoving && (changes.ended || changes.record)) {
        this.#sessions.set(session, changes);
        writing.sessions.delete(session);
        continue;
      }
      if (changes.appended.length === 0) continue;
      this.#sessions.set(session, { ...noChanges(), state: true, appended: changes.appended });
      changes.appended = [];
    }
    if (hasMoving) this.#removedMessages.push(...writing.removedMessages.splice(0));
    for (const [number, change] of writing.retained) {
      if (change.retained === undefined) continue;
      this.#retained.set(number, change);
      writing.retained.delete(number);
    }
    return hasMoving;
  }

  #onSettled(writing: Writing, failure: StoreFailure | undefined): void {
    assert(this.#writing === writing, 'one batch at a time');
    this.#writing = undefined;
    let refused = 0;
    if (failure === undefined) {
      this.durable = writing.number;
      if (this.refusing && !this.#store.isFull) {
        this.refusing = false;
        this.#host.storeRecovered();
      }
    } else {
      refused = writing.number;
      this.refusing = true;
      this.#takeBack(writing);
      this.#host.storeFailed(failure);
    }
    const now = this.#clock.now();
    for (const part of this.#parts) part.settled(failure === undefined, writing.number, now);
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.onDurable(this.durable, refused, now);
    if (!this.#wasBacklogged) return;
    this.#wasBacklogged = false;
    this.#host.backlogCleared(now);
  }

  /**
   * The store has none of the batch: messages are withdrawn, unless they are ours; all else is
   * tried again. Messages that came since are withdrawn too, lest they overtake what their
   * publisher sends again.
   */
  #takeBack(writing: Writing): void {
    for (const [session, failed] of writing.sessions) {
      const since = this.#sessions.get(session) ?? noChanges();
      this.#sessions.set(session, mergedChanges(failed, since));
    }
    for (const [session, changes] of this.#sessions) {
      const lost = new Set<Entry>();
      const kept: Entry[] = [];
      for (const entry of changes.appended) {
        if (entry.state === EntryState.Done) continue;
        entry.chunk = undefined;
        if (entry.message.isOurs) {
          kept.push(entry);
          continue;
        }
        this.#releaseBody(entry.message);
        session.storedBytes -= entry.message.sizeBytes;
        entry.sequence = 0;
        lost.add(entry);
      }
      changes.appended = kept;
      session.withdraw(lost);
      session.forgetReceived(writing.number);
    }
    this.#undurableBytes = 0;
    for (const [number, change] of writing.retained) {
      if (!this.#retained.has(number)) this.#retained.set(number, change);
    }
    for (const message of writing.messages) message.storeNumber = 0;
    this.#removedMessages.push(...writing.removedMessages);
    this.#recent = undefined;
  }

  #isDirty(): boolean {
    if (this.#sessions.size > 0 || this.#retained.size > 0) return true;
    return this.#removedMessages.length > 0 || this.#parts.some(({ isDirty }) => isDirty);
  }

  #changesOf(session: DurableSession): SessionChanges {
    if (session === this.#recent) return this.#recentChanges as SessionChanges;
    let changes = this.#sessions.get(session);
    if (changes === undefined) {
      changes = noChanges();
      if (session.storeNumber === 0) {
        session.storeNumber = this.#nextNumber();
        changes.record = true;
      }
      this.#sessions.set(session, changes);
    }
    this.#recent = session;
    this.#recentChanges = changes;
    return changes;
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /** Returns the number of the body's record when nobody needs it any more, else 0. */
  #release(message: Message): number {
    message.references -= 1;
    if (message.references > 0) return 0;
    const { storeNumber } = message;
    message.storeNumber = 0;
    return storeNumber;
  }

  #releaseBody(message: Message): void {
    const body = this.#release(message);
    if (body !== 0) this.#removedMessages.push(body);
  }

  #putSession(
    batch: StoreBatch,
    session: DurableSession,
    changes: SessionChanges,
    messages: Message[],
  ): void {
    const number = session.storeNumber;
    for (const chunk of changes.emptied) batch.remove('queue', key(number, chunk.firstSequence));
    for (const [subscriptionNumber, subscription] of changes.subscriptions) {
      const where = key(number, subscriptionNumber);
      if (subscription === undefined) batch.remove('subscription', where);
      else batch.put('subscription', where, subscriptionBytes(subscription));
    }
    if (changes.ended) {
      batch.remove('session', key(number));
      batch.remove('state', key(number));
      return;
    }
    if (changes.record) batch.put('session', key(number), sessionBytes(session));
    if (changes.appended.length > 0) this.#putEntries(batch, number, changes.appended, messages);
    if (!changes.state) return;
    const waitingFrom = session.firstWaiting()?.sequence ?? session.lastSequence + 1;
    const state = writeState(waitingFrom, session.inflightEntries(), session.received);
    batch.put('state', key(number), state);
  }

  #putEntries(
    batch: StoreBatch,
    number: number,
    appended: readonly Entry[],
    messages: Message[],
  ): void {
    const writer = new ByteWriter(1024);
    let chunk: { firstSequence: number; remaining: number } | undefined;
    for (const entry of appended) {
      if (entry.state === EntryState.Done) continue;
      if (chunk === undefined) chunk = { firstSequence: entry.sequence, remaining: 0 };
      this.#shareBody(batch, entry.message, messages);
      writeEntry(writer, entry);
      chunk.remaining += 1;
      entry.chunk = chunk satisfies Chunk;
      if (writer.length < chunkBytesMax) continue;
      batch.put('queue', key(number, chunk.firstSequence), writer.take());
      chunk = undefined;
    }
    if (chunk !== undefined) {
      batch.put('queue', key(number, chunk.firstSequence), writer.take());
    }
  }

  /** A large body that several sessions keep becomes a record of its own, once. */
  #shareBody(batch: StoreBatch, message: Message, messages: Message[]): void {
    if (message.storeNumber !== 0 || message.references < 2) return;
    if (message.sizeBytes < sharedBodyBytesMin) return;
    message.storeNumber = this.#nextNumber();
    messages.push(message);
    const writer = new ByteWriter(message.sizeBytes + 64);
    writeMessage(writer, message);
    batch.put('message', key(message.storeNumber), writer.take());
  }
}

/**
 * True for what ends between others that wait: the state record cannot say so, and a reader would
 * miss its body.
 */
function isWithinQueue(session: DurableSession, entry: Entry): boolean {
  const first = session.firstWaiting();
  return first !== undefined && first.sequence !== 0 && first.sequence < entry.sequence;
}

function putRetained(batch: StoreBatch, number: number, change: RetainedChange): void {
  const { retained } = change;
  if (retained === undefined) {
    batch.remove('retained', key(number));
    return;
  }
  const writer = new ByteWriter(retained.message.sizeBytes + 64);
  writer.text(change.mountpoint);
  writeMessage(writer, retained.message);
  batch.put('retained', key(number), writer.take());
}

function sessionBytes(session: DurableSession): Buffer {
  return writeSession({
    mountpoint: session.mountpoint,
    clientIdentifier: session.clientIdentifier,
    persistent: session.persistent,
    connected: session.isConnected,
    expiryInterval: session.expiryInterval,
    disconnectedAt: session.disconnectedAt,
    willDueAt: session.willDueAt,
    will: session.will,
    willStamp: session.willStamp,
    strandedBorn: session.isStranded ? Math.max(session.born, 1) : 0,
  });
}

function subscriptionBytes(subscription: Subscription): Buffer {
  return writeSubscription({
    topicFilter: subscription.topicFilter,
    qos: subscription.qos,
    noLocal: subscription.noLocal,
    retainAsPublished: subscription.retainAsPublished,
    retainHandling: subscription.retainHandling,
    subscriptionIdentifier: subscription.subscriptionIdentifiers?.[0],
  });
}
