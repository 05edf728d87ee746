import type { Boot, Site } from '../identity/mod.js';
import {
  bodySize,
  DataReceiver,
  DataSender,
  type FrameBody,
  type FrameNumber,
  FrameType,
  joined,
  splitNumber,
} from '../link/mod.js';

import { RemovedRecords } from './removed-records.js';

/** Why a member does not own a message that it was sent; on the wire. */
export const RefusedBecause = {
  Malformed: 1,
  NoMember: 2,
  Store: 3,
  Unreachable: 4,
  /** The session is another member's by now: whoever has something of it asks anew whose. */
  NotOwner: 5,
  /** The session began anew since: what was left of the old one is nobody's. */
  Stale: 6,
} as const;
export type RefusedBecause = (typeof RefusedBecause)[keyof typeof RefusedBecause];

/** What became of a message that came. */
export interface Arrived {
  /** 0: it was taken. */
  readonly refused: RefusedBecause | 0;
  /** Batch that must be durable before it is confirmed; 0: nothing was stored. */
  readonly ticket: number;
}

/**
 * The messages of one frame, one after the other. One object per node, which holds until the next
 * frame; see {@link PeerFlowOut.opened}.
 */
export interface Arriving {
  /** The frame does not go on as a member would write it. */
  readonly isMalformed: boolean;
  /** Goes to the next message. False: there is none, or `isMalformed`. */
  next(): boolean;
  /** Brings the message to whom it is for, here. */
  deliver(now: number): Arrived;
}

/** Who waits for a member to own a message. */
export interface Awaited {
  /** As if it were overdue when it is sent: who sent it must not forget it in a crash. */
  readonly isWrittenAtOnce?: boolean;
  /** Owned there. */
  confirmed(now: number): void;
  /** Not owned there, and it will not be. */
  refused(reason: number, now: number): void;
  /**
   * The member takes its time: the message is in the batch that comes next, with its number. Who
   * has no such method waits for as long as it takes.
   */
  overdue?(now: number): void;
  /**
   * The member is down and may have it or not. Who it is for gets it in other ways; `confirmed`
   * follows if the member turns out to have it, and nothing otherwise.
   */
  stranded?(now: number): void;
}

export interface PeerFlowOut {
  /** To the data lane. False: it takes none now; `drained` is called when it does. */
  transmit(type: FrameType, ...parts: Uint8Array[]): boolean;
  /**
   * A frame came of messages for subscribers here, in `body` from `start` on, which is valid until
   * the event of the link is over.
   */
  opened(site: Site, body: Uint8Array, start: number): Arriving;
  /** Something came of a session that another member has, or had. */
  handedOver(site: Site, body: Uint8Array, now: number): Arrived;
  /** Batch that what is stored now goes into. */
  readonly ticket: number;
  /** `onDurable` is to be called with the next batch. */
  batchAwaited(): void;
  /** So many messages at QoS 0 did not leave. */
  unsent(count: number, bytes: number): void;
  /** The record of what came from `site` in `boot` is to be written; undefined: to be deleted. */
  recordChanged(site: Site, boot: number): void;
  /** The message is to be written, or (`body` undefined) its record to be deleted. */
  sentChanged(site: Site, number: FrameNumber, body: Uint8Array | undefined): void;
}

/** Bytes sent to one member that it has not confirmed; beyond it messages are refused. */
const unconfirmedBytesMax = 16 * 1024 * 1024;

/** Nobody waits, and yet the message is given up with the others. */
const noSoundNumber = 'a message of the peer has no sound number';
const outOfOrder = 'a number of the peer is out of all order';
const malformedMessage = 'a message of the peer is malformed';

interface Pending {
  readonly number: FrameNumber;
  readonly ticket: number;
}

/** A message that is written when the member takes too long to confirm it. */
interface Waiting {
  readonly number: FrameNumber;
  readonly body: FrameBody;
  readonly sentAt: number;
}

/** A message that leaves when its batch is durable, or (ticket 0) behind such a one. */
interface Held {
  readonly number: FrameNumber;
  readonly type: typeof FrameType.Publish | typeof FrameType.Remnant;
  readonly body: FrameBody;
  readonly ticket: number;
}

/** Messages that were looked at and need not be written, before their places are given back. */
const seenMax = 1024;

/** Messages to one other member, and from it. Lives as long as this process, links come and go. */
export class PeerFlow {
  readonly #site: Site;
  readonly #boot: number;
  readonly #out: PeerFlowOut;
  readonly #sender: DataSender;
  readonly #receiver: DataReceiver;
  readonly #ackTimeoutMs: number;
  /** By number of this boot; not those for which nobody waits. */
  readonly #awaited = new Map<number, Awaited>();
  /** Of earlier boots, and of the member's last time up: it may have them or not. By number. */
  readonly #stranded = new Map<string, { number: FrameNumber; awaited: Awaited }>();
  /** In the order of sending, from `#waitingAt` on. */
  #waiting: Waiting[] = [];
  #waitingAt = 0;
  /** In order. */
  #held: Held[] = [];
  /** Sequences of messages that are written. */
  readonly #written = new Set<number>();
  readonly #removed = new RemovedRecords();
  /** Taken, and waiting for their batch. In order of their tickets. */
  #pending: Pending[] = [];
  #now = 0;

  /** `ackTimeoutMs`: after so long a message that is not confirmed is written, and owned here. */
  constructor(site: Site, boot: Boot, ackTimeoutMs: number, out: PeerFlowOut) {
    this.#site = site;
    this.#ackTimeoutMs = ackTimeoutMs;
    this.#boot = boot.counter;
    this.#out = out;
    this.#sender = new DataSender(boot.counter, unconfirmedBytesMax, {
      transmit: (type, ...parts) => out.transmit(type, ...parts),
      confirmed: (number) => this.#take(number, true)?.confirmed(this.#now),
      refused: (number, reason) => this.#take(number, false)?.refused(reason, this.#now),
      resumed: () => this.#forgetStranded(),
      floors: () => this.#removed.floors(),
      unsent: (count, bytes) => out.unsent(count, bytes),
    });
    this.#receiver = new DataReceiver({
      transmit: (type, ...parts) => out.transmit(type, ...parts),
      forget: (senderBoot) => out.recordChanged(site, senderBoot),
    });
  }

  /** At start: what was stored of the numbers that this member gave. False: it is damaged. */
  restore(boot: number, record: Uint8Array): boolean {
    return this.#receiver.restore(boot, record);
  }

  /**
   * At start, ascending: a message that was written and not confirmed. It is not sent again, for
   * who it is for gets it in other ways. False: whether the member has it cannot be asked any more.
   */
  restoreSent(number: FrameNumber, awaited: Awaited): boolean {
    if (!this.#sender.restore(number)) return false;
    this.#stranded.set(nameOf(number), { number, awaited });
    this.#noteRemoved(number);
    return true;
  }

  /** What belongs on the disk for `boot` of the member; undefined: nothing any more. */
  record(boot: number): Uint8Array | undefined {
    return this.#receiver.record(boot);
  }

  /** The number of the next message, for {@link beginAt} of who comes after this one. */
  get nextSequence(): number {
    return this.#sender.nextSequence;
  }

  /** See {@link DataSender.beginAt}. */
  beginAt(sequence: number): void {
    this.#sender.beginAt(sequence);
  }

  /** Messages that the member does not own yet. */
  get unconfirmedCount(): number {
    return this.#sender.unconfirmedCount;
  }

  /** Sent once and never again, QoS 0. False: it is lost. */
  sendOnce(body: FrameBody): boolean {
    return this.#sender.sendOnce(body);
  }

  /**
   * Sent until the member owns it, from the turn's end on. `after`: it leaves when that batch is
   * durable, and not at all if that is refused. What is handed over does not overtake such a one:
   * a mark would say that it is not for who it is sent to. False: too much is on its way already.
   */
  send(
    body: FrameBody,
    awaited: Awaited | undefined,
    now: number,
    type: typeof FrameType.Publish | typeof FrameType.Remnant = FrameType.Publish,
    after = 0,
  ): boolean {
    const number = this.#sender.reserve(bodySize(body));
    if (number === undefined) return false;
    if (awaited !== undefined) this.#awaited.set(number.sequence, awaited);
    const isBehind = type === FrameType.Remnant && this.#held.length > 0;
    if (after > 0 || isBehind) this.#held.push({ number, type, body, ticket: after });
    else this.#sender.send(number, type, body);
    if (awaited?.overdue === undefined) return true;
    if (awaited.isWrittenAtOnce === true) this.#write(number, body, awaited, now);
    else this.#waiting.push({ number, body, sentAt: now });
    return true;
  }

  #write(number: FrameNumber, body: FrameBody, awaited: Awaited, now: number): void {
    this.#written.add(number.sequence);
    this.#out.sentChanged(this.#site, number, joined(body));
    awaited.overdue?.(now);
  }

  /** The member is down: nobody waits for it any more. What it has not got is not sent again. */
  giveUp(now: number): void {
    const awaited = new Map(this.#awaited);
    this.#awaited.clear();
    this.#waiting = [];
    this.#waitingAt = 0;
    this.#held = [];
    for (const number of this.#sender.openNumbers) {
      // Of the member's last time up: it is not known yet whether it has them.
      if (this.#stranded.has(nameOf(number))) continue;
      const one = awaited.get(number.sequence);
      this.#forgetWritten(number, false);
      if (one?.stranded !== undefined && this.#sender.suspend(number)) {
        this.#stranded.set(nameOf(number), { number, awaited: one });
        one.stranded(now);
        continue;
      }
      this.#sender.withdraw(number);
      one?.refused(RefusedBecause.Unreachable, now);
    }
  }

  /**
   * Writes what the member has not confirmed in time; true: something. At every turn's end, and
   * about every 50 ms.
   */
  writeOverdue(now: number): boolean {
    const before = this.#written.size;
    for (; this.#waitingAt < this.#waiting.length; this.#waitingAt += 1) {
      const { number, body, sentAt } = this.#waiting[this.#waitingAt] as Waiting;
      const awaited = this.#awaited.get(number.sequence);
      if (awaited === undefined) continue;
      if (now - sentAt < this.#ackTimeoutMs) break;
      this.#write(number, body, awaited, now);
    }
    const isAll = this.#waitingAt === this.#waiting.length;
    if (isAll || this.#waitingAt >= seenMax) {
      this.#waiting = isAll ? [] : this.#waiting.slice(this.#waitingAt);
      this.#waitingAt = 0;
    }
    return this.#written.size > before;
  }

  laneOpened(): void {
    this.#sender.opened();
    this.#receiver.opened();
  }

  laneClosed(): void {
    this.#sender.closed();
    this.#receiver.closed();
  }

  /** At every turn's end, and when the lane takes frames again. */
  flush(): void {
    this.#sender.pump();
    this.#receiver.flush();
  }

  /** A frame of the data lane. Returns what is wrong with it; the link is then to be reset. */
  onFrame(type: number, body: Uint8Array, now: number): string | undefined {
    this.#now = now;
    switch (type) {
      case FrameType.Publish:
        return this.#onPublish(body, now);
      case FrameType.Remnant:
        return this.#onRemnant(body, now);
      case FrameType.Confirm:
        return this.#sender.onConfirm(body);
      case FrameType.Floor:
        return this.#receiver.onFloor(body);
      default:
        return undefined;
    }
  }

  /**
   * A batch was settled: up to `durable` everything is, or from `refused` on (0: none) nothing.
   * True while something waits for a later one.
   */
  onDurable(durable: number, refused: number): boolean {
    this.#release(durable, refused);
    if (!this.#removed.isEmpty) {
      this.#removed.onDurable(durable, refused, this.#out.ticket);
      this.#sender.tellFloors();
    }
    const pending = this.#pending;
    this.#pending = [];
    for (const one of pending) {
      if (refused !== 0 && one.ticket >= refused) {
        this.#receiver.refused(one.number, RefusedBecause.Store);
      } else if (one.ticket <= durable) this.#receiver.owned(one.number);
      else this.#pending.push(one);
    }
    return this.#pending.length > 0 || this.#held.length > 0 || !this.#removed.isEmpty;
  }

  #release(durable: number, refused: number): void {
    const held = this.#held;
    let at = 0;
    for (; at < held.length; at += 1) {
      const { number, type, body, ticket } = held[at] as Held;
      const isRefused = refused !== 0 && ticket >= refused;
      if (ticket > durable && !isRefused) break;
      if (isRefused) {
        // Its publisher is told, and nobody is to get it.
        this.#take(number, false);
        this.#sender.withdraw(number);
      } else this.#sender.send(number, type, body);
    }
    if (at > 0) this.#held = held.slice(at);
  }

  #onPublish(bytes: Uint8Array, now: number): string | undefined {
    const split = splitNumber(bytes);
    if (split === undefined) return noSoundNumber;
    const arriving = this.#out.opened(this.#site, bytes, split.end);
    if (split.number !== undefined) return this.#onNumbered(split.number, arriving, now);
    while (arriving.next()) arriving.deliver(now);
    return arriving.isMalformed ? malformedMessage : undefined;
  }

  /** `first` is the number of the first message; those of the others follow from it. */
  #onNumbered(first: FrameNumber, arriving: Arriving, now: number): string | undefined {
    const { boot } = first;
    const before = this.#pending.length;
    let { sequence } = first;
    let fault: string | undefined;
    for (; fault === undefined && arriving.next(); sequence += 1) {
      const number = { boot, sequence };
      const arrival = this.#receiver.arrived(number);
      if (arrival === 'new') this.#settle(number, arriving.deliver(now));
      else if (arrival === 'outside') fault = outOfOrder;
    }
    if (this.#pending.length > before) this.#writeRecord(boot);
    if (!arriving.isMalformed) return fault;
    const number = { boot, sequence };
    // Or it would be sent again and again.
    if (this.#receiver.arrived(number) === 'new') {
      this.#receiver.refused(number, RefusedBecause.Malformed);
    }
    return malformedMessage;
  }

  #onRemnant(bytes: Uint8Array, now: number): string | undefined {
    const split = splitNumber(bytes);
    if (split === undefined) return noSoundNumber;
    const { number, end } = split;
    if (number === undefined) return 'what a peer hands over has no number';
    const arrival = this.#receiver.arrived(number);
    if (arrival === 'outside') return outOfOrder;
    if (arrival === 'known') return undefined;
    const before = this.#pending.length;
    const arrived = this.#out.handedOver(this.#site, bytes.subarray(end), now);
    this.#settle(number, arrived);
    if (this.#pending.length > before) this.#writeRecord(number.boot);
    return arrived.refused === RefusedBecause.Malformed ? malformedMessage : undefined;
  }

  #settle(number: FrameNumber, { refused, ticket }: Arrived): void {
    if (refused !== 0) this.#receiver.refused(number, refused);
    else if (ticket === 0) this.#receiver.owned(number);
    else {
      this.#receiver.stored(number);
      this.#pending.push({ number, ticket });
    }
  }

  /** Into the batch of the messages that it covers. */
  #writeRecord(boot: number): void {
    this.#out.recordChanged(this.#site, boot);
    this.#out.batchAwaited();
  }

  #take(number: FrameNumber, isConfirmed: boolean): Awaited | undefined {
    if (number.boot === this.#boot && this.#awaited.size > 0) {
      const awaited = this.#awaited.get(number.sequence);
      this.#awaited.delete(number.sequence);
      this.#forgetWritten(number, isConfirmed);
      if (awaited !== undefined) return awaited;
    }
    if (this.#stranded.size === 0) return undefined;
    const stranded = this.#stranded.get(nameOf(number));
    this.#stranded.delete(nameOf(number));
    return stranded?.awaited;
  }

  #forgetWritten(number: FrameNumber, isConfirmed: boolean): void {
    if (!this.#written.delete(number.sequence)) return;
    this.#out.sentChanged(this.#site, number, undefined);
    if (!isConfirmed) this.#noteRemoved(number);
  }

  #noteRemoved(number: FrameNumber): void {
    this.#removed.add(number, this.#out.ticket);
    this.#out.batchAwaited();
  }

  /** The member has said what it has: of these it has none. */
  #forgetStranded(): void {
    for (const { number } of this.#stranded.values()) this.#sender.withdraw(number);
    this.#stranded.clear();
  }
}

function nameOf({ boot, sequence }: FrameNumber): string {
  return `${boot}/${sequence}`;
}
