import { type Awaited, RefusedBecause } from '../cluster/flow/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import type { FrameBody } from '../cluster/link/mod.js';
import type { Confirmation } from '../session/mod.js';
import type { ParkedMessage } from './parking.js';

export interface SentMessageHost {
  /** Batch that what is parked now goes into. */
  readonly ticket: number;
  readonly refusing: boolean;
  /**
   * Keeps the message for the sessions that it was for, wherever they are by now. `isAccepted`: its
   * publisher was acknowledged, so a store that refuses does not have it withdrawn.
   */
  parkBody(
    body: FrameBody,
    sent: { readonly site: Site; readonly sentAt: number; readonly isAccepted: boolean },
    now: number,
  ): readonly ParkedMessage[];
  /** `site` had it after all. */
  takeBack(parked: readonly ParkedMessage[]): void;
}

/**
 * A message with QoS 1 or 2 on its way to a member that has persistent sessions for it. Somebody
 * owns it at every moment from the acknowledgement of its publisher on.
 *
 * ```
 *  sent ─┬─ confirmed ─▶ acknowledged
 *        ├─ overdue ─▶ written here, acknowledged ─┬─ confirmed ─▶ its record goes
 *        │                                         ▼
 *        └─ refused, or the member is down ─▶ parked for its sessions, acknowledged
 *                                                  └─ the member had it after all ─▶ taken back
 * ```
 */
export class SentMessage implements Awaited {
  readonly isWrittenAtOnce: boolean;
  readonly #host: SentMessageHost;
  readonly #body: FrameBody;
  readonly #site: Site;
  readonly #sentAt: number;
  /** Undefined once the publisher is acknowledged. */
  #confirmation: Confirmation | undefined;
  #parked: readonly ParkedMessage[] = [];
  #isStranded = false;

  /** `sentAt`, in ms; `confirmation` undefined: its publisher was acknowledged before a restart. */
  constructor(
    host: SentMessageHost,
    body: FrameBody,
    site: Site,
    sentAt: number,
    confirmation: Confirmation | undefined,
    isWrittenAtOnce: boolean,
  ) {
    this.#host = host;
    this.isWrittenAtOnce = isWrittenAtOnce;
    this.#body = body;
    this.#site = site;
    this.#sentAt = sentAt;
    this.#confirmation = confirmation;
  }

  confirmed(now: number): void {
    this.#settle(0, now);
    this.#host.takeBack(this.#parked);
    this.#parked = [];
  }

  /** Where the member cannot own it this node does, unless the fault is the message's. */
  refused(reason: number, now: number): void {
    // Said before a crash, too, and forgotten in it: what is parked since stays.
    if (this.#isStranded) return;
    const isLost = reason === RefusedBecause.Malformed || this.#host.refusing;
    if (isLost && this.#confirmation !== undefined) {
      this.#confirmation.refuse(now);
      this.#confirmation = undefined;
      return;
    }
    this.stranded(now);
    this.#parked = [];
  }

  overdue(now: number): void {
    this.#settle(this.#host.ticket, now);
  }

  stranded(now: number): void {
    this.#isStranded = true;
    const isAccepted = this.#confirmation === undefined;
    const sent = { site: this.#site, sentAt: this.#sentAt, isAccepted };
    this.#parked = this.#host.parkBody(this.#body, sent, now);
    this.#settle(this.#host.ticket, now);
  }

  #settle(ticket: number, now: number): void {
    this.#confirmation?.settle(ticket, now);
    this.#confirmation = undefined;
  }
}
