import type { Site } from '../identity/mod.js';

/** What the comparison of clocks comes to. */
export interface ClockCheckOut {
  /**
   * This node's clock is off its peers' by more than `cluster.max_clock_skew`. `offsetMs` is what
   * must be added to it to have theirs: stamps are made with it until {@link clockRecovered}.
   */
  clockAlarm(offsetMs: number, now: number): void;
  clockRecovered(now: number): void;
}

/** A deviation must last as long, in ms: after a stall, old heartbeats are read all at once. */
const patienceMs = 5000;

/** Of the allowed deviation: below it an alarm is over. */
const recoveryShare = 1 / 2;

/** A correction follows the peers' clocks when it is off by more than this, in ms. */
const followMs = 1000;

/**
 * Whether this node's clock is the odd one out.
 *
 * Its own clock is one of those compared, at offset 0, so of three nodes only the one that differs
 * alarms. When as many agree with it as do not (always, with two nodes), nobody can tell which half
 * is wrong: the farther of the two middle offsets is judged, so both sides alarm, and both correct
 * to the middle between them, where they agree.
 */
export class ClockCheck {
  readonly #skewMaxMs: number;
  readonly #out: ClockCheckOut;
  /** Of the present alarm; undefined: there is none. */
  #correctionMs: number | undefined = undefined;
  /** Since when it would be otherwise. */
  #otherwiseSince: number | undefined = undefined;

  /** `skewMaxMs` is `cluster.max_clock_skew`, in ms. */
  constructor(skewMaxMs: number, out: ClockCheckOut) {
    this.#skewMaxMs = skewMaxMs;
    this.#out = out;
  }

  /** In ms, what stamps are corrected by; 0 without an alarm. */
  get correctionMs(): number {
    return this.#correctionMs ?? 0;
  }

  /** `offsets`: of the peers that are heard, by how much, in ms, their clocks are ahead. */
  check(offsets: ReadonlyMap<Site, number>, now: number): void {
    const { middle, farthest } = middleOf([0, ...offsets.values()]);
    const correction = this.#correctionMs;
    const limit = correction === undefined ? this.#skewMaxMs : this.#skewMaxMs * recoveryShare;
    const isOff = farthest > limit;
    // A clock that was set during an alarm is off by another amount.
    const hasMoved = correction !== undefined && Math.abs(middle - correction) > followMs;
    if (offsets.size === 0 || (isOff === (correction !== undefined) && !hasMoved)) {
      this.#otherwiseSince = undefined;
      return;
    }
    this.#otherwiseSince ??= now;
    if (now - this.#otherwiseSince < patienceMs) return;
    this.#otherwiseSince = undefined;
    if (isOff) return this.#alarm(middle, now);
    this.#correctionMs = undefined;
    this.#out.clockRecovered(now);
  }

  #alarm(offsetMs: number, now: number): void {
    this.#correctionMs = offsetMs;
    this.#out.clockAlarm(offsetMs, now);
  }
}

function middleOf(offsets: readonly number[]): { middle: number; farthest: number } {
  const sorted = [...offsets].sort((one, other) => one - other);
  const high = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const middle = Math.round((low + high) / 2);
  return { middle, farthest: Math.max(Math.abs(low), Math.abs(high)) };
}
