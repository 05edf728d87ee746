import type { Site, Stamp } from '../cluster/identity/mod.js';
import { RowKind, type Row, type Tables } from '../cluster/metadata/mod.js';
import {
  type HandedSubscription,
  rangesMax,
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
import { LostClaims } from './lost-claims.js';

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
  /** In the same order at every member. */
  readonly members: readonly { readonly site: Site }[];
  readonly presence: { clockOffsetOf(site: Site): number | undefined };
}

/**
 * What the members say of sessions, in rows: who has which, and the subscriptions of those that
 * outlive their connection. The latest stamp has it; nothing else decides.
 */
export class SessionClaims {
  readonly #cluster: ClaimsCluster;
  /** Filters that some other member has, or had, a subscription row of, by session. */
  readonly #filters = new Map<string, Set<string>>();
  readonly #lost = new LostClaims();

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
    const { site, stamp } = row;
    return { site, stamp, isPersistent: row === kept, value: this.#byOurClock(value, site) };
  }

  /** Its member goes by its own clock. Where that was never heard, the session has not expired. */
  #byOurClock(value: SessionValue, site: Site): SessionValue {
    if (value.disconnectedAt === 0 || site === this.#cluster.site) return value;
    const offsetMs = this.#cluster.presence.clockOffsetOf(site);
    const disconnectedAt = offsetMs === undefined ? 0 : value.disconnectedAt - offsetMs;
    return { ...value, disconnectedAt };
  }

  /** What this node has said of the session. */
  ownValue(key: string): SessionValue | undefined {
    return this.valueAt(this.#cluster.site, key);
  }

  /** What `site` has said of the session. */
  valueAt(site: Site, key: string): SessionValue | undefined {
    const { tables } = this.#cluster;
    for (const kind of sessionKinds) {
      const value = tables.get(site, kind, key)?.value;
      if (value !== undefined) return readSessionValue(value);
    }
    return undefined;
  }

  /**
   * A range of Packet Identifiers that nobody is known to have used for the session. Members that
   * go on with it at once, and do not know of each other, take different ones.
   */
  freshRange(key: string): number {
    const { tables, members, site } = this.#cluster;
    const rows = sessionKinds.flatMap((kind) => tables.rowsOf(kind, key));
    const values = rows.flatMap(({ value }) => (value === undefined ? [] : [value]));
    const used = new Set(values.map((value) => readSessionValue(value)?.range));
    const place = members.findIndex((member) => member.site === site) % (rangesMax - 1);
    const next = (this.ownerOf(key)?.value.range ?? 0) + 1 + place;
    for (let step = 0; step < rangesMax; step += 1) {
      const range = (next + step) % rangesMax;
      if (!used.has(range)) return range;
    }
    return next % rangesMax;
  }

  /** For a session that begins now: above that of every earlier one, whoever's clock made it. */
  bornNow(key: string, now: number): Stamp {
    return this.#cluster.stamps.next(now, this.#latestStamp(key));
  }

  /** This node has it from now on. The stamp is above every one that is known of it. */
  claim(key: string, isPersistent: boolean, value: SessionValue, now: number): void {
    this.#put(key, isPersistent, value, this.#cluster.stamps.next(now, this.#latestStamp(key)));
  }

  /** This node has `session` from now on. */
  has(session: Session, now: number): void {
    this.claim(keyOf(session), session.persistent, valueOf(session, undefined), now);
  }

  /** Something else than the owner changed. `movingFrom`: who hands it over. */
  changed(session: Session, movingFrom: Site | undefined): void {
    this.update(keyOf(session), session.persistent, valueOf(session, movingFrom));
  }

  /** Without effect when this node does not have it. */
  update(key: string, isPersistent: boolean, value: SessionValue): void {
    const owner = this.ownerOf(key);
    if (owner?.site !== this.#cluster.site) return;
    this.#put(key, isPersistent, value, owner.stamp);
  }

  /** Another member has it: what this node said is forgotten when everybody knows that. */
  lose(key: string, filters: Iterable<string>, now: number): void {
    this.#lost.add(key, filters, now);
  }

  /** It ended, here or elsewhere. */
  withdraw(key: string, filters: Iterable<string>): void {
    for (const topicFilter of this.#lost.take(key) ?? []) this.unsubscribed(key, topicFilter);
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
    for (const topicFilter of filters) this.unsubscribed(key, topicFilter);
  }

  /**
   * At start: of sessions that others have by what is known, this node says that it had them.
   * `contested` hears of those of which other members say so.
   */
  restored(now: number, contested: (key: string) => void): void {
    const { tables, site } = this.#cluster;
    const sessions = tables.cursor(RowKind.Session);
    for (let row = sessions.next(); row !== undefined; row = sessions.next()) {
      if (row.value === undefined || this.ownerOf(row.key)?.site === row.site) continue;
      if (row.site === site) this.#lost.add(row.key, [], now);
      else contested(row.key);
    }
    const subscriptions = tables.cursor(RowKind.Subscription);
    for (let row = subscriptions.next(); row !== undefined; row = subscriptions.next()) {
      const name = row.site === site ? readSubscriptionKey(row.key) : undefined;
      if (name === undefined || row.value === undefined) continue;
      if (this.#lost.has(name.session)) this.#lost.add(name.session, [name.topicFilter], now);
    }
  }

  /** Forgets what was lost long enough ago. `isWhole`: all members are reachable. */
  tick(isWhole: boolean, now: number): void {
    for (const key of this.#lost.due(isWhole, now)) {
      if (this.ownerOf(key)?.site === this.#cluster.site) this.#lost.take(key);
      else this.withdraw(key, []);
    }
  }

  /** A session that came, and has no client here. */
  keepsOffline(session: Session, now: number): void {
    this.changed(session, undefined);
    this.keeps(keyOf(session), session.subscriptions, now);
  }

  /** This node has it, and with it these subscriptions and no others. */
  keeps(key: string, subscriptions: ReadonlyMap<string, Subscription>, now: number): void {
    for (const topicFilter of this.#lost.take(key) ?? []) {
      if (!subscriptions.has(topicFilter)) this.unsubscribed(key, topicFilter);
    }
    for (const subscription of subscriptions.values()) this.subscribed(key, subscription, now);
  }

  subscribed(key: string, subscription: Subscription, now: number): void {
    const { tables, site, stamps } = this.#cluster;
    const bytes = subscriptionValueBytes(handedSubscription(subscription));
    const rowKey = subscriptionKey(key, subscription.topicFilter);
    const known = tables.get(site, RowKind.Subscription, rowKey)?.value;
    if (known !== undefined && Buffer.compare(known, bytes) === 0) return;
    tables.put(RowKind.Subscription, rowKey, bytes, stamps.next(now));
  }

  unsubscribed(key: string, topicFilter: string): void {
    this.#cluster.tables.remove(RowKind.Subscription, subscriptionKey(key, topicFilter));
  }

  /** What the session subscribes to when `site` has it. */
  subscriptionsOf(key: string, site: Site): HandedSubscription[] {
    const { tables } = this.#cluster;
    const source = this.sourceOf(key, site);
    const subscriptions: HandedSubscription[] = [];
    for (const topicFilter of this.#filters.get(key) ?? []) {
      const rowKey = subscriptionKey(key, topicFilter);
      const value = tables.get(source, RowKind.Subscription, rowKey)?.value;
      const one = value === undefined ? undefined : readSubscriptionValue(topicFilter, value);
      if (one !== undefined) subscriptions.push(one);
    }
    return subscriptions;
  }

  /** Members that had the session once and have not forgotten it yet. */
  losersOf(key: string, owner: Site): Site[] {
    const rows = this.#cluster.tables.rowsOf(RowKind.Session, key);
    return rows.filter((row) => row.site !== owner && row.value !== undefined).map(siteOf);
  }

  /** Whose word counts for what the session subscribes to when `site` has it. */
  sourceOf(key: string, site: Site): Site {
    const seen = new Set<Site>();
    let at = site;
    for (let value = this.valueAt(at, key); value?.isFetching === true; ) {
      if (value.movingFrom === undefined || seen.has(at)) break;
      seen.add(at);
      at = value.movingFrom;
      value = this.valueAt(at, key);
    }
    return at;
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

function siteOf({ site }: Row): Site {
  return site;
}

function later(one: Row | undefined, other: Row | undefined): Row | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.stamp !== other.stamp) return one.stamp > other.stamp ? one : other;
  return one.site > other.site ? one : other;
}

export function keyOf({ mountpoint, clientIdentifier }: SessionName): string {
  return sessionKey({ mountpoint, clientIdentifier });
}

export function nameOf(key: string): SessionName {
  const [mountpoint = '', clientIdentifier = ''] = key.split('\0');
  return { mountpoint, clientIdentifier };
}

export function handedSubscription(subscription: Subscription): HandedSubscription {
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  const subscriptionIdentifier = subscription.subscriptionIdentifiers?.[0];
  return { topicFilter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier };
}

/** What this node says of a session that it has. */
function valueOf(session: Session, movingFrom: Site | undefined): SessionValue {
  const { born, expiryInterval, isConnected, disconnectedAt, identifierRange: range } = session;
  const since = isConnected ? 0 : Math.max(1, disconnectedAt);
  return {
    ...{ born, expiryInterval, disconnectedAt: since, range },
    ...{ movingFrom, isFetching: false },
  };
}
