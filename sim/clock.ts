import type { Clock } from '../src/base/mod.js';
import type { Scheduler } from './scheduler.js';

/** What every run begins at, so that times of a run look like times. */
const epochMs = 1_767_225_600_000;

/**
 * The clocks of one machine. Its wall clock may be wrong, jump and drift; a process reads it once
 * and then counts on, as the edge of a real node does, so a jump shows at the next start.
 */
export class MachineClock {
  readonly #scheduler: Scheduler;
  /** Milliseconds that the wall clock is ahead of the truth. */
  skewMs = 0;
  /** Milliseconds per true millisecond, of wall clock and monotonic clock alike. */
  readonly rate: number;

  constructor(scheduler: Scheduler, rate = 1) {
    this.#scheduler = scheduler;
    this.rate = rate;
  }

  wall(): number {
    return epochMs + this.#scheduler.now * this.rate + this.skewMs;
  }

  /** For a process that starts now. */
  processClock(): Clock {
    const scheduler = this.#scheduler;
    const { rate } = this;
    const startedAt = this.wall() - scheduler.now * rate;
    return { now: () => startedAt + scheduler.now * rate };
  }
}
