import type { Chunk, Entry } from '../queue/mod.js';
import type { DurableSession, Subscription } from '../session/mod.js';

/** What one session has changed since the last batch was begun. */
export interface SessionChanges {
  /** The session record must be written. */
  record: boolean;
  /** The state record must be written. */
  state: boolean;
  /** The session is over: everything of it goes. */
  ended: boolean;
  /** New entries, in order; some may be Done already. */
  appended: Entry[];
  /** Queue records of which every entry is Done. */
  emptied: Chunk[];
  /** By number of the subscription's record; undefined: to be removed. */
  readonly subscriptions: Map<number, Subscription | undefined>;
}

export function noChanges(): SessionChanges {
  return {
    record: false,
    state: false,
    ended: false,
    appended: [],
    emptied: [],
    subscriptions: new Map(),
  };
}

/** The changes of a batch that was not written, with those made since on top. */
export function mergedChanges(failed: SessionChanges, since: SessionChanges): SessionChanges {
  return {
    record: failed.record || since.record,
    state: true,
    ended: failed.ended || since.ended,
    appended: since.ended ? [] : [...failed.appended, ...since.appended],
    emptied: [...failed.emptied, ...since.emptied],
    subscriptions: new Map([...failed.subscriptions, ...since.subscriptions]),
  };
}

/** All chunks that still hold something of `session`. Before its entries are thrown away. */
export function chunksOf(session: DurableSession): Set<Chunk> {
  const chunks = new Set<Chunk>();
  for (const entry of session.entries()) if (entry.chunk !== undefined) chunks.add(entry.chunk);
  return chunks;
}
