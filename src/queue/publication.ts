import {
  forwardableProperties,
  type ProtocolVersion,
  type PublishView,
  PacketWriter,
  type QoS,
  writePublish,
} from '../packet/mod.js';
import { Message } from './message.js';

/** A serialised PUBLISH: `bytes[start, end)`, with its Packet Identifier at `identifierAt`. */
export interface SerialisedPublish {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Offset into `bytes`; 0 for QoS 0. */
  identifierAt: number;
  /** The publication that it belongs to, by serial number. */
  serial: number;
}

/** Serialised bytes gather here until the buffer is this large, then a new one is begun. */
const scratchBytes = 256 * 1024;

function makeSlots(): SerialisedPublish[] {
  const slots: SerialisedPublish[] = [];
  for (let slot = 0; slot < 6; slot += 1) {
    slots.push({ bytes: new Uint8Array(0), start: 0, end: 0, identifierAt: 0, serial: 0 });
  }
  return slots;
}

/**
 * The PUBLISH that is being routed now. One object per node, refilled for every message, so that a
 * QoS 0 message to ready subscribers allocates nothing: it exists as received bytes and as at most
 * one serialisation per protocol family and QoS. Only who must keep it calls `message()`, which
 * makes the owned copy once.
 *
 * Serialised ranges stay valid until the writers that appended them are settled (packet/writer.ts).
 * Properties go out as they came, in their order: [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16]
 * [MQTT5-3.3.2-18] [MQTT5-3.3.2-20]
 */
export class Publication {
  topicName = '';
  /** Owned UTF-8 of `topicName`. */
  topic: Uint8Array = new Uint8Array(0);
  qos: QoS = 0;
  retain = false;
  /** Orders what is retained in a cluster; 0: this is not retained, or by this node alone. */
  retainStamp = 0;
  /** Milliseconds since the epoch; 0 never. */
  expiresAt = 0;
  /**
   * Its Packet Identifier is kept with the publisher's session: what is sent again under it counts
   * as a repetition, after a crash, too, so the message must not be forgotten in one. Nothing of
   * it leaves the node before that is durable: else a crash would have it come as another message.
   */
  isReceiveStateKept = false;
  /** Client Identifier of the publisher; '' for the broker itself. */
  publisher = '';
  #view: PublishView | undefined;
  #version: ProtocolVersion = 4;
  #message: Message | undefined;
  #serial = 0;
  readonly #slots: SerialisedPublish[] = makeSlots();
  #scratch = new PacketWriter();

  /** Refills from a received packet. `view` must stay unchanged until the routing is done. */
  fromView(
    view: PublishView,
    version: ProtocolVersion,
    topicName: string,
    topic: Uint8Array,
    publisher: string,
    now: number,
  ): void {
    this.#begin(topicName, topic, view.qos, view.retain, publisher);
    this.#view = view;
    this.#version = version;
    const interval = view.messageExpiryInterval;
    this.expiresAt = interval < 0 ? 0 : now + interval * 1000;
    this.#message = undefined;
  }

  /** Refills from an owned message (wills, the broker's own, changed by an authorisation). */
  fromMessage(message: Message): void {
    this.#begin(message.topicName, message.topic, message.qos, message.retain, message.publisher);
    this.#view = undefined;
    this.expiresAt = message.expiresAt;
    this.#message = message;
  }

  /** The owned copy, made at the first call. */
  message(): Message {
    let message = this.#message;
    if (message === undefined) {
      const view = this.#view as PublishView;
      const payload = Buffer.allocUnsafe(view.payloadEnd - view.payloadStart);
      payload.set(view.bytes.subarray(view.payloadStart, view.payloadEnd), 0);
      message = new Message(
        this.topicName,
        this.topic,
        payload,
        view.propertiesEnd > view.propertiesStart ? forwardableProperties(view) : undefined,
        this.qos,
        this.retain,
        this.expiresAt,
        this.publisher,
      );
      this.#message = message;
    }
    return message;
  }

  /**
   * The packet as it came, if it can be sent elsewhere once its flags are clear: nothing in it
   * holds for its connection or its time only. Its version is {@link version}.
   */
  get received(): PublishView | undefined {
    const view = this.#view;
    if (view === undefined || view.topicAlias > 0 || view.messageExpiryInterval >= 0) {
      return undefined;
    }
    return view;
  }

  /** Of the received packet. */
  get version(): ProtocolVersion {
    return this.#version;
  }

  get payloadBytes(): number {
    const view = this.#view;
    if (view !== undefined) return view.payloadEnd - view.payloadStart;
    return (this.#message as Message).payload.length;
  }

  /**
   * The PUBLISH as `version` and `qos` have it, RETAIN and DUP clear, no expiry, alias or
   * identifiers. Identifier bytes are 0. The caller must not use it for v5 when `expiresAt` is set.
   */
  serialised(version: ProtocolVersion, qos: QoS): SerialisedPublish {
    const slot = this.#slots[(version === 5 ? 3 : 0) + qos] as SerialisedPublish;
    if (slot.serial === this.#serial) return slot;
    slot.serial = this.#serial;
    const view = this.#view;
    if (view !== undefined && qos === 0 && this.#isForwardable(view, version)) {
      slot.bytes = view.bytes;
      slot.start = view.packetStart;
      slot.end = view.packetEnd;
      slot.identifierAt = 0;
      return slot;
    }
    if (this.#scratch.length > scratchBytes) this.#scratch = new PacketWriter();
    const scratch = this.#scratch;
    const parts = this.#parts(version);
    // Reserving first keeps the packet in one buffer; growth would leave `start` behind.
    scratch.reserve(
      parts.topic.length + parts.payload.length + (parts.properties?.length ?? 0) + 16,
    );
    const start = scratch.length;
    writePublish(scratch, version, parts, qos << 1, 0, undefined);
    slot.bytes = scratch.bytes;
    slot.start = start;
    slot.end = scratch.length;
    slot.identifierAt = qos === 0 ? 0 : identifierOffset(scratch.bytes, start, parts.topic.length);
    return slot;
  }

  /** A received QoS 0 packet can go out as it came: same family, no flag, alias or expiry in it. */
  #isForwardable(view: PublishView, version: ProtocolVersion): boolean {
    if (view.bytes[view.packetStart] !== 0x30) return false;
    if (version === 5) {
      return this.#version === 5 && view.topicAlias === 0 && view.messageExpiryInterval < 0;
    }
    return this.#version !== 5;
  }

  #parts(version: ProtocolVersion): {
    topic: Uint8Array;
    payload: Uint8Array;
    properties: Uint8Array | undefined;
  } {
    const message = this.#message;
    if (message !== undefined) return message;
    const view = this.#view as PublishView;
    const hasProperties = version === 5 && view.propertiesEnd > view.propertiesStart;
    return {
      topic: this.topic,
      payload: view.bytes.subarray(view.payloadStart, view.payloadEnd),
      properties: hasProperties ? forwardableProperties(view) : undefined,
    };
  }

  #begin(topicName: string, topic: Uint8Array, qos: QoS, retain: boolean, publisher: string): void {
    this.#serial += 1;
    this.topicName = topicName;
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.retainStamp = 0;
    this.isReceiveStateKept = false;
    this.publisher = publisher;
  }
}

/** Behind the fixed header (type, remaining length of 1 to 4 bytes) and the Topic Name. */
function identifierOffset(bytes: Uint8Array, start: number, topicLength: number): number {
  let at = start + 1;
  while (((bytes[at] as number) & 0x80) !== 0) at += 1;
  return at + 1 + 2 + topicLength;
}
