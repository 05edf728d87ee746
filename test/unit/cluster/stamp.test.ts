import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isLater,
  millisecondsOf,
  StampClock,
  stampsPerMillisecond,
} from '../../../src/cluster/identity/mod.js';

const now = 1_800_000_000_000;
const one = '0'.repeat(31) + '1';
const two = '0'.repeat(31) + '2';

describe('stamps', () => {
  it('rise although the clock stands still or goes back', () => {
    const clock = new StampClock(0);
    const first = clock.next(now);
    const second = clock.next(now);
    const third = clock.next(now - 5000);
    assert.ok(first < second && second < third);
    assert.equal(millisecondsOf(first), now);
  });

  it('come after what was persisted ahead, whatever the clock says after a restart', () => {
    const clock = new StampClock(0);
    const bound = clock.toReserve(now);
    assert.ok(bound !== undefined);
    clock.reserved(bound);
    assert.equal(clock.toReserve(now), undefined);
    const last = clock.next(now + 9000);
    assert.ok(new StampClock(bound).next(now - 60_000) > last);
  });

  it('come after those of other sites that were seen', () => {
    const clock = new StampClock(0);
    const seen = (now + 800) * stampsPerMillisecond;
    clock.observe(seen, now, 60_000);
    assert.ok(clock.next(now) > seen);
  });

  it('are not moved by a clock that is far ahead, but can be set above its stamps', () => {
    const clock = new StampClock(0);
    const wrong = (now + 3_600_000) * stampsPerMillisecond;
    clock.observe(wrong, now, 60_000);
    assert.equal(millisecondsOf(clock.next(now)), now);
    assert.ok(clock.next(now, wrong) > wrong);
  });

  it('follow the correction by the median of the peers', () => {
    const clock = new StampClock(0);
    clock.offsetMs = -3_600_000;
    assert.equal(millisecondsOf(clock.next(now)), now - 3_600_000);
  });

  it('are ordered by site where they are equal', () => {
    assert.ok(isLater(5, two, 5, one));
    assert.ok(!isLater(5, one, 5, two));
    assert.ok(isLater(6, one, 5, two));
  });
});
