/** Frames of several messages, from one member's flow to another's. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import {
  type Arrived,
  type Arriving,
  PeerFlow,
  type PeerFlowOut,
  RefusedBecause,
} from '../../../src/cluster/flow/mod.js';
import { type FrameBody, FrameType } from '../../../src/cluster/link/mod.js';

const now = 1_800_000_000_000;
const front = Buffer.from('>');

/** Messages are single letters; `!` is none. */
class Letters implements Arriving {
  isMalformed = false;
  #letters: string[] = [];
  #letter = '';
  readonly #side: Side;

  constructor(side: Side) {
    this.#side = side;
  }

  open(letters: string): this {
    this.#letters = letters.split('');
    this.isMalformed = letters === '';
    return this;
  }

  next(): boolean {
    const letter = this.#letters.shift();
    if (letter === undefined) return false;
    this.#letter = letter;
    this.isMalformed = letter === '!';
    return !this.isMalformed;
  }

  deliver(): Arrived {
    this.#side.delivered.push(this.#letter);
    if (this.#letter === 'R') return { refused: RefusedBecause.Store, ticket: 0 };
    return { refused: 0, ticket: this.#letter === 'S' ? 7 : 0 };
  }
}

class Side implements PeerFlowOut {
  readonly flow: PeerFlow;
  readonly ticket = 0;
  readonly frames: { type: FrameType; body: Uint8Array }[] = [];
  readonly delivered: string[] = [];
  readonly events: string[] = [];
  other: Side | undefined;
  readonly #letters = new Letters(this);

  constructor(other: string) {
    this.flow = new PeerFlow(other, { counter: 1, nonce: '01'.repeat(8) }, 20, this);
  }

  transmit(type: FrameType, ...parts: Uint8Array[]): boolean {
    this.frames.push({ type, body: Buffer.concat(parts) });
    return true;
  }

  opened(_site: string, body: Uint8Array, start: number): Arriving {
    return this.#letters.open(Buffer.from(body).toString('latin1', start + front.length));
  }

  handedOver(): Arrived {
    return { refused: 0, ticket: 0 };
  }

  recordChanged(_site: string, boot: number): void {
    this.events.push(`record of boot ${boot}`);
  }

  sentChanged(): void {
    // Nothing here takes long enough to be written.
  }

  batchAwaited(): void {
    this.events.push('waits for the batch');
  }

  unsent(count: number): void {
    this.events.push(`${count} lost`);
  }

  /** What is wrong with what the other side sends. */
  read(): string[] {
    this.other?.flow.flush();
    const frames = this.other?.frames.splice(0) ?? [];
    const faults = frames.map(({ type, body }) => this.flow.onFrame(type, body, now));
    return faults.filter((fault) => fault !== undefined);
  }
}

function pair(): [Side, Side] {
  const [one, other] = [new Side('b'.repeat(32)), new Side('a'.repeat(32))];
  one.other = other;
  other.other = one;
  for (const side of [one, other]) side.flow.laneOpened();
  assert.deepEqual([...other.read(), ...one.read(), ...other.read()], []);
  return [one, other];
}

/** One block, as neighbours of one publisher lie in it. */
function bodiesOf(letters: string): FrameBody[] {
  const bytes = Buffer.from(letters);
  return letters.split('').map((_, start) => ({ front, bytes, start, end: start + 1 }));
}

function send(side: Side, letters: string): string[] {
  const heard: string[] = [];
  for (const [at, body] of bodiesOf(letters).entries()) {
    const awaited = {
      confirmed: () => heard.push(`${letters[at]} confirmed`),
      refused: (reason: number) => heard.push(`${letters[at]} refused for ${reason}`),
    };
    assert.ok(side.flow.send(body, awaited, now));
  }
  return heard;
}

describe('messages of one frame', () => {
  it('are confirmed, refused and stored one by one, with one record for all', () => {
    const [one, other] = pair();
    const heard = send(one, 'aSRbS');
    assert.deepEqual(other.read(), []);
    assert.deepEqual(other.delivered, 'aSRbS'.split(''));
    assert.deepEqual(other.events, ['record of boot 1', 'waits for the batch']);
    assert.deepEqual(one.read(), []);
    assert.deepEqual(heard, ['R refused for 3', 'b confirmed', 'a confirmed']);
    assert.equal(other.flow.onDurable(6, 0), true);
    assert.equal(other.flow.onDurable(7, 0), false);
    assert.deepEqual(one.read(), []);
    assert.deepEqual(heard.slice(3), ['S confirmed', 'S confirmed']);
    assert.equal(one.flow.unconfirmedCount, 0);
  });

  it('are taken up to one that is none, which is refused and ends the link', () => {
    const [one, other] = pair();
    const heard = send(one, 'ab!c');
    assert.deepEqual(other.read(), ['a message of the peer is malformed']);
    assert.deepEqual(other.delivered, ['a', 'b']);
    one.read();
    assert.deepEqual(heard, ['! refused for 1', 'a confirmed', 'b confirmed']);
    for (const side of [one, other]) {
      side.flow.laneClosed();
      side.frames.length = 0;
    }
    for (const side of [one, other]) side.flow.laneOpened();
    other.read();
    one.read();
    assert.deepEqual(other.read(), []);
    assert.deepEqual(other.delivered, ['a', 'b', 'c'], 'what was behind it comes again');
  });

  it('are not taken again when a part of them comes again', () => {
    const [one, other] = pair();
    send(one, 'abcd');
    one.flow.flush();
    const [frame] = one.frames;
    assert.ok(frame !== undefined);
    assert.equal(other.flow.onFrame(frame.type, frame.body.subarray(0, -2), now), undefined);
    assert.deepEqual(other.read(), []);
    assert.deepEqual(other.delivered, ['a', 'b', 'c', 'd']);
  });

  it('do not go beyond the numbers that a member may give', () => {
    const [, other] = pair();
    const last = Buffer.from([1, 0x80, 0x80, 4, ...front, ...Buffer.from('ab')]);
    const fault = other.flow.onFrame(FrameType.Publish, last, now);
    assert.equal(fault, 'a number of the peer is out of all order');
    assert.deepEqual(other.delivered, ['a']);
  });

  it('without numbers are lost together with the link, and counted', () => {
    const [one, other] = pair();
    for (const body of bodiesOf('abc')) assert.ok(one.flow.sendOnce(body));
    one.flow.laneClosed();
    assert.deepEqual(one.events, ['3 lost']);
    assert.equal(one.flow.sendOnce(bodiesOf('d')[0] as FrameBody), false);
    assert.deepEqual(other.delivered, []);
  });
});
