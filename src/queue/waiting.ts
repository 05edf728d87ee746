import type { Entry } from './entry.js';

/**
 * Entries that wait for their turn, in order of arrival. A deque over one array: taking from the
 * front is O(1) amortised.
 */
export class WaitingQueue {
  #entries: (Entry | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  peek(): Entry | undefined {
    return this.#entries[this.#head];
  }

  get last(): Entry | undefined {
    return this.#entries.at(-1);
  }

  shift(): Entry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  /** Keeps only what `keep` accepts; the rest is handed to `dropped`. O(n). */
  filter(keep: (entry: Entry) => boolean, dropped: (entry: Entry) => void): void {
    const kept: Entry[] = [];
    for (const entry of this) {
      if (keep(entry)) kept.push(entry);
      else dropped(entry);
    }
    this.#entries = kept;
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let at = this.#head; at < this.#entries.length; at += 1) {
      yield this.#entries[at] as Entry;
    }
  }
}
