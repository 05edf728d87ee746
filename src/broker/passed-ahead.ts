import { isLater, type Site, type Stamp } from '../cluster/identity/mod.js';
import type { Row } from '../cluster/metadata/mod.js';

/** A message that another member retains, and which went to subscribers here. */
export interface Passed {
  readonly stamp: Stamp;
  readonly site: Site;
  /** When it was delivered here, in the order of all retained messages of this node. */
  readonly at: number;
}

/** Topics that are remembered; beyond it the oldest is forgotten, and may come once too often. */
const topicsMax = 10_000;

/**
 * Messages with RETAIN that other members sent to subscribers here, and whose rows have not come
 * yet: rows wait for a disk and take another connection. Until then a new subscriber to whom one of
 * them was delivered must not be given what was retained before it, nor, later, the same again.
 *
 * An entry goes when its row comes, or a later one of the topic: mostly within milliseconds. One
 * whose row never comes concerns nobody who subscribes after it.
 */
export class PassedAhead {
  readonly #passed = new Map<string, Passed>();

  get isEmpty(): boolean {
    return this.#passed.size === 0;
  }

  /** `key`: of the row that is to come. */
  note(key: string, passed: Passed): void {
    const known = this.#passed.get(key);
    if (known !== undefined && !isLater(passed.stamp, passed.site, known.stamp, known.site)) return;
    this.#passed.delete(key);
    if (this.#passed.size >= topicsMax) {
      const [oldest] = this.#passed.keys();
      if (oldest !== undefined) this.#passed.delete(oldest);
    }
    this.#passed.set(key, passed);
  }

  /** `row` is in force. Returns when the same message was delivered here before; 0: it was not. */
  caughtUp(key: string, row: Row): number {
    const passed = this.#passed.get(key);
    if (passed === undefined) return 0;
    if (isLater(passed.stamp, passed.site, row.stamp, row.site)) return 0;
    this.#passed.delete(key);
    return passed.stamp === row.stamp && passed.site === row.site ? passed.at : 0;
  }

  /** True when one was delivered after `since` that is later than what is retained here. */
  isAhead(key: string, since: number): boolean {
    return (this.#passed.get(key)?.at ?? 0) > since;
  }
}
