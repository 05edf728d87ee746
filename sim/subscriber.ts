import type { ProtocolVersion } from '../src/packet/mod.js';
import type { Chance } from './chance.js';
import {
  acknowledgementBytes,
  type AcknowledgementKind,
  type Received,
  subscribeBytes,
  unsubscribeBytes,
} from './codec.js';
import type { ClientWorld, Connection } from './connection.js';
import type { Subscription } from './history.js';
import { mayNotKnow } from './knowable.js';

/** A filter that a client wants as long as it lives. */
export interface Wanted {
  readonly filter: string;
  readonly qos: number;
}

/** Identifiers of requests lie above those of publishes. */
const firstRequestIdentifier = 1000;
const requestIdentifiersMax = 1000;

/** What a client is told and has to answer: subscriptions, and messages of any QoS. */
export class Subscriber {
  readonly #clientIdentifier: string;
  readonly #version: ProtocolVersion;
  readonly #wanted: readonly Wanted[];
  readonly #isPersistent: boolean;
  readonly #chance: Chance;
  readonly #world: ClientWorld;
  /** Filter → its subscription in the present session. */
  readonly #standing = new Map<string, Subscription>();
  readonly #requests = new Map<number, { filters: readonly Wanted[]; isEnd: boolean }>();
  /** QoS 2 identifiers that are not released. */
  readonly #held = new Set<number>();
  #session: number;
  #requestIdentifier = 0;
  #answerAt = 0;

  constructor(
    clientIdentifier: string,
    version: ProtocolVersion,
    wanted: readonly Wanted[],
    isPersistent: boolean,
    chance: Chance,
    world: ClientWorld,
  ) {
    this.#clientIdentifier = clientIdentifier;
    this.#version = version;
    this.#wanted = wanted;
    this.#isPersistent = isPersistent;
    this.#chance = chance;
    this.#world = world;
    this.#session = world.sessions += 1;
  }

  get isSubscribed(): boolean {
    return this.#wanted.every(
      ({ filter }) => this.#standing.get(filter)?.acknowledgedAt !== undefined,
    );
  }

  /** Filters of subscriptions that were acknowledged and still stand. */
  get filters(): string[] {
    const standing = [...this.#standing.values()];
    return standing.filter((one) => one.acknowledgedAt !== undefined).map(({ filter }) => filter);
  }

  /** The session is thrown away, or may be: what it had is over, or may be. */
  sessionEnding(): void {
    const { now } = this.#world.history;
    for (const subscription of this.#standing.values()) subscription.endRequestedAt ??= now;
    this.#held.clear();
  }

  onConnected(connection: Connection, sessionPresent: boolean): void {
    this.#requests.clear();
    this.#answerAt = 0;
    if (!sessionPresent) {
      this.sessionEnding();
      for (const subscription of this.#standing.values()) {
        subscription.endedAt ??= this.#world.history.now;
      }
      this.#standing.clear();
      this.#session = this.#world.sessions += 1;
    }
    this.#doubt(connection);
    const { homes } = this.#world.history;
    const known = homes.get(this.#session);
    if (known === undefined) homes.set(this.#session, new Set([connection.node]));
    else known.add(connection.node);
    const missing = this.#wanted.filter(({ filter }) => {
      const standing = this.#standing.get(filter);
      return standing?.acknowledgedAt === undefined || standing.endRequestedAt !== undefined;
    });
    if (missing.length > 0) this.#subscribe(connection, missing);
  }

  /** What this node may not have heard of may be missing in the session that it goes on with. */
  #doubt({ node }: Connection): void {
    const { history } = this.#world;
    for (const standing of this.#standing.values()) {
      const { acknowledgedAt, acknowledgedBy } = standing;
      if (acknowledgedAt === undefined || acknowledgedBy === undefined) continue;
      if (!mayNotKnow(history, acknowledgedBy, node, acknowledgedAt, history.now)) continue;
      standing.endRequestedAt ??= history.now;
    }
  }

  /** Asks again for what it has, which is allowed at any time. */
  subscribeAgain(connection: Connection): void {
    if (this.#requests.size === 0 && this.#wanted.length > 0) {
      this.#subscribe(connection, [this.#chance.pick(this.#wanted)]);
    }
  }

  /** Gives one filter up; it is asked for again as soon as that is confirmed. */
  unsubscribeOne(connection: Connection): void {
    if (this.#requests.size > 0 || this.#wanted.length === 0) return;
    const wanted = this.#chance.pick(this.#wanted);
    const standing = this.#standing.get(wanted.filter);
    if (standing?.acknowledgedAt === undefined) return;
    standing.endRequestedAt ??= this.#world.history.now;
    const identifier = this.#request([wanted], true);
    connection.asked('unsubscribe', `request ${identifier}`);
    this.#tell(() => `UNSUBSCRIBE ${wanted.filter}`);
    connection.send(unsubscribeBytes(this.#version, identifier, wanted.filter));
  }

  onPacket(connection: Connection, packet: Received): void {
    switch (packet.kind) {
      case 'publish':
        this.#onPublish(connection, packet);
        return;
      case 'pubrel':
        this.#held.delete(packet.packetIdentifier);
        this.#answer(connection, 'pubcomp', packet.packetIdentifier);
        return;
      case 'suback':
      case 'unsuback':
        this.#onAnswer(connection, packet.packetIdentifier, packet.codes);
        return;
      default:
    }
  }

  #subscribe(connection: Connection, filters: readonly Wanted[]): void {
    const { history } = this.#world;
    for (const { filter, qos } of filters) {
      const standing = this.#standing.get(filter);
      if (standing !== undefined && standing.endRequestedAt === undefined) continue;
      // Whether the old one is over is open until the broker says so; the new one certainly begins.
      const subscription: Subscription = {
        clientIdentifier: this.#clientIdentifier,
        filter,
        qos,
        isPersistent: this.#isPersistent,
        session: this.#session,
        requestedAt: history.now,
        acknowledgedAt: undefined,
        acknowledgedBy: undefined,
        endRequestedAt: undefined,
        endedAt: undefined,
      };
      history.subscriptions.push(subscription);
      this.#standing.set(filter, subscription);
    }
    const identifier = this.#request(filters, false);
    connection.asked('subscribe', `request ${identifier}`);
    this.#tell(() => `SUBSCRIBE ${filters.map(({ filter, qos }) => `${filter}:${qos}`).join(' ')}`);
    connection.send(subscribeBytes(this.#version, identifier, filters));
  }

  #request(filters: readonly Wanted[], isEnd: boolean): number {
    this.#requestIdentifier = (this.#requestIdentifier + 1) % requestIdentifiersMax;
    const identifier = firstRequestIdentifier + this.#requestIdentifier;
    this.#requests.set(identifier, { filters, isEnd });
    return identifier;
  }

  #onAnswer(connection: Connection, identifier: number, codes: readonly number[]): void {
    const request = this.#requests.get(identifier);
    if (request === undefined) return;
    this.#requests.delete(identifier);
    const askedAt = connection.answered(`request ${identifier}`);
    const { history } = this.#world;
    const wasRefusing = history.wasRefusing(connection.node, askedAt ?? history.now);
    if (request.isEnd) {
      const isRefused = (codes[0] ?? 0) >= 0x80;
      if (askedAt !== undefined) {
        history.answered(connection.node, 'unsubscribe', askedAt, isRefused);
      }
      if (isRefused) return;
      for (const { filter } of request.filters) {
        const standing = this.#standing.get(filter);
        // With a store that refuses it is confirmed, and may come back after a crash.
        if (standing !== undefined && !wasRefusing) standing.endedAt = history.now;
        this.#standing.delete(filter);
      }
      this.#subscribe(connection, request.filters);
      return;
    }
    request.filters.forEach(({ filter, qos }, index) => {
      const standing = this.#standing.get(filter);
      if (standing === undefined) return;
      const code = codes[index] ?? 0xff;
      if (askedAt !== undefined) {
        history.answered(connection.node, 'subscribe', askedAt, code >= 0x80);
      }
      if (code < 0x80) {
        if (code === qos) {
          standing.acknowledgedAt ??= history.now;
          standing.acknowledgedBy ??= connection.node;
        } else history.violated('granted', `${filter}:${qos} was granted ${code}`);
        return;
      }
      this.#subscribeLater(connection, filter);
    });
  }

  #subscribeLater(connection: Connection, filter: string): void {
    this.#world.scheduler.after(1000, () => {
      if (connection.isOver || this.#standing.get(filter)?.acknowledgedAt !== undefined) return;
      this.#subscribe(
        connection,
        this.#wanted.filter((wanted) => wanted.filter === filter),
      );
    });
  }

  #onPublish(connection: Connection, packet: Extract<Received, { kind: 'publish' }>): void {
    const { history, scheduler } = this.#world;
    const { qos, packetIdentifier, dup, retain, payload } = packet;
    const isKnown = qos === 2 && this.#held.has(packetIdentifier);
    if (qos === 2) this.#held.add(packetIdentifier);
    if (qos > 0) this.#answer(connection, qos === 1 ? 'puback' : 'pubrec', packetIdentifier);
    if (isKnown) return;
    // What clears a retained message names none.
    if (payload === '' && history.publications.some((one) => one.isClear)) return;
    const publication = history.publicationOf(payload);
    const clientIdentifier = this.#clientIdentifier;
    if (publication === undefined || publication.topicName !== packet.topicName) {
      const what = `${clientIdentifier} got a message that nobody sent: ${payload.slice(0, 20)}`;
      history.violated('unknown message', what, clientIdentifier);
      return;
    }
    const { number, node } = connection;
    const at = scheduler.now;
    const session = this.#session;
    const connectionNumber = number;
    history.deliveries.push({
      ...{ publication, clientIdentifier, session, node, connection: connectionNumber, at },
      ...{ qos, dup, retain },
    });
  }

  /** In order, now and then late. What was not said when the connection ends never is. */
  #answer(connection: Connection, kind: AcknowledgementKind, packetIdentifier: number): void {
    const { scheduler } = this.#world;
    const delay = this.#chance.isHit(0.1) ? this.#chance.around(200) : 0;
    this.#answerAt = Math.max(this.#answerAt, scheduler.now + delay);
    const say = (): void => {
      if (!connection.isOver) connection.send(acknowledgementBytes(kind, packetIdentifier));
    };
    if (this.#answerAt <= scheduler.now) say();
    else scheduler.at(this.#answerAt, say);
  }

  #tell(what: () => string): void {
    this.#world.story.tell(this.#clientIdentifier, what);
  }
}
