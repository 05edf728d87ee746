import { assert } from '../../base/mod.js';

/** Rows of one stretch: enough that there are few stretches, few enough to close up in a turn. */
const stretchMax = 1024;
const firstSize = 16;

/** In the place of one that was taken out: its number must stay searchable. */
const hole = -1;

interface Stretch {
  /** Ascending; only the first `length` count, as of `places`. */
  numbers: Float64Array;
  places: Int32Array;
  length: number;
  holes: number;
}

/**
 * Where the rows of a site are, in the order of their numbers. Appending is O(1), taking out and
 * finding a number are O(log n), and no call ever moves more than one stretch:
 *
 * ```
 *  stretches  [ 1 2 _ 4 … ]  [ 1030 _ _ 1041 … ]  [ 2311 2312 ]◀─ append
 *             closed up when half of it are holes, then joined with a small neighbour
 * ```
 */
export class NumberedLog {
  readonly #stretches: Stretch[] = [];

  /** `number` is above all earlier ones; `place` is not negative. */
  append(number: number, place: number): void {
    let last = this.#stretches.at(-1);
    if (last === undefined || last.length === stretchMax) {
      last = stretchOf(last === undefined ? firstSize : stretchMax);
      this.#stretches.push(last);
    } else {
      assert((last.numbers[last.length - 1] as number) < number, 'row numbers ascend');
      if (last.length === last.numbers.length) resize(last, last.length * 2);
    }
    put(last, number, place);
  }

  /** Takes out `number`, which is in it. */
  remove(number: number): void {
    const index = this.#stretchOf(number);
    const stretch = this.#stretches[index];
    const at = stretch === undefined ? -1 : firstFrom(stretch, number);
    const isThere = stretch?.numbers[at] === number && stretch.places[at] !== hole;
    assert(stretch !== undefined && at < stretch.length && isThere, 'the row is in the log');
    stretch.places[at] = hole;
    stretch.holes += 1;
    if (stretch.holes * 2 >= stretch.length) this.#closeUp(index, stretch);
  }

  /**
   * Places of the rows with numbers above `from`, ascending. Whoever takes one out or appends asks
   * anew afterwards.
   */
  *after(from: number): Generator<number> {
    let index = Math.max(0, this.#stretchOf(from));
    const [first] = this.#stretches.slice(index, index + 1);
    let at = first === undefined ? 0 : firstFrom(first, from + 1);
    for (; index < this.#stretches.length; index += 1) {
      const stretch = this.#stretches[index] as Stretch;
      for (; at < stretch.length; at += 1) {
        const place = stretch.places[at] as number;
        if (place !== hole) yield place;
      }
      at = 0;
    }
  }

  /** The last stretch that begins at or below `number`; -1: none does. */
  #stretchOf(number: number): number {
    let low = 0;
    let high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#stretches[middle] as Stretch).numbers[0] as number) <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #closeUp(index: number, stretch: Stretch): void {
    const { numbers, places, length } = stretch;
    if (stretch.holes === length) {
      this.#stretches.splice(index, 1);
      return;
    }
    let kept = 0;
    for (let at = 0; at < length; at += 1) {
      if (places[at] === hole) continue;
      numbers[kept] = numbers[at] as number;
      places[kept] = places[at] as number;
      kept += 1;
    }
    stretch.length = kept;
    stretch.holes = 0;
    resize(stretch, kept);
    this.#join(index);
    this.#join(index - 1);
  }

  /** Makes one of two small neighbours, the second of which is at `index` + 1. */
  #join(index: number): void {
    const one = this.#stretches[index];
    const next = this.#stretches[index + 1];
    if (one === undefined || next === undefined) return;
    if (one.length + next.length > stretchMax / 2) return;
    resize(one, one.length + next.length);
    for (let at = 0; at < next.length; at += 1) {
      put(one, next.numbers[at] as number, next.places[at] as number);
    }
    one.holes += next.holes;
    this.#stretches.splice(index + 1, 1);
  }
}

function stretchOf(size: number): Stretch {
  return { numbers: new Float64Array(size), places: new Int32Array(size), length: 0, holes: 0 };
}

function put(stretch: Stretch, number: number, place: number): void {
  stretch.numbers[stretch.length] = number;
  stretch.places[stretch.length] = place;
  stretch.length += 1;
}

function resize(stretch: Stretch, size: number): void {
  const { numbers, places, length } = stretch;
  stretch.numbers = new Float64Array(size);
  stretch.places = new Int32Array(size);
  stretch.numbers.set(numbers.subarray(0, length));
  stretch.places.set(places.subarray(0, length));
}

/** Index of the first with a number of at least `number`. */
function firstFrom({ numbers, length }: Stretch, number: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
