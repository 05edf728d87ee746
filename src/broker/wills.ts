import { Buffer } from 'node:buffer';
import type { Site } from '../cluster/identity/mod.js';
import type { SessionName } from '../cluster/takeover/mod.js';
import { keyOf } from './session-claims.js';
import type { Journal } from '../journal/mod.js';
import { Message } from '../queue/mod.js';
import { type ClientLog, Session, type SessionHost, type SessionWill } from '../session/mod.js';
import type { Act } from './told-first.js';
import type { WillRows } from './will-rows.js';

export interface WillsHost {
  readonly journal: Journal;
  readonly sessionHost: SessionHost;
  readonly log: ClientLog;
  /** Whether a client may publish now, of whom a back end said `override`. */
  mayPublish(override: boolean | undefined): boolean;
  publish(mountpoint: string, message: Message, now: number): void;
}

/** Where several nodes know of each other's wills. */
export interface SharedWills {
  readonly rows: WillRows;
  /** `isRestored`: the will is from before this node was started, so others may have seen to it. */
  mayPublish(isRestored: boolean, now: number): boolean;
  /** The row of the will goes; `act` when all know that. */
  tellFirst(session: Session, act: Act, now: number): void;
  /** True: wills of it that other members have go out, before anything that it publishes. */
  clientCame(name: SessionName, isResumed: boolean, now: number): boolean;
  /** The client has come to another member, who hears of its will before anything else. */
  clientWent(name: SessionName, now: number): void;
  /** The session was the leaving member's; so is its will, if it has one, from now on not. */
  takeOver(site: Site, name: SessionName, now: number): TakenWill | undefined;
}

/** A will that came with a session. */
export interface TakenWill {
  readonly will: SessionWill;
  /** In ms since the epoch. */
  readonly dueAt: number;
}

/** A will that is about to go out. */
interface Waiting {
  readonly session: Session;
  readonly will: SessionWill;
  /** Its row had. */
  readonly stamp: number;
  readonly isRestored: boolean;
}

/** Wills of sessions that ended while nothing might be published; beyond it the oldest are lost. */
const heldMax = 100_000;
/** Of those, in one tick. */
const perTickMax = 500;

/** The wills of this node's clients: when they go out, and that each does once. */
export class Wills {
  /** Undefined: a node without a cluster. */
  shared: SharedWills | undefined;
  readonly #host: WillsHost;
  /** Their sessions are over. Each has a record, so that it outlives the process. */
  readonly #held = new Map<string, Session>();
  /** From before this node was started. */
  readonly #restored = new Set<Session>();

  constructor(host: WillsHost) {
    this.#host = host;
  }

  /**
   * The session has a client, with this will. Wills of its earlier connections that have not gone
   * out are withdrawn [MQTT5-3.1.3-9]; those that should have (the client is elsewhere now) go out
   * first: then true.
   */
  connected(
    session: Session,
    will: SessionWill | undefined,
    isResumed: boolean,
    now: number,
  ): boolean {
    this.discard(session);
    session.will = will;
    this.#dropHeld(keyOf(session));
    const { shared } = this;
    if (shared === undefined) return false;
    const isSent = shared.clientCame(session, isResumed, now);
    if (will !== undefined) shared.rows.put(session, now);
    return isSent;
  }

  discard(session: Session): void {
    session.will = undefined;
    session.willDueAt = 0;
    this.shared?.rows.withdraw(session);
    this.#restored.delete(session);
  }

  /** At start: a session with a will, whose client may have been connected until the end. */
  restored(session: Session, now: number): void {
    const { shared } = this;
    if (session.will === undefined || shared === undefined) return;
    if (shared.rows.isSettled(session)) {
      this.discard(session);
      return;
    }
    this.#restored.add(session);
    shared.rows.put(session, now);
  }

  /** The session was another member's, and its client is not here. True: it has a will. */
  adopted(session: Session, site: Site, now: number): boolean {
    const taken = this.shared?.takeOver(site, session, now);
    if (taken === undefined) return false;
    session.will = taken.will;
    session.willDueAt = taken.dueAt;
    this.shared?.rows.put(session, now);
    return true;
  }

  /**
   * The connection has ended. [MQTT5-3.1.2-8]: published when the delay has passed, or the session
   * ends, if that is first. Kept with the session, published once: [MQTT5-3.1.2-7] [MQTT5-3.1.2-10]
   * [MQTT3-3.1.2-8] [MQTT3-3.1.2-10] [MQTT3-3.1.2-12]
   */
  start(session: Session, will: SessionWill, now: number): void {
    const delay = Math.min(will.delaySeconds, session.expiryInterval);
    if (delay === 0 && this.fire(session, now)) return;
    session.willDueAt = now + delay * 1000;
    this.shared?.rows.update(session);
  }

  /** It is due. False: not now. The caller tells the journal that the session changed. */
  fire(session: Session, now: number): boolean {
    const { will } = session;
    if (will === undefined || this.#isSettled(session)) {
      this.discard(session);
      return true;
    }
    const isRestored = this.#restored.has(session);
    if (!this.#mayPublish(session, isRestored, now)) return false;
    const { shared } = this;
    if (shared === undefined || session.willStamp === 0) {
      this.discard(session);
      this.publish(session, will, now);
      return true;
    }
    const waiting = { session, will, stamp: session.willStamp, isRestored };
    shared.tellFirst(session, (isUrgent, when) => this.#told(waiting, isUrgent, when), now);
    this.discard(session);
    return true;
  }

  /** [MQTT5-3.1.3.2.2]: the end of the session ends the will delay. */
  sessionEnded(session: Session, now: number): void {
    if (session.will === undefined || this.fire(session, now)) return;
    this.#hold(session, now);
  }

  /** Another member says something of a will that this node has, or had. */
  settled(session: Session | undefined, key: string): void {
    const held = this.#held.get(key);
    if (held !== undefined && this.#isSettled(held)) this.#dropHeld(key);
    if (session?.will === undefined || !this.#isSettled(session)) return;
    this.discard(session);
    this.#host.journal.sessionChanged(session);
  }

  // As its flags and properties say: [MQTT5-3.1.2-14] [MQTT5-3.1.2-15] [MQTT5-3.1.3-10]
  // [MQTT3-3.1.2-16] [MQTT3-3.1.2-17]
  publish({ mountpoint, clientIdentifier }: SessionName, will: SessionWill, now: number): void {
    const seconds = will.messageExpiryInterval;
    const message = new Message(
      will.topicName,
      Buffer.from(will.topicName, 'utf8'),
      will.payload,
      will.properties,
      will.qos,
      will.retain,
      seconds < 0 ? 0 : now + seconds * 1000,
      clientIdentifier,
    );
    message.isOurs = true;
    this.#host.publish(mountpoint, message, now);
  }

  /** About once a second: what may be published by now. */
  tick(now: number): void {
    let left = perTickMax;
    for (const [key, session] of this.#held) {
      if (left <= 0) return;
      left -= 1;
      if (this.fire(session, now)) this.#dropHeld(key);
    }
  }

  /** Who is up knows that the will is about to go out. Always done with it. */
  #told({ session, will, stamp, isRestored }: Waiting, isUrgent: boolean, now: number): boolean {
    const rows = this.shared?.rows;
    if (rows?.isOverridden(session, stamp) === true) return true;
    if (this.#mayPublish(session, isRestored, now)) this.publish(session, will, now);
    else if (!isUrgent && rows?.hasOwn(session) === false) {
      // What was a silence of the others turned out to be a cut.
      const { mountpoint, clientIdentifier, limits } = session;
      const rest = new Session(mountpoint, clientIdentifier, limits, this.#host.sessionHost);
      rest.will = will;
      rest.willStamp = stamp;
      if (isRestored) this.#restored.add(rest);
      rows.put(rest, now);
      this.#hold(rest, now);
    }
    return true;
  }

  #hold(session: Session, now: number): void {
    const { mountpoint, clientIdentifier, limits } = session;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size >= heldMax) {
      this.#host.log.warn({ client: oldest }, 'a will that could not be published is dropped');
      this.#dropHeld(oldest);
    }
    const rest = new Session(mountpoint, clientIdentifier, limits, this.#host.sessionHost);
    rest.will = session.will;
    rest.willStamp = session.willStamp;
    rest.willDueAt = now;
    rest.disconnectedAt = now;
    if (this.#restored.delete(session)) this.#restored.add(rest);
    session.will = undefined;
    session.willStamp = 0;
    this.#held.set(keyOf(rest), rest);
    this.#host.journal.sessionChanged(rest);
    this.shared?.rows.update(rest);
  }

  #dropHeld(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.discard(held);
    this.#host.journal.sessionEnded(held);
  }

  #isSettled(session: Session): boolean {
    return this.shared?.rows.isSettled(session) === true;
  }

  #mayPublish({ limits }: Session, isRestored: boolean, now: number): boolean {
    if (!this.#host.mayPublish(limits.gates.publish)) return false;
    return this.shared?.mayPublish(isRestored, now) ?? true;
  }
}
