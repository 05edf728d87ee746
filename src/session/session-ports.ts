import type { Metrics } from '../metrics/mod.js';
import type { ProtocolVersion, QoS } from '../packet/mod.js';
import type { Entry, Message, Publication } from '../queue/mod.js';
import type { Durability } from './durability.js';
import type { DeliveryTarget, Receiver } from './subscription.js';

/** Sessions with this expiry interval never expire [MQTT5 3.1.2.11.2]. */
export const neverExpires = 0xffff_ffff;

/** A message in the retained store, with its place in the order of all publishes of this node. */
export interface Retained {
  readonly message: Message;
  readonly stamp: number;
  /**
   * When it went to those who had subscribed then, in the same order; 0: it did not, but came as
   * retained from another member.
   */
  passedAt: number;
  /** Number of its record in the `retained` table. */
  storeNumber: number;
}

/** Which retained messages belong to a new subscription: those that it did not get otherwise. */
export interface RetainedView {
  has(retained: Retained): boolean;
}

export type DropReason = 'queue_full' | 'expired' | 'packet_too_large';

/** What a session needs of the node. */
export interface SessionHost {
  readonly metrics: Metrics;
  readonly durability: Durability;
  messageDropped(session: Receiver, message: Message, reason: DropReason): void;
}

/** The client machine behind a channel, as far as others may use it. */
export interface ChannelOwner {
  /** Ends the connection from our side with a reason that a v5 client is told. */
  disconnect(reasonCode: number, reason: string, now: number): void;
}

/** The way to a connected client. Implemented by the client machine. */
export interface Channel {
  readonly client: ChannelOwner;
  readonly version: ProtocolVersion;
  /** Receive Maximum: QoS 1 and 2 messages that may be unacknowledged. */
  readonly window: number;
  /** False while the connection has as many unsent bytes as it may have. */
  canWrite(): boolean;
  /** Calls `pump` of the session in a later turn. */
  pumpLater(): void;
  /** Serialised once for all. False: larger than the client's Maximum Packet Size, not sent. */
  writePublication(
    publication: Publication,
    target: DeliveryTarget,
    qos: QoS,
    packetIdentifier: number,
    now: number,
  ): boolean;
  /** The same from a kept message. */
  writeEntry(entry: Entry, now: number): boolean;
  /**
   * Calls `sendHeld` of the session when everything that is held has gone, and (`isForStore`) what
   * changed until now is durable.
   */
  hold(entry: Entry, isForStore: boolean): void;
  writePubrel(packetIdentifier: number, reasonCode: number): void;
  /** PUBREL once everything changed so far is durable. */
  holdPubrel(entry: Entry): void;
}
