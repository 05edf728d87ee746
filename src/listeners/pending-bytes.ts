import type { LinkHandler } from '../session/mod.js';
import type { ListenerLog } from './options.js';

export interface PendingOwner {
  readonly handler: LinkHandler | undefined;
}

/** MQTT 5 Reason Code 0x97, Quota exceeded. */
const quotaExceeded = 0x97;

/**
 * Bytes of incomplete packets over all connections (`listener.max_pending_bytes`). A claim of
 * 256 MiB costs nothing; bytes that arrive for it do. Beyond the bound the largest is closed.
 */
export class PendingBytes {
  readonly #maximum: number;
  readonly #now: () => number;
  readonly #log: ListenerLog;
  readonly #owners = new Map<PendingOwner, number>();
  #total = 0;

  constructor(maximum: number, now: () => number, log: ListenerLog) {
    this.#maximum = maximum;
    this.#now = now;
    this.#log = log;
  }

  get total(): number {
    return this.#total;
  }

  changed(owner: PendingOwner, difference: number, pending: number): void {
    this.#total += difference;
    if (pending === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, pending);
    if (this.#total > this.#maximum) this.#closeLargest();
  }

  #closeLargest(): void {
    let largest: PendingOwner | undefined;
    let most = 0;
    for (const [owner, bytes] of this.#owners) {
      if (bytes <= most) continue;
      most = bytes;
      largest = owner;
    }
    if (largest?.handler === undefined) return;
    this.#log.warn(
      { bytes: most, total: this.#total, limit: this.#maximum },
      'listener.max_pending_bytes is reached: the connection with the largest part is closed',
    );
    this.#owners.delete(largest);
    this.#total -= most;
    largest.handler.disconnect(quotaExceeded, 'too many bytes of incomplete packets', this.#now());
  }
}
