import type { Site, Stamp } from '../cluster/identity/mod.js';
import { RowKind, type Row, type Tables } from '../cluster/metadata/mod.js';
import {
  type HandedSubscription,
  readSessionValue,
  readSubscriptionKey,
  readSubscriptionValue,
  sessionKey,
  type SessionName,
  type SessionValue,
  sessionValueBytes,
  subscriptionKey,
  subscriptionValueBytes,
} from '../cluster/takeover/mod.js';
import type { Session, Subscription } from '../session/mod.js';

/** Who has a session. */
export interface Claim {
  readonly site: Site;
  readonly stamp: Stamp;
  /** It outlives its connection. */
  readonly isPersistent: boolean;
  readonly value: SessionValue;
}

/** Where claims are told and found. */
export interface ClaimsCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly stamps: { next(now: number, above?: Stamp): Stamp };
}

/**
 * What the members say of sessions, in rows: who has which, and the subscriptions of those that
 * outlive their connection. The latest stamp has it; nothing else decides.
 */
export class SessionClaims {
  readonly #cluster: ClaimsCluster;
  /** Filters that some other member has, or had, a subscription row of, by session. */
  readonly #filters = new Map<string, Set<string>>();

  constructor(cluster: ClaimsCluster) {
    this.#cluster = cluster;
  }

  /** Undefined: nobody has it, as far as is known. */
  ownerOf(key: string): Claim | undefined {
    const { tables } = this.#cluster;
    const kept = tables.winner(RowKind.Session, key);
    const clean = tables.winner(RowKind.CleanSession, key);
    const row = later(kept, clean);
    const value = row?.value === undefined ? undefined : readSessionValue(row.value);
    if (row === undefined || value === undefined) return undefined;
    return { site: row.site, stamp: row.stamp, isPersistent: row === kept, value };
  }

  /** True when this node has said that it has the session, and that it outlives connections. */
  hasKept(key: string): boolean {
    const { tables, site } = this.#cluster;
    return tables.get(site, RowKind.Session, key)?.value !== undefined;
  }

  /** What this node has said of the session. */
  ownValue(key: string): SessionValue | undefined {
    const { tables, site } = this.#cluster;
    const value = tables.get(site, RowKind.Session, key)?.value;
    return value === undefined ? undefined : readSessionValue(value);
  }

  newStamp(now: number): Stamp {
    return this.#cluster.stamps.next(now);
  }

  /** True when this node has said that it has the session, even if another one says so later. */
  hasOwn(key: string): boolean {
    const { tables, site } = this.#cluster;
    return sessionKinds.some((kind) => tables.get(site, kind, key)?.value !== undefined);
  }

  /** This node has it from now on. The stamp is above every one that is known of it. */
  claim(key: string, isPersistent: boolean, value: SessionValue, now: number): void {
    const stamp = this.#cluster.stamps.next(now, this.#latestStamp(key));
    this.#put(key, isPersistent, value, stamp);
  }

  /** Something else than the owner changed; without effect when this node does not have it. */
  update(key: string, isPersistent: boolean, value: SessionValue): void {
    const owner = this.ownerOf(key);
    if (owner?.site !== this.#cluster.site) return;
    this.#put(key, isPersistent, value, owner.stamp);
  }

  /** This node has it no more: it ended, or another one has it. */
  withdraw(key: string, subscriptions: Iterable<string>): void {
    const { tables, site } = this.#cluster;
    // It ended: what members that are away say of it must not bring it back.
    const isEnd = this.ownerOf(key)?.site === site;
    // Just above what is known: a claim that is on its way from elsewhere is the later one.
    const stamp = this.#latestStamp(key) + 1;
    for (const kind of sessionKinds) {
      const others = tables.rowsOf(kind, key).filter((row) => row.site !== site);
      const isKnown = others.some((row) => row.value !== undefined);
      if (isEnd && isKnown) tables.override(kind, key, stamp);
      else tables.remove(kind, key);
    }
    for (const topicFilter of subscriptions) this.unsubscribed(key, topicFilter);
  }

  subscribed(key: string, subscription: Subscription, now: number): void {
    const { tables, stamps } = this.#cluster;
    const bytes = subscriptionValueBytes(handedSubscription(subscription));
    const { topicFilter } = subscription;
    tables.put(RowKind.Subscription, subscriptionKey(key, topicFilter), bytes, stamps.next(now));
  }

  unsubscribed(key: string, topicFilter: string): void {
    this.#cluster.tables.remove(RowKind.Subscription, subscriptionKey(key, topicFilter));
  }

  /** What `site` says that the session subscribes to. */
  subscriptionsOf(key: string, site: Site): HandedSubscription[] {
    const subscriptions: HandedSubscription[] = [];
    for (const topicFilter of this.#filters.get(key) ?? []) {
      const rowKey = subscriptionKey(key, topicFilter);
      const value = this.#cluster.tables.get(site, RowKind.Subscription, rowKey)?.value;
      const one = value === undefined ? undefined : readSubscriptionValue(topicFilter, value);
      if (one !== undefined) subscriptions.push(one);
    }
    return subscriptions;
  }

  /** A subscription row of another member changed. */
  rowChanged(key: string, after: Row | undefined): void {
    const name = readSubscriptionKey(key);
    if (name === undefined) return;
    const { session, topicFilter } = name;
    if (after?.value !== undefined) {
      const filters = this.#filters.get(session);
      if (filters === undefined) this.#filters.set(session, new Set([topicFilter]));
      else filters.add(topicFilter);
      return;
    }
    if (this.#hasRemote(key)) return;
    const filters = this.#filters.get(session);
    filters?.delete(topicFilter);
    if (filters?.size === 0) this.#filters.delete(session);
  }

  /** Overrides count: a claim below one would be the end of its session. */
  #latestStamp(key: string): Stamp {
    const { tables } = this.#cluster;
    const rows = sessionKinds.flatMap((kind) => tables.rowsOf(kind, key));
    return rows.reduce((latest, { stamp }) => Math.max(latest, stamp), 0);
  }

  #hasRemote(key: string): boolean {
    const { tables, site } = this.#cluster;
    const rows = tables.rowsOf(RowKind.Subscription, key);
    return rows.some((row) => row.site !== site && row.value !== undefined);
  }

  #put(key: string, isPersistent: boolean, value: SessionValue, stamp: Stamp): void {
    const { tables, site } = this.#cluster;
    const [kind, other] = isPersistent
      ? [RowKind.Session, RowKind.CleanSession]
      : [RowKind.CleanSession, RowKind.Session];
    if (tables.get(site, other, key) !== undefined) tables.remove(other, key);
    tables.put(kind, key, sessionValueBytes(value), stamp);
  }
}

const sessionKinds = [RowKind.Session, RowKind.CleanSession] as const;

function later(one: Row | undefined, other: Row | undefined): Row | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.stamp !== other.stamp) return one.stamp > other.stamp ? one : other;
  return one.site > other.site ? one : other;
}

export function keyOf({ mountpoint, clientIdentifier }: SessionName): string {
  return sessionKey({ mountpoint, clientIdentifier });
}

export function handedSubscription(subscription: Subscription): HandedSubscription {
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  const subscriptionIdentifier = subscription.subscriptionIdentifiers?.[0];
  return { topicFilter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier };
}

/** What this node says of a session that it has. */
export function valueOf(session: Session, movingFrom: Site | undefined): SessionValue {
  const { born, expiryInterval, isConnected, disconnectedAt } = session;
  const since = isConnected ? 0 : Math.max(1, disconnectedAt);
  return { born, expiryInterval, disconnectedAt: since, range: 0, movingFrom };
}
