import { assert } from '../../base/mod.js';
import { bodySize, type FrameBody, isFollowed } from './frame-body.js';
import { FrameType } from './frames.js';
import {
  bootsMax,
  type Confirm,
  type FrameNumber,
  noNumber,
  readConfirm,
  windowMax,
  writeFloors,
  writeNumber,
} from './numbering.js';
import { type Entry, type NumberedType, Unconfirmed } from './unconfirmed.js';

export interface DataSenderOut {
  /** To the data lane. False: it takes none now, {@link DataSender.pump} is called when it does. */
  transmit(type: FrameType, ...parts: Uint8Array[]): boolean;
  /** The peer owns it: it is durable there. */
  confirmed(number: FrameNumber): void;
  /** The peer has said of all that it owns that it does. */
  resumed(): void;
  /** By boot, numbers that the peer is to remember though they are done; and all above. */
  floors(): ReadonlyMap<number, number>;
  /** So many, sent once, did not leave. */
  unsent(count: number, bytes: number): void;
  /** The peer will never own it; `reason` is the peer's composition's. A retry is a new number. */
  refused(number: FrameNumber, reason: number): void;
}

/** Frames that one call transmits, so that a long backlog does not hold up the node. */
const pumpMax = 4096;

/** Entries that went out and still stand in the queue before it is cut. */
const staleMax = 1024;

/**
 * The sending half of the numbers of one peer: gives them, keeps every frame until the peer owns
 * it, and sends again what a broken lane left in doubt, with the numbers it had and before anything
 * new.
 *
 * ```
 *  reserve ─▶ send ─▶ transmitted ─▶ confirmed            (or refused, or withdrawn)
 *               ▲          │
 *               └──────────┘ the lane broke
 * ```
 *
 * When the lane opens, the peer says first what it has; only then frames go out, so what arrived
 * before the break is not sent again. Numbers of an earlier boot, which are committed with
 * remnants, are restored before the lane first opens.
 */
export class DataSender {
  readonly #boot: number;
  readonly #bytesMax: number;
  readonly #out: DataSenderOut;
  #own: Unconfirmed;
  /** Of earlier boots, ascending, none empty. */
  readonly #earlier: Map<number, Unconfirmed> = new Map();
  #bytes = 0;
  /** To be transmitted, in order, from `#unsentAt` on. Empty while the lane is closed. */
  readonly #unsent: Entry[] = [];
  #unsentAt = 0;
  readonly #once = new OnceRun();
  #lane: 'closed' | 'opened' | 'resumed' = 'closed';
  /** The peer should be told what it need not wait for. */
  #floorsChanged = false;

  /**
   * `boot` is the counter of this node's boot, which a sender keeps for its life.
   *
   * `bytesMax`: bytes of frames that are not confirmed. Higher: a distant peer is kept busier, and
   * takes more memory. Lower: its messages are parked on disk sooner.
   */
  constructor(boot: number, bytesMax: number, out: DataSenderOut) {
    this.#boot = boot;
    this.#own = new Unconfirmed(boot, 1, false);
    this.#bytesMax = bytesMax;
    this.#out = out;
  }

  /** The number that comes next. */
  get nextSequence(): number {
    return this.#own.next;
  }

  /**
   * Before anything is sent: the peer was one before, in this boot, left, and is back. It knows
   * numbers below `sequence`, and would take what comes with them for repetitions.
   */
  beginAt(sequence: number): void {
    this.#own = new Unconfirmed(this.#boot, sequence, false);
  }

  /** Bytes of frames that the peer does not own yet. */
  get unconfirmedBytes(): number {
    return this.#bytes;
  }

  get unconfirmedCount(): number {
    let count = this.#own.size;
    for (const stream of this.#earlier.values()) count += stream.size;
    return count;
  }

  /** Of this boot, those that are not confirmed. Ascending. */
  get openNumbers(): readonly FrameNumber[] {
    return this.#own.entries;
  }

  /** {@link reserve} gives no number: what comes is to be parked. */
  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax || this.#own.next >= this.#own.floor + windowMax;
  }

  /**
   * A number of an earlier boot that is stored with its remnant; ascending, and all before the lane
   * first opens, or the peer forgets them. The frame follows by {@link send}. False: there are too
   * many, or too many boots; it is to be given a new number.
   */
  restore(number: FrameNumber): boolean {
    assert(number.boot < this.#boot, 'a number of this boot, or of a later one, is restored');
    let stream = this.#earlier.get(number.boot);
    if (stream === undefined) {
      if (this.#earlier.size >= bootsMax - 1) return false;
      stream = new Unconfirmed(number.boot, number.sequence, true);
      this.#earlier.set(number.boot, stream);
    }
    if (number.sequence >= stream.floor + windowMax) return false;
    stream.add(number.sequence, 0);
    return true;
  }

  /**
   * A number for a frame of `size` bytes, which is given later: when what must be committed before
   * it leaves is. It must come, or be withdrawn. Undefined: {@link isFull}.
   */
  reserve(size: number): FrameNumber | undefined {
    if (this.isFull) return undefined;
    this.#bytes += size;
    return this.#own.add(this.#own.next, size);
  }

  /** The frame of `number`, kept until the peer owns it. It leaves with {@link pump}. */
  send(number: FrameNumber, type: NumberedType, body: FrameBody): void {
    const entry = this.#streamOf(number.boot)?.get(number.sequence);
    // It may have been confirmed meanwhile: the peer had it from before.
    if (entry === undefined || entry.body !== undefined) return;
    entry.type = type;
    entry.body = body;
    const size = bodySize(body);
    this.#bytes += size - entry.size;
    entry.size = size;
    if (this.#lane !== 'closed') this.#unsent.push(entry);
  }

  /** Once, without a number: QoS 0. Leaves with {@link pump} at the latest. False: it is lost. */
  sendOnce(body: FrameBody): boolean {
    if (this.#lane === 'closed') return false;
    if (!this.#once.add(body)) {
      this.#transmitOnce();
      this.#once.add(body);
    }
    return true;
  }

  /** The frame is of no use any more: expired, or its session went elsewhere. */
  withdraw(number: FrameNumber): void {
    const entry = this.#streamOf(number.boot)?.get(number.sequence);
    if (entry === undefined) return;
    this.#close(entry, false);
    this.pump();
  }

  /**
   * The frame goes out no more, but if the peer turns out to own it that is told. False: it never
   * went out. To be withdrawn when the peer has resumed and did not say so.
   */
  suspend(number: FrameNumber): boolean {
    const entry = this.#streamOf(number.boot)?.get(number.sequence);
    if (entry?.wasSent !== true) return false;
    this.#bytes -= entry.size;
    entry.size = 0;
    entry.body = undefined;
    return true;
  }

  /** The data lane is open. */
  opened(): void {
    this.#lane = 'opened';
    this.#floorsChanged = true;
    this.#own.laneOpened();
    this.#forgetUnsent();
    for (const stream of [...this.#earlier.values(), this.#own]) {
      for (const entry of stream.entries) if (entry.body !== undefined) this.#unsent.push(entry);
    }
  }

  closed(): void {
    this.#lane = 'closed';
    this.#forgetUnsent();
    this.#loseOnce();
  }

  /** What {@link DataSenderOut.floors} says has changed. With the next {@link pump}. */
  tellFloors(): void {
    this.#floorsChanged = true;
  }

  /** Transmits what waits, as far as the lane takes it. At a turn's end, and when it drained. */
  pump(): void {
    this.#transmitOnce();
    if (this.#lane !== 'resumed') return;
    if (this.#floorsChanged) {
      if (!this.#out.transmit(FrameType.Floor, writeFloors(this.#floors()))) return;
      this.#floorsChanged = false;
    }
    for (let count = 0; count < pumpMax && this.#transmitNext(); count += 1) {
      // The lane takes more.
    }
    if (this.#unsentAt === this.#unsent.length) this.#forgetUnsent();
    if (this.#unsentAt < staleMax) return;
    this.#unsent.splice(0, this.#unsentAt);
    this.#unsentAt = 0;
  }

  /** The body of a Confirm. Returns what is wrong with it; the link is then to be reset. */
  onConfirm(body: Uint8Array): string | undefined {
    const confirm = readConfirm(body);
    if (confirm === undefined) return 'a Confirm of the peer ends early';
    if (confirm.boot === 0) {
      if (this.#lane === 'opened') {
        this.#lane = 'resumed';
        this.#out.resumed();
      }
    } else {
      const stream = this.#streamOf(confirm.boot);
      if (stream !== undefined && !this.#apply(confirm, stream)) {
        return 'the peer confirms what it was never sent';
      }
    }
    this.pump();
    return undefined;
  }

  /** False once something is confirmed that was not sent. */
  #apply(confirm: Confirm, stream: Unconfirmed): boolean {
    if (confirm.upTo >= stream.next && stream === this.#own) return false;
    for (const { sequence, reason } of confirm.exceptions) {
      const entry = stream.get(sequence);
      if (entry === undefined) continue;
      if (!entry.wasSent) return false;
      this.#close(entry, false);
      this.#out.refused(entry, reason);
    }
    return (
      confirm.ranges.every(({ from, to }) => this.#confirmRange(stream, from, to)) &&
      this.#confirmRange(stream, stream.floor, confirm.upTo)
    );
  }

  #confirmRange(stream: Unconfirmed, from: number, to: number): boolean {
    const end = Math.min(to, stream.next - 1);
    for (let sequence = Math.max(from, stream.floor); sequence <= end; sequence += 1) {
      const entry = stream.get(sequence);
      if (entry !== undefined && !this.#confirm(entry)) return false;
    }
    return true;
  }

  #confirm(entry: Entry): boolean {
    if (!entry.wasSent) return false;
    this.#close(entry, true);
    this.#out.confirmed(entry);
    return true;
  }

  #close(entry: Entry, isConfirmed: boolean): void {
    const stream = this.#streamOf(entry.boot);
    assert(stream !== undefined, 'an open number of no stream');
    if (stream.close(entry, isConfirmed)) this.#floorsChanged = true;
    this.#bytes -= entry.size;
    if (stream === this.#own || stream.size > 0) return;
    this.#earlier.delete(stream.boot);
    this.#floorsChanged = true;
  }

  /** False: there is nothing more, or the lane takes no more. */
  #transmitNext(): boolean {
    const entry = this.#unsent[this.#unsentAt];
    if (entry === undefined) return false;
    const { body } = entry;
    if (!entry.isOpen || body === undefined) {
      this.#unsentAt += 1;
      return true;
    }
    const count = this.#runAt(this.#unsentAt);
    const last = this.#unsent[this.#unsentAt + count - 1]?.body ?? body;
    const part = body.bytes.subarray(body.start, last.end);
    if (!this.#out.transmit(entry.type, writeNumber(entry), body.front, part)) return false;
    for (const end = this.#unsentAt + count; this.#unsentAt < end; this.#unsentAt += 1) {
      (this.#unsent[this.#unsentAt] as Entry).wasSent = true;
    }
    return true;
  }

  /** How many entries from `start` on go into one frame: their numbers follow from the first. */
  #runAt(start: number): number {
    let at = start + 1;
    for (; at < this.#unsent.length; at += 1) {
      const before = this.#unsent[at - 1] as Entry;
      if (!isNeighbour(before, this.#unsent[at] as Entry)) break;
    }
    return at - start;
  }

  #transmitOnce(): void {
    const { body, count } = this.#once;
    if (body === undefined) return;
    const part = body.bytes.subarray(body.start, this.#once.end);
    const isSent = this.#out.transmit(FrameType.Publish, noNumber, body.front, part);
    this.#once.clear();
    if (!isSent) this.#out.unsent(count, part.length);
  }

  #loseOnce(): void {
    const { body, count, end } = this.#once;
    this.#once.clear();
    if (body !== undefined) this.#out.unsent(count, end - body.start);
  }

  #forgetUnsent(): void {
    this.#unsent.length = 0;
    this.#unsentAt = 0;
  }

  #streamOf(boot: number): Unconfirmed | undefined {
    return boot === this.#boot ? this.#own : this.#earlier.get(boot);
  }

  #floors(): Map<number, number> {
    const floors = new Map<number, number>();
    for (const [boot, { floor }] of this.#earlier) floors.set(boot, floor);
    floors.set(this.#boot, this.#own.floor);
    for (const [boot, floor] of this.#out.floors()) {
      floors.set(boot, Math.min(floors.get(boot) ?? floor, floor));
    }
    return floors;
  }
}

/** What is sent once and waits for the end of the turn, or for what does not join it. */
class OnceRun {
  /** The first one's; undefined: nothing waits. */
  body: FrameBody | undefined = undefined;
  /** Where the last one's part ends. */
  end = 0;
  count = 0;

  /** False: it does not lie behind what waits, which is to leave first. */
  add(body: FrameBody): boolean {
    const first = this.body;
    if (first === undefined) this.body = body;
    else if (first.bytes !== body.bytes || first.front !== body.front || this.end !== body.start) {
      return false;
    }
    this.end = body.end;
    this.count += 1;
    return true;
  }

  clear(): void {
    this.body = undefined;
    this.count = 0;
  }
}

/** Only publishes have others like them in their frame. */
function isNeighbour(before: Entry, entry: Entry): boolean {
  const { body, type } = entry;
  if (body === undefined || before.body === undefined || type !== FrameType.Publish) return false;
  const isNext = entry.sequence === before.sequence + 1 && entry.boot === before.boot;
  return isNext && before.type === type && isFollowed(before.body, body);
}
