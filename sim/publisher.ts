import type { ProtocolVersion } from '../src/packet/mod.js';
import type { Chance } from './chance.js';
import { acknowledgementBytes, publishBytes, type Received } from './codec.js';
import type { Connection } from './connection.js';
import type { History, Publication } from './history.js';
import type { Story } from './story.js';

/** What a client publishes while it lives. */
export interface PublishPlan {
  readonly topicNames: readonly string[];
  readonly qualities: readonly (readonly [weight: number, qos: number])[];
  readonly retain: boolean;
  /** Mean milliseconds between two. */
  readonly everyMs: number;
  /** Of every payload; undefined: mostly small, now and then large. */
  readonly payloadBytes?: number;
  /** They have no payload: with `retain`, nothing is retained from then on. */
  readonly isClear?: boolean;
}

interface Sent {
  readonly publication: Publication;
  readonly packetIdentifier: number;
  readonly payload: string;
  /** `received`: PUBREC came, PUBREL was sent. */
  state: 'published' | 'received';
}

/** Unanswered messages that a publisher has at most, and the identifiers that it uses in turn. */
const outboxMax = 16;
const identifiersMax = 40;

/**
 * A publisher as the specification wants it: after a reconnect it sends again what was not
 * answered, in order, and never two messages under one identifier.
 */
export class Publisher {
  readonly #clientIdentifier: string;
  readonly #version: ProtocolVersion;
  readonly #plan: PublishPlan;
  readonly #chance: Chance;
  readonly #history: History;
  readonly #story: Story;
  #outbox: Sent[] = [];
  #lastIdentifier = 0;

  constructor(
    clientIdentifier: string,
    version: ProtocolVersion,
    plan: PublishPlan,
    chance: Chance,
    history: History,
    story: Story,
  ) {
    this.#clientIdentifier = clientIdentifier;
    this.#version = version;
    this.#plan = plan;
    this.#chance = chance;
    this.#history = history;
    this.#story = story;
  }

  get plan(): PublishPlan {
    return this.#plan;
  }

  get unanswered(): number {
    return this.#outbox.length;
  }

  publishNext(connection: Connection): void {
    const { topicNames, qualities, retain, payloadBytes, isClear = false } = this.#plan;
    const qos = this.#chance.weighted(qualities);
    if (qos > 0 && this.#outbox.length >= outboxMax) return;
    const topicName = this.#chance.pick(topicNames);
    const publication = this.#history.newPublication({
      publisher: this.#clientIdentifier,
      canBeRefused: this.#version === 5,
      ...{ topicName, qos, retain, isClear, isWill: false },
    });
    const chosen = this.#chance.weighted([
      [8, this.#chance.below(40)],
      [2, 300],
      [0.2, 5000],
    ]);
    const packetIdentifier = qos === 0 ? 0 : this.#freeIdentifier();
    const text = `${publication.id}:${'.'.repeat(payloadBytes ?? chosen)}`;
    const payload = isClear ? '' : text;
    const sent: Sent = { publication, packetIdentifier, payload, state: 'published' };
    if (qos > 0) this.#outbox.push(sent);
    this.#send(connection, sent, false);
  }

  /** CONNACK came: what is unanswered goes out again. */
  onConnected(connection: Connection, sessionPresent: boolean): void {
    if (!sessionPresent) this.#onNewSession();
    for (const sent of this.#outbox) {
      if (sent.state === 'published') this.#send(connection, sent, true);
      else this.#release(connection, sent);
    }
  }

  /** The client threw its session away. */
  forgetSession(): void {
    this.#onNewSession();
  }

  onPacket(connection: Connection, packet: Received): void {
    if (packet.kind !== 'puback' && packet.kind !== 'pubrec' && packet.kind !== 'pubcomp') return;
    const sent = this.#outbox.find((one) => one.packetIdentifier === packet.packetIdentifier);
    if (sent === undefined) return;
    const { publication } = sent;
    const { now } = this.#history;
    if (packet.kind === 'pubcomp') {
      if (sent.state !== 'received') return;
      connection.answered(`pubrel ${publication.id}`);
      this.#drop(sent);
      return;
    }
    const askedAt = connection.answered(`publish ${publication.id}`);
    // One that was sent again may have been accepted before.
    if (askedAt !== undefined && (packet.code >= 0x80 || publication.sends === 1)) {
      this.#history.answered(connection.node, 'publish', askedAt, packet.code >= 0x80);
    }
    if (packet.code >= 0x80) {
      publication.refusedAt ??= now;
      this.#drop(sent);
      return;
    }
    publication.acknowledgedAt ??= now;
    publication.acknowledgedBy ??= connection.node;
    if (packet.kind === 'puback') {
      this.#drop(sent);
      return;
    }
    sent.state = 'received';
    this.#release(connection, sent);
  }

  /** The broker knows nothing of what was under way: QoS 2 may not be sent twice, QoS 1 may. */
  #onNewSession(): void {
    const { now } = this.#history;
    this.#outbox = this.#outbox.filter(({ publication }) => {
      if (publication.qos === 2 && publication.acknowledgedAt === undefined) {
        publication.refusedAt ??= now;
      }
      return publication.qos === 1;
    });
  }

  #send(connection: Connection, { publication, ...sent }: Sent, dup: boolean): void {
    const { topicName, qos, retain, id } = publication;
    publication.sends += 1;
    publication.nodes.add(connection.node);
    publication.lastSentAt = this.#history.now;
    if (qos > 0) connection.asked('publish', `publish ${id}`);
    const { packetIdentifier, payload } = sent;
    this.#story.tell(
      this.#clientIdentifier,
      () => `PUBLISH ${topicName} #${id}, QoS ${qos}, id ${packetIdentifier}${dup ? ', dup' : ''}`,
    );
    const fields = { topicName, payload, qos, retain, dup: dup && qos > 0, packetIdentifier };
    connection.send(publishBytes(this.#version, fields));
  }

  #release(connection: Connection, { publication, packetIdentifier }: Sent): void {
    connection.asked('release', `pubrel ${publication.id}`);
    this.#story.tell(
      this.#clientIdentifier,
      () => `PUBREL id ${packetIdentifier} of #${publication.id}`,
    );
    connection.send(acknowledgementBytes('pubrel', packetIdentifier));
  }

  #drop(sent: Sent): void {
    this.#outbox.splice(this.#outbox.indexOf(sent), 1);
  }

  #freeIdentifier(): number {
    do {
      this.#lastIdentifier = (this.#lastIdentifier % identifiersMax) + 1;
    } while (this.#outbox.some((one) => one.packetIdentifier === this.#lastIdentifier));
    return this.#lastIdentifier;
  }
}
