/** True time of a run, in milliseconds, and everything that is going to happen in it. */

/** Something that will happen. */
export interface Planned {
  readonly at: number;
  /** It does not happen. Idempotent. */
  cancel(): void;
}

class Happening implements Planned {
  readonly at: number;
  readonly sequence: number;
  run: (() => void) | undefined;

  constructor(at: number, sequence: number, run: () => void) {
    this.at = at;
    this.sequence = sequence;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

/** More than this within one run is a loop that feeds itself. */
const pendingMax = 2_000_000;

/**
 * A queue of events by time, a binary heap; what is planned for the same moment happens in the
 * order in which it was planned. Time stands still while an event runs.
 */
export class Scheduler {
  readonly #heap: Happening[] = [];
  #now = 0;
  #sequence = 0;
  #digest = 0;

  /** Milliseconds since the run began. No node sees this clock. */
  get now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#heap.length;
  }

  /** What happened and when, as one number: equal for two runs that were the same. */
  get digest(): number {
    return this.#digest;
  }

  /** `delayMs` below zero counts as zero. */
  after(delayMs: number, run: () => void): Planned {
    return this.at(this.#now + Math.max(0, delayMs), run);
  }

  /** A time in the past is now. */
  at(when: number, run: () => void): Planned {
    if (this.#heap.length >= pendingMax) throw new Error('too much is planned');
    const happening = new Happening(Math.max(when, this.#now), (this.#sequence += 1), run);
    this.#heap.push(happening);
    this.#rise(this.#heap.length - 1);
    return happening;
  }

  /** Everything up to and including `when` happens; then it is `when`. */
  runUntil(when: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= when; ) {
      this.#takeFirst();
      this.#now = first.at;
      const { run } = first;
      if (run !== undefined) {
        this.#digest = Math.imul(this.#digest ^ first.sequence, 0x01000193) ^ (first.at * 1024);
        run();
      }
      first = this.#heap[0];
    }
    this.#now = Math.max(this.#now, when);
  }

  #takeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const rising = heap[from] as Happening;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Happening;
      if (isBefore(parent, rising)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = rising;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const sinking = heap[from] as Happening;
    let at = from;
    for (;;) {
      let below = at * 2 + 1;
      const left = heap[below];
      if (left === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, left)) below += 1;
      const child = heap[below] as Happening;
      if (isBefore(sinking, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = sinking;
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.at === other.at ? one.sequence < other.sequence : one.at < other.at;
}
