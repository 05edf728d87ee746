import type { Chance } from './chance.js';
import type { Scheduler } from './scheduler.js';

/** How a path is when nothing is wrong with it. */
export interface PathQuality {
  readonly delayMs: number;
  /** Mean of what comes on top, at random. */
  readonly jitterMs: number;
  readonly bytesPerMs: number;
}

/** The way from one machine to another, one direction. All connections between them share it. */
export class Path {
  readonly from: string;
  readonly to: string;
  /** While nothing is wrong. */
  readonly normal: PathQuality;
  quality: PathQuality;
  /** What would arrive waits until {@link mend}: it is sent again and again. */
  isCut = false;
  /** Arrivals that had to wait for the end of a cut. */
  held = 0;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  #waiting: (() => void)[] = [];
  #freeAt = 0;

  constructor(
    from: string,
    to: string,
    quality: PathQuality,
    scheduler: Scheduler,
    chance: Chance,
  ) {
    this.from = from;
    this.to = to;
    this.normal = quality;
    this.quality = quality;
    this.#scheduler = scheduler;
    this.#chance = chance;
  }

  /**
   * `arrived` is called when `bytes` are there, not before `notBefore`. Returns when that should
   * be; a cut makes it later, and does not change the order of what it held up.
   */
  carry(bytes: number, notBefore: number, arrived: () => void): number {
    const { delayMs, jitterMs, bytesPerMs } = this.quality;
    this.#freeAt = Math.max(this.#freeAt, this.#scheduler.now) + (bytes + 60) / bytesPerMs;
    const travel = delayMs + this.#chance.around(jitterMs);
    const at = Math.max(this.#freeAt + travel, notBefore);
    this.#scheduler.at(at, () => {
      if (!this.isCut && this.#waiting.length === 0) {
        arrived();
        return;
      }
      this.held += 1;
      this.#waiting.push(arrived);
    });
    return at;
  }

  /** The cut is over: what waited arrives, in its order, when it is sent the next time. */
  mend(): void {
    if (!this.isCut) return;
    this.isCut = false;
    this.#scheduler.after(this.quality.delayMs + this.#chance.between(0, 200), () => {
      if (this.isCut) return;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const arrived of waiting) arrived();
    });
  }
}
