/** A sender and a receiver of numbered frames, and a lane between them that can break. */
import { Buffer } from 'node:buffer';
import {
  DataReceiver,
  DataSender,
  type FrameNumber,
  FrameType,
  splitNumber,
} from '../../../src/cluster/link/mod.js';

interface Frame {
  readonly type: FrameType;
  readonly body: Uint8Array;
}

export const bytesOf = (text: string): Uint8Array => Buffer.from(text);

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
    this.sender.send(number, FrameType.Publish, bytesOf(text));
    return number;
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
    const { number, body } = split;
    const text = Buffer.from(body).toString();
    if (number === undefined) this.arrived.push(text);
    else this.onArrival(number, text, this.receiver.arrived(number));
  }

  onArrival(number: FrameNumber, text: string, arrival: string): void {
    this.arrived.push(`${number.boot}.${number.sequence} ${text} ${arrival}`);
  }

  #newSender(boot: number): DataSender {
    const name = (number: FrameNumber) => `${number.boot}.${number.sequence}`;
    return new DataSender(boot, this.#bytesMax, {
      resumed: () => {},
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
