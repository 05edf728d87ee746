import type { Scheduler } from './scheduler.js';

/** Milliseconds that a turn takes before the next can begin: what comes meanwhile shares one. */
export type TurnLength = () => number;

/**
 * The event loop of one process, in the phases that Node.js has: timers, then what was polled, then
 * the end of the turn. A stalled loop runs nothing; when it goes on, timers come before the sockets
 * and the disk that had news meanwhile, which is what makes a frozen process judge others by its
 * own absence.
 */
export class EventLoop {
  readonly #scheduler: Scheduler;
  readonly #onTurnEnd: () => void;
  readonly #turnLength: TurnLength;
  #timers: (() => void)[] = [];
  #polled: (() => void)[] = [];
  #isPlanned = false;
  #isInTurn = false;
  #busyUntil = 0;
  #isEnded = false;

  constructor(scheduler: Scheduler, turnLength: TurnLength, onTurnEnd: () => void) {
    this.#scheduler = scheduler;
    this.#turnLength = turnLength;
    this.#onTurnEnd = onTurnEnd;
  }

  /** A socket or the disk has news. Nothing happens once the process has ended. */
  post(run: () => void): void {
    if (this.#isEnded) return;
    this.#polled.push(run);
    this.#plan();
  }

  /** `run` is called every `intervalMs`; a loop that was stalled calls it once, not many times. */
  every(intervalMs: number, run: () => void): void {
    this.#scheduler.after(intervalMs, () => {
      if (this.#isEnded) return;
      this.#timers.push(() => {
        run();
        this.every(intervalMs, run);
      });
      this.#plan();
    });
  }

  /** The end of the turn that is under way does; outside of one, a turn comes. */
  wantTurnEnd(): void {
    if (!this.#isEnded && !this.#isInTurn) this.#plan();
  }

  stall(durationMs: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.#scheduler.now + durationMs);
  }

  /** The process is gone, with all that it was going to do. */
  end(): void {
    this.#isEnded = true;
    this.#timers = [];
    this.#polled = [];
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#scheduler.at(this.#busyUntil, () => this.#turn());
  }

  #turn(): void {
    this.#isPlanned = false;
    if (this.#isEnded) return;
    if (this.#scheduler.now < this.#busyUntil) {
      this.#plan();
      return;
    }
    const timers = this.#timers;
    const polled = this.#polled;
    this.#timers = [];
    this.#polled = [];
    this.#busyUntil = this.#scheduler.now + this.#turnLength();
    this.#isInTurn = true;
    for (const run of timers) run();
    for (const run of polled) {
      if (this.#isEnded) return;
      run();
    }
    this.#isInTurn = false;
    this.#onTurnEnd();
  }
}
