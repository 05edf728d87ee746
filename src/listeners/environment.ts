import type { Clock } from '../base/mod.js';
import type { AcceptLink } from '../session/mod.js';
import type { AddressLimits } from './address-limits.js';
import type { ListenerCounters, ListenerLog } from './options.js';
import type { PendingBytes, PendingOwner } from './pending-bytes.js';
import type { Turn } from './turn.js';

/** What the node gives to all listeners. */
export interface ListenersEnvironment {
  readonly accept: AcceptLink;
  readonly clock: Clock;
  readonly log: ListenerLog;
  readonly counters: ListenerCounters;
  readonly turn: Turn;
  readonly limits: {
    /** listener.max_pending_bytes */
    readonly maxPendingBytes: number;
    /** max_connect_rate: connections per second and address; 0 off. */
    readonly maxConnectRate: number;
    /** max_failed_logins: per minute and address; 0 off. */
    readonly maxFailedLogins: number;
  };
}

/** A link that was closed by us and still has to flush. */
export interface ClosingLink {
  /** True when it was too late and is destroyed. */
  destroyIfLate(now: number): boolean;
}

/** What one listener gives to its links. */
export interface LinkEnvironment {
  readonly clock: Clock;
  readonly log: ListenerLog;
  readonly counters: ListenerCounters;
  readonly turn: Turn;
  readonly pending: PendingBytes;
  readonly addresses: AddressLimits;
  readonly accept: AcceptLink;
  /** `link` closes in good order and must be gone in time. */
  onLinkClosing(link: ClosingLink): void;
  onLinkClosed(link: PendingOwner & ClosingLink): void;
}
