/**
 * Deadlines in whole seconds, for the core: the edge calls `expire` about once a second.
 *
 * Setting and clearing cost O(1); nothing is allocated for a second in which nothing is due. An
 * item is never due early, and due with the first `expire` that is called a second or more after
 * its deadline, mostly sooner. Items order within one second is the order of `set`.
 */
export class TimerWheel<Item> {
  /** Absolute second → the items due in it. */
  readonly #bySecond = new Map<number, Set<Item>>();
  /** Item → its absolute second. Invariant: mirrors `#bySecond` exactly. */
  readonly #secondOf = new Map<Item, number>();
  /** All items of this second and those before it were handed out. */
  #expiredThrough = 0;
  /**
   * Nothing is set into this second or an earlier one, so that what is set by `onDue` waits for the
   * next `expire` instead of falling into a second that was passed. At least `#expiredThrough`.
   */
  #closedThrough = 0;

  get size(): number {
    return this.#secondOf.size;
  }

  /**
   * Sets or moves the deadline of `item` (milliseconds since the epoch). One in the past is due at
   * the next `expire` that comes a second later; positive infinity is never due.
   */
  set(item: Item, deadlineMs: number): void {
    const second = Math.max(Math.ceil(deadlineMs / 1000), this.#closedThrough + 1);
    const previous = this.#secondOf.get(item);
    if (previous === second) return;
    if (previous !== undefined) this.#drop(item, previous);
    this.#secondOf.set(item, second);
    const items = this.#bySecond.get(second);
    if (items === undefined) this.#bySecond.set(second, new Set([item]));
    else items.add(item);
  }

  clear(item: Item): void {
    const second = this.#secondOf.get(item);
    if (second === undefined) return;
    this.#secondOf.delete(item);
    this.#drop(item, second);
  }

  /**
   * Calls `onDue` for every item whose deadline has passed; the item is no longer set then. `onDue`
   * may set and clear any item: one that it clears or moves is not handed out any more. If it
   * throws, the items that are left are due at the next `expire`.
   */
  expire(now: number, onDue: (item: Item) => void): void {
    const current = Math.floor(now / 1000);
    if (current <= this.#expiredThrough) return;
    this.#closedThrough = Math.max(this.#closedThrough, current);
    // A clock that jumps far ahead must not cost a step per second it skipped.
    if (current - this.#expiredThrough > this.#bySecond.size + 64) {
      const due = [...this.#bySecond.keys()].filter((second) => second <= current);
      for (const second of due.sort((a, b) => a - b)) this.#expireSecond(second, onDue);
    } else {
      for (let second = this.#expiredThrough + 1; second <= current; second += 1) {
        this.#expireSecond(second, onDue);
      }
    }
    this.#expiredThrough = current;
  }

  #expireSecond(second: number, onDue: (item: Item) => void): void {
    const items = this.#bySecond.get(second);
    if (items === undefined) return;
    // The set shrinks while it is walked, by us and by `onDue`; nothing can be added to it.
    for (const item of items) {
      this.#secondOf.delete(item);
      this.#drop(item, second);
      onDue(item);
    }
  }

  #drop(item: Item, second: number): void {
    const items = this.#bySecond.get(second);
    if (items === undefined) return;
    items.delete(item);
    if (items.size === 0) this.#bySecond.delete(second);
  }
}
