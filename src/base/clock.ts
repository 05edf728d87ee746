/**
 * Time as the core sees it. Every core method receives `now` as a number, so that the simulator can
 * be its own clock; this interface is for the edge that produces it.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch: wall clock read at start plus monotonic time since. */
  now(): number;
}

/** Source of randomness that is given to the core; the simulator's is seeded. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A uniform integer in [0, bound). `bound` is at least 1. */
  below(bound: number): number;
}

/** A seeded generator (mulberry32): fast, not for secrets. Equal seeds give equal sequences. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
}
