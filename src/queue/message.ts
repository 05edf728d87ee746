import type { QoS } from '../packet/mod.js';

/**
 * An Application Message that the broker keeps: queued, in flight, retained. Immutable but for the
 * store's bookkeeping; shared by every session that holds it. Owns all its bytes.
 */
export class Message {
  readonly topicName: string;
  /** `topicName` as UTF-8. */
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
  /**
   * Property block to forward, without Topic Alias, Message Expiry and Subscription Identifiers.
   */
  readonly properties: Uint8Array | undefined;
  /** As published. */
  readonly qos: QoS;
  /** The RETAIN flag as published. */
  readonly retain: boolean;
  /** Milliseconds since the epoch; 0 never. */
  readonly expiresAt: number;
  /** Client Identifier of the publisher, for No Local; '' for the broker itself. */
  readonly publisher: string;
  /**
   * Nobody will send it again, because its publisher was answered or is the broker itself: a store
   * that fails does not withdraw it.
   */
  isOurs = false;
  /** Number of its record in the `message` table; 0 while it has none. Set by the journal. */
  storeNumber = 0;
  /** Persisted entries that refer to this message. Kept by the journal. */
  references = 0;

  constructor(
    topicName: string,
    topic: Uint8Array,
    payload: Uint8Array,
    properties: Uint8Array | undefined,
    qos: QoS,
    retain: boolean,
    expiresAt: number,
    publisher: string,
  ) {
    this.topicName = topicName;
    this.topic = topic;
    this.payload = payload;
    this.properties = properties;
    this.qos = qos;
    this.retain = retain;
    this.expiresAt = expiresAt;
    this.publisher = publisher;
  }

  /** Bytes that this message holds, for limits. */
  get sizeBytes(): number {
    return this.topic.length + this.payload.length + (this.properties?.length ?? 0);
  }

  /** [MQTT5-3.3.2-5]: past its Message Expiry Interval a message is not delivered any more. */
  isExpired(now: number): boolean {
    return this.expiresAt !== 0 && this.expiresAt <= now;
  }

  /** Seconds left, to be forwarded [MQTT5-3.3.2-6]; -1 when the message does not expire. */
  remainingExpiry(now: number): number {
    if (this.expiresAt === 0) return -1;
    return Math.max(Math.ceil((this.expiresAt - now) / 1000), 0);
  }
}
