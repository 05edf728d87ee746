/** A link as the turn sees it. */
export interface Flushable {
  /** 0: nothing to do; 1: has bytes to flush; 2: may also remember ranges of a received chunk. */
  turnState: 0 | 1 | 2;
  /** Copies remembered ranges; writes out at once what has become large. */
  settle(): void;
  /** Gives the bytes to the socket. */
  flush(): void;
}

/**
 * One turn of the event loop, for all listeners. Whatever happens in it, each connection is written
 * once, at its end; before that the node may add what has become due (`onTurnEnd`).
 *
 * Ranges of a received chunk that writers remember are settled right after the callback that
 * received it, since its memory is reused; only links touched in that callback are looked at.
 */
export class Turn {
  readonly #onTurnEnd: () => void;
  #touched: Flushable[] = [];
  #unsettled: Flushable[] = [];
  #isScheduled = false;

  constructor(onTurnEnd: () => void) {
    this.#onTurnEnd = onTurnEnd;
  }

  /** `link` has something to write. Cheap when it was touched already. */
  touch(link: Flushable): void {
    if (link.turnState === 2) return;
    if (link.turnState === 0) this.#touched.push(link);
    link.turnState = 2;
    this.#unsettled.push(link);
    if (!this.#isScheduled) this.schedule();
  }

  /** The end of this turn is wanted even if no link was touched. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#end);
  }

  /** The received chunk is about to be reused. */
  settle(): void {
    const unsettled = this.#unsettled;
    if (unsettled.length === 0) return;
    for (let at = 0; at < unsettled.length; at += 1) {
      const link = unsettled[at] as Flushable;
      if (link.turnState === 2) link.turnState = 1;
      link.settle();
    }
    unsettled.length = 0;
  }

  readonly #end = (): void => {
    this.#isScheduled = false;
    this.#onTurnEnd();
    const touched = this.#touched;
    this.#touched = [];
    this.#unsettled.length = 0;
    for (let at = 0; at < touched.length; at += 1) {
      const link = touched[at] as Flushable;
      link.turnState = 0;
      link.flush();
    }
  };
}
