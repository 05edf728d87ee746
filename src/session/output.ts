import { assertNever } from '../base/mod.js';
import type { Metrics, VersionCounters } from '../metrics/mod.js';
import {
  type PacketWriter,
  type Properties,
  type ProtocolVersion,
  publishSize,
  type QoS,
  ReasonCode,
  writePuback,
  writePubcomp,
  writePublish,
  writePubrec,
  writePubrel,
} from '../packet/mod.js';
import { type Entry, EntryState, type Publication } from '../queue/mod.js';
import { OutgoingAliases } from './aliases.js';
import type { Confirmation } from './confirmation.js';
import type { Durability, DurabilityWaiter } from './durability.js';
import type { ClientLink } from './link.js';
import type { Session } from './session.js';
import type { Channel, ChannelOwner } from './session-ports.js';
import type { DeliveryTarget } from './subscription.js';

/** Packets that leave only after what they confirm, or depend on, is durable. */
type HeldPacket =
  | {
      readonly kind: 'puback' | 'pubrec' | 'pubcomp';
      packetIdentifier: number;
      reasonCode: number;
      reason: string | undefined;
    }
  | { readonly kind: 'publish' | 'pubrel'; entry: Entry }
  | { readonly kind: 'other'; write: (now: number) => void };

interface Held {
  ticket: number;
  /** Undefined: the store alone decides. */
  confirmation: Confirmation | undefined;
  readonly packet: HeldPacket;
}

export interface OutputHost {
  readonly metrics: Metrics;
  readonly durability: Durability;
  /** Unsent bytes that a connection may have; lower while all together have too many. */
  readonly writeBufferLimit: { readonly bytes: number };
  /** A PUBLISH of this client could not be owned. `packetIdentifier` is free again. */
  onPublishRefused(qos: QoS, packetIdentifier: number, now: number): void;
}

/** What CONNECT says of the packets that the server may send. */
export interface OutputLimits {
  readonly window: number;
  /** Bytes of a whole packet; infinite: no limit. */
  readonly maximumPacketSize: number;
  /** Topic aliases that the server may use; 0 none. */
  readonly topicAliasMaximum: number;
  /** Reason Strings may go with acknowledgements [MQTT5-3.1.2-29]. */
  readonly wantsReasons: boolean;
}

/**
 * Everything that goes to one connected client, in order. PUBLISH, and the acknowledgements, which
 * wait in one line for durability: PUBACKs and PUBRECs keep the order of their PUBLISH packets
 * [MQTT5-4.6.0-2], [MQTT5-4.6.0-3], also where only some of them had to wait.
 * The limits that the client set: [MQTT5-3.1.2-24] [MQTT5-3.1.2-26] [MQTT5-3.1.2-27]
 * [MQTT5-3.3.2-11]
 */
export class ClientOutput implements Channel, DurabilityWaiter {
  readonly version: ProtocolVersion;
  readonly window: number;
  readonly link: ClientLink;
  readonly session: Session;
  readonly client: ChannelOwner;
  /** Bytes that a packet to this client may have [MQTT5-3.1.2-24]; infinite: no limit. */
  readonly maximumPacketSize: number;
  /**
   * PUBLISH packets from this client that are neither answered nor, at QoS 2, in
   * `Session.received`.
   */
  unanswered = 0;
  readonly #writer: PacketWriter;
  readonly #host: OutputHost;
  readonly #counters: VersionCounters;
  readonly #wantsReasons: boolean;
  readonly #writeBufferLimit: { readonly bytes: number };
  readonly #aliases: OutgoingAliases | undefined;
  #held: Held[] = [];
  #askedForWritable = false;
  #closed = false;

  constructor(
    version: ProtocolVersion,
    link: ClientLink,
    session: Session,
    limits: OutputLimits,
    host: OutputHost,
    client: ChannelOwner,
  ) {
    this.client = client;
    this.version = version;
    this.window = limits.window;
    this.link = link;
    this.session = session;
    this.#writer = link.writer;
    this.#host = host;
    this.#counters = version === 5 ? host.metrics.v5 : host.metrics.v4;
    this.maximumPacketSize = limits.maximumPacketSize;
    this.#wantsReasons = limits.wantsReasons;
    this.#writeBufferLimit = host.writeBufferLimit;
    this.#aliases =
      limits.topicAliasMaximum > 0 ? new OutgoingAliases(limits.topicAliasMaximum) : undefined;
  }

  canWrite(): boolean {
    if (this.#closed) return false;
    const unsent = this.link.bufferedBytes + this.#writer.size;
    if (unsent <= this.#writeBufferLimit.bytes) return true;
    this.pumpLater();
    return false;
  }

  pumpLater(): void {
    if (this.#askedForWritable) return;
    this.#askedForWritable = true;
    this.link.notifyWhenWritable();
  }

  onWritable(now: number): void {
    this.#askedForWritable = false;
    this.session.pump(now);
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#held = [];
  }

  writePublication(
    publication: Publication,
    target: DeliveryTarget,
    qos: QoS,
    packetIdentifier: number,
    now: number,
  ): boolean {
    const isPlain =
      target.subscriptionIdentifiers === undefined &&
      !(publication.retain && target.retainAsPublished) &&
      !(this.version === 5 && publication.expiresAt !== 0) &&
      this.#aliases === undefined;
    if (!isPlain) {
      return this.#writeMessage(
        publication.message(),
        qos,
        publication.retain && target.retainAsPublished,
        false,
        packetIdentifier,
        target.subscriptionIdentifiers,
        now,
      );
    }
    const packet = publication.serialised(this.version, qos);
    const size = packet.end - packet.start;
    if (size > this.maximumPacketSize) return false;
    const writer = this.#writer;
    if (qos === 0) {
      writer.append(packet.bytes, packet.start, packet.end);
    } else {
      writer.copy(packet.bytes, packet.start, packet.end);
      const at = writer.length - size + (packet.identifierAt - packet.start);
      writer.bytes[at] = packetIdentifier >>> 8;
      writer.bytes[at + 1] = packetIdentifier & 0xff;
    }
    this.#counters.publishSent += 1;
    this.link.touch();
    return true;
  }

  writeEntry(entry: Entry, now: number): boolean {
    return this.#writeMessage(
      entry.message,
      entry.qos,
      entry.retain,
      entry.sentBefore && entry.qos > 0,
      entry.packetIdentifier,
      entry.subscriptionIdentifiers,
      now,
    );
  }

  writePubrel(packetIdentifier: number, reasonCode: number): void {
    writePubrel(this.#writer, this.version, packetIdentifier, reasonCode);
    this.#counters.pubrelSent.add(reasonCode);
    this.link.touch();
  }

  hold(entry: Entry, isForStore: boolean): void {
    const ticket = isForStore ? this.#host.durability.ticket : 0;
    this.#hold(ticket, { kind: 'publish', entry });
  }

  holdPubrel(entry: Entry): void {
    const ticket = this.session.persistent ? this.#host.durability.ticket : 0;
    this.#hold(ticket, { kind: 'pubrel', entry });
  }

  /** `reason` as properties, if this client wants to be told. */
  reasonProperties(reason: string | undefined): Properties | undefined {
    return reason === undefined || !this.#wantsReasons ? undefined : { reasonString: reason };
  }

  /**
   * PUBACK or PUBREC for a PUBLISH of this client; `ticket` 0: nothing to wait for. `reason` says
   * why it was refused.
   */
  answerPublish(
    qos: QoS,
    packetIdentifier: number,
    reasonCode: number,
    ticket: number,
    reason: string | undefined,
    confirmation?: Confirmation,
  ): void {
    const kind = qos === 1 ? 'puback' : 'pubrec';
    const isSettled = confirmation === undefined || confirmation.isSettled;
    if (this.#held.length === 0 && isSettled && ticket <= this.#host.durability.durable) {
      if (qos === 1 || reasonCode >= 0x80) this.unanswered -= 1;
      this.#writeAnswer(kind, packetIdentifier, reasonCode, reason);
      return;
    }
    this.#hold(ticket, { kind, packetIdentifier, reasonCode, reason }, confirmation);
  }

  answerPubrel(packetIdentifier: number, reasonCode: number, ticket: number): void {
    this.#hold(ticket, { kind: 'pubcomp', packetIdentifier, reasonCode, reason: undefined });
  }

  /** Calls `write` when everything before it in line has gone and `ticket` is durable. */
  whenDurable(ticket: number, write: (now: number) => void, now: number): void {
    if (this.#held.length === 0 && ticket <= this.#host.durability.durable) write(now);
    else this.#hold(ticket, { kind: 'other', write });
  }

  onDurable(durable: number, refused: number, now: number): void {
    if (this.#closed) return;
    const kept: Held[] = [];
    let isWaiting = false;
    let isLineStopped = false;
    for (const item of this.#held) {
      raiseTicket(item);
      const isLost = item.confirmation?.isRefused === true;
      const wasTakenBack = refused !== 0 && item.ticket >= refused;
      if ((isLost || wasTakenBack) && !this.#refuse(item, now)) continue;
      const mayPass = isPublishAnswer(item) ? !isLineStopped : kept.length === 0;
      if (mayPass && isReady(item, durable)) {
        this.#release(item.packet, now);
      } else {
        kept.push(item);
        // A PUBCOMP has no order to keep with the answers to later PUBLISH packets: while the store
        // refuses, it waits, and they say no.
        isLineStopped ||= item.packet.kind !== 'pubcomp';
      }
      isWaiting ||= item.ticket > durable;
      if (this.#closed) return;
    }
    this.#held = kept;
    if (isWaiting) this.#host.durability.wait(this);
    this.link.touch();
  }

  #hold(ticket: number, packet: HeldPacket, confirmation?: Confirmation): void {
    if (this.#closed) return;
    const item: Held = { ticket, packet, confirmation };
    const { durability } = this.#host;
    if (confirmation?.isSettled === false) confirmation.wait(this);
    raiseTicket(item);
    if (this.#held.length === 0 && isReady(item, durability.durable)) {
      this.#release(packet, 0);
      return;
    }
    if (item.ticket > durability.durable) durability.wait(this);
    this.#held.push(item);
  }

  #release(packet: HeldPacket, now: number): void {
    switch (packet.kind) {
      case 'puback':
      case 'pubrec':
        if (packet.kind === 'puback' || packet.reasonCode >= 0x80) this.unanswered -= 1;
        this.#writeAnswer(packet.kind, packet.packetIdentifier, packet.reasonCode, packet.reason);
        return;
      case 'pubcomp':
        this.#writeAnswer(packet.kind, packet.packetIdentifier, packet.reasonCode, packet.reason);
        return;
      case 'publish':
        this.session.sendHeld(packet.entry, now);
        return;
      case 'pubrel':
        if (packet.entry.state === EntryState.Released) {
          this.writePubrel(packet.entry.packetIdentifier, ReasonCode.Success);
        }
        return;
      case 'other':
        packet.write(now);
        return;
      default:
        assertNever(packet);
    }
  }

  /**
   * The batch of `item` was not written: a PUBACK or PUBREC becomes the refusal, in its place in
   * the line; all else waits for a later batch. False: nothing is to be sent (3.x cannot say no).
   */
  #refuse(item: Held, now: number): boolean {
    const { packet } = item;
    if (packet.kind === 'publish' && !this.session.persistent) {
      // One that is kept was withdrawn with its record.
      this.session.withdraw(new Set([packet.entry]));
      return false;
    }
    if (packet.kind !== 'puback' && packet.kind !== 'pubrec') {
      item.ticket = this.#host.durability.ticket;
      return true;
    }
    const qos = packet.kind === 'puback' ? 1 : 2;
    if (qos === 2) {
      this.session.received?.delete(packet.packetIdentifier);
      this.unanswered += 1;
    }
    this.#host.onPublishRefused(qos, packet.packetIdentifier, now);
    if (this.version !== 5) {
      this.unanswered -= 1;
      return false;
    }
    packet.reasonCode = ReasonCode.QuotaExceeded;
    packet.reason = 'the message could not be stored';
    item.ticket = 0;
    item.confirmation = undefined;
    return true;
  }

  #writeAnswer(
    kind: 'puback' | 'pubrec' | 'pubcomp',
    identifier: number,
    code: number,
    reason: string | undefined,
  ): void {
    const counters = this.#counters;
    const text = this.#wantsReasons ? reason : undefined;
    const writer = this.#writer;
    switch (kind) {
      case 'puback':
        writePuback(
          writer,
          this.version,
          identifier,
          code,
          text,
          undefined,
          this.maximumPacketSize,
        );
        counters.pubackSent.add(code);
        break;
      case 'pubrec':
        writePubrec(
          writer,
          this.version,
          identifier,
          code,
          text,
          undefined,
          this.maximumPacketSize,
        );
        counters.pubrecSent.add(code);
        break;
      case 'pubcomp':
        writePubcomp(writer, this.version, identifier, code);
        counters.pubcompSent.add(code);
        break;
      default:
        assertNever(kind);
    }
    this.link.touch();
  }

  // Flags of what goes out: [MQTT5-3.3.1-1] [MQTT5-3.3.1-3] [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]
  // [MQTT5-4.3.1-1] [MQTT3-3.3.1-1] [MQTT3-3.3.1-3] [MQTT3-3.3.1-8] [MQTT3-3.3.1-9] [MQTT3-4.3.1-1]
  #writeMessage(
    message: Entry['message'],
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    packetIdentifier: number,
    subscriptionIdentifiers: readonly number[] | undefined,
    now: number,
  ): boolean {
    const isV5 = this.version === 5;
    const alias = this.#aliases?.lookUp(message.topicName);
    const options = {
      topicAlias: alias?.alias ?? 0,
      omitTopic: alias?.isKnown ?? false,
      messageExpiryInterval: isV5 ? message.remainingExpiry(now) : -1,
      subscriptionIdentifiers: isV5 ? subscriptionIdentifiers : undefined,
    };
    if (this.maximumPacketSize !== Number.POSITIVE_INFINITY) {
      const size = publishSize(this.version, message, qos, options);
      if (size > this.maximumPacketSize) return false;
    }
    if (alias !== undefined) this.#aliases?.confirm(message.topicName);
    const flags = (duplicate ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
    writePublish(this.#writer, this.version, message, flags, packetIdentifier, options);
    this.#counters.publishSent += 1;
    this.link.touch();
    return true;
  }
}

function isPublishAnswer({ packet }: Held): boolean {
  return packet.kind === 'puback' || packet.kind === 'pubrec';
}

function isReady({ confirmation, ticket }: Held, durable: number): boolean {
  return (confirmation === undefined || confirmation.isSettled) && ticket <= durable;
}

/** This node owns the message in a member's place: one more batch to wait for. */
function raiseTicket(item: Held): void {
  const { confirmation } = item;
  if (confirmation?.isSettled === true) item.ticket = Math.max(item.ticket, confirmation.ticket);
}
