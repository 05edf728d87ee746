import { Column, TextSlots } from './text-slots.js';

/** Up to here a `Map` is smaller and faster, and copied in no time when it grows. */
const smallMax = 1024;

/**
 * A map from texts for one entry or millions: no call takes longer because there are many. Order
 * is not kept.
 */
export class LargeMap<Value> {
  #small: Map<string, Value> | undefined = new Map();
  #large: Large<Value> | undefined = undefined;

  get size(): number {
    return this.#small?.size ?? this.#large?.slots.size ?? 0;
  }

  get(text: string): Value | undefined {
    if (this.#large === undefined) return this.#small?.get(text);
    const slot = this.#large.slots.slotOf(text);
    return slot < 0 ? undefined : this.#large.values.get(slot);
  }

  set(text: string, value: Value): void {
    if (this.#small !== undefined) {
      this.#small.set(text, value);
      if (this.#small.size > smallMax) this.#enlarge(this.#small);
    } else if (this.#large !== undefined) {
      const { slots, values } = this.#large;
      const slot = slots.slotOf(text);
      values.set(slot < 0 ? slots.add(text) : slot, value);
    }
  }

  /** False: there was no such text. */
  delete(text: string): boolean {
    if (this.#large === undefined) return this.#small?.delete(text) === true;
    const { slots, values } = this.#large;
    const slot = slots.slotOf(text);
    if (slot < 0) return false;
    values.set(slot, undefined);
    if (slots.free(slot)) values.drop(slot);
    if (slots.size * 4 < smallMax) {
      this.#small = new Map(this);
      this.#large = undefined;
    }
    return true;
  }

  /** Not for use while entries come and go. */
  *[Symbol.iterator](): Generator<[text: string, value: Value]> {
    if (this.#large === undefined) {
      yield* this.#small ?? [];
      return;
    }
    const { slots, values } = this.#large;
    for (let slot = 0; slot < slots.end; slot += 1) {
      const text = slots.textOf(slot);
      if (text !== undefined) yield [text, values.get(slot) as Value];
    }
  }

  #enlarge(small: Map<string, Value>): void {
    const slots = new TextSlots();
    const values = new Column<Value | undefined>();
    for (const [text, value] of small) values.set(slots.add(text), value);
    this.#small = undefined;
    this.#large = { slots, values };
  }
}

interface Large<Value> {
  readonly slots: TextSlots;
  readonly values: Column<Value | undefined>;
}
