import { assert } from '../../base/mod.js';
import type { Site } from './site.js';

/**
 * A moment of a site as one number: milliseconds since the epoch × 1024 + a count within the
 * millisecond. A safe integer until the year 2248. Two sites may have equal ones; then the higher
 * site is the later.
 *
 * Hybrid logical clock: Kulkarni, Demirbas et al., Logical Physical Clocks, 2014, with one number
 * in place of two because a count that overflows may borrow from the next millisecond.
 */
export type Stamp = number;

export const stampsPerMillisecond = 1024;

/** True when `stamp` of `site` wins over `other` of `otherSite`. */
export function isLater(stamp: Stamp, site: Site, other: Stamp, otherSite: Site): boolean {
  return stamp === other ? site > otherSite : stamp > other;
}

export function millisecondsOf(stamp: Stamp): number {
  return Math.floor(stamp / stampsPerMillisecond);
}

/** Stamps are handed out up to this long after what is known to be on disk. */
const aheadMs = 10_000;

/**
 * Makes the stamps of one site: ever rising, over restarts too, and never far from the clock.
 *
 * ```
 *  handed out ──── last ──── now ─────────── reserved (on disk): a restart begins here
 * ```
 */
export class StampClock {
  #last: Stamp;
  #reserved: Stamp;
  /** What the clock of this node is corrected by, in ms: set when it differs from its peers'. */
  offsetMs = 0;

  /** `reserved`: the bound that was last persisted; 0 at the first start. */
  constructor(reserved: Stamp) {
    this.#last = reserved;
    this.#reserved = reserved;
  }

  get last(): Stamp {
    return this.#last;
  }

  /** A new stamp above all earlier ones, and above `above`, which somebody else may have made. */
  next(now: number, above: Stamp = 0): Stamp {
    const physical = Math.floor(now + this.offsetMs) * stampsPerMillisecond;
    this.#last = Math.max(physical, this.#last + 1, above + 1);
    assert(Number.isSafeInteger(this.#last), 'a stamp lies beyond the year 2248');
    return this.#last;
  }

  /**
   * A frame carried `stamp`: what is stamped from now on comes after it, unless the other clock is
   * more than `skewMaxMs` ahead, for then one wrong clock would move everybody's.
   */
  observe(stamp: Stamp, now: number, skewMaxMs: number): void {
    if (millisecondsOf(stamp) > now + this.offsetMs + skewMaxMs) return;
    if (stamp > this.#last) this.#last = stamp;
  }

  /**
   * The bound that should be persisted now, or undefined while the last one is far enough ahead.
   * {@link reserved} is called when it is durable. Nothing waits for it: after a crash, and with a
   * clock that was set back, rows of the last moments are merely stamped anew.
   */
  toReserve(now: number): Stamp | undefined {
    const present = Math.max(this.#last, Math.floor(now + this.offsetMs) * stampsPerMillisecond);
    if (this.#reserved - present > (aheadMs / 2) * stampsPerMillisecond) return undefined;
    return present + aheadMs * stampsPerMillisecond;
  }

  reserved(bound: Stamp): void {
    this.#reserved = Math.max(this.#reserved, bound);
  }
}
