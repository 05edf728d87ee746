import { type Awaited, RefusedBecause } from '../cluster/flow/mod.js';
import type { QoS } from '../packet/mod.js';
import type { Confirmation, Durability } from '../session/mod.js';
import type { ParkedMessage } from './parking.js';

export interface SentToGroupHost {
  readonly durability: Durability;
  /** Keeps it for a session of the member that it was sent to. None: that has none. */
  park(now: number): readonly ParkedMessage[];
  /** Another one of the group gets it. `confirmation` undefined: its publisher waits no more. */
  redirect(confirmation: Confirmation | undefined, now: number): void;
  /** The member had it after all. */
  takeBack(parked: readonly ParkedMessage[]): void;
}

/**
 * A message with QoS 1 or 2 of a shared subscription on its way to a member that has subscribers of
 * it. As `SentMessage`, but what was not taken goes to somebody else. QoS 2 that may have arrived
 * does not [MQTT5-4.8.2-5]: it waits for its member, unless that has no session to keep it.
 */
export class SentToGroup implements Awaited {
  readonly isWrittenAtOnce: boolean;
  readonly #host: SentToGroupHost;
  readonly #qos: QoS;
  /** Undefined once the publisher is acknowledged. */
  #confirmation: Confirmation | undefined;
  #parked: readonly ParkedMessage[] = [];
  #isStranded = false;

  constructor(
    host: SentToGroupHost,
    qos: QoS,
    isWrittenAtOnce: boolean,
    confirmation: Confirmation,
  ) {
    this.#host = host;
    this.#qos = qos;
    this.isWrittenAtOnce = isWrittenAtOnce;
    this.#confirmation = confirmation;
  }

  confirmed(now: number): void {
    this.#settle(0, now);
    this.#host.takeBack(this.#parked);
    this.#parked = [];
  }

  refused(reason: number, now: number): void {
    // Somebody else has it since, or it is parked.
    if (this.#isStranded) return;
    if (reason === RefusedBecause.Malformed) {
      this.#confirmation?.refuse(now);
      this.#confirmation = undefined;
      return;
    }
    this.#host.redirect(this.#confirmation, now);
    this.#settle(0, now);
  }

  overdue(now: number): void {
    this.#settle(this.#host.durability.ticket, now);
  }

  stranded(now: number): void {
    this.#isStranded = true;
    this.#parked = this.#qos === 2 ? this.#host.park(now) : [];
    if (this.#parked.length === 0) this.#host.redirect(this.#confirmation, now);
    this.#settle(this.#parked.length === 0 ? 0 : this.#host.durability.ticket, now);
  }

  #settle(ticket: number, now: number): void {
    this.#confirmation?.settle(ticket, now);
    this.#confirmation = undefined;
  }
}
