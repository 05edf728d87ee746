import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimerWheel } from '../../../src/base/mod.js';

function due(wheel: TimerWheel<string>, now: number): string[] {
  const items: string[] = [];
  wheel.expire(now, (item) => items.push(item));
  return items;
}

const start = 1_795_000_000_000;

describe('the timer wheel', () => {
  it('hands an item out once, never early, with the first whole second after its deadline', () => {
    const wheel = new TimerWheel<string>();
    wheel.set('a', start + 1500);
    assert.deepEqual(due(wheel, start + 1499), []);
    assert.deepEqual(due(wheel, start + 1999), []);
    assert.deepEqual(due(wheel, start + 2000), ['a']);
    assert.deepEqual(due(wheel, start + 60_000), []);
    assert.equal(wheel.size, 0);
  });

  it('moves an item that is set again and forgets one that is cleared', () => {
    const wheel = new TimerWheel<string>();
    wheel.set('moved', start + 1000);
    wheel.set('moved', start + 3000);
    wheel.set('cleared', start + 1000);
    wheel.clear('cleared');
    wheel.clear('never set');
    assert.deepEqual(due(wheel, start + 2000), []);
    assert.deepEqual(due(wheel, start + 3000), ['moved']);
  });

  it('takes a deadline in the past as due with the next second', () => {
    const wheel = new TimerWheel<string>();
    wheel.set('before the first expire', start - 5000);
    assert.deepEqual(due(wheel, start), ['before the first expire']);
    wheel.set('after it', 0);
    assert.deepEqual(due(wheel, start), []);
    assert.deepEqual(due(wheel, start + 1000), ['after it']);
  });

  it('keeps the order of deadlines, and of setting within a second', () => {
    const wheel = new TimerWheel<string>();
    for (const [item, after] of [
      ['late', 3000],
      ['first', 2000],
      ['second', 1500],
      ['early', 500],
    ] as const) {
      wheel.set(item, start + after);
    }
    assert.deepEqual(due(wheel, start + 5000), ['early', 'first', 'second', 'late']);
  });

  it('hands out after a jump of the clock over years what is due, in order', () => {
    const wheel = new TimerWheel<string>();
    due(wheel, start);
    wheel.set('b', start + 200_000_000);
    wheel.set('a', start + 100_000_000);
    wheel.set('later', start + 200_000_000_000);
    assert.deepEqual(due(wheel, start + 100_000_000_000), ['a', 'b']);
    assert.equal(wheel.size, 1);
  });

  it('never hands out an item whose deadline is infinite', () => {
    const wheel = new TimerWheel<string>();
    wheel.set('never', Number.POSITIVE_INFINITY);
    assert.deepEqual(due(wheel, start * 2), []);
    assert.equal(wheel.size, 1);
  });

  it('does nothing when the clock stands still or steps back', () => {
    const wheel = new TimerWheel<string>();
    due(wheel, start);
    wheel.set('a', start + 1000);
    assert.deepEqual(due(wheel, start), []);
    assert.deepEqual(due(wheel, start - 50_000), []);
    assert.deepEqual(due(wheel, start + 1000), ['a']);
  });

  it('hands out later what is set, into the past too, while others expire', () => {
    for (const jump of [1000, 3000, 1_000_000]) {
      const wheel = new TimerWheel<string>();
      due(wheel, start);
      wheel.set('a', start + 1000);
      const calls: string[] = [];
      const onDue = (item: string): void => {
        calls.push(item);
        if (calls.length < 3) wheel.set('a', start);
      };
      for (let at = 0; at < 4; at += 1) wheel.expire(start + jump + at * 1000, onDue);
      assert.deepEqual(calls, ['a', 'a', 'a']);
    }
  });

  it('hands out nothing that was cleared or moved while others expired', () => {
    const wheel = new TimerWheel<string>();
    for (const item of ['a', 'cleared', 'moved']) wheel.set(item, start + 1000);
    wheel.set('cleared in the next second', start + 2000);
    const calls: string[] = [];
    wheel.expire(start + 2000, (item) => {
      calls.push(item);
      wheel.clear('cleared');
      wheel.clear('cleared in the next second');
      wheel.set('moved', start + 9000);
    });
    assert.deepEqual(calls, ['a']);
    assert.deepEqual(due(wheel, start + 9000), ['moved']);
  });

  it('hands out the rest at the next call when one of them throws', () => {
    const wheel = new TimerWheel<string>();
    for (const item of ['a', 'throws', 'b']) wheel.set(item, start + 1000);
    wheel.set('c', start + 2000);
    const calls: string[] = [];
    const failing = (item: string): void => {
      if (item === 'throws') throw new Error('as planned');
      calls.push(item);
    };
    assert.throws(() => wheel.expire(start + 2000, failing), /as planned/);
    wheel.expire(start + 2000, failing);
    assert.deepEqual(calls, ['a', 'b', 'c']);
    assert.equal(wheel.size, 0);
  });

  it('agrees with a plain list of deadlines, whatever is set, cleared and moved', () => {
    const item = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const action = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        item,
        afterMs: fc.integer({ min: -3000, max: 200_000 }),
      }),
      fc.record({ kind: fc.constant('clear' as const), item }),
      fc.record({
        kind: fc.constant('expire' as const),
        stepMs: fc.integer({ min: 0, max: 150_000 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const wheel = new TimerWheel<string>();
        const model = new Map<string, number>();
        let now = start;
        let second = 0;
        for (const step of actions) {
          if (step.kind === 'set') {
            wheel.set(step.item, now + step.afterMs);
            const wanted = Math.ceil((now + step.afterMs) / 1000);
            model.set(step.item, Math.max(wanted, second + 1));
          } else if (step.kind === 'clear') {
            wheel.clear(step.item);
            model.delete(step.item);
          } else {
            now += step.stepMs;
            second = Math.max(second, Math.floor(now / 1000));
            const expected = [...model].filter(([, at]) => at <= second).map(([name]) => name);
            for (const name of expected) model.delete(name);
            assert.deepEqual(due(wheel, now).sort(), expected.sort());
          }
          assert.equal(wheel.size, model.size);
        }
      }),
      { numRuns: 500 },
    );
  });
});
