/**
 * Deadlines in whole seconds, for the core: the edge calls `expire` about once a second.
 *
 * Setting and clearing cost O(1); nothing is allocated for a second in which nothing is due. An
 * item is due at most one second late. Items order within one second is the order of `set`.
 */
export class TimerWheel<Item> {
  /** Absolute second → the items due in it. */
  readonly #bySecond = new Map<number, Set<Item>>();
  /** Item → its absolute second. Invariant: mirrors `#bySecond` exactly. */
  readonly #secondOf = new Map<Item, number>();
  #expiredThrough = 0;

  get size(): number {
    return this.#secondOf.size;
  }

  /** Sets or moves the deadline of `item`. A deadline in the past is due at the next `expire`. */
  set(item: Item, deadlineMs: number): void {
    const second = Math.max(Math.ceil(deadlineMs / 1000), this.#expiredThrough + 1);
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

  /** Calls `onDue` for every item whose deadline has passed; the item is no longer set then. */
  expire(now: number, onDue: (item: Item) => void): void {
    const current = Math.floor(now / 1000);
    if (this.#expiredThrough === 0) this.#expiredThrough = this.#earliest(current);
    // A clock that jumps far ahead must not cost a step per second it skipped.
    if (current - this.#expiredThrough > this.#bySecond.size + 64) {
      const due = [...this.#bySecond.keys()].filter((second) => second <= current);
      for (const second of due.sort((a, b) => a - b)) this.#expireSecond(second, onDue);
    } else {
      for (let second = this.#expiredThrough + 1; second <= current; second += 1) {
        this.#expireSecond(second, onDue);
      }
    }
    this.#expiredThrough = Math.max(this.#expiredThrough, current);
  }

  #earliest(current: number): number {
    let earliest = current;
    for (const second of this.#bySecond.keys()) earliest = Math.min(earliest, second - 1);
    return earliest;
  }

  #expireSecond(second: number, onDue: (item: Item) => void): void {
    const items = this.#bySecond.get(second);
    if (items === undefined) return;
    this.#bySecond.delete(second);
    for (const item of items) this.#secondOf.delete(item);
    for (const item of items) onDue(item);
  }

  #drop(item: Item, second: number): void {
    const items = this.#bySecond.get(second);
    if (items === undefined) return;
    items.delete(item);
    if (items.size === 0) this.#bySecond.delete(second);
  }
}
