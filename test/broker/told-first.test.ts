/** What is done only when the other members know that it will be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ToldCluster, ToldFirst } from '../../src/broker/told-first.js';

interface Waiter {
  settle(ticket: number, now: number): void;
}

class Rig {
  readonly states = new Map([
    ['self', 'up'],
    ['one', 'up'],
    ['two', 'up'],
  ]);
  durable = 0;
  readonly batches = { ticket: 1, durable: 1 };
  waiters: Waiter[] = [];
  readonly done: string[] = [];
  readonly told: ToldFirst;

  constructor() {
    const cluster = {
      site: 'self',
      tables: { position: () => ({ number: this.durable }) },
      members: [...this.states.keys()].map((site) => ({ site })),
      routeWaits: {
        add: (waiter: Waiter) => {
          const isHeard = this.states.get('one') === 'up' || this.states.get('two') === 'up';
          if (isHeard) this.waiters.push(waiter);
          return isHeard;
        },
      },
      stateOf: (site: string) => this.states.get(site) ?? 'down',
    };
    this.told = new ToldFirst(cluster as unknown as ToldCluster, this.batches, () => {});
  }

  add(key: string, isDone = true): void {
    const act = (isUrgent: boolean): boolean => {
      this.done.push(isUrgent ? `${key}!` : key);
      return isDone;
    };
    this.told.add(key, 5, false, act, 0);
  }

  answer(now: number): void {
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.settle(0, now);
  }

  turn(now: number): readonly string[] {
    this.told.onTurnEnd(now);
    return this.done.splice(0);
  }
}

describe('what others are told first', () => {
  it('is done when its row is durable and all who are up have it', () => {
    const rig = new Rig();
    rig.add('a');
    assert.deepEqual(rig.turn(1), []);
    rig.durable = 5;
    assert.deepEqual(rig.turn(2), []);
    rig.answer(3);
    assert.deepEqual(rig.turn(3), ['a']);
    assert.equal(rig.told.size, 0);
  });

  it('is done when what was changed along with it is durable, too', () => {
    const rig = new Rig();
    rig.durable = 5;
    rig.batches.ticket = 2;
    rig.add('a');
    rig.answer(1);
    assert.deepEqual(rig.turn(1), []);
    rig.batches.ticket = 3;
    rig.batches.durable = 2;
    assert.deepEqual(rig.turn(2), ['a']);
  });

  it('waits on when the answer took too long, until somebody who is there has given one', () => {
    const rig = new Rig();
    rig.durable = 5;
    rig.add('a');
    rig.answer(940);
    assert.deepEqual(rig.turn(940), []);
    rig.answer(1000);
    assert.deepEqual(rig.turn(1000), ['a']);
  });

  it('waits for what becomes of those who are suspect, unless most are here', () => {
    const rig = new Rig();
    rig.durable = 5;
    rig.states.set('one', 'suspect');
    rig.states.set('two', 'suspect');
    rig.add('a');
    assert.deepEqual(rig.turn(1), []);
    rig.states.set('two', 'up');
    assert.deepEqual(rig.turn(2), []);
    rig.answer(3);
    assert.deepEqual(rig.turn(3), ['a']);
  });

  it('is done alone when the others are down', () => {
    const rig = new Rig();
    rig.durable = 5;
    rig.states.set('one', 'down');
    rig.states.set('two', 'down');
    rig.add('a');
    assert.deepEqual(rig.turn(1), ['a']);
  });

  it('is done at once, if durable, when it is urgent by now', () => {
    const rig = new Rig();
    rig.add('a');
    rig.add('b');
    assert.ok(rig.told.hurry('a'));
    assert.ok(!rig.told.hurry('c'));
    assert.deepEqual(rig.turn(1), []);
    rig.durable = 5;
    assert.deepEqual(rig.turn(2), ['a!']);
    rig.told.hurryAll();
    assert.deepEqual(rig.turn(3), ['b!']);
  });

  it('is tried again every second while it cannot be done', () => {
    const rig = new Rig();
    rig.durable = 5;
    rig.add('a', false);
    rig.answer(1);
    assert.deepEqual(rig.turn(1), ['a']);
    assert.deepEqual(rig.turn(500), []);
    assert.deepEqual(rig.turn(1001), ['a']);
    rig.told.cancel('a');
    assert.deepEqual(rig.turn(3000), []);
  });

  it('is known to nobody until it is durable', () => {
    const rig = new Rig();
    rig.add('a');
    assert.ok(rig.told.isUntold('a'));
    rig.durable = 5;
    assert.ok(!rig.told.isUntold('a'));
  });
});
