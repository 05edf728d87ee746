import { assert } from '../../base/mod.js';
import { FrameType } from './frames.js';
import { type NumberRange, NumberSet } from './number-set.js';
import {
  bootsMax,
  confirmListMax,
  type Exception,
  type FrameNumber,
  readFloors,
  windowMax,
  writeConfirm,
} from './numbering.js';

export interface DataReceiverOut {
  /** To the data lane. False: it takes none now; {@link DataReceiver.flush} tries again. */
  transmit(type: FrameType, ...parts: Uint8Array[]): boolean;
  /** No number of that boot will come again: its record may be deleted. */
  forget(boot: number): void;
}

/**
 * What a number that arrives is: `new`, to be owned or refused; `known`, to be ignored; `outside`,
 * which no sound sender gives, so that the link is to be reset.
 */
export type Arrival = 'new' | 'known' | 'outside';

/**
 * The receiving half of the numbers of one sender, by its boots: says which frame is new, and tells
 * the sender what it need not keep.
 *
 * ```
 *  arrived ─▶ new ─▶ stored (in the batch, with the record) ─▶ owned (durable) ─▶ Confirm
 *               └──▶ refused ────────────────────────────────────────────────────▶ Confirm
 * ```
 *
 * For every number that is new the composition calls `owned` or `refused` once. The record of a
 * boot goes into the batch of the messages that it covers, so that after any restart a number is
 * known exactly if its message is here. A refused number is not in it: nothing of it is here, and
 * should the sender not have heard, it may ask again after a restart.
 */
export class DataReceiver {
  readonly #out: DataReceiverOut;
  /** By the sender's boot. */
  readonly #streams: Map<number, Stream> = new Map();
  #isOpen = false;
  /** That everything known was said, on this lane. */
  #saidAll = false;

  constructor(out: DataReceiverOut) {
    this.#out = out;
  }

  /** At start. False: `record` is none that {@link record} made; the store is damaged. */
  restore(boot: number, record: Uint8Array): boolean {
    const stored = NumberSet.read(record, windowMax);
    if (stored === undefined) return false;
    this.#streams.set(boot, new Stream(stored));
    return true;
  }

  arrived({ boot, sequence }: FrameNumber): Arrival {
    let stream = this.#streams.get(boot);
    if (stream === undefined) {
      if (this.#streams.size >= bootsMax) return 'outside';
      stream = new Stream(new NumberSet());
      this.#streams.set(boot, stream);
    }
    return stream.arrived(sequence);
  }

  /** The message of `number` is in the batch that gets {@link record} next. */
  stored(number: FrameNumber): void {
    this.#streams.get(number.boot)?.stored.add(number.sequence);
  }

  /**
   * What belongs into a batch in which numbers of `boot` were stored. Undefined: nothing any more,
   * the sender is done with that boot.
   */
  record(boot: number): Uint8Array | undefined {
    return this.#streams.get(boot)?.stored.write();
  }

  /** It is durable, or there was nothing to store. */
  owned({ boot, sequence }: FrameNumber): void {
    this.#streams.get(boot)?.settle(sequence, undefined);
  }

  /** It will not be owned; `reason`, 1 to 127, is for the sender's composition. */
  refused({ boot, sequence }: FrameNumber, reason: number): void {
    assert(reason > 0 && reason < 128, 'a reason that cannot be written');
    this.#streams.get(boot)?.settle(sequence, reason);
  }

  /** The data lane is open: everything is said once, for what was said before may not have come. */
  opened(): void {
    this.#isOpen = true;
    this.#saidAll = false;
    for (const stream of this.#streams.values()) stream.sayAll();
    this.flush();
  }

  closed(): void {
    this.#isOpen = false;
  }

  /** Says what was settled, as far as the lane takes it. At every turn's end. */
  flush(): void {
    if (!this.#isOpen) return;
    for (const [boot, stream] of this.#streams) {
      while (stream.hasNews) {
        const news = stream.news();
        if (!this.#out.transmit(FrameType.Confirm, writeConfirm({ boot, ...news }))) return;
        stream.said(news);
      }
    }
    if (this.#saidAll) return;
    const end = { boot: 0, upTo: 0, ranges: [], exceptions: [] };
    this.#saidAll = this.#out.transmit(FrameType.Confirm, writeConfirm(end));
  }

  /** The body of a Floor. Returns what is wrong with it; the link is then to be reset. */
  onFloor(body: Uint8Array): string | undefined {
    const floors = readFloors(body);
    if (floors === undefined) return 'a Floor of the peer ends early';
    for (const [boot, stream] of this.#streams) {
      const floor = floors.get(boot);
      if (floor !== undefined) {
        stream.raise(floor);
        continue;
      }
      this.#streams.delete(boot);
      this.#out.forget(boot);
    }
    return undefined;
  }
}

interface News {
  readonly upTo: number;
  readonly ranges: readonly NumberRange[];
  readonly exceptions: readonly Exception[];
}

/** The numbers of one boot. */
class Stream {
  /** Those that arrived, or will not arrive any more. */
  readonly #seen: NumberSet;
  /** What a restart would know: owned, or on its way to the disk. */
  readonly stored: NumberSet;
  /** Owned or refused. */
  readonly #settled: NumberSet;
  /** Refused, until the sender's floor has passed them. At most the window. */
  readonly #refused: Map<number, number> = new Map();
  /** The lowest number that the sender still keeps. */
  #floor = 1;
  /** Said on this lane. */
  #saidUpTo = 0;
  #unsaidOwned: number[] = [];
  #unsaidRefused: number[] = [];

  constructor(stored: NumberSet) {
    this.stored = stored;
    this.#seen = stored.copy();
    this.#settled = stored.copy();
    this.sayAll();
  }

  get hasNews(): boolean {
    return (
      this.#settled.upTo > this.#saidUpTo ||
      this.#unsaidOwned.length > 0 ||
      this.#unsaidRefused.length > 0
    );
  }

  arrived(sequence: number): Arrival {
    // The sender's floor is not above what is stored, or it would have told.
    if (sequence > this.stored.upTo + windowMax) return 'outside';
    return this.#seen.add(sequence) ? 'new' : 'known';
  }

  settle(sequence: number, reason: number | undefined): void {
    // The sender does not wait for it any more.
    if (sequence < this.#floor) return;
    const isNew = this.#settled.add(sequence);
    assert(isNew, 'a number is owned or refused twice');
    if (reason === undefined) {
      this.stored.add(sequence);
      if (sequence > this.#settled.upTo) this.#unsaidOwned.push(sequence);
    } else {
      this.stored.remove(sequence);
      this.#refused.set(sequence, reason);
      this.#unsaidRefused.push(sequence);
    }
  }

  /** The sender is done with every number below `floor`. */
  raise(floor: number): void {
    this.#floor = Math.max(this.#floor, floor);
    for (const set of [this.#seen, this.stored, this.#settled]) set.addUpTo(floor - 1);
    for (const sequence of this.#refused.keys()) {
      if (sequence < floor) this.#refused.delete(sequence);
    }
    this.#unsaidRefused = this.#unsaidRefused.filter((sequence) => sequence >= floor);
  }

  sayAll(): void {
    this.#saidUpTo = 0;
    this.#unsaidRefused = [...this.#refused.keys()];
    this.#unsaidOwned = [];
    for (const { from, to } of this.#settled.ranges) {
      for (let sequence = from; sequence <= to; sequence += 1) {
        if (!this.#refused.has(sequence)) this.#unsaidOwned.push(sequence);
      }
    }
  }

  /** `upTo` never covers an exception that is not said yet: the sender would take it as owned. */
  news(): News {
    this.#unsaidRefused.sort((one, other) => one - other);
    const exceptions = this.#unsaidRefused
      .slice(0, confirmListMax)
      .map((sequence) => ({ sequence, reason: this.#refused.get(sequence) as number }));
    const unsaid = this.#unsaidRefused[confirmListMax] ?? Number.POSITIVE_INFINITY;
    const upTo = Math.min(this.#settled.upTo, unsaid - 1);
    const owned = this.#unsaidOwned.filter((sequence) => sequence > this.#settled.upTo);
    return { upTo, ranges: rangesOf(owned).slice(0, confirmListMax), exceptions };
  }

  said({ upTo, ranges, exceptions }: News): void {
    this.#saidUpTo = upTo;
    this.#unsaidRefused = this.#unsaidRefused.slice(exceptions.length);
    const last = ranges.at(-1)?.to ?? 0;
    this.#unsaidOwned = this.#unsaidOwned.filter(
      (sequence) => sequence > this.#settled.upTo && sequence > last,
    );
  }
}

/** Runs of numbers that stand in any order, each once. */
function rangesOf(numbers: readonly number[]): NumberRange[] {
  const ranges: { from: number; to: number }[] = [];
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last?.to === number - 1) last.to = number;
    else ranges.push({ from: number, to: number });
  }
  return ranges;
}
