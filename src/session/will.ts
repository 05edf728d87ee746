import type { QoS } from '../packet/mod.js';
import type { Message } from '../queue/mod.js';

/**
 * The Will Message of a session, as it is published when the connection ends without DISCONNECT.
 */
export interface SessionWill {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Forwardable property block. */
  readonly properties: Uint8Array | undefined;
  /** Seconds from publication; -1 never expires. */
  readonly messageExpiryInterval: number;
  /** Seconds between the end of the connection and publication, `max_last_will_delay` applied. */
  readonly delaySeconds: number;
}

/** Makes the message when the will falls due: its expiry counts from then. */
export type WillMessage = (will: SessionWill, publisher: string, now: number) => Message;
