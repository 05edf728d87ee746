import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recentStarts, StartGate, type StartMember } from '../../../src/cluster/membership/mod.js';

const start = 1_800_000_000_000;
const minute = 60_000;

function gateOf(starts: readonly number[] = [start]): { gate: StartGate; said: string[] } {
  const said: string[] = [];
  const gate = new StartGate(
    { startWaitMs: 2000, starts },
    {
      open: (sentences, now) => void said.push(`open after ${now - start} ms`, ...sentences),
      waiting: (sentence, now) => void said.push(`after ${now - start} ms: ${sentence}`),
    },
  );
  return { gate, said };
}

function member(name: string, state: StartMember['state']): StartMember {
  return { name, state };
}

describe('the gate of a starting node', () => {
  it('opens at once when there are no others', () => {
    const { gate, said } = gateOf();
    gate.tick([], start);
    assert.equal(gate.isOpen, false, 'the store is not loaded');
    gate.onPrepared(start);
    gate.tick([], start + 50);
    assert.ok(gate.isOpen);
    assert.deepEqual(said, ['open after 50 ms']);
  });

  it('opens as soon as all others are there, and only once', () => {
    const { gate, said } = gateOf();
    gate.onPrepared(start);
    gate.tick([member('b', 'linked'), member('c', 'up')], start + 100);
    gate.tick([member('b', 'up'), member('c', 'up')], start + 200);
    gate.tick([member('b', 'missing')], start + 5000);
    gate.onPrepared(start + 5000);
    assert.deepEqual(said, ['open after 200 ms']);
  });

  it('opens without who is not found, names him, and says what does not help', () => {
    const { gate, said } = gateOf();
    gate.onPrepared(start);
    const others = [member('b', 'missing'), member('c', 'up')];
    gate.tick(others, start + 1999);
    assert.equal(gate.isOpen, false);
    gate.tick(others, start + 2000);
    assert.deepEqual(said, [
      'open after 2000 ms',
      'member b could not be reached within 2000 ms: client listeners open now, and the netsplit policy decides what clients get',
      'restarting this node will not help: start b, or, if it will not come back, remove it with vmq-admin cluster leave node=b',
    ]);
  });

  it('waits for the rows of whoever was found in time, but not for ever', () => {
    const { gate, said } = gateOf();
    gate.onPrepared(start);
    const others = [member('b', 'linked')];
    gate.tick(others, start + 2000);
    gate.tick(others, start + 3000);
    assert.deepEqual(said, [
      'after 2000 ms: client listeners stay closed until the rows of b are here',
    ]);
    gate.tick(others, start + 60_000);
    assert.deepEqual(said.slice(1), [
      'open after 60000 ms',
      'client listeners open although rows of b are still on their way',
    ]);
  });

  it('does not go on waiting for one that went away', () => {
    const { gate, said } = gateOf();
    gate.onPrepared(start);
    gate.tick([member('b', 'linked')], start + 2000);
    gate.tick([member('b', 'missing')], start + 2500);
    assert.equal(said[1], 'open after 2500 ms');
  });

  it('says when it was started three times while a member is missing', () => {
    const starts = [start - 20 * minute, start - 10 * minute, start];
    const { gate, said } = gateOf(starts);
    gate.onPrepared(start);
    gate.tick([member('b', 'missing'), member('c', 'missing')], start + 2000);
    assert.match(said[2] ?? '', /if they will not come back, remove them with .*=b and .*=c$/);
    assert.equal(
      said[3],
      'this node was started 3 times within 30 minutes while b, c could not be reached: whatever restarts it should look at b, c instead',
    );
  });
});

describe('the times of earlier starts', () => {
  it('are kept for half an hour, and not many', () => {
    const earlier = [start - 31 * minute, start - 29 * minute, start + minute];
    assert.deepEqual(recentStarts(earlier, start), [start - 29 * minute, start]);
    const many = Array.from({ length: 100 }, (_, at) => start - 100 + at);
    assert.equal(recentStarts(many, start).length, 16);
  });
});
