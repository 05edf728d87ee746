import type { Durability, DurabilityWaiter } from './durability.js';

/**
 * What an acknowledgement waits for beside the store: other members of the cluster that are to own
 * the message, or this node's store in their place.
 *
 * ```
 *  forwarded ── pending ──┬── confirmed by each ───────────────▶ settled
 *                         └── parked here (`ticket` is raised) ──▶ settled, once that is durable
 * ```
 */
export class Confirmation {
  /** Batch that must be durable as well; 0: none. */
  ticket = 0;
  /** Somebody could not own it: the publisher is told so. */
  isRefused = false;
  #pending = 0;
  #waiter: DurabilityWaiter | undefined;
  readonly #durability: Durability;

  constructor(durability: Durability) {
    this.#durability = durability;
  }

  get isSettled(): boolean {
    return this.#pending === 0;
  }

  /** One more member is waited for. */
  expect(): void {
    this.#pending += 1;
  }

  /** One of them owns it, or batch `ticket` (0: none) will own it in its place. */
  settle(ticket: number, now: number): void {
    this.#pending -= 1;
    this.ticket = Math.max(this.ticket, ticket);
    if (this.#pending > 0) return;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.onDurable(this.#durability.durable, 0, now);
  }

  /** One of them cannot own it, nor can this node. */
  refuse(now: number): void {
    this.isRefused = true;
    this.settle(0, now);
  }

  /** `waiter.onDurable` is called once when it is settled. */
  wait(waiter: DurabilityWaiter): void {
    this.#waiter = waiter;
  }
}
