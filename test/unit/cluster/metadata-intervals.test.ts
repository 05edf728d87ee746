import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { catchUpRowsMax } from '../../../src/cluster/metadata/catch-up.js';
import {
  type Ask,
  type Interval,
  intervalRowsMax,
  type Row,
  RowKind,
} from '../../../src/cluster/metadata/mod.js';
import { makeRow } from '../../../src/cluster/metadata/rows.js';
import { assertEqual, bootOf, exchange, Node, quiet, siteOf } from './metadata-rig.js';

const { Route } = RowKind;
const [a, b, c] = [siteOf(1), siteOf(2), siteOf(3)];
const sites = [a, b, c];
const boot = bootOf(1);

/** Small enough that every row needs an interval of its own. */
const oneRow = 1;

const ask = (from: number): Ask => ({ site: a, boot, from, base: from });

let owner: Node;
let peer: Node;
let third: Node;

beforeEach(() => {
  owner = new Node(a, sites);
  peer = new Node(b, sites);
  third = new Node(c, sites);
});

/** Changes k1 … of the owner. */
function change(...keys: string[]): void {
  for (const key of keys) {
    const { lastNumber } = owner.tables;
    owner.put(Route, key, `${key} ${lastNumber + 1}`, lastNumber + 1);
  }
}

function cutFrom(from: number, bytesMax = 10_000): Interval {
  const interval = owner.tables.interval(ask(from), bytesMax);
  assert.ok(interval !== undefined);
  return interval;
}

/** What `to` would ask `from` for, of the owner's rows. */
function missing(to: Node, from: Node): Ask[] {
  return to.tables.missing(from.site, from.tables.vector()).filter(({ site }) => site === a);
}

const numberAt = (node: Node): number | undefined => node.tables.position(a)?.number;

describe('an interval', () => {
  it('is applied by who has everything before it, and then that one has its end', () => {
    change('k1', 'k2', 'k3');
    assert.deepEqual(peer.take(cutFrom(0)), { outcome: 'applied' });
    assert.equal(numberAt(peer), 3);
    change('k1');
    assert.deepEqual(peer.take(cutFrom(3)), { outcome: 'applied' });
    assert.equal(numberAt(peer), 4);
    assert.equal(peer.text(a, Route, 'k1'), 'k1 4');
  });

  it('is discarded by who lacks something before it, and that one asks from its own number', () => {
    change('k1', 'k2');
    peer.take(cutFrom(0));
    change('k3', 'k4');
    assert.deepEqual(peer.take(cutFrom(3)), { outcome: 'gap', ask: ask(2) });
    assert.equal(peer.text(a, Route, 'k4'), undefined);
    assert.equal(numberAt(peer), 2);
  });

  it('is discarded by who knows nothing of the site, and that one asks for a snapshot', () => {
    change('k1', 'k2');
    assert.deepEqual(peer.take(cutFrom(1)), { outcome: 'gap', ask: ask(0) });
  });

  it('changes nothing when it comes again, or late', () => {
    change('k1');
    const early = cutFrom(0);
    peer.take(early);
    change('k1', 'k2');
    const later = cutFrom(1);
    peer.take(later);
    assert.deepEqual(peer.take(early), { outcome: 'known' });
    assert.deepEqual(peer.take(later), { outcome: 'known' });
    assert.equal(peer.text(a, Route, 'k1'), 'k1 2');
    assert.equal(numberAt(peer), 3);
  });

  it('overlaps: only what is new is taken from it', () => {
    change('k1', 'k2');
    peer.take(cutFrom(0));
    change('k3');
    assert.deepEqual(peer.take(cutFrom(1)), { outcome: 'applied' });
    assertEqual([owner, peer], [owner]);
  });

  it('leaves out what was superseded, so a gap in it is nothing that is missing', () => {
    change('k1', 'k2', 'k1', 'k1', 'k3');
    const interval = cutFrom(0);
    assert.deepEqual(
      interval.rows.map(({ number }) => number),
      [2, 4, 5],
    );
    peer.take(interval);
    assert.equal(numberAt(peer), 5);
    assertEqual([owner, peer], [owner]);
  });

  it('reaches to the end when the last change was a deletion that is forgotten', () => {
    change('k1', 'k2');
    owner.tables.remove(Route, 'k2');
    owner.tables.tick(0, new Map());
    owner.tables.tick(600_000, new Map());
    const interval = cutFrom(0);
    assert.deepEqual([interval.to, interval.rows.length], [3, 1]);
    peer.take(interval);
    assert.equal(numberAt(peer), 3);
  });

  it('of this node itself is ignored: it alone says what it says', () => {
    change('k1');
    peer.take(cutFrom(0));
    const relayed = peer.tables.interval(ask(0), 1000);
    assert.ok(relayed !== undefined);
    const forged = { ...relayed, to: 9, of: 9 };
    assert.deepEqual(owner.take(forged), { outcome: 'known' });
    assert.equal(numberAt(owner), 1);
  });

  it('of a site that is not a member is ignored', () => {
    change('k1');
    const stranger = { ...cutFrom(0), site: siteOf(99), rows: [] };
    assert.deepEqual(peer.take(stranger), { outcome: 'known' });
    assert.equal(peer.tables.vector().has(siteOf(99)), false);
  });

  it('holds at most so many rows, and more bytes only for a single row', () => {
    change(...Array.from({ length: intervalRowsMax + 1 }, (_, at) => `k${at}`));
    assert.equal(cutFrom(0, 10_000_000).rows.length, intervalRowsMax);
    assert.equal(cutFrom(0, oneRow).rows.length, 1);
    const { rows } = cutFrom(0, 200);
    assert.ok(rows.length > 1 && rows.length < 10);
  });
});

describe('a snapshot', () => {
  const pieces = (): Interval[] => {
    const cut: Interval[] = [];
    for (let from = 0; from < 3; from = cut.at(-1)?.to ?? 3) cut.push(cutFrom(from, oneRow));
    return cut;
  };

  beforeEach(() => {
    change('k1', 'k2', 'k3');
  });

  it('is in force when it is complete, and nothing of it before', () => {
    const [first, second, last] = pieces() as [Interval, Interval, Interval];
    assert.deepEqual(peer.take(first), { outcome: 'more', ask: { ...ask(1), base: 3 } });
    assert.deepEqual(peer.take(second), { outcome: 'more', ask: { ...ask(2), base: 3 } });
    assert.equal(peer.tables.get(a, Route, 'k1'), undefined);
    assert.equal(peer.followed.size, 0);
    assert.deepEqual(peer.take(last), { outcome: 'applied' });
    assert.equal(peer.followed.size, 3);
  });

  it('is passed on by who has it whole, and not before', () => {
    const [first, second, last] = pieces() as [Interval, Interval, Interval];
    peer.take(first);
    peer.take(second);
    assert.equal(peer.tables.interval(ask(0), 1000), undefined);
    assert.equal(peer.tables.vector().has(a), false);
    peer.take(last);
    exchange(third, peer);
    assertEqual([owner, third], [owner]);
  });

  it('goes on with what changed meanwhile', () => {
    const [first] = pieces() as [Interval];
    peer.take(first);
    change('k1', 'k4');
    owner.tables.remove(Route, 'k2');
    exchange(peer, owner, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('goes on from another member that has as much', () => {
    const [first] = pieces() as [Interval];
    exchange(third, owner);
    peer.take(first);
    exchange(peer, third, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('does not go on from one that has less: what was superseded is at neither', () => {
    exchange(third, owner);
    change('k3', 'k4');
    // Without k3: its new row comes later.
    peer.take(cutFrom(0, oneRow));
    peer.take(cutFrom(1, oneRow));
    assert.deepEqual(missing(peer, third), []);
    const less = third.tables.interval(ask(2), 1000);
    assert.ok(less !== undefined);
    assert.deepEqual(peer.take(less), { outcome: 'known' });
    assert.equal(peer.tables.vector().has(a), false);
  });

  it('is given up when it does not grow for half a minute: another member begins anew', () => {
    exchange(third, owner);
    change('k3', 'k4');
    peer.take(cutFrom(0, oneRow));
    peer.tables.tick(30_000, new Map());
    assert.deepEqual(missing(peer, third), []);
    peer.tables.tick(30_001, new Map());
    exchange(peer, third);
    assert.equal(numberAt(peer), 3);
  });

  it('begins anew when deletions are forgotten on the way', () => {
    peer.take(cutFrom(0, oneRow));
    owner.tables.remove(Route, 'k1');
    owner.tables.tick(0, new Map());
    owner.tables.tick(600_000, new Map());
    const again = owner.tables.interval({ ...ask(1), base: 3 }, oneRow);
    assert.equal(again?.from, 0);
    // Even a sender that did not see it could not do harm.
    const careless = { ...cutFrom(3), from: 1, rows: cutFrom(0).rows };
    assert.deepEqual(peer.take(careless), { outcome: 'gap', ask: { ...ask(1), base: 3 } });
    exchange(peer, owner, oneRow);
    assert.equal(peer.tables.get(a, Route, 'k1'), undefined);
    assertEqual([owner, peer], [owner]);
  });
});

describe('a delta in pieces', () => {
  beforeEach(() => {
    change('k1', 'k2', 'k3');
    exchange(peer, owner);
    change('k4', 'k5', 'k6');
  });

  it('is in force when it is complete, and nothing of it before', () => {
    const first = cutFrom(3, oneRow);
    assert.deepEqual(peer.take(first), { outcome: 'more', ask: ask(4) });
    assert.equal(numberAt(peer), 3);
    assert.equal(peer.tables.get(a, Route, 'k4'), undefined);
    assert.equal(peer.tables.interval(ask(0), 1000)?.to, 3);
    exchange(peer, owner, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('leaves a state that ever was when its sender is lost', () => {
    change('k1');
    exchange(third, peer);
    peer.take(cutFrom(3, oneRow));
    assert.equal(third.tables.position(a)?.sumLow, peer.tables.position(a)?.sumLow);
    assert.deepEqual(missing(third, peer), []);
    exchange(third, owner);
    exchange(peer, third, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('does not go on from one that has less, but a whole one from there is taken', () => {
    exchange(third, owner);
    change('k6', 'k7');
    peer.take(cutFrom(3, oneRow));
    const piece = third.tables.interval(ask(4), oneRow);
    assert.ok(piece !== undefined && piece.to < piece.of);
    assert.deepEqual(peer.take(piece), { outcome: 'known' });
    const whole = third.tables.interval(ask(3), 1000);
    assert.ok(whole !== undefined);
    peer.take(whole);
    assert.equal(numberAt(peer), 6);
    exchange(peer, owner, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('is given up when it does not grow for half a minute', () => {
    exchange(third, owner);
    change('k6', 'k7');
    peer.take(cutFrom(3, oneRow));
    assert.deepEqual(missing(peer, third), []);
    peer.tables.tick(30_001, new Map());
    assert.deepEqual(missing(peer, third), [ask(3)]);
  });

  it('begins anew when deletions are forgotten on the way', () => {
    peer.take(cutFrom(3, oneRow));
    owner.tables.remove(Route, 'k1');
    owner.tables.tick(0, new Map());
    owner.tables.tick(600_000, new Map());
    assert.equal(owner.tables.interval(ask(4), oneRow)?.from, 0);
    // A sender that goes on in spite of its floor.
    const careless = { ...cutFrom(0), from: 4, rows: cutFrom(0).rows.slice(-2) };
    assert.deepEqual(peer.take(careless), { outcome: 'gap', ask: ask(4) });
    exchange(peer, owner, oneRow);
    assert.equal(peer.tables.get(a, Route, 'k1'), undefined);
    assertEqual([owner, peer], [owner]);
  });

  it('of too many rows becomes a snapshot', () => {
    const row = (number: number): Row =>
      makeRow(a, number, Route, `n${number}`, Buffer.from('v'), number, false);
    let last: unknown;
    const floor = 0;
    for (let from = 3; from < catchUpRowsMax + 2048; ) {
      const rows = Array.from({ length: intervalRowsMax }, (_, at) => row(from + at + 1));
      const to = from + intervalRowsMax;
      last = peer.tables.apply(
        { site: a, boot, from, to, of: 1_000_000, floor, isPartial: false, rows },
        0,
      );
      from = to;
      if ((last as { ask: Ask }).ask.from === 0) break;
    }
    assert.deepEqual(last, { outcome: 'gap', ask: ask(0) });
    assert.equal(numberAt(peer), 3);
    exchange(peer, owner, oneRow);
    assertEqual([owner, peer], [owner]);
  });
});

describe('what is pushed', () => {
  it('is every own change since the last time, each key once', () => {
    change('k1', 'k2', 'k1');
    const first = owner.tables.pushable(1000);
    assert.deepEqual(
      first?.rows.map(({ number }) => number),
      [2, 3],
    );
    assert.equal(owner.tables.pushable(1000), undefined);
    change('k3');
    const second = owner.tables.pushable(1000);
    assert.deepEqual([second?.from, second?.to], [3, 4]);
    assert.ok(first !== undefined && second !== undefined);
    peer.take(first);
    peer.take(second);
    assertEqual([owner, peer], [owner]);
  });

  it('comes in pieces when it is much, which together are a whole', () => {
    change('k1', 'k2', 'k3');
    for (let at = 0; at < 3; at += 1) {
      const piece = owner.tables.pushable(oneRow);
      assert.ok(piece !== undefined);
      peer.take(piece);
    }
    assert.equal(owner.tables.pushable(oneRow), undefined);
    assertEqual([owner, peer], [owner]);
  });
});

describe('members that do not see each other', () => {
  it('come to know the same through a third, for every site', () => {
    change('k1', 'k2');
    third.put(Route, 'x', 'y', 5);
    exchange(peer, owner);
    exchange(peer, third);
    exchange(owner, peer);
    exchange(third, peer);
    assertEqual([owner, peer, third]);
  });
});

describe('a vector', () => {
  it('is reached by who has all that its sender can give', () => {
    change('k1', 'k2', 'k3');
    assert.equal(peer.tables.hasReached(owner.tables.vector()), false);
    peer.take(cutFrom(0, oneRow));
    assert.equal(peer.tables.hasReached(owner.tables.vector()), false);
    exchange(peer, owner);
    quiet([owner, peer, third]);
    assert.equal(peer.tables.hasReached(owner.tables.vector()), true);
    change('k4');
    assert.equal(peer.tables.hasReached(owner.tables.vector()), false);
  });

  it('with the same number and another sum is told, and mended from the owner', () => {
    change('k1', 'k2');
    const { rows, ...ends } = cutFrom(0);
    const wrong = { ...(rows[0] as Row), value: Buffer.from('wrong') };
    peer.take({ ...ends, rows: [wrong, rows[1] as Row] });
    assert.deepEqual(missing(owner, peer), []);
    assert.deepEqual(owner.divergences, [a]);
    assert.deepEqual(missing(peer, owner), [ask(0)]);
    assert.deepEqual(peer.divergences, [a]);
    exchange(peer, owner, oneRow);
    assert.equal(peer.text(a, Route, 'k1'), 'k1 1');
    assert.deepEqual(missing(peer, owner), []);
  });

  it('of two that differ and are not the owner, one gives way and the other does not', () => {
    change('k1');
    const { rows, ...ends } = cutFrom(0);
    peer.take({ ...ends, rows: [{ ...(rows[0] as Row), value: Buffer.from('wrong') }] });
    third.take({ ...ends, rows });
    assert.deepEqual(missing(third, peer), []);
    assert.deepEqual(missing(peer, third), [ask(0)]);
    exchange(peer, third);
    assert.equal(peer.text(a, Route, 'k1'), 'k1 1');
  });

  it('mends a table while changes go on, and those are in force at once', () => {
    change('k1', 'k2', 'k3');
    const { rows, ...ends } = cutFrom(0);
    peer.take({ ...ends, rows: rows.slice(1) });
    assert.deepEqual(missing(peer, owner), [ask(0)]);
    peer.take(cutFrom(0, oneRow));
    change('k4');
    peer.take(cutFrom(3));
    assert.equal(peer.text(a, Route, 'k4'), 'k4 4');
    exchange(peer, owner, oneRow);
    assert.equal(peer.text(a, Route, 'k1'), 'k1 1');
    assert.deepEqual(missing(peer, owner), []);
    assert.equal(peer.tables.position(a)?.sumLow, owner.tables.position(a)?.sumLow);
  });
});
