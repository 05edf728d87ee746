import { ByteReader, TruncatedRecord } from '../base/mod.js';
import { type Chunk, type Entry, EntryState, type Message } from '../queue/mod.js';
import type { Store, StoreBatch } from '../store/mod.js';
import {
  key,
  keyNumbers,
  readEntry,
  readMessage,
  readSession,
  readSubscription,
  type SessionRecord,
  type SubscriptionRecord,
} from './records.js';
import { readState, type StateRecord } from './state-record.js';

/** A session as the store had it. */
export interface LoadedSession {
  readonly storeNumber: number;
  readonly record: SessionRecord;
  readonly subscriptions: readonly (SubscriptionRecord & { readonly storeNumber: number })[];
  /** In order: in flight (with Packet Identifier), then waiting. */
  readonly entries: readonly Entry[];
  readonly received: readonly number[];
  readonly lastSequence: number;
}

export interface LoadedRetained {
  readonly storeNumber: number;
  readonly mountpoint: string;
  readonly message: Message;
}

export interface LoadReport {
  readonly sessions: number;
  readonly retained: number;
  readonly messages: number;
  /** Highest record number in use. */
  readonly lastNumber: number;
  /** Records that could not be read: table and key. They are left where they are. */
  readonly damaged: readonly string[];
}

/**
 * Reads a whole store, in one pass per session. `removals` gets what nothing refers to any more.
 */
export class StoreLoader {
  readonly #store: Store;
  readonly #messages = new Map<number, Message>();
  readonly #damaged: string[] = [];
  #lastNumber = 0;
  #sessionCount = 0;
  #retainedCount = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  *sessions(): Generator<LoadedSession> {
    for (const [bytes, value] of [...this.#store.entries('session')]) {
      const [number] = keyNumbers(bytes);
      this.#note(number);
      const record = this.#read('session', number, () => readSession(new ByteReader(value)));
      if (record === undefined) continue;
      this.#sessionCount += 1;
      yield this.#session(number, record);
    }
  }

  *retained(): Generator<LoadedRetained> {
    for (const [bytes, value] of [...this.#store.entries('retained')]) {
      const [number] = keyNumbers(bytes);
      this.#note(number);
      const loaded = this.#read('retained', number, () => {
        const reader = new ByteReader(value);
        const mountpoint = reader.text();
        return { storeNumber: number, mountpoint, message: readMessage(reader) };
      });
      if (loaded === undefined) continue;
      this.#retainedCount += 1;
      yield loaded;
    }
  }

  /** After all sessions: bodies that no entry refers to are put up for removal. */
  finish(removals: StoreBatch): LoadReport {
    for (const [bytes] of [...this.#store.entries('message')]) {
      const [number] = keyNumbers(bytes);
      this.#note(number);
      if (!this.#messages.has(number)) removals.remove('message', key(number));
    }
    return {
      sessions: this.#sessionCount,
      retained: this.#retainedCount,
      messages: this.#messages.size,
      lastNumber: this.#lastNumber,
      damaged: this.#damaged,
    };
  }

  #session(number: number, record: SessionRecord): LoadedSession {
    const subscriptions: (SubscriptionRecord & { storeNumber: number })[] = [];
    const end = key(number + 1);
    for (const [bytes, value] of this.#store.entries('subscription', key(number), end)) {
      const [, storeNumber] = keyNumbers(bytes);
      this.#note(storeNumber);
      const read = this.#read('subscription', storeNumber, () =>
        readSubscription(new ByteReader(value)),
      );
      if (read !== undefined) subscriptions.push({ ...read, storeNumber });
    }
    const stateBytes = this.#store.get('state', key(number));
    const state =
      stateBytes === undefined
        ? undefined
        : this.#read('state', number, () => readState(new ByteReader(stateBytes)));
    const { entries, lastSequence } = this.#entries(number, state);
    return {
      storeNumber: number,
      record,
      subscriptions,
      entries,
      received: state?.received ?? [],
      lastSequence: Math.max(lastSequence, (state?.waitingFrom ?? 1) - 1),
    };
  }

  #entries(
    number: number,
    state: StateRecord | undefined,
  ): { entries: Entry[]; lastSequence: number } {
    const flights = flightsOf(state);
    const waitingFrom = state?.waitingFrom ?? 0;
    const isLive = (sequence: number): boolean => sequence >= waitingFrom || flights.has(sequence);
    const inflight: Entry[] = new Array(flights.size);
    const waiting: Entry[] = [];
    let lastSequence = 0;
    for (const [bytes, value] of this.#store.entries('queue', key(number), key(number + 1))) {
      const [, firstSequence] = keyNumbers(bytes);
      const chunk = { firstSequence, remaining: 0 };
      for (const entry of this.#chunk(number, value, firstSequence, isLive)) {
        lastSequence = Math.max(lastSequence, entry.sequence);
        const flight = flights.get(entry.sequence);
        if (flight !== undefined) {
          entry.packetIdentifier = flight.packetIdentifier;
          entry.state = flight.released ? EntryState.Released : EntryState.Published;
          entry.sentBefore = true;
          inflight[flight.order] = entry;
        } else if (entry.sequence >= waitingFrom) {
          waiting.push(entry);
        } else {
          continue;
        }
        chunk.remaining += 1;
        entry.chunk = chunk satisfies Chunk;
        entry.message.references += 1;
        const shared = entry.message.storeNumber;
        if (shared !== 0) this.#messages.set(shared, entry.message);
      }
    }
    return {
      entries: [...inflight.filter((entry) => entry !== undefined), ...waiting],
      lastSequence,
    };
  }

  /**
   * The entries of one record. Some may be done: a record goes when all of them are. The body of a
   * done one may be gone already, and where it is not, nobody needs it.
   */
  #chunk(
    number: number,
    value: Uint8Array,
    firstSequence: number,
    isLive: (sequence: number) => boolean,
  ): Entry[] {
    const entries: Entry[] = [];
    const messageOf = (storeNumber: number, sequence: number): Message | undefined => {
      if (!isLive(sequence)) return undefined;
      const message = this.#message(storeNumber);
      if (message === undefined) this.#damaged.push(`message of queue ${number}/${firstSequence}`);
      return message;
    };
    this.#read('queue', number, () => {
      const reader = new ByteReader(value);
      while (!reader.isAtEnd) {
        const entry = readEntry(reader, messageOf);
        if (entry !== undefined) entries.push(entry);
      }
      return entries;
    });
    return entries;
  }

  #message(storeNumber: number): Message | undefined {
    const known = this.#messages.get(storeNumber);
    if (known !== undefined) return known;
    const bytes = this.#store.get('message', key(storeNumber));
    if (bytes === undefined) return undefined;
    const message = this.#read('message', storeNumber, () => readMessage(new ByteReader(bytes)));
    if (message === undefined) return undefined;
    message.storeNumber = storeNumber;
    this.#messages.set(storeNumber, message);
    return message;
  }

  #read<Value>(table: string, number: number, read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TruncatedRecord)) throw error;
      this.#damaged.push(`${table} ${number}`);
      return undefined;
    }
  }

  #note(number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number);
  }
}

interface Flight {
  readonly packetIdentifier: number;
  readonly released: boolean;
  readonly order: number;
}

function flightsOf(state: StateRecord | undefined): Map<number, Flight> {
  const flights = new Map<number, Flight>();
  for (const run of state?.runs ?? []) {
    for (let at = 0; at < run.count; at += 1) {
      flights.set(run.sequence + at, {
        packetIdentifier: run.packetIdentifier + at,
        released: run.released,
        order: flights.size,
      });
    }
  }
  return flights;
}
