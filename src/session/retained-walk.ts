import { Entry } from '../queue/mod.js';
import type { RetainedCursor } from '../retain/mod.js';
import type { Retained } from './session-ports.js';
import type { Subscription } from './subscription.js';

/**
 * Retained messages on their way to one new subscription, as fast as its client takes them (MQTT 5
 * section 3.3.1.3).
 * Statements: [MQTT3-3.3.1-6]
 */
export class RetainedWalk {
  readonly subscription: Subscription;
  readonly #cursor: RetainedCursor<Retained>;
  /** Retained messages with a higher stamp were delivered as live messages. */
  readonly #stamp: number;

  constructor(cursor: RetainedCursor<Retained>, subscription: Subscription, stamp: number) {
    this.#cursor = cursor;
    this.subscription = subscription;
    this.#stamp = stamp;
  }

  /** The next one as an entry of the session; undefined: that was all. */
  next(now: number): Entry | undefined {
    const { subscription } = this;
    const { session } = subscription;
    for (let found = this.#cursor.next(); found !== undefined; found = this.#cursor.next()) {
      const { message } = found;
      if (found.stamp > this.#stamp || message.isExpired(now)) continue;
      if (subscription.noLocal && message.publisher === session.clientIdentifier) continue;
      const isUpgraded = session.limits.upgradeOutgoingQoS || message.qos > subscription.qos;
      const qos = isUpgraded ? subscription.qos : message.qos;
      return new Entry(message, qos, true, subscription.subscriptionIdentifiers, undefined);
    }
    return undefined;
  }
}
