import { assert } from '../../base/mod.js';
import type { FrameBody } from './frame-body.js';
import { FrameType } from './frames.js';
import type { FrameNumber } from './numbering.js';

/** Types of frames that may have a number. */
export type NumberedType = typeof FrameType.Publish | typeof FrameType.Remnant;

/** A number that was given and is not confirmed. */
export interface Entry {
  readonly number: FrameNumber;
  /** As counted against the bound of the sender. */
  size: number;
  type: NumberedType;
  /** Undefined until the composition hands the frame over. */
  body: FrameBody | undefined;
  /** In this or an earlier life of the process; one that was not cannot be confirmed. */
  wasSent: boolean;
  /** Neither confirmed nor refused nor withdrawn. */
  isOpen: boolean;
}

/**
 * The numbers of one boot that the peer has not confirmed.
 *
 * ```
 *  confirmed ── floor ──── open, done, open ──── next
 * ```
 *
 * What is done without being confirmed is a hole to the peer: it must be told when the floor passes
 * one, or it would wait for that number for ever. So may be what was confirmed on an earlier lane,
 * for the peer may have restarted since, and knows only what it had to store.
 */
export class Unconfirmed {
  readonly boot: number;
  readonly #entries: Map<number, Entry> = new Map();
  readonly #holes: Set<number> = new Set();
  readonly #isRestored: boolean;
  /** Any number below may be a hole. */
  #doubtfulBelow: number;
  #floor: number;
  #next: number;

  constructor(boot: number, first: number, isRestored: boolean) {
    this.boot = boot;
    this.#floor = first;
    this.#next = first;
    this.#isRestored = isRestored;
    this.#doubtfulBelow = isRestored ? Number.POSITIVE_INFINITY : first;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The lowest open number; if there is none, the one that comes next. */
  get floor(): number {
    return this.#floor;
  }

  /** Above every number that was given. */
  get next(): number {
    return this.#next;
  }

  get entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  get(sequence: number): Entry | undefined {
    return this.#entries.get(sequence);
  }

  /** A new lane begins. */
  laneOpened(): void {
    this.#doubtfulBelow = Math.max(this.#doubtfulBelow, this.#next);
  }

  /** `sequence` is above all that came before. */
  add(sequence: number, size: number): Entry {
    assert(sequence >= this.#next, 'numbers are added in order');
    this.#next = sequence + 1;
    const entry: Entry = {
      number: { boot: this.boot, sequence },
      size,
      type: this.#isRestored ? FrameType.Remnant : FrameType.Publish,
      body: undefined,
      wasSent: this.#isRestored,
      isOpen: true,
    };
    this.#entries.set(sequence, entry);
    return entry;
  }

  /** True: the peer must be told the new floor. */
  close(entry: Entry, isConfirmed: boolean): boolean {
    const { sequence } = entry.number;
    this.#entries.delete(sequence);
    entry.isOpen = false;
    entry.body = undefined;
    if (!isConfirmed) this.#holes.add(sequence);
    if (sequence !== this.#floor) return false;
    let passedHole = sequence < this.#doubtfulBelow;
    while (this.#floor < this.#next && !this.#entries.has(this.#floor)) {
      passedHole = this.#holes.delete(this.#floor) || passedHole;
      this.#floor += 1;
    }
    return passedHole;
  }
}
