import type { Site, Stamp } from '../cluster/identity/mod.js';
import { type Arrived, RefusedBecause } from '../cluster/flow/mod.js';
import { RowKind, type Row } from '../cluster/metadata/mod.js';
import {
  type Handover,
  isExpired,
  readSubscriptionKey,
  readSubscriptionValue,
  type SessionName,
} from '../cluster/takeover/mod.js';
import { ReasonCode } from '../packet/mod.js';
import { neverExpires, type Registration } from '../session/mod.js';
import type { Session, Subscription } from '../session/mod.js';
import { Arrivals } from './arrivals.js';
import { Departures } from './departures.js';
import type { MovesCluster, MovesHost, MovesRegistry } from './moves-host.js';
import { Outbox } from './outbox.js';
import { Parking } from './parking.js';
import { RecentClaims } from './recent-claims.js';
import { Marks } from './marks.js';
import { movedEntry } from './moved.js';
import { type Claim, keyOf, nameOf } from './session-claims.js';
import { SessionClaims } from './session-claims.js';
import { UnheardClaims } from './unheard-claims.js';

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
  readonly #outbox: Outbox;
  readonly #arrivals: Arrivals;
  readonly #marks: Marks;
  readonly #recent = new RecentClaims();
  /** Members that were up at the last tick. */
  #lastPeers = '';
  /** Sessions of which other members said something in this turn. */
  readonly #changed = new Set<string>();
  readonly #unheard = new UnheardClaims();

  constructor(cluster: MovesCluster, registry: MovesRegistry, host: MovesHost) {
    this.#cluster = cluster;
    this.#registry = registry;
    this.#host = host;
    this.#claims = new SessionClaims(cluster);
    this.#marks = new Marks(cluster, this.#claims);
    this.#departures = new Departures({
      ownerOf: (key) => {
        const owner = this.#claims.ownerOf(key);
        if (owner === undefined) return undefined;
        return { site: owner.site, born: owner.value.born };
      },
      isUp: (site) => this.#isUp(site),
      others: () => this.#others(),
      handOver: (site, handover, awaited) => cluster.handOver(site, handover, awaited),
      refused: ({ mountpoint, clientIdentifier: client }, reason) =>
        host.log.debug({ client, mountpoint, reason }, 'what is handed over is refused'),
      unroute: (session) => registry.unroute(session),
      ended: (session, isLost) => this.#departed(session, isLost),
    });
    this.#arrivals = new Arrivals({
      claims: this.#claims,
      registry,
      isUp: (site) => this.#isUp(site),
      peersUp: () => this.#peersUp(),
      mark: (session, site) => this.#mark(keyOf(session), site),
    });
    this.#outbox = new Outbox({
      log: host.log,
      settings: () => host.settings(),
      sizes: () => this.#departures.sizes(),
      nameOf: (site) => cluster.members.find((member) => member.site === site)?.name ?? site,
    });
    this.parking = new Parking(this.#claims, this.#departures, {
      site: cluster.site,
      outbox: this.#outbox,
      dropped: (key, message) => host.dropped(nameOf(key).clientIdentifier, message),
      isDown: (site) => cluster.stateOf(site) === 'down',
      movedSince: (key, at) => this.#recent.movedSince(key, at),
      sessionOf: (key, now) => this.#sessionNow(key, now),
      createStranded: (key, { site, value }) => {
        this.#told(nameOf(key), site, 'messages for a session of another member are kept here');
        return registry.createStranded(nameOf(key), value.born, value.expiryInterval);
      },
    });
  }

  /** Of this node, and if it is being fetched, as far as it is known. */
  #sessionNow(key: string, now: number): Session | undefined {
    this.#arrivals.resumeNow(key, now);
    const { mountpoint, clientIdentifier } = nameOf(key);
    return this.#registry.sessionOf(mountpoint, clientIdentifier);
  }

  // What the registry says

  /** True: the client is answered later, or was answered. False: as on a node that is alone. */
  claims(registration: Registration, now: number): boolean {
    const key = keyOf(registration);
    const owner = this.#claims.ownerOf(key);
    this.#arrivals.supersede(key, now);
    if (owner === undefined) return false;
    if (owner.site === this.#cluster.site) return this.#fetchesStill(owner, registration, now);
    this.#lose(key, owner, now);
    const isCurrent = !isExpired(owner.value, neverExpires, now);
    const isResumed = !registration.cleanStart && owner.isPersistent && isCurrent;
    if (!this.#takeBack(key, owner, isResumed)) return false;
    const { value: known } = owner;
    const from = this.#claims.sourceOf(key, owner.site);
    const value = { ...known, disconnectedAt: 0, movingFrom: from, isFetching: true };
    this.#claims.claim(key, true, value, now);
    // It was fetched from here: perhaps it is there by now, and the row that says so on its way.
    const isFromHere = from === this.#cluster.site && this.#isUp(owner.site);
    this.#arrivals.fetch(registration, owner, isFromHere ? owner.site : from, now);
    return true;
  }

  /** The session has its client. */
  registered(session: Session, now: number): void {
    const key = keyOf(session);
    const owner = this.#claims.ownerOf(key);
    const isOurs = owner?.site === this.#cluster.site && session.born !== 0;
    const wasKept = isOurs && owner.isPersistent && !owner.value.isFetching;
    if (isOurs) this.#claims.changed(session, this.#arrivals.announcedFrom(key));
    else {
      session.born = this.#claims.bornNow(key, now);
      this.#claims.has(session, now);
    }
    this.#recent.learned(key, this.#stampOf(key), now);
    if (!session.persistent) this.#claims.keeps(key, new Map(), now);
    else if (!wasKept) this.#claims.keeps(key, session.subscriptions, now);
    const claim = this.#claims.ownerOf(key);
    if (claim !== undefined) this.#marks.tell(key, claim);
  }

  disconnected(session: Session): void {
    this.#claims.changed(session, this.#arrivals.announcedFrom(keyOf(session)));
  }

  ended(session: Session, now: number): void {
    const key = keyOf(session);
    this.#arrivals.forget(key);
    const filters = session.subscriptions.keys();
    const owner = this.#claims.ownerOf(key);
    const isLost = owner?.isPersistent === true && owner.site !== this.#cluster.site;
    if (!isLost || !session.persistent) {
      this.#claims.withdraw(key, filters);
      return;
    }
    for (const topicFilter of filters) this.#claims.unsubscribed(key, topicFilter);
    this.#claims.lose(key, [], now);
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
      const owner = this.#claims.ownerOf(key);
      if (owner?.site === this.#cluster.site && this.#takesLoaded(session, owner)) return;
      const isFetched = owner !== undefined && this.#isFetched(owner);
      if (isFetched) this.#registry.route(session);
      this.#departures.add(key, session, isFetched);
      return;
    }
    const own = this.#claims.ownValue(key);
    session.born = own?.born ?? 0;
    session.identifierRange = own?.range ?? 0;
    if (session.born === 0) this.registered(session, now);
    else this.disconnected(session);
    this.#changed.add(key);
  }

  /** This node claimed the session back and stopped before it had more of it than this. */
  #takesLoaded(session: Session, own: Claim): boolean {
    const { mountpoint, clientIdentifier, born } = session;
    const known = this.#registry.sessionOf(mountpoint, clientIdentifier);
    if (known !== undefined || born < own.value.born) return false;
    this.#registry.restore(session, false);
    return true;
  }

  /** A session of a member that leaves is this node's from now on, without its client. */
  adopt(key: string, now: number): void {
    const owner = this.#claims.ownerOf(key);
    if (owner === undefined || owner.site === this.#cluster.site) return;
    const { born, expiryInterval, disconnectedAt } = owner.value;
    const name = nameOf(key);
    this.#takeBack(key, owner, true);
    const session =
      this.#registry.sessionOf(name.mountpoint, name.clientIdentifier) ??
      this.#registry.createOffline(name, expiryInterval, disconnectedAt || now);
    session.born = born;
    const isUp = this.#isUp(owner.site);
    session.identifierRange = isUp ? owner.value.range : this.#claims.freshRange(key);
    // Before the claim: whoever sees that has lost the session, and what is left of it.
    this.#registry.adoptWill(session, owner.site, now);
    this.#claims.has(session, now);
    this.#recent.learned(key, this.#stampOf(key), now);
    if (isUp) this.#arrivals.hold(key, session, owner.site, now);
    this.#arrivals.subscribe(key, session, owner.site);
    this.#claims.keeps(key, session.subscriptions, now);
    if (isUp) this.#mark(key, owner.site);
  }

  /** The session of another member has ended, though nobody may have said so. */
  isExpired(key: string, now: number): boolean {
    const owner = this.#claims.ownerOf(key);
    return owner !== undefined && isExpired(owner.value, neverExpires, now);
  }

  /** Something of sessions is here that other members have. */
  get isHandingOver(): boolean {
    return this.#departures.size > 0;
  }

  // What the cluster says

  /** What other members had said when this node stopped. Before its own sessions are loaded. */
  restored(now: number): void {
    this.#claims.restored(now, (key) => this.#marks.contested(key));
    const rows = this.#cluster.tables.cursor(RowKind.Subscription);
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (row.site !== this.#cluster.site) this.#subscriptionChanged(row.key, row.site, row);
    }
  }

  rowChanged(kind: RowKind, key: string, site: Site, after: Row | undefined): void {
    if (site === this.#cluster.site) return;
    if (kind === RowKind.Subscription) this.#subscriptionChanged(key, site, after);
    else this.#changed.add(key);
    if (kind === RowKind.Session && after?.value === undefined) this.#marks.review(key);
    const isUnheard = kind === RowKind.CleanSession && this.#cluster.tables.isMasked(site);
    if (isUnheard && this.#claims.ownValue(key) !== undefined) this.#unheard.add(key, site);
    this.#host.turnEndWanted();
  }

  #subscriptionChanged(key: string, site: Site, after: Row | undefined): void {
    this.#claims.rowChanged(key, after);
    const name = readSubscriptionKey(key);
    if (name === undefined) return;
    const { topicFilter, session } = name;
    const value = after?.value;
    const handed = value === undefined ? undefined : readSubscriptionValue(topicFilter, value);
    this.#registry.setKept(nameOf(session), topicFilter, site, handed);
  }

  /** Of a session that this node has, or had. */
  handedOver(site: Site, handover: Handover, now: number): Arrived {
    const key = keyOf(handover);
    if (handover.kind === 'mark') {
      this.#marked(key, site, handover.isYours);
      return taken;
    }
    const owner = this.#claims.ownerOf(key);
    if (owner?.site !== this.#cluster.site) return notOwner;
    const session = this.#registry.sessionOf(handover.mountpoint, handover.clientIdentifier);
    if ((session?.born || owner.value.born) > handover.born) return stale;
    if (this.#host.durability.refusing && handover.kind !== 'end') return storeRefuses;
    switch (handover.kind) {
      case 'state':
        if (this.#arrivals.isWaitingForOther(key, site)) return notOwner;
        this.#told(handover, site, 'session comes from another member');
        this.#arrivals.arrived(key, site, handover, now);
        this.#recent.learned(key, this.#stampOf(key), now);
        break;
      case 'entry': {
        if (session === undefined) return notOwner;
        const { packetIdentifier, isReleased } = handover.entry;
        session.acceptMoved(movedEntry(handover.entry, now), packetIdentifier, isReleased, now);
        break;
      }
      case 'end':
        this.#arrivals.ended(key, site, now);
        return taken;
    }
    return { refused: 0, ticket: this.#host.durability.ticket };
  }

  /** What `site` sends for the session is for this node from here on, or is not. */
  #marked(key: string, site: Site, isYours: boolean): void {
    const left = this.#departures.sessionOf(key);
    const { mountpoint, clientIdentifier } = nameOf(key);
    const session = left ?? this.#registry.sessionOf(mountpoint, clientIdentifier);
    if (isYours) {
      this.#arrivals.marked(key, site);
      session?.silentFrom?.delete(site);
    } else if (left !== undefined) this.#departures.marked(key, site);
    else if (session !== undefined) {
      // Its word came before the row of a claim: the session is lost, and this node learns it soon.
      this.#arrivals.passedBy(key, site);
      (session.silentFrom ??= new Set()).add(site);
    }
  }

  /** Before any message goes the way that the rows say now. */
  rowsApplied(now: number): void {
    for (const key of this.#changed) this.#review(key, now);
    this.#changed.clear();
  }

  /** Before any message goes to `site`. */
  memberUp(site: Site, now: number): void {
    for (const key of this.#unheard.take(site)) this.#changed.add(key);
    this.rowsApplied(now);
    this.#marks.memberUp(site);
  }

  /** After the routes of this turn were told. */
  onTurnEnd(now: number): void {
    this.rowsApplied(now);
    this.#arrivals.onTurnEnd();
    if (this.#departures.size > 0 && this.#departures.onTurnEnd(now)) this.#host.turnEndWanted();
  }

  tick(now: number): void {
    const peersUp = this.#peersUp();
    this.#claims.tick(peersUp.length === this.#cluster.members.length - 1, now);
    this.#arrivals.tick(now);
    this.#recent.tick(now);
    this.#outbox.tick(now);
    const peers = peersUp.join();
    if (peers !== this.#lastPeers) this.#departures.membersChanged();
    this.#lastPeers = peers;
    if (this.#departures.size === 0) return;
    this.#departures.tick();
    this.#host.turnEndWanted();
  }

  #review(key: string, now: number): void {
    const owner = this.#claims.ownerOf(key);
    if (owner === undefined) {
      this.#endedElsewhere(key, now);
      return;
    }
    const isOurs = owner.site === this.#cluster.site;
    if (!isOurs) {
      this.#lose(key, owner, now);
      this.#departures.touched(key);
    }
    if (!isOurs && !owner.value.isFetching) {
      this.#recent.learned(key, owner.stamp, now);
      this.#departures.settled(key, now);
    }
    this.#marks.tell(key, owner);
  }

  #mark(key: string, site: Site): void {
    const claim = this.#claims.ownerOf(key);
    if (claim !== undefined) this.#marks.send(key, site, claim);
  }

  /** Another member has it: its client goes there, and so does what is here of it. */
  #lose(key: string, owner: Claim, now: number): void {
    this.#arrivals.supersede(key, now);
    const { mountpoint, clientIdentifier } = nameOf(key);
    const session = this.#registry.sessionOf(mountpoint, clientIdentifier);
    session?.owner?.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);
    if (session !== undefined) this.#registry.clientWent(session, now);
    const left = this.#registry.sessionOf(mountpoint, clientIdentifier);
    this.#arrivals.forget(key);
    if (left === undefined) {
      if (this.#claims.ownValue(key) !== undefined) this.#claims.lose(key, [], now);
      return;
    }
    if (!left.persistent || owner.value.born > left.born) {
      this.#registry.endOf(left, now);
      return;
    }
    left.release(now);
    left.isStranded = true;
    this.#claims.lose(key, left.subscriptions.keys(), now);
    this.#registry.strand(left);
    this.#departures.add(key, left, true);
    const messages = left.waitingCount + left.inflightCount;
    this.#told(left, owner.site, `session goes to another member, with ${messages} messages`);
    this.#host.turnEndWanted();
  }

  /** Nothing is left of it here, or (`isLost`) nobody wants it any more. */
  #departed(session: Session, isLost: boolean): void {
    const { clientIdentifier: client, mountpoint } = session;
    const left = session.waitingCount + session.inflightCount;
    if (!isLost) this.#host.log.debug({ client, mountpoint }, 'session has gone to its new member');
    if (isLost && left > 0) {
      this.#host.log.info(
        { client, mountpoint, messages: left },
        'messages of a session that ended elsewhere are dropped',
      );
    }
    this.#registry.discard(session);
  }

  /**
   * What is here of a session that another member has is its own again. False: it is to begin anew,
   * and that is dropped.
   */
  #takeBack(key: string, owner: Claim, isResumed: boolean): boolean {
    const isKnownThere = this.#departures.isKnownThere(key) && !owner.value.isFetching;
    const left = this.#departures.take(key);
    if (left === undefined) return isResumed;
    if (!isResumed || left.born < owner.value.born) {
      this.#departed(left, owner.isPersistent);
      return isResumed;
    }
    this.#registry.restore(left, !owner.value.isFetching);
    if (!isKnownThere) return true;
    // What its client unsubscribed there, it does not subscribe to here any more.
    const there = this.#claims.subscriptionsOf(key, owner.site);
    const filters = new Set(there.map(({ topicFilter }) => topicFilter));
    for (const topicFilter of [...left.subscriptions.keys()]) {
      if (!filters.has(topicFilter)) this.#registry.unsubscribe(left, topicFilter);
    }
    return true;
  }

  /** This node has said already that it has the session, but nothing of it is here. */
  #fetchesStill(own: Claim, registration: Registration, now: number): boolean {
    const { isFetching, movingFrom: from } = own.value;
    const { mountpoint, clientIdentifier, cleanStart } = registration;
    if (!isFetching || from === undefined || cleanStart) return false;
    if (this.#registry.sessionOf(mountpoint, clientIdentifier) !== undefined) return false;
    this.#arrivals.fetch(registration, own, from, now);
    return true;
  }

  #told({ clientIdentifier: client, mountpoint }: SessionName, site: Site, message: string): void {
    const member = this.#cluster.members.find((one) => one.site === site)?.name;
    this.#host.log.debug({ client, mountpoint, member }, message);
  }

  #stampOf(key: string): Stamp {
    return this.#claims.ownerOf(key)?.stamp ?? 0;
  }

  /** Its owner does not have it yet: this node does. */
  #isFetched({ value }: Claim): boolean {
    return value.isFetching && value.movingFrom === this.#cluster.site;
  }

  /** Others said so while this node could not be told, and it may still have it. */
  #endedElsewhere(key: string, now: number): void {
    if (this.#claims.ownValue(key) === undefined) return;
    const { mountpoint, clientIdentifier } = nameOf(key);
    const session = this.#registry.sessionOf(mountpoint, clientIdentifier);
    const { AdministrativeAction } = ReasonCode;
    session?.owner?.disconnect(AdministrativeAction, 'the session has ended elsewhere', now);
    const left = this.#registry.sessionOf(mountpoint, clientIdentifier);
    if (left !== undefined) this.#registry.endOf(left, now);
    else if (this.#claims.ownValue(key) !== undefined) this.#claims.withdraw(key, []);
  }

  #isUp(site: Site): boolean {
    return this.#cluster.stateOf(site) === 'up';
  }

  #peersUp(): Site[] {
    return this.#others().filter((site) => this.#isUp(site));
  }

  #others(): Site[] {
    const { members, site: self } = this.#cluster;
    return members.map(({ site }) => site).filter((site) => site !== self);
  }
}

const taken: Arrived = { refused: 0, ticket: 0 };
const notOwner: Arrived = { refused: RefusedBecause.NotOwner, ticket: 0 };
const stale: Arrived = { refused: RefusedBecause.Stale, ticket: 0 };
const storeRefuses: Arrived = { refused: RefusedBecause.Store, ticket: 0 };
