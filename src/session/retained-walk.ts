import { Entry } from '../queue/mod.js';
import type { RetainedCursor } from '../retain/mod.js';
import type { Retained, RetainedView } from './session-ports.js';
import type { Subscription } from './subscription.js';

/** Nodes of the retained tree that one step may look at: well under a millisecond. */
const nodesMax = 2000;
/** Messages that one step may pass over. */
const skippedMax = 2000;

/**
 * Retained messages on their way to one new subscription, as fast as its client takes them (MQTT 5
 * section 3.3.1.3).
 * Statements: [MQTT3-3.3.1-6]
 */
export class RetainedWalk {
  readonly subscription: Subscription;
  readonly #cursor: RetainedCursor<Retained>;
  readonly #view: RetainedView;

  constructor(cursor: RetainedCursor<Retained>, subscription: Subscription, view: RetainedView) {
    this.#cursor = cursor;
    this.subscription = subscription;
    this.#view = view;
  }

  /** True when `next` has returned everything. */
  get isDone(): boolean {
    return this.#cursor.isDone;
  }

  /**
   * The next one as an entry of the session. Undefined: that was all, or (`isDone` false) enough
   * work for this turn; a filter that matches little in a large tree must not stop everybody.
   */
  next(now: number): Entry | undefined {
    for (let skipped = 0; skipped < skippedMax; skipped += 1) {
      const found = this.#cursor.nextWithin(nodesMax);
      if (found === undefined) return undefined;
      const entry = this.#entryOf(found, now);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Undefined: delivered otherwise, expired, or the client's own under No Local. */
  #entryOf(retained: Retained, now: number): Entry | undefined {
    const { message } = retained;
    const { subscription } = this;
    const { session } = subscription;
    if (!this.#view.has(retained) || message.isExpired(now)) return undefined;
    if (subscription.noLocal && message.publisher === session.clientIdentifier) return undefined;
    const isUpgraded = session.limits.upgradeOutgoingQoS || message.qos > subscription.qos;
    const qos = isUpgraded ? subscription.qos : message.qos;
    return new Entry(message, qos, true, subscription.subscriptionIdentifiers, undefined);
  }
}
