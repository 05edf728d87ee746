/** Longer than any network; beyond it a clock was set, or the peer errs. */
const sampleMaxMs = 60_000;

/** Of a new sample in the average: 1/8, as TCP does it (RFC 6298). */
const gain = 1 / 8;

/**
 * How long a heartbeat and its echo take, smoothed: what failure detection judges a silence by.
 * The time that the peer held the echo back is subtracted, so it is the network's, and what both
 * event loops add.
 */
export class RoundTrip {
  #smoothedMs: number | undefined = undefined;

  /** In ms; undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Ignores what cannot be. */
  sample(ms: number): void {
    if (!(ms >= -1 && ms <= sampleMaxMs)) return;
    const bounded = Math.max(0, ms);
    const before = this.#smoothedMs;
    this.#smoothedMs = before === undefined ? bounded : before + gain * (bounded - before);
  }
}
