/**
 * Seeded runs of a numbered stream over a lane that breaks at any moment, between two processes
 * that restart at any moment with what they had committed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import { type FrameNumber, FrameType } from '../../../src/cluster/link/mod.js';
import { bodyOf, Stream } from './link-stream-rig.js';

const key = (number: FrameNumber): string => `${number.boot}.${number.sequence}`;

interface Pending {
  readonly number: FrameNumber;
  readonly text: string;
}

/** Both processes with their disks. */
class Run extends Stream {
  readonly random: SeededRandom;
  boot = 1;
  isOpen = false;
  /** The sender's disk: remnants that nobody confirmed. */
  readonly remnants: Map<string, Pending> = new Map();
  /** In this life of the sender, not confirmed, not on its disk. */
  readonly fleeting: Map<string, Pending> = new Map();
  readonly withdrawn: Set<string> = new Set();
  readonly refusals: Set<string> = new Set();
  /** Lost with a process, and nobody had been told that they were safe. */
  readonly forgiven: Set<string> = new Set();
  /** The receiver's disk: how often a message is there. */
  readonly stored: Map<string, number> = new Map();
  /** Arrived as new and neither owned nor refused. */
  pending: Pending[] = [];
  readonly newOnce: Map<string, number> = new Map();
  count = 0;

  constructor(seed: number) {
    super(1, 2000);
    this.random = new SeededRandom(seed);
  }

  override onArrival(number: FrameNumber, text: string, arrival: string): void {
    assert.notEqual(arrival, 'outside');
    assert.equal(text, `m${key(number)}`);
    if (arrival !== 'new') return;
    this.newOnce.set(key(number), (this.newOnce.get(key(number)) ?? 0) + 1);
    this.pending.push({ number, text });
  }

  override onConfirmed(number: FrameNumber, event: string): void {
    const name = key(number);
    this.remnants.delete(name);
    this.fleeting.delete(name);
    if (event.startsWith('refused')) this.refusals.add(name);
    else assert.equal(this.stored.get(name), 1, `${name} was confirmed and is not there`);
  }

  /** Something that may happen. */
  step(restarts: boolean): void {
    const kind = this.random.below(100);
    if (kind < 30) this.sendOne();
    else if (kind < 55) this.deliverToReceiver();
    else if (kind < 75) this.deliverToSender();
    else if (kind < 88) this.commitSome(restarts && this.random.below(10) === 0);
    else if (kind < 91) this.refuseOne();
    else if (kind < 93) this.withdrawOne();
    else if (kind < 95) this.toggleLane();
    else if (kind < 97) this.tryAgain();
    else if (restarts && kind === 98) this.crashReceiver();
    else if (restarts && kind === 99) this.crashSender();
  }

  sendOne(): void {
    this.room = this.random.below(4) === 0 ? this.random.below(3) : 1000;
    const number = this.sender.reserve(8);
    if (number === undefined) return;
    this.count += 1;
    const message = { number, text: `m${key(number)}` };
    if (this.random.below(2) === 0) this.remnants.set(key(number), message);
    else this.fleeting.set(key(number), message);
    const isAlone = this.random.below(3) === 0;
    const body = isAlone ? bodyOf(message.text) : this.neighbour(message.text);
    this.sender.send(number, FrameType.Publish, body);
  }

  /** Some of what is pending is committed, with the record; or the process ends before that. */
  commitSome(crashes: boolean): void {
    const chosen = this.pending.filter(() => this.random.below(2) === 0);
    for (const { number } of chosen) this.receiver.stored(number);
    const boots = new Set(chosen.map(({ number }) => number.boot));
    const records = [...boots].map((boot) => [boot, this.receiver.record(boot)] as const);
    if (crashes) return this.crashReceiver();
    for (const [boot, record] of records) if (record !== undefined) this.records.set(boot, record);
    for (const { number } of chosen) {
      this.stored.set(key(number), (this.stored.get(key(number)) ?? 0) + 1);
      this.receiver.owned(number);
    }
    this.pending = this.pending.filter((one) => !chosen.includes(one));
  }

  refuseOne(): void {
    const [one] = this.pending.splice(this.random.below(this.pending.length + 1), 1);
    if (one !== undefined) this.receiver.refused(one.number, 1);
  }

  withdrawOne(): void {
    const [one] = this.remnants.values();
    if (one === undefined) return;
    this.remnants.delete(key(one.number));
    this.withdrawn.add(key(one.number));
    this.sender.withdraw(one.number);
  }

  toggleLane(): void {
    if (this.isOpen) this.cut();
    else this.open();
    this.isOpen = !this.isOpen;
  }

  tryAgain(): void {
    this.room = 1000;
    this.sender.pump();
    this.receiver.flush();
  }

  crashReceiver(): void {
    this.cut();
    this.isOpen = false;
    this.pending = [];
    this.restartReceiver();
  }

  crashSender(): void {
    this.cut();
    this.isOpen = false;
    for (const name of this.fleeting.keys()) this.forgiven.add(name);
    this.fleeting.clear();
    this.boot += 1;
    this.restartSender(this.boot);
    const remnants = [...this.remnants.values()].sort(
      ({ number: one }, { number: other }) =>
        one.boot - other.boot || one.sequence - other.sequence,
    );
    for (const { number } of remnants) assert.ok(this.sender.restore(number));
    for (const { number, text } of remnants) {
      this.sender.send(number, FrameType.Remnant, bodyOf(text));
    }
  }

  /** No more trouble: everything comes to an end. */
  heal(): void {
    this.room = Number.POSITIVE_INFINITY;
    if (!this.isOpen) this.toggleLane();
    for (let turn = 0; turn < 100; turn += 1) {
      this.settle();
      this.commitSome(false);
    }
    this.settle();
  }

  check(): void {
    assert.equal(this.sender.unconfirmedCount, 0);
    assert.equal(this.sender.unconfirmedBytes, 0);
    assert.equal(this.remnants.size + this.fleeting.size, 0);
    assert.ok(
      [...this.stored.values()].every((times) => times === 1),
      'stored twice',
    );
    const excused = (name: string): boolean =>
      [this.withdrawn, this.refusals, this.forgiven].some((set) => set.has(name));
    for (const name of this.newOnce.keys()) {
      assert.ok(this.stored.has(name) || excused(name), `${name} is lost`);
    }
    assert.deepEqual(
      [...this.records.keys()].filter((boot) => boot !== this.boot),
      [],
    );
  }
}

describe('a numbered stream over a lane that breaks', () => {
  it('lets every number arrive exactly once as new', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const run = new Run(seed);
      for (let step = 0; step < 600; step += 1) run.step(false);
      run.heal();
      try {
        run.check();
        const times = [...run.newOnce.values()];
        assert.ok(
          times.every((count) => count === 1),
          'new twice',
        );
        const arrived = run.newOnce.size;
        assert.ok(arrived > 20 && arrived >= run.count - run.withdrawn.size, `${arrived}`);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });

  it('stores every message once, although both sides restart', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const run = new Run(seed);
      try {
        for (let step = 0; step < 800; step += 1) run.step(true);
        run.heal();
        run.check();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
