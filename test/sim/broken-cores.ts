/** Nodes that break a promise on purpose, each in one way: the checkers must see every one. */
import { brokerCore } from '../../sim/broker-core.js';
import type { CoreFactory } from '../../sim/core.js';
import type { LinkHandler } from '../../src/session/mod.js';
import type { Store, StoreBatch, StoreTable } from '../../src/store/mod.js';

export interface BrokenCore {
  /** What it does wrong. */
  readonly what: string;
  readonly factory: CoreFactory;
  /** Rules of which at least one must be violated. */
  readonly rules: RegExp;
}

/** A store that differs from a good one in how it commits. */
function storeWith(commit: (store: Store) => Store['commit']): CoreFactory {
  return brokerCore({
    store: (store) => ({
      kind: store.kind,
      get isFull() {
        return store.isFull;
      },
      get: (table, key) => store.get(table, key),
      entries: (table, from, to) => store.entries(table, from, to),
      newBatch: () => store.newBatch(),
      commit: commit(store),
    }),
  });
}

/** Changes of some tables never reach the store. */
function forgetting(isForgotten: (table: StoreTable, isPut: boolean) => boolean): CoreFactory {
  return brokerCore({
    store: (store) => ({
      kind: store.kind,
      get isFull() {
        return store.isFull;
      },
      get: (table, key) => store.get(table, key),
      entries: (table, from, to) => store.entries(table, from, to),
      newBatch: () => partOf(store.newBatch(), isForgotten),
      commit: (batch, done) => store.commit((batch as PartialBatch).inner, done),
    }),
  });
}

interface PartialBatch extends StoreBatch {
  readonly inner: StoreBatch;
}

function partOf(
  inner: StoreBatch,
  isForgotten: (table: StoreTable, isPut: boolean) => boolean,
): PartialBatch {
  return {
    inner,
    get size() {
      return inner.size;
    },
    put: (table, key, value) => {
      if (!isForgotten(table, true)) inner.put(table, key, value);
    },
    remove: (table, key) => {
      if (!isForgotten(table, false)) inner.remove(table, key);
    },
  };
}

/** What happens on connections goes through `wrap`. */
function linksWith(wrap: (handler: LinkHandler) => LinkHandler): CoreFactory {
  return (environment) => {
    const core = brokerCore()(environment);
    return { ...core, accept: (link, now) => wrap(core.accept(link, now)) };
  };
}

export const brokenCores: readonly BrokenCore[] = [
  {
    what: 'acknowledges before the commit',
    factory: storeWith((store) => {
      let isUnderWay = false;
      const waiting: StoreBatch[] = [];
      const next = (): void => {
        const batch = waiting.shift();
        isUnderWay = batch !== undefined;
        if (batch !== undefined) store.commit(batch, next);
      };
      return (batch, done) => {
        waiting.push(batch);
        if (!isUnderWay) next();
        done(undefined);
      };
    }),
    rules: /^(no acknowledged message is lost|session lost)$/,
  },
  {
    what: 'takes a failed commit for a good one',
    factory: storeWith((store) => (batch, done) => store.commit(batch, () => done(undefined))),
    rules: /^(no acknowledged message is lost|session lost)$/,
  },
  {
    what: 'does not store which QoS 2 identifiers are in use',
    factory: forgetting((table) => table === 'state'),
    rules: /^(QoS 2 comes exactly once|no fault inside the core|nothing is left over)$/,
  },
  {
    what: 'does not store subscriptions',
    factory: forgetting((table) => table === 'subscription'),
    rules: /^no acknowledged message is lost$/,
  },
  {
    what: 'does not store sessions',
    factory: forgetting((table) => table === 'session'),
    rules: /^session lost$/,
  },
  {
    what: 'does not store retained messages',
    factory: forgetting((table) => table === 'retained'),
    rules: /^retained$/,
  },
  {
    what: 'never removes what was delivered',
    factory: forgetting((table, isPut) => table === 'queue' && !isPut),
    rules: /left over$/,
  },
  {
    what: 'stops to listen to a client after a while',
    factory: linksWith((handler) => {
      let calls = 0;
      return {
        get pendingBytes() {
          return handler.pendingBytes;
        },
        onBytes: (chunk, start, end, now) => {
          calls += 1;
          if (calls < 200) handler.onBytes(chunk, start, end, now);
        },
        onWritable: (now) => handler.onWritable(now),
        onClosed: (cause, now) => handler.onClosed(cause, now),
        disconnect: (code, reason, now) => handler.disconnect(code, reason, now),
      };
    }),
    rules: /^(no operation waits beyond its deadline|nobody is wedged)$/,
  },
];
