import { assert } from './assert.js';
import { textHash } from './text-hash.js';

/** Slots, and buckets, that stand together: what is made or copied at once is at most this. */
export const chunkSlots = 1024;
const chunkShift = 10;
const chunkMask = chunkSlots - 1;
const firstSlots = 16;

interface Chunk {
  readonly texts: (string | undefined)[];
  hashes: Int32Array;
  /** Of a taken slot the next in its bucket, of a free one the next free; + 1, 0 at the end. */
  nexts: Int32Array;
  /** The first free one of those that were taken once, + 1. */
  free: number;
  taken: number;
}

/**
 * Gives each of millions of texts a number, its slot, and finds the slot by the text. A slot keeps
 * its number until it is let go. Whoever has more to keep of a text keeps columns by slot (see
 * {@link Column}): a few bytes for each, where an object would cost twenty times that, and nothing
 * for the garbage collector to walk over.
 *
 * A hash table that grows by one bucket with each text (linear hashing: Litwin, 1980), so that no
 * call copies more than a chunk; a `Map` of a million entries stops the process for 100 ms when it
 * grows. 20 bytes for each text, beside the text. Measured by `bench/micro/rows.ts`.
 */
export class TextSlots {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Chunks with free slots, the one that is filled next last. */
  readonly #roomy: number[] = [];
  readonly #vacant: number[] = [];
  /** By bucket: its first slot + 1; 0: it is empty. */
  readonly #heads: Int32Array[] = [new Int32Array(firstSlots)];
  #buckets = firstSlots;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All slots are below. */
  get end(): number {
    return this.#chunks.length * chunkSlots;
  }

  /** Undefined: the slot is free. */
  textOf(slot: number): string | undefined {
    return this.#chunks[slot >>> chunkShift]?.texts[slot & chunkMask];
  }

  /** -1: there is no such text. */
  slotOf(text: string): number {
    const hash = textHash(text);
    let next = this.#head(this.#bucketOf(hash));
    while (next !== 0) {
      const slot = next - 1;
      const chunk = this.#chunks[slot >>> chunkShift] as Chunk;
      const at = slot & chunkMask;
      if (chunk.hashes[at] === hash && chunk.texts[at] === text) return slot;
      next = chunk.nexts[at] as number;
    }
    return -1;
  }

  /** Takes a slot for a text that has none. */
  add(text: string): number {
    const slot = this.#take();
    const chunk = this.#chunks[slot >>> chunkShift] as Chunk;
    chunk.texts[slot & chunkMask] = text;
    const hash = textHash(text);
    chunk.hashes[slot & chunkMask] = hash;
    this.#link(slot, this.#bucketOf(hash));
    this.#size += 1;
    if (this.#size > this.#buckets) this.#grow();
    return slot;
  }

  /** True: the chunk of the slot is gone, and columns may drop what they have of it. */
  free(slot: number): boolean {
    const index = slot >>> chunkShift;
    const at = slot & chunkMask;
    const chunk = this.#chunks[index];
    assert(chunk?.texts[at] !== undefined, 'a slot is let go once');
    this.#unlink(slot, this.#bucketOf(chunk.hashes[at] as number));
    if (chunk.taken === chunkSlots) this.#roomy.push(index);
    chunk.texts[at] = undefined;
    chunk.nexts[at] = chunk.free;
    chunk.free = at + 1;
    chunk.taken -= 1;
    this.#size -= 1;
    if (this.#size * 2 < this.#buckets && this.#buckets > firstSlots) this.#shrink();
    if (chunk.taken > 0 || index === 0) return false;
    this.#chunks[index] = undefined;
    this.#roomy.splice(this.#roomy.indexOf(index), 1);
    this.#vacant.push(index);
    return true;
  }

  #take(): number {
    let index = this.#roomy.at(-1);
    if (index === undefined) {
      index = this.#vacant.pop() ?? this.#chunks.length;
      const slots = index === 0 ? firstSlots : chunkSlots;
      const [hashes, nexts] = [new Int32Array(slots), new Int32Array(slots)];
      this.#chunks[index] = { texts: [], hashes, nexts, free: 0, taken: 0 };
      this.#roomy.push(index);
    }
    const chunk = this.#chunks[index] as Chunk;
    let at = chunk.free - 1;
    if (at >= 0) chunk.free = chunk.nexts[at] as number;
    else at = chunk.taken;
    if (at >= chunk.hashes.length) {
      chunk.hashes = doubled(chunk.hashes);
      chunk.nexts = doubled(chunk.nexts);
    }
    chunk.taken += 1;
    if (chunk.taken === chunkSlots) this.#roomy.pop();
    return index * chunkSlots + at;
  }

  #bucketOf(hash: number): number {
    const half = 1 << (31 - Math.clz32(this.#buckets));
    const bucket = hash & (2 * half - 1);
    return bucket < this.#buckets ? bucket : bucket - half;
  }

  #head(bucket: number): number {
    return this.#heads[bucket >>> chunkShift]?.[bucket & chunkMask] as number;
  }

  #setHead(bucket: number, next: number): void {
    (this.#heads[bucket >>> chunkShift] as Int32Array)[bucket & chunkMask] = next;
  }

  #link(slot: number, bucket: number): void {
    const chunk = this.#chunks[slot >>> chunkShift] as Chunk;
    chunk.nexts[slot & chunkMask] = this.#head(bucket);
    this.#setHead(bucket, slot + 1);
  }

  #unlink(slot: number, bucket: number): void {
    const after = this.#nextOf(slot);
    let next = this.#head(bucket);
    if (next === slot + 1) {
      this.#setHead(bucket, after);
      return;
    }
    while (next !== 0) {
      const follower = this.#nextOf(next - 1);
      if (follower === slot + 1) break;
      next = follower;
    }
    assert(next !== 0, 'a slot is in its bucket');
    const chunk = this.#chunks[(next - 1) >>> chunkShift] as Chunk;
    chunk.nexts[(next - 1) & chunkMask] = after;
  }

  #nextOf(slot: number): number {
    return this.#chunks[slot >>> chunkShift]?.nexts[slot & chunkMask] as number;
  }

  /** One bucket more: it gets its part of the one that stood for both until now. */
  #grow(): void {
    const added = this.#buckets;
    const index = added >>> chunkShift;
    const heads = this.#heads[index];
    if (heads === undefined) this.#heads.push(new Int32Array(chunkSlots));
    else if ((added & chunkMask) >= heads.length) this.#heads[index] = doubled(heads);
    const half = 1 << (31 - Math.clz32(added));
    this.#buckets += 1;
    this.#spread(added - half);
  }

  /** The last bucket goes into the one that it was split from. */
  #shrink(): void {
    const last = this.#buckets - 1;
    const first = this.#head(last);
    this.#setHead(last, 0);
    this.#buckets = last;
    if ((last & chunkMask) === 0 && last > 0) this.#heads.pop();
    for (let next = first; next !== 0; ) {
      const slot = next - 1;
      next = this.#nextOf(slot);
      this.#link(slot, last - (1 << (31 - Math.clz32(last))));
    }
  }

  #spread(bucket: number): void {
    let next = this.#head(bucket);
    this.#setHead(bucket, 0);
    while (next !== 0) {
      const slot = next - 1;
      next = this.#nextOf(slot);
      const hash = this.#chunks[slot >>> chunkShift]?.hashes[slot & chunkMask] as number;
      this.#link(slot, this.#bucketOf(hash));
    }
  }
}

/** One thing of each slot of a {@link TextSlots}, or of each of many numbers from 0. */
export class Column<Value> {
  readonly #chunks: (Value[] | undefined)[] = [];

  /** Undefined: nothing was set since the chunk was dropped. */
  get(slot: number): Value | undefined {
    return this.#chunks[slot >>> chunkShift]?.[slot & chunkMask];
  }

  set(slot: number, value: Value): void {
    (this.#chunks[slot >>> chunkShift] ??= [])[slot & chunkMask] = value;
  }

  /** Forgets what the chunk that `slot` is in had. */
  drop(slot: number): void {
    this.#chunks[slot >>> chunkShift] = undefined;
  }
}

/** As {@link Column}, of numbers: 8 bytes each, whatever they are. */
export class NumberColumn {
  readonly #chunks: (Float64Array | undefined)[] = [];

  /** 0: nothing was set since the chunk was dropped. */
  get(slot: number): number {
    return this.#chunks[slot >>> chunkShift]?.[slot & chunkMask] ?? 0;
  }

  set(slot: number, value: number): void {
    const index = slot >>> chunkShift;
    const at = slot & chunkMask;
    let chunk = this.#chunks[index];
    if (chunk === undefined || at >= chunk.length) {
      const grown = new Float64Array(index > 0 ? chunkSlots : sizeFor(at));
      if (chunk !== undefined) grown.set(chunk);
      this.#chunks[index] = grown;
      chunk = grown;
    }
    chunk[at] = value;
  }

  drop(slot: number): void {
    this.#chunks[slot >>> chunkShift] = undefined;
  }
}

function sizeFor(at: number): number {
  return Math.max(firstSlots, 1 << (32 - Math.clz32(at)));
}

function doubled(array: Int32Array): Int32Array {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
