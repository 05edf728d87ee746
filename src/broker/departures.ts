import type { Site, Stamp } from '../cluster/identity/mod.js';
import { RefusedBecause } from '../cluster/flow/mod.js';
import type { HandedEntry, Handover } from '../cluster/takeover/mod.js';
import { type Entry, EntryState } from '../queue/mod.js';
import type { Session } from '../session/mod.js';
import { handedSubscription } from './session-claims.js';

export interface DeparturesHost {
  /** Who has the session now; undefined: nobody, so what is left of it is nobody's. */
  ownerOf(key: string): { readonly site: Site; readonly born: Stamp } | undefined;
  isUp(site: Site): boolean;
  /** Other members, up or not. */
  others(): readonly Site[];
  /** False: not now. */
  handOver(
    site: Site,
    handover: Handover,
    awaited: { confirmed(now: number): void; refused(reason: number, now: number): void },
  ): boolean;
  /** The member that it went to took something of it not, or not now. */
  refused(session: Session, reason: number): void;
  /** Its subscriptions take no messages here any more. */
  unroute(session: Session): void;
  /** Nothing is left of it here. */
  ended(session: Session, isLost: boolean): void;
}

/** Messages that are handed over in one turn of the event loop, of all sessions together. */
const perTurnMax = 500;
/** Sessions that are looked at in one turn. */
const lookedAtMax = 1000;
/** Sessions that are looked at in one tick though nothing is known to have changed for them. */
const perTickMax = 200;
/** Who is up for this long, in ms, and sends no mark, sends nothing else for the session either. */
const markWaitMs = 5000;
/** The same for who is not up: what it sent before may yet come when its link is back. */
const absentWaitMs = 120_000;
/** A member that could not take something is asked again after this long, in ms. */
const retryMs = 1000;

/** What this node has of one session that another member has now. */
interface Departure {
  readonly key: string;
  readonly session: Session;
  /** Who has it, as far as was known at the end of the last turn. */
  owner: Site | undefined;
  /** To whom it is going; undefined: nobody can be reached. */
  target: Site | undefined;
  hasSentState: boolean;
  /** Who it is going to has its subscriptions. */
  isStateOwned: boolean;
  hasSentEnd: boolean;
  unsent: Entry[];
  at: number;
  /** Of the last entry that is in `unsent`, or was sent. */
  lastSequence: number;
  unconfirmed: number;
  /**
   * While it still gets messages: members that may yet send some, since when they are up (0: they
   * are not). Undefined: it gets none.
   */
  awaitedMarks: Map<Site, number> | undefined;
  /** When the new owner said that it takes messages; 0: it has not. */
  settledAt: number;
  retryAt: number;
  /**
   * The member did not take entries up to this sequence: what comes later would overtake them if it
   * went there directly, for its store may refuse the one and take the other.
   */
  refusedUpTo: number;
  /** Counts targets: answers to what an earlier one was sent mean nothing. */
  round: number;
}

/**
 * Sessions that went to another member: what is left of each here goes there, in order, and is
 * deleted once it is owned there.
 *
 * ```
 *  lost ─▶ state ─▶ in flight ─▶ waiting ─▶ … ─▶ (all route to the new owner) ─▶ end ─▶ gone
 *            ▲ messages that still come here go behind ┘
 * ```
 */
export class Departures {
  readonly #host: DeparturesHost;
  readonly #departures = new Map<string, Departure>();
  /** Those with something to do, as far as is known; the others are looked at in turn. */
  readonly #ready = new Set<Departure>();
  #round: Iterator<Departure> | undefined;
  /** What is possible has changed for all: the round goes on in every turn. */
  #isHurried = false;

  constructor(host: DeparturesHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#departures.size;
  }

  /** What is here of the session, if its owner is another member. */
  sessionOf(key: string): Session | undefined {
    return this.#departures.get(key)?.session;
  }

  /** `isRouted`: its subscriptions still get messages here. */
  add(key: string, session: Session, isRouted: boolean): void {
    const departure: Departure = {
      ...{ key, session, owner: undefined, target: undefined, round: 0, retryAt: 0 },
      ...{ hasSentState: false, isStateOwned: false, hasSentEnd: false },
      ...{ unsent: [], at: 0, lastSequence: 0, unconfirmed: 0, refusedUpTo: 0 },
      ...{ awaitedMarks: isRouted ? new Map<Site, number>() : undefined, settledAt: 0 },
    };
    this.#departures.set(key, departure);
    this.#ready.add(departure);
  }

  /** Something changed for the session: its owner, or what is here for it. */
  touched(key: string): void {
    const departure = this.#departures.get(key);
    if (departure !== undefined) this.#ready.add(departure);
  }

  /** Members came or went. */
  membersChanged(): void {
    this.#round = undefined;
    this.#isHurried = true;
  }

  /** Bytes of what is here, by who is to have it. */
  sizes(): Map<Site, number> {
    const sizes = new Map<Site, number>();
    for (const { owner, session } of this.#departures.values()) {
      if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + session.storedBytes);
    }
    return sizes;
  }

  /** Messages of the session are here that have not gone to its owner yet: newer ones wait. */
  isBehind(key: string): boolean {
    const departure = this.#departures.get(key);
    if (departure === undefined) return false;
    return hasRefused(departure) || hasMore(departure);
  }

  /** What is here of the session now its member was sent, and has refused. */
  wasRefused(key: string): void {
    const departure = this.#departures.get(key);
    if (departure !== undefined) departure.refusedUpTo = departure.session.lastSequence;
  }

  /** Who has the session now has the subscriptions that it had here. */
  isKnownThere(key: string): boolean {
    return this.#departures.get(key)?.isStateOwned === true;
  }

  /** The session is this node's again, with what is here of it. */
  take(key: string): Session | undefined {
    const departure = this.#departures.get(key);
    if (departure === undefined) return undefined;
    this.#forget(departure);
    if (departure.awaitedMarks !== undefined) this.#host.unroute(departure.session);
    // Who has not said so sends to this node still: it has not heard of the other owner.
    (departure.session.silentFrom ??= new Set()).delete('');
    return departure.session;
  }

  /** The new owner takes messages from now on; it says so to all, and they say when they do. */
  settled(key: string, now: number): void {
    const departure = this.#departures.get(key);
    if (departure?.awaitedMarks === undefined || departure.settledAt !== 0) return;
    departure.settledAt = now;
    const { session } = departure;
    const silent = (session.silentFrom ??= new Set());
    for (const site of this.#host.others()) {
      if (!silent.has(site)) departure.awaitedMarks.set(site, 0);
    }
    silent.add('');
  }

  /** `site` sends what is for the session to its new owner from here on. */
  marked(key: string, site: Site): void {
    const departure = this.#departures.get(key);
    if (departure?.awaitedMarks === undefined) return;
    (departure.session.silentFrom ??= new Set()).add(site);
    departure.awaitedMarks.delete(site);
    this.#ready.add(departure);
  }

  /** About every 50 ms: the next ones are looked at, whatever is known of them. */
  tick(): void {
    if (!this.#isHurried) this.#goRound(perTickMax);
  }

  /** Sends what can be sent. True: there is more to do, in the next turn. */
  onTurnEnd(now: number): boolean {
    if (this.#isHurried) this.#isHurried = this.#goRound(lookedAtMax);
    let left = perTurnMax;
    let lookedAt = 0;
    const again: Departure[] = [];
    for (const departure of this.#ready) {
      if (left <= 0 || lookedAt === lookedAtMax) break;
      this.#ready.delete(departure);
      left = this.#advance(departure, left, now);
      lookedAt += 1;
      if (left <= 0) again.push(departure);
    }
    for (const departure of again) this.#ready.add(departure);
    return this.#isHurried || this.#ready.size > 0;
  }

  /** True: not all were seen yet. */
  #goRound(countMax: number): boolean {
    this.#round ??= this.#departures.values();
    for (let seen = 0; seen < countMax; seen += 1) {
      const next = this.#round.next();
      if (next.done === true) {
        this.#round = undefined;
        return false;
      }
      this.#ready.add(next.value);
    }
    return true;
  }

  #advance(departure: Departure, budget: number, now: number): number {
    const { key, session } = departure;
    const owner = this.#host.ownerOf(key);
    if (owner === undefined || owner.born > session.born) {
      this.#end(departure, true);
      return budget - 1;
    }
    departure.owner = owner.site;
    const target = this.#host.isUp(owner.site) ? owner.site : undefined;
    if (target !== departure.target) this.#restart(departure, target);
    if (departure.awaitedMarks !== undefined) this.#review(departure, now);
    if (target === undefined || now < departure.retryAt || departure.hasSentEnd) return budget;
    if (!departure.hasSentState && !this.#sendState(departure, target)) return budget;
    return this.#sendEntries(departure, target, budget, now);
  }

  /** Who has left, or was there for long enough, sends nothing any more. */
  #review(departure: Departure, now: number): void {
    const { awaitedMarks, settledAt } = departure;
    if (awaitedMarks === undefined || settledAt === 0) return;
    const others = this.#host.others();
    for (const [site, since] of awaitedMarks) {
      const upSince = this.#host.isUp(site) ? since || now : 0;
      const isOver = upSince === 0 ? now - settledAt >= absentWaitMs : now - upSince >= markWaitMs;
      if (isOver || !others.includes(site)) awaitedMarks.delete(site);
      else awaitedMarks.set(site, upSince);
    }
    if (awaitedMarks.size === 0) this.#unroute(departure);
  }

  #unroute(departure: Departure): void {
    if (departure.awaitedMarks === undefined) return;
    departure.awaitedMarks = undefined;
    this.#host.unroute(departure.session);
  }

  #restart(departure: Departure, target: Site | undefined): void {
    departure.target = target;
    departure.round += 1;
    departure.hasSentState = false;
    departure.isStateOwned = false;
    departure.hasSentEnd = false;
    departure.unsent = [];
    departure.at = 0;
    departure.lastSequence = 0;
    departure.unconfirmed = 0;
  }

  #sendState(departure: Departure, target: Site): boolean {
    const { session } = departure;
    const { expiryInterval, received, subscriptions } = session;
    departure.hasSentState = this.#send(departure, target, undefined, {
      ...headOf(session),
      kind: 'state',
      expiryInterval,
      received: [...(received?.keys() ?? [])],
      subscriptions: [...subscriptions.values()].map(handedSubscription),
    });
    return departure.hasSentState;
  }

  #sendEntries(departure: Departure, target: Site, budget: number, now: number): number {
    const { session } = departure;
    let left = budget;
    if (departure.at === departure.unsent.length) {
      const isUnderWay = departure.lastSequence > 0 && departure.unconfirmed > 0;
      if (isUnderWay && hasRefused(departure)) return left;
      this.#gather(departure);
    }
    while (left > 0 && departure.at < departure.unsent.length) {
      const entry = departure.unsent[departure.at] as Entry;
      if (entry.state !== EntryState.Done && entry.qos > 0) {
        const handed = handedEntry(entry, now);
        if (
          !this.#send(departure, target, entry, {
            ...headOf(session),
            kind: 'entry',
            entry: handed,
          })
        ) {
          return left;
        }
        left -= 1;
      }
      departure.at += 1;
    }
    const isAll = departure.at === departure.unsent.length && departure.unconfirmed === 0;
    if (!isAll || departure.awaitedMarks !== undefined) return left;
    this.#gather(departure);
    if (departure.unsent.length > 0) return left;
    departure.hasSentEnd = this.#send(departure, target, undefined, {
      ...headOf(session),
      kind: 'end',
    });
    return left;
  }

  /** What came since: a first time all, in order, then what is behind that. */
  #gather(departure: Departure): void {
    const { session, lastSequence } = departure;
    departure.unsent = [];
    departure.at = 0;
    if (lastSequence === session.lastSequence && lastSequence !== 0) return;
    for (const entry of session.entries()) {
      if (entry.sequence > lastSequence) departure.unsent.push(entry);
    }
    departure.lastSequence = session.lastSequence;
  }

  #send(departure: Departure, target: Site, entry: Entry | undefined, handover: Handover): boolean {
    const { round } = departure;
    const isSent = this.#host.handOver(target, handover, {
      confirmed: () => {
        // Whoever it went to owns it, even if somebody else has the session by now.
        if (entry !== undefined) departure.session.handedOver(entry);
        if (departure.round !== round) return;
        departure.unconfirmed -= 1;
        if (departure.unconfirmed === 0) this.#ready.add(departure);
        if (handover.kind === 'state') departure.isStateOwned = true;
        if (handover.kind === 'end') this.#onEnded(departure);
      },
      refused: (reason, now) => {
        if (departure.round === round) this.#refused(departure, reason, now);
      },
    });
    if (isSent) departure.unconfirmed += 1;
    return isSent;
  }

  #onEnded(departure: Departure): void {
    if (departure.session.lastSequence === departure.lastSequence) {
      this.#end(departure, false);
      return;
    }
    // A message that its member did not take was kept here meanwhile.
    departure.hasSentEnd = false;
    this.#ready.add(departure);
  }

  #refused(departure: Departure, reason: number, now: number): void {
    this.#host.refused(departure.session, reason);
    if (reason === RefusedBecause.Stale || reason === RefusedBecause.Malformed) {
      this.#end(departure, true);
      return;
    }
    this.#restart(departure, undefined);
    departure.refusedUpTo = departure.session.lastSequence;
    departure.retryAt = now + retryMs;
  }

  #forget(departure: Departure): void {
    this.#departures.delete(departure.key);
    this.#ready.delete(departure);
    departure.round += 1;
  }

  #end(departure: Departure, isLost: boolean): void {
    if (this.#departures.get(departure.key) !== departure) return;
    this.#forget(departure);
    this.#unroute(departure);
    this.#host.ended(departure.session, isLost);
  }
}

/** Something is here that its member refused, though it may have been sent again. */
function hasRefused({ session, refusedUpTo }: Departure): boolean {
  const first = refusedUpTo === 0 ? undefined : session.firstWaiting();
  return first !== undefined && first.sequence <= refusedUpTo;
}

/** Something of it has not been sent. */
function hasMore({ at, unsent, session, lastSequence }: Departure): boolean {
  return at < unsent.length || session.lastSequence > lastSequence;
}

function headOf({ mountpoint, clientIdentifier, born }: Session): {
  mountpoint: string;
  clientIdentifier: string;
  born: Stamp;
} {
  return { mountpoint, clientIdentifier, born };
}

function handedEntry(entry: Entry, now: number): HandedEntry {
  const { message, group, state } = entry;
  const { expiresAt } = message;
  const wasSent = state === EntryState.Published || state === EntryState.Released;
  return {
    topic: message.topic,
    payload: message.payload,
    properties: message.properties,
    publishedQoS: message.qos,
    publishedRetain: message.retain,
    publisher: message.publisher,
    expiresInMs: expiresAt === 0 ? -1 : Math.max(0, expiresAt - now),
    qos: entry.qos,
    retain: entry.retain,
    subscriptionIdentifiers: entry.subscriptionIdentifiers,
    group: group === undefined ? undefined : { group: group.group, filter: group.filter },
    packetIdentifier: wasSent ? entry.packetIdentifier : 0,
    isReleased: state === EntryState.Released,
  };
}
