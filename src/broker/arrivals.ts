import type { Site } from '../cluster/identity/mod.js';
import type { Handover, SessionName } from '../cluster/takeover/mod.js';
import { ReasonCode } from '../packet/mod.js';
import type { Registration, Session, Subscription } from '../session/mod.js';
import { movedSubscription } from './moved.js';
import { type Claim, keyOf, type SessionClaims } from './session-claims.js';

/** The sessions of this node, as far as others come to them. */
export interface ArrivalsRegistry {
  sessionOf(mountpoint: string, clientIdentifier: string): Session | undefined;
  /** As on a node that is alone. */
  registerHere(registration: Registration, now: number): void;
  /** A session without a connection, for one that comes here. */
  createFor(registration: Registration): Session;
  /** Without a connection since `disconnectedAt`. */
  createOffline(name: SessionName, expiryInterval: number, disconnectedAt: number): Session;
  subscribe(session: Session, subscription: Subscription): void;
}

export interface ArrivalsHost {
  readonly claims: SessionClaims;
  readonly registry: ArrivalsRegistry;
  isUp(site: Site): boolean;
  peersUp(): readonly Site[];
  /** What this node has sent to `site` for the session until now is before this. */
  mark(session: Session, site: Site): void;
}

/** What the former owner says of a session first. */
export type HandedState = Handover & { readonly kind: 'state' };

/** A client waits this long for the state of its session, in ms (design 5.7). */
const stateWaitMs = 2000;
/** Messages that come here directly wait this long for older ones that are handed over, in ms. */
const holdMaxMs = 5000;

/** A client that waits for its session. */
interface Pending {
  readonly registration: Registration;
  readonly claim: Claim;
  readonly from: Site;
  readonly until: number;
}

/** A session that came and whose older messages may still come. */
interface Held {
  readonly session: Session;
  readonly from: Site;
  readonly until: number;
  /** Members whose messages for it go to `from` until they say otherwise. */
  readonly awaited: Set<Site>;
  isAnnounced: boolean;
}

/**
 * Sessions that come to this node, and their clients that wait for them.
 *
 * ```
 *  claimed ─▶ fetched ─▶ state, or rows where nobody hands it over ─▶ CONNACK
 *                └▶ held: what comes here directly goes behind what is handed over ─▶ released
 * ```
 */
export class Arrivals {
  readonly #host: ArrivalsHost;
  readonly #pending = new Map<string, Pending>();
  readonly #held = new Map<string, Held>();
  /** Of these, those that came in this turn. */
  readonly #unannounced = new Map<string, Held>();

  constructor(host: ArrivalsHost) {
    this.#host = host;
  }

  /** The client is answered when its session is here, of which `claim` says who has it, or had. */
  fetch(registration: Registration, claim: Claim, from: Site, now: number): void {
    const pending = { registration, claim, from, until: now + stateWaitMs };
    if (this.#host.isUp(from)) this.#pending.set(keyOf(registration), pending);
    else this.#resumeFromRows(pending, now);
  }

  /** A client that waits for its session has lost it again. */
  supersede(key: string, now: number): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    this.#pending.delete(key);
    const { client } = pending.registration;
    client.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);
  }

  /** The session is waited for no more: it begins with what is known of it. */
  resumeNow(key: string, now: number): void {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    if (pending !== undefined) this.#resumeFromRows(pending, now);
  }

  /** Who hands the session over and has said so to all; undefined: nobody does. */
  announcedFrom(key: string): Site | undefined {
    const held = this.#held.get(key);
    return held?.isAnnounced === true ? held.from : undefined;
  }

  /** The session ended, or another member has it. */
  forget(key: string): void {
    this.#held.delete(key);
  }

  /** `site` sends what is for the session to this node from here on. */
  marked(key: string, site: Site): void {
    const held = this.#held.get(key);
    if (held?.awaited.delete(site) === true) held.session.silentFrom?.delete(site);
  }

  /** `site` sends it to a member that claimed the session since. */
  passedBy(key: string, site: Site): void {
    this.#held.get(key)?.awaited.delete(site);
  }

  /** True: the client waits for what another member than `site` has of the session. */
  isWaitingForOther(key: string, site: Site): boolean {
    const pending = this.#pending.get(key);
    return pending !== undefined && pending.from !== site;
  }

  /** What `site` had of the session is here, but for its messages. */
  arrived(key: string, site: Site, state: HandedState, now: number): void {
    const { registry, claims } = this.#host;
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    const known = registry.sessionOf(state.mountpoint, state.clientIdentifier);
    if (pending === undefined && known !== undefined) {
      this.#merge(known, state, now);
      if (known.isUntouched) receive(known, state);
      return;
    }
    const session = pending === undefined ? this.#offline(state, now) : this.#sessionFor(pending);
    this.hold(key, session, site, now);
    this.#merge(session, state, now);
    receive(session, state);
    // What this node published until now, the old owner has, and what comes is its own.
    this.#host.mark(session, site);
    if (pending !== undefined) registry.registerHere(pending.registration, now);
    else claims.keepsOffline(session, now);
  }

  /** `from` has nothing more of the session. */
  ended(key: string, from: Site, now: number): void {
    if (this.#held.get(key)?.from === from) this.#release(key, now);
  }

  /** What comes here directly waits for what `from` hands over. */
  hold(key: string, session: Session, from: Site, now: number): void {
    session.hold();
    // Of a session that this node has anew, nobody has heard yet.
    const awaited = new Set(session.silentFrom ?? this.#host.peersUp());
    session.silentFrom = new Set(awaited);
    const held = { session, from, until: now + holdMaxMs, awaited, isAnnounced: false };
    this.#held.set(key, held);
    this.#unannounced.set(key, held);
  }

  /** After the routes of this turn were told: from now on messages may come here. */
  onTurnEnd(): void {
    for (const [key, held] of this.#unannounced) {
      if (this.#held.get(key) !== held) continue;
      held.isAnnounced = true;
      this.#host.claims.changed(held.session, held.from);
    }
    this.#unannounced.clear();
  }

  tick(now: number): void {
    for (const [key, pending] of [...this.#pending]) {
      if (now < pending.until && this.#host.isUp(pending.from)) continue;
      this.#pending.delete(key);
      this.#resumeFromRows(pending, now);
    }
    for (const [key, { until, from, awaited }] of [...this.#held]) {
      for (const site of [...awaited]) if (!this.#host.isUp(site)) this.marked(key, site);
      if (now >= until || !this.#host.isUp(from)) this.#release(key, now);
    }
  }

  /** With what `site` said of its subscriptions. */
  subscribe(key: string, session: Session, site: Site): void {
    for (const one of this.#host.claims.subscriptionsOf(key, site)) {
      if (session.subscriptions.has(one.topicFilter)) continue;
      this.#host.registry.subscribe(session, movedSubscription(session, one));
    }
  }

  /** Nobody hands it over, at present. */
  #resumeFromRows(pending: Pending, now: number): void {
    const { registration, claim } = pending;
    const key = keyOf(registration);
    const session = this.#sessionFor(pending);
    // The client may hold identifiers of messages of which nothing is known here.
    session.identifierRange = this.#host.claims.freshRange(key);
    this.subscribe(key, session, claim.site);
    this.#host.registry.registerHere(registration, now);
  }

  #sessionFor({ registration, claim }: Pending): Session {
    const { mountpoint, clientIdentifier } = registration;
    const { registry } = this.#host;
    const known = registry.sessionOf(mountpoint, clientIdentifier);
    const session = known ?? registry.createFor(registration);
    session.born = claim.value.born;
    session.identifierRange = claim.value.range;
    return session;
  }

  /** Its client waits no more, or did so before this node started again. */
  #offline(state: HandedState, now: number): Session {
    const { expiryInterval, born } = state;
    const session = this.#host.registry.createOffline(state, expiryInterval, now);
    session.born = born;
    session.identifierRange = this.#host.claims.ownValue(keyOf(state))?.range ?? 0;
    return session;
  }

  #merge(session: Session, state: HandedState, now: number): void {
    const { claims, registry } = this.#host;
    for (const one of state.subscriptions) {
      if (session.subscriptions.has(one.topicFilter)) continue;
      const subscription = movedSubscription(session, one);
      registry.subscribe(session, subscription);
      if (session.persistent) claims.subscribed(keyOf(session), subscription, now);
    }
  }

  #release(key: string, now: number): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    unsilence(held);
    held.session.release(now);
    this.#host.claims.changed(held.session, undefined);
  }
}

/** Nothing is waited for any more. Who sends to a later owner stays silent. */
function unsilence({ session, awaited }: Held): void {
  for (const site of awaited) session.silentFrom?.delete(site);
  if (session.silentFrom?.size === 0) session.silentFrom = undefined;
}

/**
 * QoS 2 messages that the client has not released. What comes when the client has gone on without
 * it is out of date: it may have released them, and what it publishes under these identifiers is
 * new.
 */
function receive(session: Session, { received }: HandedState): void {
  for (const identifier of received) {
    session.received ??= new Map();
    if (!session.received.has(identifier)) session.received.set(identifier, 0);
  }
}
