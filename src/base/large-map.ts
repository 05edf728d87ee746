import { Column, TextSlots } from './text-slots.js';

/** Up to here a `Map` is smaller and faster, and copied in no time when it grows. */
const smallMax = 1024;

/**
 * A map from texts for one entry or millions: no call takes longer because there are many. Order
 * is not kept.
 */
export class LargeMap<Value> {
  #small: Map<string, Value> | undefined = new Map();
  #slots = new TextSlots();
  #values = new Column<Value | undefined>();

  get size(): number {
    return this.#small?.size ?? this.#slots.size;
  }

  get(text: string): Value | undefined {
    if (this.#small !== undefined) return this.#small.get(text);
    const slot = this.#slots.slotOf(text);
    return slot < 0 ? undefined : this.#values.get(slot);
  }

  set(text: string, value: Value): void {
    if (this.#small !== undefined) {
      this.#small.set(text, value);
      if (this.#small.size > smallMax) this.#enlarge(this.#small);
      return;
    }
    const slot = this.#slots.slotOf(text);
    this.#values.set(slot < 0 ? this.#slots.add(text) : slot, value);
  }

  /** False: there was no such text. */
  delete(text: string): boolean {
    if (this.#small !== undefined) return this.#small.delete(text);
    const slot = this.#slots.slotOf(text);
    if (slot < 0) return false;
    this.#values.set(slot, undefined);
    if (this.#slots.free(slot)) this.#values.drop(slot);
    if (this.#slots.size * 4 < smallMax) this.#lessen();
    return true;
  }

  /** Not for use while entries come and go. */
  *[Symbol.iterator](): Generator<[text: string, value: Value]> {
    if (this.#small !== undefined) {
      yield* this.#small;
      return;
    }
    for (let slot = 0; slot < this.#slots.end; slot += 1) {
      const text = this.#slots.textOf(slot);
      if (text !== undefined) yield [text, this.#values.get(slot) as Value];
    }
  }

  #enlarge(small: Map<string, Value>): void {
    this.#small = undefined;
    for (const [text, value] of small) this.#values.set(this.#slots.add(text), value);
  }

  #lessen(): void {
    this.#small = new Map(this);
    this.#slots = new TextSlots();
    this.#values = new Column();
  }
}
