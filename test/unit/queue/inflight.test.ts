import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rangesMax } from '../../../src/cluster/takeover/mod.js';
import { Entry, identifierRanges, Inflight, Message } from '../../../src/queue/mod.js';

function entry(): Entry {
  const topic = Buffer.from('t');
  const message = new Message('t', topic, Buffer.from('x'), undefined, 2, false, 0, 'publisher');
  return new Entry(message, 2, false, undefined, undefined);
}

function admit(inflight: Inflight, range: number, count = 1): number[] {
  return Array.from({ length: count }, () => {
    const one = entry();
    inflight.admit(one, range);
    return one.packetIdentifier;
  });
}

describe('Packet Identifiers of new messages', () => {
  it('come from the range of the session, whatever is in flight from others', () => {
    const inflight = new Inflight();
    assert.deepEqual(admit(inflight, 0, 3), [1, 2, 3]);
    assert.deepEqual(admit(inflight, 1, 2), [8192, 8193]);
    const moved = entry();
    moved.packetIdentifier = 20_000;
    inflight.restore(moved);
    assert.deepEqual(admit(inflight, 1, 2), [8192 + 2, 8192 + 3]);
    assert.deepEqual(admit(inflight, identifierRanges - 1), [57_338]);
  });

  it('begin anew at the end of the range, past those in use', () => {
    const inflight = new Inflight();
    const [first] = admit(inflight, 3);
    assert.equal(first, 3 * 8191 + 1);
    for (let left = 8190; left > 0; left -= 1) {
      const one = entry();
      inflight.admit(one, 3);
      inflight.remove(one);
    }
    assert.deepEqual(admit(inflight, 3), [3 * 8191 + 2]);
  });

  it('are all that there are when more are in flight than a range has', () => {
    const inflight = new Inflight();
    const all = new Set(admit(inflight, 2, 65_535));
    assert.equal(all.size, 65_535);
    assert.equal(Math.max(...[...all].slice(0, 8191)), 3 * 8191);
  });

  it('have as many ranges as the row of a session can name', () => {
    assert.equal(identifierRanges, rangesMax);
  });
});
