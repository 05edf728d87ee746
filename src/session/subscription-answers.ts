import type { Confirmation } from './confirmation.js';
import { type Connection, Wait } from './connection.js';
import type { Durability, DurabilityWaiter } from './durability.js';

/** A client with more SUBSCRIBE and UNSUBSCRIBE packets unanswered is read no further. */
const heldMax = 1000;

interface Held {
  ticket: number;
  /** Undefined: the store alone decides. */
  readonly confirmation: Confirmation | undefined;
  readonly write: (now: number) => void;
}

/**
 * SUBACK and UNSUBACK of one client: each leaves when it is durable and the cluster knows of it, in
 * the order of their requests. They are no part of the line of other acknowledgements: a SUBACK may
 * wait a second for a member, and a PUBACK behind it must not.
 */
export class SubscriptionAnswers implements DurabilityWaiter {
  readonly #client: Connection;
  readonly #durability: Durability;
  #held: Held[] = [];

  constructor(client: Connection) {
    this.#client = client;
    this.#durability = client.host.durability;
  }

  /**
   * Calls `write` when all earlier answers have gone, batch `ticket` (0: none) is durable and
   * `confirmation` is settled.
   */
  answer(
    ticket: number,
    confirmation: Confirmation | undefined,
    write: (now: number) => void,
    now: number,
  ): void {
    const { durable } = this.#durability;
    const held: Held = { ticket, confirmation, write };
    if (this.#held.length === 0 && isReady(held, durable)) {
      write(now);
      return;
    }
    this.#held.push(held);
    if (ticket > durable) this.#durability.wait(this);
    if (confirmation?.isSettled === false) confirmation.wait(this);
    if (this.#held.length >= heldMax) this.#client.block(Wait.Answers);
  }

  onDurable(durable: number, refused: number, now: number): void {
    const held = this.#held;
    if (held.length === 0) return;
    for (const item of held) {
      // Not written: all of it is in a later batch.
      if (refused !== 0 && item.ticket >= refused) item.ticket = this.#durability.ticket;
    }
    let count = 0;
    for (; count < held.length && !this.#client.isClosed; count += 1) {
      const item = held[count] as Held;
      if (!isReady(item, durable)) break;
      item.write(now);
    }
    this.#held = this.#client.isClosed ? [] : held.slice(count);
    if (this.#held.some(({ ticket }) => ticket > durable)) this.#durability.wait(this);
    if (this.#held.length < heldMax) this.#client.unblock(Wait.Answers, now);
  }
}

function isReady({ ticket, confirmation }: Held, durable: number): boolean {
  return ticket <= durable && confirmation?.isSettled !== false;
}
