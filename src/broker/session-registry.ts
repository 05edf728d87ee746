import { type Clock, TimerWheel } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import { type HandedSubscription, sessionKey, type SessionName } from '../cluster/takeover/mod.js';
import type { Journal, LoadedSession } from '../journal/mod.js';
import type { Metrics } from '../metrics/mod.js';
import { ReasonCode } from '../packet/mod.js';
import type { Message } from '../queue/mod.js';
import {
  type ClientLog,
  limitsOf,
  neverExpires,
  type Registration,
  Session,
  type SessionHost,
  type Settings,
  Subscription,
} from '../session/mod.js';
import { parseSharedFilter } from '../topic/mod.js';
import type { Realm } from './realm.js';
import type { SubscriptionTable } from './subscription-table.js';
import { Wills } from './wills.js';

/** What the registry needs of the broker. */
export interface RegistryHost {
  settings(): Settings;
  readonly metrics: Metrics;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: ClientLog;
  readonly sessionHost: SessionHost;
  readonly table: SubscriptionTable;
  realm(mountpoint: string): Realm;
  /** Whether a client may publish now, for whom a back end said `override`. */
  mayPublish(override: boolean | undefined): boolean;
  /** Routes a message that the broker itself publishes (a will). */
  publishMessage(realm: Realm, message: Message, now: number): void;
  /** Gives the messages of a shared group that nobody will take any more to other members. */
  reroute(realm: Realm, entries: ReturnType<Session['end']>, now: number): void;
}

/** Who knows of the sessions of other members. */
export interface SessionWatch {
  /** True: the client is answered by {@link SessionRegistry.registerHere}, now or later. */
  claims(registration: Registration, now: number): boolean;
  /** The session has a client, for which it may have been made. */
  registered(session: Session, now: number): void;
  disconnected(session: Session): void;
  ended(session: Session, now: number): void;
  /** At start, when all are loaded. */
  loaded(session: Session, now: number): void;
}

/**
 * Who has which session: registration, takeover, the end of connections and of sessions, expiry.
 * One live connection per Client Identifier and mountpoint [MQTT5-3.1.4-3].
 */
export class SessionRegistry {
  /** Undefined: a node without a cluster. */
  watch: SessionWatch | undefined;
  readonly wills: Wills;
  readonly #host: RegistryHost;
  /** Next moment at which a session without connection wants attention: will or expiry. */
  readonly #deadlines = new TimerWheel<Session>();
  #sessionCount = 0;
  /** From the store, until `resume`. */
  #loaded: Session[] = [];

  constructor(host: RegistryHost) {
    const { journal, log, sessionHost } = host;
    this.#host = host;
    this.wills = new Wills({
      ...{ journal, log, sessionHost },
      mayPublish: (override) => host.mayPublish(override),
      publish: (mountpoint, message, now) => {
        host.publishMessage(host.realm(mountpoint), message, now);
      },
    });
  }

  get sessionCount(): number {
    return this.#sessionCount;
  }

  // Clean start, resumption and Session Present: [MQTT5-3.1.2-4] [MQTT5-3.1.2-5] [MQTT5-3.1.2-6]
  // [MQTT5-3.1.3-2] [MQTT5-3.1.4-4] [MQTT5-3.2.2-2] [MQTT5-3.2.2-3] [MQTT3-3.1.2-4] [MQTT3-3.1.3-2]
  // [MQTT3-3.1.4-3] [MQTT3-3.2.2-1] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3]
  register(registration: Registration, now: number): void {
    // Of all members only one has it, and it may be another one.
    if (this.watch?.claims(registration, now) !== true) this.registerHere(registration, now);
  }

  /** As on a node that is alone. */
  registerHere(registration: Registration, now: number): void {
    const { client, clientIdentifier, mountpoint, cleanStart } = registration;
    const realm = this.#host.realm(mountpoint);
    this.#takeOver(realm, clientIdentifier, now);
    let session = realm.sessions.get(clientIdentifier);
    const wasStored = session !== undefined && session.storeNumber !== 0;
    if (session !== undefined && cleanStart) {
      this.endSession(realm, session, now);
      session = undefined;
    }
    const sessionPresent = session !== undefined;
    session ??= this.createFor(registration);
    session.owner = client;
    session.limits = registration.limits;
    session.expiryInterval = registration.expiryInterval;
    session.persistent = registration.expiryInterval > 0;
    this.#deadlines.clear(session);
    const hasOldWill = this.wills.connected(session, registration.will, sessionPresent, now);
    const { journal, table } = this.#host;
    const isStored = session.persistent || session.will !== undefined || session.storeNumber !== 0;
    if (isStored) journal.sessionChanged(session);
    // What a CONNACK promises: a clean start really is one, a new persistent session survives.
    const promises = cleanStart
      ? wasStored || session.persistent
      : session.persistent && !sessionPresent;
    const ticket = (promises || hasOldWill) && !journal.refusing ? journal.ticket : 0;
    if (sessionPresent) table.presenceChanged(realm, session);
    this.watch?.registered(session, now);
    client.onRegistered(registration, session, sessionPresent, ticket, now);
    // It went while its session was fetched from elsewhere.
    if (client.isClosed && session.owner === client) this.connectionEnded(session, true, now);
  }

  /**
   * The connection of `session` has ended.
   * What lasts how long: [MQTT5-3.1.2-23] [MQTT5-4.1.0-1] [MQTT5-4.1.0-2] [MQTT3-3.1.2-5]
   * [MQTT3-4.1.0-1] [MQTT3-4.1.0-2]
   */
  connectionEnded(session: Session, discardWill: boolean, now: number): void {
    const realm = this.#host.realm(session.mountpoint);
    if (realm.sessions.get(session.clientIdentifier) !== session) return;
    session.detach(now);
    this.#host.table.presenceChanged(realm, session);
    const { will } = session;
    if (discardWill) this.wills.discard(session);
    else if (will !== undefined) this.wills.start(session, will, now);
    if (session.expiryInterval === 0) {
      this.endSession(realm, session, now);
      return;
    }
    if (session.storeNumber !== 0 || session.persistent) this.#host.journal.sessionChanged(session);
    this.#setDeadline(session);
    this.watch?.disconnected(session);
  }

  /**
   * Subscriptions, messages, a pending will: everything of the session ends.
   * Retained messages are no part of it [MQTT3-3.1.2-7]
   */
  endSession(realm: Realm, session: Session, now: number): void {
    const { journal, metrics, table } = this.#host;
    this.watch?.ended(session, now);
    this.#deadlines.clear(session);
    realm.sessions.delete(session.clientIdentifier);
    this.#sessionCount -= 1;
    metrics.queueTeardown += 1;
    journal.sessionEnded(session);
    for (const subscription of session.subscriptions.values()) table.drop(realm, subscription);
    session.subscriptions.clear();
    const orphans = session.end();
    this.wills.sessionEnded(session, now);
    this.#host.reroute(realm, orphans, now);
  }

  sessionOf(mountpoint: string, clientIdentifier: string): Session | undefined {
    return this.#host.realm(mountpoint).sessions.get(clientIdentifier);
  }

  /** A session of a member that leaves, without its client. */
  createOffline(name: SessionName, expiryInterval: number, disconnectedAt: number): Session {
    const session = this.createStranded(name, 0, expiryInterval);
    session.isStranded = false;
    session.isUntouched = true;
    session.disconnectedAt = disconnectedAt;
    this.#host.realm(name.mountpoint).sessions.set(name.clientIdentifier, session);
    this.#sessionCount += 1;
    this.#host.metrics.queueSetup += 1;
    this.#host.journal.sessionChanged(session);
    this.#setDeadline(session);
    return session;
  }

  /** It was the session of `site`, whose will goes with it. */
  adoptWill(session: Session, site: Site, now: number): void {
    if (!this.wills.adopted(session, site, now)) return;
    this.#host.journal.sessionChanged(session);
    this.#setDeadline(session);
  }

  /** Its client has come to another member: the will goes there before the session. */
  clientWent(session: Session, now: number): void {
    this.wills.shared?.clientWent(session, now);
  }

  /** Keeps messages for a session of another member. */
  createStranded(name: SessionName, born: number, expiryInterval: number): Session {
    const { mountpoint, clientIdentifier } = name;
    const limits = limitsOf(this.#host.settings(), 0, undefined);
    const session = new Session(mountpoint, clientIdentifier, limits, this.#host.sessionHost);
    session.persistent = true;
    session.isStranded = true;
    session.born = born;
    session.expiryInterval = expiryInterval;
    return session;
  }

  /** Another member said so of a session that it has, or had. */
  setKept(
    { mountpoint, clientIdentifier }: SessionName,
    topicFilter: string,
    site: Site,
    handed: HandedSubscription | undefined,
  ): void {
    const shared = parseSharedFilter(topicFilter);
    if (shared !== undefined && 'reason' in shared) return;
    const identifier = handed?.subscriptionIdentifier;
    this.#host.table.setKept(
      this.#host.realm(mountpoint),
      shared ?? { filter: topicFilter, group: undefined },
      sessionKey({ mountpoint, clientIdentifier }),
      site,
      handed && {
        qos: handed.qos,
        retainAsPublished: handed.retainAsPublished,
        subscriptionIdentifiers: identifier === undefined ? undefined : [identifier],
      },
    );
  }

  /** A subscription that came with its session. */
  subscribe(session: Session, subscription: Subscription): void {
    this.#host.table.subscribe(this.#host.realm(session.mountpoint), session, subscription);
  }

  unsubscribe(session: Session, topicFilter: string): void {
    this.#host.table.unsubscribe(this.#host.realm(session.mountpoint), session, topicFilter);
  }

  /** Another member has it, and has begun it anew. */
  endOf(session: Session, now: number): void {
    this.endSession(this.#host.realm(session.mountpoint), session, now);
  }

  /** Another member has it: nobody finds it here any more, but its routing stays as it is. */
  strand(session: Session): void {
    const realm = this.#host.realm(session.mountpoint);
    this.#deadlines.clear(session);
    this.wills.discard(session);
    realm.sessions.delete(session.clientIdentifier);
    this.#sessionCount -= 1;
    this.#host.journal.sessionChanged(session);
  }

  /**
   * It is this node's again, with the subscriptions that it had. `wasElsewhere`: its client went on
   * with it on another member, and so with Packet Identifiers that were not released here. It has
   * no client yet, and its expiry runs from now on, not from when it was here last.
   */
  restore(session: Session, wasElsewhere: boolean): void {
    const realm = this.#host.realm(session.mountpoint);
    session.isStranded = false;
    session.disconnectedAt = this.#host.clock.now();
    if (wasElsewhere && session.received !== undefined) {
      session.received = undefined;
      this.#host.journal.stateChanged(session);
    }
    realm.sessions.set(session.clientIdentifier, session);
    this.#sessionCount += 1;
    this.route(session);
    this.#setDeadline(session);
    this.#host.journal.sessionChanged(session);
  }

  /** Into the routing, with the subscriptions that it has. */
  route(session: Session): void {
    const realm = this.#host.realm(session.mountpoint);
    for (const subscription of session.subscriptions.values()) {
      this.#host.table.insert(realm, subscription);
    }
  }

  /** Out of the routing; the session keeps its subscriptions, to be handed over. */
  unroute(session: Session): void {
    const realm = this.#host.realm(session.mountpoint);
    for (const subscription of session.subscriptions.values()) {
      this.#host.table.drop(realm, subscription);
    }
  }

  /** What was left of a session that moved goes, with its records. */
  discard(session: Session): void {
    this.#host.journal.sessionEnded(session);
    session.subscriptions.clear();
    // Of shared subscriptions somebody else gets them.
    const orphans = session.end();
    if (orphans.length === 0) return;
    const realm = this.#host.realm(session.mountpoint);
    this.#host.reroute(realm, orphans, this.#host.clock.now());
  }

  /** About once a second: wills whose delay has passed, sessions that have expired. */
  tick(now: number): void {
    this.#deadlines.expire(now, (session) => {
      const realm = this.#host.realm(session.mountpoint);
      const isDue = session.willDueAt !== 0 && session.willDueAt <= now;
      if (isDue && this.wills.fire(session, now)) this.#host.journal.sessionChanged(session);
      if (expiresAt(session) <= now) {
        const { clientIdentifier, mountpoint } = session;
        this.#host.log.info({ client: clientIdentifier, mountpoint }, 'session expired');
        this.endSession(realm, session, now);
        return;
      }
      this.#setDeadline(session);
    });
    this.wills.tick(now);
  }

  /**
   * At start: a session from the store. One that was connected when the process ended counts as
   * disconnected now, so its will and expiry run from here.
   */
  load(loaded: LoadedSession, now: number): void {
    const { record, storeNumber } = loaded;
    const { sessionHost, metrics, table } = this.#host;
    const realm = this.#host.realm(record.mountpoint);
    const limits = limitsOf(this.#host.settings(), 0, undefined);
    const session = new Session(record.mountpoint, record.clientIdentifier, limits, sessionHost);
    session.storeNumber = storeNumber;
    session.lastSequence = loaded.lastSequence;
    session.persistent = record.persistent;
    session.born = record.strandedBorn;
    session.isStranded = record.strandedBorn !== 0;
    session.expiryInterval = record.expiryInterval;
    session.disconnectedAt = record.connected ? now : record.disconnectedAt;
    session.will = record.will;
    session.willDueAt = record.willDueAt;
    session.willStamp = record.willStamp;
    for (const entry of loaded.entries) {
      session.restore(entry);
      session.storedBytes += entry.message.sizeBytes;
    }
    if (loaded.received.length > 0) {
      session.received = new Map(loaded.received.map((identifier) => [identifier, 0]));
    }
    const known = realm.sessions.get(record.clientIdentifier);
    // A will that is held stands beside the session of its client, if that lives on.
    const isHeldWill = !session.persistent && known !== undefined;
    if (!session.isStranded && !isHeldWill) {
      realm.sessions.set(record.clientIdentifier, session);
      if (known === undefined) this.#sessionCount += 1;
      metrics.queueInitializedFromStorage += 1;
    }
    for (const stored of loaded.subscriptions) {
      const shared = parseSharedFilter(stored.topicFilter);
      const isShared = shared !== undefined && !('reason' in shared);
      const subscription = new Subscription(
        session,
        stored.topicFilter,
        isShared ? shared.group : undefined,
        isShared ? shared.filter : stored.topicFilter,
        stored,
        stored.subscriptionIdentifier,
      );
      subscription.storeNumber = stored.storeNumber;
      session.subscriptions.set(stored.topicFilter, subscription);
      if (!session.isStranded) table.insert(realm, subscription);
    }
    this.#loaded.push(session);
  }

  /** After everything is loaded: the wills of those who were connected fall due, others go on. */
  resume(now: number): void {
    const loaded = this.#loaded;
    this.#loaded = [];
    for (const session of loaded) {
      if (session.isStranded) {
        this.watch?.loaded(session, now);
        continue;
      }
      const realm = this.#host.realm(session.mountpoint);
      this.wills.restored(session, now);
      const { will } = session;
      if (will !== undefined && session.willDueAt === 0) this.wills.start(session, will, now);
      if (realm.sessions.get(session.clientIdentifier) !== session) {
        this.wills.sessionEnded(session, now);
        this.#host.journal.sessionEnded(session);
        continue;
      }
      if (!session.persistent) {
        this.endSession(realm, session, now);
        continue;
      }
      // What began now, or has just fired, does not begin again at the next start.
      this.#host.journal.sessionChanged(session);
      this.#setDeadline(session);
      this.watch?.loaded(session, now);
    }
  }

  #takeOver(realm: Realm, clientIdentifier: string, now: number): void {
    const session = realm.sessions.get(clientIdentifier);
    const owner = session?.owner;
    if (session === undefined || owner === undefined) return;
    if (this.#host.settings().suppressWillOnTakeover) this.wills.discard(session);
    // [MQTT5-3.1.4-3], [MQTT3-3.1.4-2]
    owner.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);
  }

  /** A new session, without a connection yet. */
  createFor(registration: Registration): Session {
    const { sessionHost, metrics } = this.#host;
    const { mountpoint, clientIdentifier, limits } = registration;
    const realm = this.#host.realm(mountpoint);
    const session = new Session(mountpoint, clientIdentifier, limits, sessionHost);
    session.persistent = registration.expiryInterval > 0;
    session.expiryInterval = registration.expiryInterval;
    realm.sessions.set(clientIdentifier, session);
    this.#sessionCount += 1;
    metrics.queueSetup += 1;
    return session;
  }

  #setDeadline(session: Session): void {
    const due = session.willDueAt === 0 ? Number.POSITIVE_INFINITY : session.willDueAt;
    const deadline = Math.min(due, expiresAt(session));
    if (deadline < Number.POSITIVE_INFINITY) this.#deadlines.set(session, deadline);
    else this.#deadlines.clear(session);
  }
}

function expiresAt(session: Session): number {
  if (session.expiryInterval === neverExpires) return Number.POSITIVE_INFINITY;
  return session.disconnectedAt + session.expiryInterval * 1000;
}
