import { millisecondsOf, type Stamp } from '../cluster/identity/mod.js';

/** Longer than anything waits for a member to confirm it, in ms. */
const keptMs = 60_000;
/** A claim that is older than this, in ms, by the clock of whoever made it, is not news. */
const newsMs = 600_000;

interface Learned {
  readonly stamp: Stamp;
  readonly at: number;
}

/**
 * When this node heard that a session is where it is claimed. What it sent before that, it sent to
 * the member that had the session until then; stamps cannot tell, for a claim takes its time to get
 * here, and then the session is fetched.
 */
export class RecentClaims {
  /** By session, those heard of last at the end. */
  readonly #learned = new Map<string, Learned>();

  learned(key: string, stamp: Stamp, now: number): void {
    if (this.#learned.get(key)?.stamp === stamp || millisecondsOf(stamp) < now - newsMs) return;
    this.#learned.delete(key);
    this.#learned.set(key, { stamp, at: now });
  }

  /**
   * True when the session was another one's at some time since `at`, as far as was known. 0: that
   * is not known, and it may have been.
   */
  movedSince(key: string, at: number): boolean {
    if (at === 0) return true;
    const learned = this.#learned.get(key);
    return learned !== undefined && learned.at >= at;
  }

  tick(now: number): void {
    for (const [key, { at }] of this.#learned) {
      if (now - at < keptMs) return;
      this.#learned.delete(key);
    }
  }
}
