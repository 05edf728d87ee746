import type { Random } from '../../base/mod.js';

const firstMs = 250;
/**
 * A member that starts waits 2 s for those who dial it (`cluster.start_wait`): a longer pause would
 * let it serve, and be counted as missing, while only a dial is due.
 */
const longestMs = 1000;
const afterRefusalMs = 30_000;

/** Doublings after which the pause is at its longest. */
const doublingsMax = 2;

/**
 * When a peer may be dialled again, counted from the last time: 0.25 s, doubling up to 1 s, each
 * shortened by up to a half at random, so that nodes which failed together do not return together.
 * A link that held long enough begins anew, so one that a network resets is redialled at once.
 * About 30 s after a refusal, which somebody must mend first.
 */
export class RetryPause {
  readonly #random: Random;
  #dials = 0;
  #until = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  isOver(now: number): boolean {
    return now >= this.#until;
  }

  onDial(now: number): void {
    this.#until = now + this.#shortened(Math.min(longestMs, firstMs * 2 ** this.#dials));
    this.#dials = Math.min(this.#dials + 1, doublingsMax);
  }

  onRefused(now: number): void {
    this.#until = now + this.#shortened(afterRefusalMs);
  }

  /** The link held: what was is not counted any more. */
  onSteady(): void {
    this.#dials = 0;
  }

  /** Something changed for the better. */
  end(): void {
    this.#until = 0;
  }

  #shortened(pauseMs: number): number {
    return pauseMs * (1 - this.#random.next() / 2);
  }
}
