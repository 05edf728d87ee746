import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs';
import { meansFull } from './errors.js';
import {
  dataFile,
  type Environment,
  pagesOf,
  statisticsOf,
  type TableHandle,
} from './environment.js';

/** What a batch may need, in bytes; see {@link Space}. */
export interface SpaceNeed {
  readonly changes: number;
  readonly puts: number;
  /** Sum of the batch's keys and values. */
  readonly bytes: number;
}

/**
 * The file is enlarged in steps of this size, one after each commit, so that no commit pays for
 * many.
 */
const stepBytes = 2 ** 20;
const zeros = Buffer.alloc(stepBytes);

/**
 * Keeps room at the end of the data file, so that LMDB never meets a full disk.
 *
 * ```
 * ├── pages in use, pages on the free list ──┤ last page ├── zeros: headroom, `reserve` of it kept
 * ──┤
 * ```
 * Why: when a write fails within an LMDB commit, lmdb 3.5.6 formats an error text into a buffer
 * that long values overflow, keeps a free list in memory that saw the failed transaction, and (on
 * its asynchronous path) rejects promises that nobody holds. Writing zeros ourselves beforehand
 * turns a full disk into an ordinary error before LMDB is asked at all, makes fdatasync cheaper
 * (the blocks exist already), and gives the reserve from which removals are written when the disk
 * is full. LMDB ignores what lies behind its last page. On a file system that copies on write
 * (btrfs, zfs) this is no guarantee; there the failure path of the writer stands in.
 */
export class Space {
  readonly #file: number;
  readonly #reserveBytes: number;
  readonly #environment: Environment;
  readonly #pageBytes: number;
  #fileBytes: number;
  #usedBytes = 0;
  /** False from a commit until it was measured how far LMDB came. */
  #isMeasured = false;

  constructor(directory: string, environment: Environment, reserveBytes: number) {
    this.#file = openSync(dataFile(directory), 'r+');
    this.#reserveBytes = reserveBytes;
    this.#environment = environment;
    this.#pageBytes = statisticsOf(environment.root).pageSize;
    this.#fileBytes = fstatSync(this.#file).size;
    this.#measure();
    while (this.#headroom() < reserveBytes && this.#extend(stepBytes));
  }

  /** True when LMDB can commit the batch without meeting the end of the disk. */
  admits(need: SpaceNeed): boolean {
    if (!this.#isMeasured) this.#measure();
    this.#isMeasured = false;
    const likely = 2 * need.bytes + 32 * this.#pageBytes;
    while (this.#headroom() < likely + this.#reserveBytes) {
      if (!this.#extend(Math.max(stepBytes, likely))) return this.#fitsFull(need);
    }
    return true;
  }

  /**
   * Between two batches, when there is time for it; {@link admits} does not rely on it, because the
   * next batch may be there already. Enlarges the file by at most one step.
   */
  prepareNext(): void {
    this.#measure();
    if (this.#headroom() < this.#reserveBytes + stepBytes) this.#extend(stepBytes);
  }

  /** Brings everything that was written to the file to the disk. Errors show at the next commit. */
  sync(): void {
    try {
      fdatasyncSync(this.#file);
    } catch {
      // Nothing was promised: sync is off.
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #headroom(): number {
    return this.#fileBytes - this.#usedBytes;
  }

  #measure(): void {
    const { lastPageNumber } = statisticsOf(this.#environment.root);
    this.#usedBytes = (lastPageNumber + 1) * this.#pageBytes;
    this.#isMeasured = true;
    if (this.#headroom() < 0) this.#fileBytes = fstatSync(this.#file).size;
  }

  /**
   * The file cannot grow: what LMDB has on its free list must do, a quarter of it, because the
   * pages that the latest commits freed are not to be had yet, and the free list itself is
   * rewritten. A value of more than a page needs a run of pages, which the free list does not
   * promise. LMDB takes the run from the headroom then, so it must fit in there without costing the
   * removals their half of the reserve.
   */
  #fitsFull(need: SpaceNeed): boolean {
    const { root, tables } = this.#environment;
    root.resetReadTxn();
    const statistics = statisticsOf(root);
    const treePages = [root, ...tables].reduce((sum, table) => sum + treePagesOf(table), 0);
    const free = statistics.lastPageNumber + 1 - 2 - pagesOf(statistics.free) - treePages;
    const payload = Math.ceil((2 * need.bytes) / this.#pageBytes);
    const touched = Math.min(2 * need.changes, treePages) + payload + 16;
    const reserve = Math.floor(this.#reserveBytes / this.#pageBytes);
    const tail = Math.floor(this.#headroom() / this.#pageBytes);
    if (need.puts === 0) return touched <= tail + (free >> 1);
    // Should the free list give nothing, the headroom must do, and half of the reserve stays.
    if (touched > tail - (reserve >> 1)) return false;
    return touched <= Math.max(0, tail - reserve) + (free >> 2);
  }

  /** Appends zeros. False when the disk gave less than was asked for. */
  #extend(bytes: number): boolean {
    for (let left = bytes; left > 0; ) {
      let written = 0;
      try {
        written = writeSync(this.#file, zeros, 0, Math.min(left, zeros.length), this.#fileBytes);
      } catch (error) {
        if (!meansFull(error)) throw error;
      }
      if (written === 0) return false;
      this.#fileBytes += written;
      left -= written;
    }
    return true;
  }
}

function treePagesOf(table: TableHandle): number {
  return pagesOf(statisticsOf(table));
}
