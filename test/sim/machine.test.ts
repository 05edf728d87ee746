/** Clocks, event loops and disks of simulated machines. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Chances } from '../../sim/chance.js';
import { MachineClock } from '../../sim/clock.js';
import { SimDisk } from '../../sim/disk.js';
import { EventLoop } from '../../sim/event-loop.js';
import { Scheduler } from '../../sim/scheduler.js';

describe('the scheduler', () => {
  it('runs events by time, and those of one moment in the order of planning', () => {
    const scheduler = new Scheduler();
    const chance = new Chances(1).of('times');
    const seen: number[] = [];
    const planned = Array.from({ length: 300 }, (_, index) => ({ at: chance.below(50), index }));
    for (const { at, index } of planned) scheduler.at(at, () => seen.push(index));
    scheduler.at(10, () => seen.push(-1)).cancel();
    scheduler.runUntil(100);
    const expected = planned.toSorted((one, other) => one.at - other.at);
    assert.deepEqual(
      seen,
      expected.map(({ index }) => index),
    );
    assert.equal(scheduler.now, 100);
    assert.equal(scheduler.pending, 0);
  });
});

it('a question more to one generator changes no answer of another', () => {
  const one = new Chances(5);
  const other = new Chances(5);
  one.of('first').next();
  assert.equal(one.of('second').next(), other.of('second').next());
  assert.notEqual(one.of('first').next(), one.of('second').next());
  assert.notEqual(new Chances(6).of('first').next(), one.of('first').next());
});

it('a process sees its clock go on evenly; a jump shows at the next start', () => {
  const scheduler = new Scheduler();
  const clock = new MachineClock(scheduler);
  const before = clock.processClock();
  const start = before.now();
  clock.skewMs = -5000;
  scheduler.runUntil(1000);
  assert.equal(before.now() - start, 1000);
  assert.equal(clock.processClock().now() - start, -4000);
});

describe('an event loop', () => {
  function rig(): { scheduler: Scheduler; loop: EventLoop; seen: string[] } {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    const loop = new EventLoop(
      scheduler,
      () => 1,
      () => seen.push('end'),
    );
    return { scheduler, loop, seen };
  }

  it('that stalls catches up with one timer, then what was polled, then the turn ends', () => {
    const { scheduler, loop, seen } = rig();
    loop.every(10, () => seen.push(`timer ${scheduler.now}`));
    loop.stall(100);
    scheduler.at(5, () => loop.post(() => seen.push('socket')));
    scheduler.runUntil(105);
    assert.deepEqual(seen, ['timer 100', 'socket', 'end']);
  });

  it('gathers what comes while a turn takes its time', () => {
    const { scheduler, loop, seen } = rig();
    scheduler.at(1, () => loop.post(() => seen.push('a')));
    scheduler.at(1.3, () => loop.post(() => seen.push('b')));
    scheduler.at(1.6, () => loop.post(() => seen.push('c')));
    scheduler.runUntil(10);
    assert.deepEqual(seen, ['a', 'end', 'b', 'c', 'end']);
  });

  it('that ended does nothing more', () => {
    const { scheduler, loop, seen } = rig();
    loop.post(() => seen.push('a'));
    loop.end();
    loop.wantTurnEnd();
    scheduler.runUntil(10);
    assert.deepEqual(seen, []);
  });
});

describe('a disk', () => {
  const key = Buffer.from('key');
  const bytes = (text: string): Buffer => Buffer.from(text);

  function rig(): {
    scheduler: Scheduler;
    disk: SimDisk;
    put: (store: ReturnType<SimDisk['open']>, text: string) => (string | undefined)[];
    host: { name: string; post: (run: () => void) => void };
  } {
    const scheduler = new Scheduler();
    const disk = new SimDisk(scheduler, new Chances(1).of('disk'));
    const host = { name: 'node', post: (run: () => void) => run() };
    const put = (store: ReturnType<SimDisk['open']>, text: string): (string | undefined)[] => {
      const answers: (string | undefined)[] = [];
      const batch = store.newBatch();
      batch.put('meta', key, bytes(text));
      store.commit(batch, (failure) => answers.push(failure?.code));
      return answers;
    };
    return { scheduler, disk, put, host };
  }

  it('forgets what was not durable when its process ended, and answers it no more', () => {
    const { scheduler, disk, put, host } = rig();
    const store = disk.open(host);
    assert.deepEqual(put(store, 'lost'), []);
    store.end();
    scheduler.runUntil(100);
    assert.equal(disk.open(host).get('meta', key), undefined);
  });

  it('refuses what it has no room for, and says so until it has', () => {
    const { scheduler, disk, put, host } = rig();
    const store = disk.open(host);
    disk.freeBytes = 20;
    const large = put(store, 'x'.repeat(100));
    scheduler.runUntil(100);
    assert.deepEqual(large, ['STORE_FULL']);
    assert.ok(store.isFull);
    const small = put(store, 'x');
    scheduler.runUntil(200);
    assert.deepEqual(small, [undefined]);
    assert.ok(store.isFull, 'what was refused would be again');
    disk.freeBytes = Number.POSITIVE_INFINITY;
    store.commit(store.newBatch(), () => {});
    scheduler.runUntil(300);
    assert.ok(!store.isFull);
  });

  it('that is frozen answers when it is thawed; one that fails, with the failure', () => {
    const { scheduler, disk, put, host } = rig();
    const store = disk.open(host);
    disk.freeze();
    const answers = put(store, 'late');
    scheduler.runUntil(60_000);
    assert.deepEqual(answers, []);
    disk.thaw();
    scheduler.runUntil(61_000);
    assert.deepEqual(answers, [undefined]);
    disk.isFailing = true;
    const failed = put(store, 'never');
    scheduler.runUntil(62_000);
    assert.deepEqual(failed, ['STORE_IO']);
    assert.equal(store.get('meta', key)?.toString(), 'late');
  });

  it('can be copied, restored and erased', () => {
    const { scheduler, disk, put, host } = rig();
    put(disk.open(host), 'old');
    scheduler.runUntil(100);
    const image = disk.image();
    put(disk.open(host), 'new');
    scheduler.runUntil(200);
    disk.restore(image);
    assert.equal(disk.open(host).get('meta', key)?.toString(), 'old');
    disk.erase();
    assert.equal(disk.open(host).get('meta', key), undefined);
  });
});
