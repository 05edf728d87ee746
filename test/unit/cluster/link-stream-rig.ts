/** A sender and a receiver of numbered frames, and a lane between them that can break. */
import { Buffer } from 'node:buffer';
import {
  DataReceiver,
  DataSender,
  type FrameBody,
  type FrameNumber,
  FrameType,
  splitNumber,
  wholeBody,
} from '../../../src/cluster/link/mod.js';

interface Frame {
  readonly type: FrameType;
  readonly body: Uint8Array;
}

export const bodyOf = (text: string): FrameBody => wholeBody(Buffer.from(text));

const sharedFront = new Uint8Array(0);

/** Bodies that may leave in one frame: each ends its text. */
class Block {
  #bytes = Buffer.alloc(256);
  #at = 0;

  add(text: string): FrameBody {
    if (this.#at + text.length >= this.#bytes.length) {
      this.#bytes = Buffer.alloc(256);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += this.#bytes.write(`${text};`, start);
    return { front: sharedFront, bytes: this.#bytes, start, end: this.#at };
  }
}

export class Stream {
  sender: DataSender;
  receiver: DataReceiver;
  /** What the sender heard, and what the receiver may forget. */
  readonly events: string[] = [];
  /** Frames that arrived: number, body, what the receiver says. */
  readonly arrived: string[] = [];
  /** Frames that the sender's side of the lane takes until it is set again. */
  room: number = Number.POSITIVE_INFINITY;
  /** By boot, as committed. */
  readonly records: Map<number, Uint8Array> = new Map();
  readonly toReceiver: Frame[] = [];
  readonly toSender: Frame[] = [];
  readonly #bytesMax: number;
  readonly #block = new Block();
  /** Frames of numbered messages that were delivered. */
  frameCount = 0;
  /** By boot: what the sender's side might ask about again after a crash. */
  readonly kept: Map<number, number> = new Map();
  /** QoS 0 that did not leave. */
  unsent = 0;

  constructor(boot: number, bytesMax: number = 1_000_000) {
    this.#bytesMax = bytesMax;
    this.sender = this.#newSender(boot);
    this.receiver = this.#newReceiver();
  }

  open(): this {
    this.sender.opened();
    this.receiver.opened();
    return this;
  }

  /** What is on its way is lost. */
  cut(): void {
    this.toReceiver.length = 0;
    this.toSender.length = 0;
    this.sender.closed();
    this.receiver.closed();
  }

  restartSender(boot: number): void {
    this.sender = this.#newSender(boot);
  }

  restartReceiver(): void {
    this.receiver = this.#newReceiver();
    for (const [boot, record] of this.records) this.receiver.restore(boot, record);
  }

  /** The record of `boot` is durable. */
  commit(boot: number): void {
    const record = this.receiver.record(boot);
    if (record !== undefined) this.records.set(boot, record);
  }

  send(text: string): FrameNumber {
    const number = this.sender.reserve(text.length);
    if (number === undefined) throw new Error('full');
    this.sender.send(number, FrameType.Publish, bodyOf(text));
    return { boot: number.boot, sequence: number.sequence };
  }

  /** The same, of one that leaves together with its neighbours. */
  sendNeighbour(text: string): FrameNumber {
    const number = this.sender.reserve(text.length);
    if (number === undefined) throw new Error('full');
    this.sender.send(number, FrameType.Publish, this.neighbour(text));
    return { boot: number.boot, sequence: number.sequence };
  }

  neighbour(text: string): FrameBody {
    return this.#block.add(text);
  }

  take(): string[] {
    return this.events.splice(0);
  }

  /** Delivers until nothing is on its way. */
  settle(): void {
    for (;;) {
      this.receiver.flush();
      this.sender.pump();
      if (!this.deliverToReceiver() && !this.deliverToSender()) return;
    }
  }

  deliverToReceiver(): boolean {
    const frame = this.toReceiver.shift();
    if (frame === undefined) return false;
    if (frame.type === FrameType.Floor) {
      const problem = this.receiver.onFloor(frame.body);
      if (problem !== undefined) throw new Error(problem);
    } else this.onNumbered(frame.body);
    return true;
  }

  deliverToSender(): boolean {
    const frame = this.toSender.shift();
    if (frame === undefined) return false;
    const problem = this.sender.onConfirm(frame.body);
    if (problem !== undefined) throw new Error(problem);
    return true;
  }

  onNumbered(bytes: Uint8Array): void {
    const split = splitNumber(bytes);
    if (split === undefined) throw new Error('no number');
    const { number, end } = split;
    const texts = Buffer.from(bytes).toString('utf8', end).split(';');
    if (texts.length > 1) texts.pop();
    this.frameCount += 1;
    for (const [at, text] of texts.entries()) {
      if (number === undefined) this.arrived.push(text);
      else {
        const own = { boot: number.boot, sequence: number.sequence + at };
        this.onArrival(own, text, this.receiver.arrived(own));
      }
    }
  }

  onArrival(number: FrameNumber, text: string, arrival: string): void {
    this.arrived.push(`${number.boot}.${number.sequence} ${text} ${arrival}`);
  }

  #newSender(boot: number): DataSender {
    const name = (number: FrameNumber) => `${number.boot}.${number.sequence}`;
    return new DataSender(boot, this.#bytesMax, {
      resumed: () => {},
      floors: () => this.kept,
      unsent: (count) => {
        this.unsent += count;
      },
      transmit: (type, ...parts) => {
        if (this.room <= 0) return false;
        this.room -= 1;
        this.toReceiver.push({ type, body: Buffer.concat(parts) });
        return true;
      },
      confirmed: (number) => this.onConfirmed(number, `confirmed ${name(number)}`),
      refused: (number, reason) =>
        this.onConfirmed(number, `refused ${name(number)} for ${reason}`),
    });
  }

  onConfirmed(_number: FrameNumber, event: string): void {
    this.events.push(event);
  }

  #newReceiver(): DataReceiver {
    return new DataReceiver({
      transmit: (type, ...parts) => {
        this.toSender.push({ type, body: Buffer.concat(parts) });
        return true;
      },
      forget: (boot) => {
        this.records.delete(boot);
        this.events.push(`forgot ${boot}`);
      },
    });
  }
}
