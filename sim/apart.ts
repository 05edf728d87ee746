/** Milliseconds that members need to notice that they are apart, at most. */
const noticeMs = 4000;
/** And to tell each other everything once they are together again. */
const meetMs = 1500;
/** A subscription is acknowledged so long after it was asked for, in ms, if a member is silent. */
const waitedOutMs = 900;

interface Interval {
  readonly from: number;
  until: number;
}

/** When members did not count as up for each other, as each of them said. */
export class Apart {
  /** `node>other`: what `node` said of `other`. The last interval may be open. */
  readonly #intervals = new Map<string, Interval[]>();

  /** What `node` says now of all others. */
  said(node: string, missing: readonly string[], others: readonly string[], now: number): void {
    for (const other of others) this.#note(`${node}>${other}`, missing.includes(other), now);
  }

  /**
   * Whether what `one` was asked for, and acknowledged, may have been unknown to `other` at `at`:
   * they were apart then, or were about to notice it, and `at` that time still, or not long before.
   */
  mayNotKnow(
    one: string,
    other: string,
    [askedAt, acknowledgedAt]: readonly [number, number],
    at: number,
  ): boolean {
    const wasWaitedFor = acknowledgedAt - askedAt >= waitedOutMs;
    const noticedAt = acknowledgedAt + (wasWaitedFor ? noticeMs : 0);
    return [`${one}>${other}`, `${other}>${one}`].some((name) =>
      (this.#intervals.get(name) ?? []).some(
        ({ from, until }) => from <= noticedAt && until + meetMs >= at,
      ),
    );
  }

  /**
   * Whether a message of that time may have been on its way when members were cut apart: it comes
   * when they are together again, and after what was sent meanwhile (design 5.7).
   */
  mayHaveStranded(firstSentAt: number, lastSentAt: number): boolean {
    const all = [...this.#intervals.values()].flat();
    return all.some(({ from }) => from >= firstSentAt && from <= lastSentAt + noticeMs);
  }

  #note(name: string, isApart: boolean, now: number): void {
    let intervals = this.#intervals.get(name);
    if (intervals === undefined) this.#intervals.set(name, (intervals = []));
    const last = intervals.at(-1);
    const isOpen = last?.until === Number.POSITIVE_INFINITY;
    if (isOpen === isApart) return;
    if (isOpen) last.until = now;
    else intervals.push({ from: now, until: Number.POSITIVE_INFINITY });
  }
}
