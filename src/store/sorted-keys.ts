import { assert } from '../base/mod.js';

/**
 * A block is split in two when it reaches this many keys. Larger: cheaper to walk, dearer to
 * insert.
 */
const blockKeysMax = 512;

/**
 * An ordered set of strings in blocks: a B-tree of two levels. Insertion and removal cost a binary
 * search and the shift of part of one block; appending in ascending order costs a push.
 */
export class SortedKeys {
  /** Invariant: no block is empty, each is ascending, and each is below the next. */
  readonly #blocks: string[][] = [];

  /** Adds a key that is not in the set yet. */
  add(key: string): void {
    const blocks = this.#blocks;
    if (blocks.length === 0) {
      blocks.push([key]);
      return;
    }
    const index = this.#blockFor(key);
    const block = blocks[index];
    assert(block !== undefined, 'a set that is not empty has a block for every key');
    block.splice(lowerBound(block, key), 0, key);
    if (block.length < blockKeysMax) return;
    // The last block mostly grows at its end: leave it nearly full rather than half full.
    const keep = index === blocks.length - 1 ? blockKeysMax - 16 : blockKeysMax >> 1;
    blocks.splice(index + 1, 0, block.splice(keep));
  }

  /** Removes a key that is in the set. */
  remove(key: string): void {
    const index = this.#blockFor(key);
    const block = this.#blocks[index];
    const position = block === undefined ? -1 : lowerBound(block, key);
    assert(block?.[position] === key, 'only a key of the set is removed');
    block.splice(position, 1);
    if (block.length === 0) this.#blocks.splice(index, 1);
  }

  /**
   * The keys in ascending order, `from` included, `to` excluded. The set must not change meanwhile.
   */
  *range(from: string, to: string | undefined): Generator<string, void, undefined> {
    const first = this.#blockFor(from);
    for (let index = first; index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index] ?? [];
      for (let i = index === first ? lowerBound(block, from) : 0; i < block.length; i += 1) {
        const key = block[i] as string;
        if (to !== undefined && key >= to) return;
        yield key;
      }
    }
  }

  /** Index of the last block whose first key is at most `key`, else 0. */
  #blockFor(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first element that is not below `key`. */
function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
