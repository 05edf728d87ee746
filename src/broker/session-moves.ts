import type { Site, Stamp } from '../cluster/identity/mod.js';
import { type Arrived, RefusedBecause } from '../cluster/flow/mod.js';
import { RowKind, type Row } from '../cluster/metadata/mod.js';
import {
  type Handover,
  isExpired,
  readSubscriptionKey,
  readSubscriptionValue,
} from '../cluster/takeover/mod.js';
import { ReasonCode } from '../packet/mod.js';
import { neverExpires, type Registration } from '../session/mod.js';
import type { Session, Subscription } from '../session/mod.js';
import { Departures } from './departures.js';
import type { MovesCluster, MovesHost, MovesRegistry } from './moves-host.js';
import { Parking } from './parking.js';
import { movedEntry, movedSubscription } from './moved.js';
import { type Claim, keyOf } from './session-claims.js';
import { SessionClaims, valueOf } from './session-claims.js';

/** A client waits this long for the state of its session, in ms (design 5.7). */
const stateWaitMs = 2000;
/** Messages that come here directly wait this long for older ones that are handed over, in ms. */
const holdMaxMs = 5000;

/** A client that waits for its session. */
interface Pending {
  readonly registration: Registration;
  readonly born: Stamp;
  readonly from: Site;
  readonly until: number;
}

/** A session that came and whose older messages may still come. */
interface Held {
  readonly session: Session;
  readonly from: Site;
  readonly until: number;
  isAnnounced: boolean;
}

/**
 * One live session for each Client Identifier, whichever member its client comes to (design 5.7).
 *
 * ```
 *  CONNECT here ─▶ claim (a row, the latest stamp) ─▶ the old owner sees it, closes its client and
 *     hands over: state ─▶ CONNACK here; messages; end ─▶ what came here directly meanwhile
 *
 *  every other member: sends to the old owner ── mark to both ── sends to the new owner
 * ```
 *
 * Each message is so taken by one of the two, and the new owner sends what it got itself only after
 * what the old one had.
 */
export class SessionMoves {
  readonly #cluster: MovesCluster;
  readonly #registry: MovesRegistry;
  readonly #host: MovesHost;
  readonly #claims: SessionClaims;
  readonly #departures: Departures;
  /** Messages for sessions that other members have. */
  readonly parking: Parking;
  readonly #pending = new Map<string, Pending>();
  readonly #held = new Map<string, Held>();
  /** Sessions of which other members said something in this turn. */
  readonly #changed = new Set<string>();

  constructor(cluster: MovesCluster, registry: MovesRegistry, host: MovesHost) {
    this.#cluster = cluster;
    this.#registry = registry;
    this.#host = host;
    this.#claims = new SessionClaims(cluster);
    this.#departures = new Departures({
      ownerOf: (key) => {
        const owner = this.#claims.ownerOf(key);
        return owner === undefined ? undefined : { site: owner.site, born: owner.value.born };
      },
      isUp: (site) => this.#isUp(site),
      peersUp: () => this.#peersUp(),
      handOver: (site, handover, awaited) => cluster.handOver(site, handover, awaited),
      unroute: (session) => registry.unroute(session),
      ended: (session, isLost) => this.#departed(session, isLost),
    });
    this.parking = new Parking(this.#claims, this.#departures, {
      site: cluster.site,
      isDown: (site) => cluster.stateOf(site) === 'down',
      sessionOf: (key) => {
        const { mountpoint, clientIdentifier } = nameOf(key, 0);
        return registry.sessionOf(mountpoint, clientIdentifier);
      },
      createStranded: (key, { value }) =>
        registry.createStranded(nameOf(key, 0), value.born, value.expiryInterval),
    });
  }

  // What the registry says

  /** True: the client is answered later, or was answered. False: as on a node that is alone. */
  claims(registration: Registration, now: number): boolean {
    const key = keyOf(registration);
    const owner = this.#claims.ownerOf(key);
    this.#supersede(key, now);
    if (owner === undefined || owner.site === this.#cluster.site) return false;
    this.#lose(key, owner, now);
    const stranded = this.#departures.take(key);
    const isResumable =
      !registration.cleanStart &&
      owner.isPersistent &&
      !isExpired(owner.value, neverExpires, now) &&
      (stranded === undefined || stranded.born >= owner.value.born);
    if (registration.cleanStart || !owner.isPersistent) {
      if (stranded !== undefined) this.#registry.discard(stranded);
      return false;
    }
    if (!isResumable && stranded !== undefined) this.#departed(stranded, true);
    else if (stranded !== undefined) this.#registry.restore(stranded);
    if (isExpired(owner.value, neverExpires, now)) return false;
    const { born } = owner.value;
    const value = { ...owner.value, disconnectedAt: 0, movingFrom: undefined };
    this.#claims.claim(key, true, value, now);
    const pending = { registration, born, from: owner.site, until: now + stateWaitMs };
    if (this.#isUp(owner.site)) this.#pending.set(key, pending);
    else this.#resumeFromRows(key, pending, now);
    return true;
  }

  /** The session has its client. */
  registered(session: Session, now: number): void {
    const key = keyOf(session);
    const owner = this.#claims.ownerOf(key);
    const isOurs = owner?.site === this.#cluster.site;
    const wasKept = this.#claims.hasKept(key);
    if (isOurs && session.born !== 0) {
      this.#claims.update(key, session.persistent, this.#valueOf(key, session));
    } else {
      session.born = this.#claims.newStamp(now);
      this.#claims.claim(key, session.persistent, valueOf(session, undefined), now);
    }
    if (!session.persistent || wasKept) return;
    for (const subscription of session.subscriptions.values()) {
      this.#claims.subscribed(key, subscription, now);
    }
  }

  disconnected(session: Session): void {
    const key = keyOf(session);
    this.#claims.update(key, session.persistent, this.#valueOf(key, session));
  }

  ended(session: Session): void {
    const key = keyOf(session);
    this.#held.delete(key);
    this.#claims.withdraw(key, session.subscriptions.keys());
  }

  subscribed(session: Session, subscription: Subscription, now: number): void {
    if (session.persistent) this.#claims.subscribed(keyOf(session), subscription, now);
  }

  unsubscribed(session: Session, topicFilter: string): void {
    this.#claims.unsubscribed(keyOf(session), topicFilter);
  }

  /** At start: a session from the store, whoever has it by now. */
  loaded(session: Session, now: number): void {
    const key = keyOf(session);
    if (session.isStranded) {
      this.#departures.add(key, session, false);
      return;
    }
    session.born = this.#claims.ownValue(key)?.born ?? 0;
    if (session.born === 0) this.registered(session, now);
    else this.disconnected(session);
    this.#changed.add(key);
  }

  /** A session of a member that leaves is this node's from now on, without its client. */
  adopt(key: string, now: number): void {
    const owner = this.#claims.ownerOf(key);
    if (owner === undefined || owner.site === this.#cluster.site) return;
    const { born, expiryInterval, disconnectedAt } = owner.value;
    const name = nameOf(key, born);
    const since = disconnectedAt || now;
    const stranded = this.#departures.take(key);
    if (stranded !== undefined) this.#registry.restore(stranded);
    const session = stranded ?? this.#registry.createOffline(name, expiryInterval, since);
    session.born = born;
    this.#claims.claim(key, true, valueOf(session, undefined), now);
    const isUp = this.#isUp(owner.site);
    if (isUp) this.#hold(key, session, owner.site, now);
    for (const one of this.#claims.subscriptionsOf(key, owner.site)) {
      if (session.subscriptions.has(one.topicFilter)) continue;
      this.#subscribe(session, movedSubscription(session, one), now);
    }
    if (isUp) this.#mark(session, owner.site, this.#claims.ownerOf(key)?.stamp ?? 0);
  }

  /** Something of sessions is here that other members have. */
  get isHandingOver(): boolean {
    return this.#departures.size > 0;
  }

  // What the cluster says

  /** What other members had said when this node stopped. Before its own sessions are loaded. */
  restored(): void {
    const rows = this.#cluster.tables.cursor(RowKind.Subscription);
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (row.site !== this.#cluster.site) this.#subscriptionChanged(row.key, row.site, row);
    }
  }

  rowChanged(kind: RowKind, key: string, site: Site, after: Row | undefined): void {
    if (site === this.#cluster.site) return;
    if (kind === RowKind.Subscription) this.#subscriptionChanged(key, site, after);
    else this.#changed.add(key);
    this.#host.turnEndWanted();
  }

  #subscriptionChanged(key: string, site: Site, after: Row | undefined): void {
    this.#claims.rowChanged(key, after);
    const name = readSubscriptionKey(key);
    if (name === undefined) return;
    const { topicFilter, session } = name;
    const value = after?.value;
    const handed = value === undefined ? undefined : readSubscriptionValue(topicFilter, value);
    this.#registry.setKept(nameOf(session, 0), topicFilter, site, handed);
  }

  /** Of a session that this node has, or had. */
  handedOver(site: Site, handover: Handover, now: number): Arrived {
    const key = keyOf(handover);
    if (handover.kind === 'mark') {
      this.#departures.marked(key, site);
      this.#held.get(key)?.session.silentFrom?.delete(site);
      return taken;
    }
    if (this.#claims.ownerOf(key)?.site !== this.#cluster.site) return notOwner;
    const pending = this.#pending.get(key);
    const session = this.#registry.sessionOf(handover.mountpoint, handover.clientIdentifier);
    const born = pending?.born ?? session?.born;
    if (born === undefined || born > handover.born) return stale;
    if (this.#host.durability.refusing && handover.kind !== 'end') return storeRefuses;
    switch (handover.kind) {
      case 'state':
        if (pending === undefined) this.#merge(session as Session, handover, now);
        else this.#arrive(key, pending, site, handover, now);
        break;
      case 'entry': {
        if (session === undefined) return notOwner;
        const { packetIdentifier, isReleased } = handover.entry;
        session.acceptMoved(movedEntry(handover.entry, now), packetIdentifier, isReleased, now);
        break;
      }
      case 'end':
        if (this.#held.get(key)?.from === site) this.#release(key, now);
        return taken;
    }
    return { refused: 0, ticket: this.#host.durability.ticket };
  }

  /** After the routes of this turn were told. */
  onTurnEnd(now: number): void {
    for (const key of this.#changed) this.#review(key, now);
    this.#changed.clear();
    for (const [key, held] of this.#held) {
      if (held.isAnnounced) continue;
      held.isAnnounced = true;
      this.#claims.update(key, held.session.persistent, valueOf(held.session, held.from));
    }
    if (this.#departures.size > 0 && this.#departures.onTurnEnd(now)) this.#host.turnEndWanted();
  }

  tick(now: number): void {
    for (const [key, pending] of [...this.#pending]) {
      if (now < pending.until && this.#isUp(pending.from)) continue;
      this.#pending.delete(key);
      this.#resumeFromRows(key, pending, now);
    }
    for (const [key, { until, from, session }] of [...this.#held]) {
      for (const site of session.silentFrom ?? []) {
        if (!this.#isUp(site)) session.silentFrom?.delete(site);
      }
      if (now >= until || !this.#isUp(from)) this.#release(key, now);
    }
    if (this.#departures.size > 0) this.#host.turnEndWanted();
  }

  /** The old owner has given up the session. */
  #arrive(
    key: string,
    pending: Pending,
    site: Site,
    state: Handover & { readonly kind: 'state' },
    now: number,
  ): void {
    this.#pending.delete(key);
    const session = this.#sessionFor(pending);
    this.#hold(key, session, site, now);
    this.#merge(session, state, now);
    // What this node published until now, the old owner has, and what comes is its own.
    this.#mark(session, site, this.#claims.ownerOf(key)?.stamp ?? 0);
    this.#registry.registerHere(pending.registration, now);
  }

  #hold(key: string, session: Session, from: Site, now: number): void {
    session.hold();
    session.silentFrom = new Set(this.#peersUp());
    this.#held.set(key, { session, from, until: now + holdMaxMs, isAnnounced: false });
  }

  /** Nobody hands it over, at present. */
  #resumeFromRows(key: string, pending: Pending, now: number): void {
    const session = this.#sessionFor(pending);
    for (const one of this.#claims.subscriptionsOf(key, pending.from)) {
      if (session.subscriptions.has(one.topicFilter)) continue;
      this.#subscribe(session, movedSubscription(session, one), now);
    }
    this.#registry.registerHere(pending.registration, now);
  }

  #sessionFor({ registration, born }: Pending): Session {
    const { mountpoint, clientIdentifier } = registration;
    const known = this.#registry.sessionOf(mountpoint, clientIdentifier);
    const session = known ?? this.#registry.createFor(registration);
    session.born = born;
    return session;
  }

  #merge(session: Session, state: Handover & { readonly kind: 'state' }, now: number): void {
    for (const one of state.subscriptions) {
      if (session.subscriptions.has(one.topicFilter)) continue;
      this.#subscribe(session, movedSubscription(session, one), now);
    }
    for (const identifier of state.received) {
      session.received ??= new Map();
      if (!session.received.has(identifier)) session.received.set(identifier, 0);
    }
  }

  #subscribe(session: Session, subscription: Subscription, now: number): void {
    this.#registry.subscribe(session, subscription);
    this.subscribed(session, subscription, now);
  }

  #release(key: string, now: number): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    const { session } = held;
    session.silentFrom = undefined;
    session.release(now);
    this.#claims.update(key, session.persistent, valueOf(session, undefined));
  }

  #review(key: string, now: number): void {
    const owner = this.#claims.ownerOf(key);
    if (owner === undefined) return this.#endedElsewhere(key, now);
    if (owner.site === this.#cluster.site) return;
    this.#lose(key, owner, now);
    const { movingFrom } = owner.value;
    if (movingFrom === undefined) {
      this.#departures.given(key);
      return;
    }
    const name = nameOf(key, owner.value.born);
    this.#mark(name, owner.site, owner.stamp);
    if (movingFrom === this.#cluster.site) this.#departures.settled(key);
    else this.#mark(name, movingFrom, owner.stamp);
  }

  /** Others said so while this node could not be told, and it may still have it. */
  #endedElsewhere(key: string, now: number): void {
    if (!this.#claims.hasOwn(key)) return;
    const { mountpoint, clientIdentifier } = nameOf(key, 0);
    const session = this.#registry.sessionOf(mountpoint, clientIdentifier);
    const { AdministrativeAction } = ReasonCode;
    session?.owner?.disconnect(AdministrativeAction, 'the session has ended elsewhere', now);
    const left = this.#registry.sessionOf(mountpoint, clientIdentifier);
    if (left !== undefined) this.#registry.endOf(left, now);
    else if (this.#claims.hasOwn(key)) this.#claims.withdraw(key, []);
  }

  #mark(name: Named, site: Site, claim: Stamp): void {
    const { mountpoint, clientIdentifier, born } = name;
    if (!this.#isUp(site)) return;
    const mark = { mountpoint, clientIdentifier, born, kind: 'mark', claim } as const;
    this.#cluster.handOver(site, mark, undefined);
  }

  /** Another member has it: its client goes there, and so does what is here of it. */
  #lose(key: string, owner: Claim, now: number): void {
    this.#supersede(key, now);
    const { mountpoint, clientIdentifier } = nameOf(key, 0);
    const session = this.#registry.sessionOf(mountpoint, clientIdentifier);
    session?.owner?.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);
    const left = this.#registry.sessionOf(mountpoint, clientIdentifier);
    this.#held.delete(key);
    if (left === undefined) {
      if (this.#claims.hasOwn(key)) this.#claims.withdraw(key, []);
      return;
    }
    if (!left.persistent || owner.value.born > left.born) {
      this.#registry.endOf(left, now);
      return;
    }
    left.release(now);
    left.silentFrom = undefined;
    left.isStranded = true;
    this.#claims.withdraw(key, left.subscriptions.keys());
    const isRouted = this.#isUp(owner.site);
    this.#registry.strand(left);
    if (!isRouted) this.#registry.unroute(left);
    this.#departures.add(key, left, isRouted);
    this.#host.turnEndWanted();
  }

  /** Nothing is left of it here, or (`isLost`) nobody wants it any more. */
  #departed(session: Session, isLost: boolean): void {
    const { clientIdentifier: client, mountpoint } = session;
    const left = session.waitingCount + session.inflightCount;
    if (isLost && left > 0) {
      this.#host.log.info(
        { client, mountpoint, messages: left },
        'messages of a session that ended elsewhere are dropped',
      );
    }
    this.#registry.discard(session);
  }

  /** A client that waits for its session has lost it again. */
  #supersede(key: string, now: number): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    this.#pending.delete(key);
    const { client } = pending.registration;
    client.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);
  }

  #valueOf(key: string, session: Session): ReturnType<typeof valueOf> {
    const held = this.#held.get(key);
    return valueOf(session, held?.isAnnounced === true ? held.from : undefined);
  }

  #isUp(site: Site): boolean {
    return this.#cluster.stateOf(site) === 'up';
  }

  #peersUp(): Site[] {
    const { members, site: self } = this.#cluster;
    return members.map(({ site }) => site).filter((site) => site !== self && this.#isUp(site));
  }
}

interface Named {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly born: Stamp;
}

const taken: Arrived = { refused: 0, ticket: 0 };
const notOwner: Arrived = { refused: RefusedBecause.NotOwner, ticket: 0 };
const stale: Arrived = { refused: RefusedBecause.Stale, ticket: 0 };
const storeRefuses: Arrived = { refused: RefusedBecause.Store, ticket: 0 };

function nameOf(key: string, born: Stamp): Named {
  const [mountpoint = '', clientIdentifier = ''] = key.split('\0');
  return { mountpoint, clientIdentifier, born };
}
