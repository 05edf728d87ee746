import { assert } from '../../base/mod.js';
import type { FrameBody } from './frame-body.js';
import { FrameType } from './frames.js';
import type { FrameNumber } from './numbering.js';

/** Types of frames that may have a number. */
export type NumberedType = typeof FrameType.Publish | typeof FrameType.Remnant;

/** A number that was given and is not confirmed. */
export interface Entry extends FrameNumber {
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

/** Fewer places of numbers that are done stay where they are. */
const doneMin = 1024;

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
  /** By number, that of `#floor` at `#head`. Undefined: it is done, or was never given. */
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  #size = 0;
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
    return this.#size;
  }

  /** The lowest open number; if there is none, the one that comes next. */
  get floor(): number {
    return this.#floor;
  }

  /** Above every number that was given. */
  get next(): number {
    return this.#next;
  }

  /** Ascending. */
  get entries(): Entry[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  get(sequence: number): Entry | undefined {
    return sequence < this.#floor ? undefined : this.#entries[this.#indexOf(sequence)];
  }

  /** A new lane begins. */
  laneOpened(): void {
    this.#doubtfulBelow = Math.max(this.#doubtfulBelow, this.#next);
  }

  /** `sequence` is above all that came before, and not {@link windowMax} above the floor. */
  add(sequence: number, size: number): Entry {
    assert(sequence >= this.#next, 'numbers are added in order');
    for (; this.#next < sequence; this.#next += 1) this.#entries.push(undefined);
    this.#next = sequence + 1;
    const entry: Entry = {
      boot: this.boot,
      sequence,
      size,
      type: this.#isRestored ? FrameType.Remnant : FrameType.Publish,
      body: undefined,
      wasSent: this.#isRestored,
      isOpen: true,
    };
    this.#entries.push(entry);
    this.#size += 1;
    return entry;
  }

  /** True: the peer must be told the new floor. */
  close(entry: Entry, isConfirmed: boolean): boolean {
    const { sequence } = entry;
    this.#entries[this.#indexOf(sequence)] = undefined;
    this.#size -= 1;
    entry.isOpen = false;
    entry.body = undefined;
    if (!isConfirmed) this.#holes.add(sequence);
    if (sequence !== this.#floor) return false;
    let passedHole = sequence < this.#doubtfulBelow;
    while (this.#floor < this.#next && this.#entries[this.#head] === undefined) {
      passedHole = this.#holes.delete(this.#floor) || passedHole;
      this.#floor += 1;
      this.#head += 1;
    }
    this.#forgetDone();
    return passedHole;
  }

  #indexOf(sequence: number): number {
    return sequence - this.#floor + this.#head;
  }

  /** Gives places back once they are most of all, so that each number is moved once. */
  #forgetDone(): void {
    if (this.#size === 0) this.#entries = [];
    else if (this.#head < doneMin || this.#head * 2 < this.#entries.length) return;
    else this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
