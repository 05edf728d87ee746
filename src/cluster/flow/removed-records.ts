import type { FrameNumber } from '../link/mod.js';

/**
 * Messages whose record is deleted though the member does not own them, until that is durable, with
 * what became of them. A crash before finds the record: the member is asked then, and must not have
 * forgotten that it refused the number, or never saw it.
 */
export class RemovedRecords {
  #removed: { readonly number: FrameNumber; readonly ticket: number }[] = [];

  get isEmpty(): boolean {
    return this.#removed.length === 0;
  }

  /** `ticket`: of the batch that the deletion is in. */
  add(number: FrameNumber, ticket: number): void {
    this.#removed.push({ number, ticket });
  }

  /** By boot, below which the member may forget what it knows; of the others it may all. */
  floors(): Map<number, number> {
    const floors = new Map<number, number>();
    for (const { number } of this.#removed) {
      const { boot, sequence } = number;
      floors.set(boot, Math.min(floors.get(boot) ?? sequence, sequence));
    }
    return floors;
  }

  /** As in `PeerFlow.onDurable`; `next` is the batch into which what was refused goes. */
  onDurable(durable: number, refused: number, next: number): void {
    if (this.isEmpty) return;
    const isRefused = (ticket: number): boolean => refused !== 0 && ticket >= refused;
    this.#removed = this.#removed
      .filter(({ ticket }) => ticket > durable || isRefused(ticket))
      .map((one) => (isRefused(one.ticket) ? { number: one.number, ticket: next } : one));
  }
}
