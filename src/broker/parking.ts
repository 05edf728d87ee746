import type { Site } from '../cluster/identity/mod.js';
import { isExpired, readSessionKey } from '../cluster/takeover/mod.js';
import type { QoS } from '../packet/mod.js';
import type { Entry, Message, Publication } from '../queue/mod.js';
import { type DeliveryTarget, neverExpires, type Session } from '../session/mod.js';
import type { Departures } from './departures.js';
import type { FilterEntry } from './filter-entry.js';
import type { KeptSubscription } from './kept-subscription.js';
import type { Outbox } from './outbox.js';
import { type Claim, keyOf, type SessionClaims } from './session-claims.js';
import type { SharedGroup } from './shared-group.js';

export interface ParkingHost {
  readonly site: Site;
  readonly outbox: Outbox;
  /** There is no room for a message for that session. */
  dropped(key: string, message: Message): void;
  isDown(site: Site): boolean;
  /** The session may have been another one's at `at`, as far as was known here. */
  movedSince(key: string, at: number): boolean;
  /** Where messages for a session of another member are kept. */
  createStranded(key: string, claim: Claim): Session;
  /** Of this node; what it waits for of others, it waits for no more. */
  sessionOf(key: string, now: number): Session | undefined;
}

/** Sessions of a group that are looked at for one message; the next begins with others. */
const lookedAtMax = 100;

/** A session that can have a message, once its member is reached. */
interface Candidate {
  readonly key: string;
  readonly claim: Claim;
  readonly subscription: KeptSubscription;
}

/** What was kept, and where. */
export interface ParkedMessage {
  readonly session: Session;
  /** Undefined: it is there no more. */
  readonly entry: Entry | undefined;
}

/** A frame of which it is not known whether it arrived, or which could not be sent. */
interface Unconfirmed {
  readonly site: Site;
  /** Client Identifiers of sessions that it was not for. */
  readonly except: readonly string[];
  /** In ms; 0: in an earlier life of the process. */
  readonly sentAt: number;
  /** The bound does not concern it: it was accepted. */
  readonly wasSent: boolean;
}

type BySite = ReadonlyMap<Site, KeptSubscription>;

/** Which sessions a message is kept for. */
interface Wanted {
  /** Asked first, and for every session that matches: false rules it out, whoever has it. */
  mayBe(key: string, bySite: BySite): boolean;
  is(key: string, source: Site, bySite: BySite): boolean;
}

/**
 * Messages for sessions of members that cannot have them now: kept here, for the session and not
 * for the member, so that whoever has the session next gets them (design 5.6).
 */
export class Parking {
  readonly #claims: SessionClaims;
  readonly #departures: Departures;
  readonly #host: ParkingHost;
  #isRefused = false;
  /** For sessions that cannot have it now, or not yet. */
  readonly #unreachable: Wanted = {
    mayBe: (key, bySite) => {
      if (this.#departures.isBehind(key)) return true;
      for (const site of bySite.keys()) if (this.#host.isDown(site)) return true;
      return false;
    },
    is: (key, source) => {
      if (source === this.#host.site) return false;
      return this.#host.isDown(source) || this.#departures.isBehind(key);
    },
  };

  constructor(claims: SessionClaims, departures: Departures, host: ParkingHost) {
    this.#claims = claims;
    this.#departures = departures;
    this.#host = host;
  }

  /**
   * Keeps a QoS 1 or 2 message for every session in `kept` whose member is not reachable, or for
   * which older messages are still here. Returns for how many.
   */
  park(publication: Publication, kept: readonly FilterEntry[], now: number): number {
    return this.#keep(publication, kept, undefined, true, now, this.#unreachable).length;
  }

  /**
   * `site` was sent the message at `sentAt`, for all of its sessions but `except`, and did not say
   * that it has it. They get it from here, wherever they are by now.
   */
  parkUnconfirmed(
    publication: Publication,
    kept: readonly FilterEntry[],
    { site, except, sentAt, wasSent }: Unconfirmed,
    now: number,
  ): ParkedMessage[] {
    const parked = this.#keep(publication, kept, site, !wasSent, now, {
      mayBe: (key) => except.length === 0 || !except.includes(clientOf(key)),
      is: (key, source, bySite) =>
        source === site || (bySite.has(site) && this.#host.movedSince(key, sentAt)),
    });
    if (wasSent) for (const { session } of parked) this.#departures.wasRefused(keyOf(session));
    return parked;
  }

  /**
   * Keeps a QoS 1 or 2 message of a shared subscription for one of its sessions elsewhere, which
   * gets it as soon as its member can be reached; of member `at`, if that is given. One after the
   * other, those first whose member is not down. Undefined: there is none.
   */
  parkInGroup(
    publication: Publication,
    group: SharedGroup,
    at: Site | undefined,
    now: number,
  ): ParkedMessage | undefined {
    let found: Candidate | undefined;
    for (let left = Math.min(group.kept.size, lookedAtMax); left > 0; left -= 1) {
      const [first] = group.kept;
      if (first === undefined) break;
      const [key, bySite] = first;
      group.kept.delete(key);
      group.kept.set(key, bySite);
      const candidate = this.#candidate(publication, key, bySite, at, now);
      if (candidate === undefined) continue;
      found ??= candidate;
      if (this.#host.isDown(candidate.claim.site)) continue;
      found = candidate;
      break;
    }
    if (found === undefined) return undefined;
    const { key, claim, subscription } = found;
    const session = this.#sessionFor(key, claim, now);
    if (!this.#admits(publication, key, claim)) return { session, entry: undefined };
    const qos = Math.min(publication.qos, subscription.qos) as QoS;
    const reference = { group: group.group, filter: group.filter };
    return keep(publication, { ...subscription, session, group: reference }, qos, now);
  }

  /** True once: there was no room for a message, and its publisher is to be told. */
  takeRefusal(): boolean {
    const isRefused = this.#isRefused;
    this.#isRefused = false;
    return isRefused;
  }

  #admits(publication: Publication, key: string, { site }: Claim): boolean {
    const { outbox } = this.#host;
    const message = publication.message();
    // What is ours was accepted before, and nobody would send it again.
    if (message.isOurs || site === this.#host.site) return true;
    if (outbox.admit(site, message.sizeBytes)) return true;
    if (outbox.isRefusing) this.#isRefused = true;
    else this.#host.dropped(key, message);
    return false;
  }

  #candidate(
    publication: Publication,
    key: string,
    bySite: BySite,
    at: Site | undefined,
    now: number,
  ): Candidate | undefined {
    const claim = this.#claims.ownerOf(key);
    if (claim === undefined || !claim.isPersistent) return undefined;
    const source = this.#claims.sourceOf(key, claim.site);
    if (source === this.#host.site || (at !== undefined && source !== at)) return undefined;
    const subscription = bySite.get(source);
    if (subscription === undefined || Math.min(publication.qos, subscription.qos) === 0) {
      return undefined;
    }
    if (isExpired(claim.value, neverExpires, now)) return undefined;
    return { key, claim, subscription };
  }

  /** Sessions of `site` that match and get the message from here: those it must not give it to. */
  parkedAt(kept: readonly FilterEntry[], site: Site): string[] {
    if (this.#departures.size === 0) return [];
    const parked = new Set<string>();
    for (const entry of kept) {
      for (const key of entry.local?.kept?.keys() ?? []) {
        if (!this.#departures.isBehind(key)) continue;
        const owner = this.#claims.ownerOf(key)?.site;
        if (owner !== undefined && this.#claims.sourceOf(key, owner) === site) parked.add(key);
      }
    }
    return [...parked];
  }

  #keep(
    publication: Publication,
    kept: readonly FilterEntry[],
    sentTo: Site | undefined,
    isBounded: boolean,
    now: number,
    wanted: Wanted,
  ): ParkedMessage[] {
    /** Overlapping subscriptions of one session get one copy [MQTT5-3.3.4-2]. */
    const targets = new Map<string, { claim: Claim; subscription: KeptSubscription }>();
    for (const { local } of kept) {
      for (const [key, bySite] of local?.kept ?? []) {
        if (!wanted.mayBe(key, bySite)) continue;
        const claim = this.#claims.ownerOf(key);
        if (claim === undefined || !claim.isPersistent) continue;
        const source = this.#claims.sourceOf(key, claim.site);
        if (isExpired(claim.value, neverExpires, now)) continue;
        if (!wanted.is(key, source, bySite)) continue;
        const subscription = bySite.get(source) ?? bySite.get(sentTo ?? source);
        if (subscription === undefined) continue;
        const known = targets.get(key)?.subscription;
        targets.set(key, {
          claim,
          subscription: known === undefined ? subscription : both(known, subscription),
        });
      }
    }
    const parked: ParkedMessage[] = [];
    for (const [key, { claim, subscription }] of targets) {
      const qos = Math.min(publication.qos, subscription.qos) as QoS;
      if (qos === 0) continue;
      if (isBounded && !this.#admits(publication, key, claim)) continue;
      const session = this.#sessionFor(key, claim, now);
      parked.push(keep(publication, { ...subscription, session, group: undefined }, qos, now));
    }
    return parked;
  }

  #sessionFor(key: string, claim: Claim, now: number): Session {
    const own = claim.site === this.#host.site ? this.#host.sessionOf(key, now) : undefined;
    if (own !== undefined) return own;
    const known = this.#departures.sessionOf(key);
    if (known !== undefined) {
      this.#departures.touched(key);
      return known;
    }
    const session = this.#host.createStranded(key, claim);
    this.#departures.add(key, session, false);
    return session;
  }
}

function keep(
  publication: Publication,
  target: DeliveryTarget & { readonly session: Session },
  qos: QoS,
  now: number,
): ParkedMessage {
  const { session } = target;
  const before = session.lastSequence;
  session.deliver(publication, target, qos, now);
  const isKept = session.lastSequence !== before;
  return { session, entry: isKept ? session.newest : undefined };
}

function both(one: KeptSubscription, other: KeptSubscription): KeptSubscription {
  const identifiers = [
    ...(one.subscriptionIdentifiers ?? []),
    ...(other.subscriptionIdentifiers ?? []),
  ];
  return {
    qos: one.qos > other.qos ? one.qos : other.qos,
    retainAsPublished: one.retainAsPublished || other.retainAsPublished,
    subscriptionIdentifiers: identifiers.length === 0 ? undefined : identifiers,
  };
}

/** As an envelope names it. */
export function clientOf(key: string): string {
  return readSessionKey(key)?.clientIdentifier ?? '';
}
