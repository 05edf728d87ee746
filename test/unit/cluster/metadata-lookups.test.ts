import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AssertionFailure } from '../../../src/base/assert.js';
import {
  type Ask,
  type Interval,
  keyBytesMax,
  type Row,
  RowKind,
  valueBytesMax,
} from '../../../src/cluster/metadata/mod.js';
import { assertEqual, bootOf, exchange, Node, quiet, siteOf } from './metadata-rig.js';

const { CleanSession, Retain, Route, Session, Setting, Will } = RowKind;
const [a, b, c] = [siteOf(1), siteOf(2), siteOf(3)];
const sites = [a, b, c];
const ask = (from: number, counter = 1): Ask => ({
  site: a,
  boot: bootOf(counter),
  from,
  base: from,
});

let owner: Node;
let peer: Node;
let third: Node;

beforeEach(() => {
  owner = new Node(a, sites);
  peer = new Node(b, sites);
  third = new Node(c, sites);
});

describe('the row that counts', () => {
  it('is the one with the latest stamp, of equal stamps that of the higher site', () => {
    owner.put(CleanSession, 'k', 'first', 5);
    peer.put(CleanSession, 'k', 'second', 7);
    third.put(CleanSession, 'k', 'third', 7);
    quiet([owner, peer, third]);
    for (const node of [owner, peer, third]) {
      assert.equal(node.tables.winner(CleanSession, 'k')?.site, c);
      assert.deepEqual(
        node.tables
          .rowsOf(CleanSession, 'k')
          .map(({ stamp }) => stamp)
          .sort(),
        [5, 7, 7],
      );
    }
    third.tables.remove(CleanSession, 'k');
    exchange(owner, third);
    assert.equal(owner.tables.winner(CleanSession, 'k')?.site, b);
  });

  it('is not a clean session of a site that is down; its other rows count', () => {
    owner.put(CleanSession, 'k', 'v', 5);
    for (const kind of [Session, Route, Will, Retain]) owner.put(kind, 'k', 'v', 5);
    quiet([owner, peer]);
    peer.put(CleanSession, 'k', 'v', 4);
    peer.tables.mask(a, true);
    assert.equal(peer.tables.isMasked(a), true);
    assert.equal(peer.tables.winner(CleanSession, 'k')?.site, b);
    for (const kind of [Session, Route, Will, Retain]) {
      assert.equal(peer.tables.winner(kind, 'k')?.site, a);
    }
    assert.equal(peer.tables.get(a, CleanSession, 'k')?.stamp, 5, 'it is not deleted');
    peer.tables.mask(a, false);
    assert.equal(peer.tables.winner(CleanSession, 'k')?.site, a);
    assert.equal(peer.tables.isMasked(b), false);
  });

  it('is looked up by kind and key', () => {
    owner.put(Session, 'k', 'session', 1);
    owner.put(Retain, 'k', 'retained', 2);
    assert.equal(owner.tables.winner(Session, 'k')?.stamp, 1);
    assert.equal(owner.tables.winner(Setting, 'k'), undefined);
  });
});

describe('a row of this site', () => {
  it('is not deleted when there is none', () => {
    assert.equal(owner.tables.remove(Route, 'k'), undefined);
    owner.put(Route, 'k', 'v', 1);
    assert.equal(owner.tables.remove(Route, 'k')?.number, 2);
    assert.equal(owner.tables.remove(Route, 'k'), undefined);
    assert.equal(owner.tables.lastNumber, 2);
  });

  it('is within the limits, or it is our own fault', () => {
    const { tables } = owner;
    const put = (key: string, length: number): Row =>
      tables.put(Retain, key, Buffer.alloc(length), 1);
    put('ж'.repeat(keyBytesMax / 2), valueBytesMax);
    assert.throws(() => put(`${'ж'.repeat(keyBytesMax / 2)}k`, 0), AssertionFailure);
    assert.throws(() => put('k', valueBytesMax + 1), AssertionFailure);
  });
});

describe('a walk over a kind', () => {
  const keys = (rows: readonly Row[]): string[] =>
    rows.map(({ site, key }) => `${Number.parseInt(site, 16)} ${key}`);

  it('sees the rows of all sites, those that wait for the disk in their latest state', () => {
    owner.put(Setting, 'k1', 'v', 1);
    owner.put(Setting, 'k2', 'v', 2);
    owner.put(Setting, 'k3', 'v', 3);
    owner.commit();
    owner.put(Setting, 'k1', 'new', 4);
    owner.put(Setting, 'k4', 'v', 5);
    owner.tables.remove(Setting, 'k2');
    owner.put(Retain, 'topic', 'v', 6);
    peer.put(Setting, 'k1', 'v', 7);
    peer.commit();
    exchange(owner, peer);
    const cursor = owner.tables.cursor(Setting);
    const seen: Row[] = [];
    for (let row = cursor.next(); row !== undefined; row = cursor.next()) seen.push(row);
    assert.deepEqual(keys(seen).sort(), ['1 k1', '1 k3', '1 k4', '2 k1']);
    assert.equal(seen.find(({ key }) => key === 'k1')?.stamp, 4);
  });

  it('goes on while rows are committed, come, go, and tables are swapped', () => {
    for (let at = 0; at < 5; at += 1) owner.put(Setting, `o${at}`, 'v', 1);
    for (let at = 0; at < 5; at += 1) peer.put(Setting, `p${at}`, 'v', 1);
    peer.commit();
    exchange(owner, peer);
    const cursor = owner.tables.cursor(Setting);
    const seen = new Set<string>();
    const next = (): void => {
      const row = cursor.next();
      if (row !== undefined) seen.add(keys([row])[0] as string);
    };
    next();
    next();
    owner.commit();
    for (let at = 0; at < 6; at += 1) next();
    peer.start();
    exchange(owner, peer);
    peer.put(Setting, 'p9', 'v', 2);
    peer.commit();
    exchange(owner, peer);
    for (let at = 0; at < 20; at += 1) next();
    const expected = ['1 o0', '1 o1', '1 o2', '1 o3', '1 o4'];
    for (const key of ['p0', 'p1', 'p2', 'p3', 'p4', 'p9']) expected.push(`2 ${key}`);
    assert.deepEqual([...seen].sort(), expected);
  });
});

/** More rows than one call may put in force. */
const many = 2500;

describe('much at once', () => {
  const fill = (stamp: number, count = many): void => {
    for (let at = 0; at < count; at += 1) owner.put(Route, `k${at}`, `v${stamp}`, stamp);
  };

  /** Hands everything over but takes no step. */
  const hand = (to: Node, from: Ask): void => {
    for (let next: Ask | undefined = from; next !== undefined; ) {
      const interval: Interval | undefined = owner.tables.interval(next, 1_000_000);
      if (interval === undefined) return;
      const result = to.take(interval);
      next = result.outcome === 'more' ? result.ask : undefined;
    }
  };

  it('of a snapshot is looked up at once and told in steps; it is announced when it was told', () => {
    fill(1);
    hand(peer, ask(0));
    assert.equal(peer.rowsOf(a).size, many);
    assert.equal(peer.followed.size, 1024);
    assert.equal(peer.tables.vector().has(a), false);
    assert.equal(peer.tables.hasReached(owner.tables.vector()), false);
    assert.equal(peer.tables.step(1000), true);
    assert.equal(peer.followed.size, 2024);
    assert.equal(peer.tables.step(1000), false);
    assert.equal(peer.followed.size, many);
    assert.equal(peer.tables.position(a)?.number, many);
    assert.equal(peer.tables.step(1000), false);
    assertEqual([owner, peer], [owner]);
  });

  it('of a delta is put in force in steps; in between it is neither announced nor passed on', () => {
    fill(1);
    quiet([owner, peer]);
    fill(2);
    const before = peer.tables.position(a);
    hand(peer, ask(many));
    assert.deepEqual(peer.tables.position(a), before);
    assert.equal(peer.tables.interval(ask(0), 1000), undefined);
    assert.deepEqual(
      [peer.text(a, Route, 'k0'), peer.text(a, Route, `k${many - 1}`)],
      ['v2', 'v1'],
    );
    owner.put(Route, 'next', 'v3', 3);
    const push = owner.tables.interval(ask(many * 2), 1000);
    assert.ok(push !== undefined);
    assert.deepEqual(peer.take(push), { outcome: 'applied' });
    while (peer.tables.step(100)) assert.notEqual(peer.tables.position(a)?.number, many * 2);
    assert.equal(peer.text(a, Route, 'next'), 'v3');
    assertEqual([owner, peer], [owner]);
  });

  it('of a new boot is told as it was, while changes go on and another boot comes', () => {
    fill(1);
    for (let at = 0; at < many; at += 1) owner.put(Session, `s${at}`, 'v', 1);
    owner.commit();
    quiet([owner, peer]);
    owner.start();
    fill(2, 2000);
    owner.put(Route, 'fresh', 'v2', 2);
    hand(peer, ask(0, 2));
    assert.equal(peer.tables.position(a)?.boot.counter, 1);
    // Told already, not yet told, and new: the rig checks what is said to have been before.
    for (const key of ['fresh', 'k0', 'k1999', 's1', 's2400', 'k2400', 'new']) {
      owner.put(Route, key, 'later', 3);
      owner.tables.remove(Session, key);
      owner.commit();
      hand(peer, ask((owner.tables.position(a)?.number ?? 0) - 1, 2));
      exchange(peer, owner, 1_000_000);
      peer.tables.step(300);
    }
    owner.start();
    fill(4, 100);
    hand(peer, ask(0, 3));
    while (peer.tables.step(300)) {
      // Until the second boot is told, and then the third.
    }
    assert.equal(peer.tables.position(a)?.boot.counter, 3);
    assertEqual([owner, peer], [owner]);
  });

  it('of a delta that came while a new boot was told follows by itself', () => {
    fill(1);
    quiet([owner, peer]);
    owner.start();
    fill(2, 5000);
    hand(peer, ask(0, 2));
    fill(3, 1500);
    hand(peer, ask(5000, 2));
    assert.equal(peer.text(a, Route, 'k0'), 'v2');
    while (peer.tables.step(1)) {
      // By the smallest steps, so that each piece of work ends with one.
    }
    assertEqual([owner, peer], [owner]);
  });

  it('is a mixture on disk until the last of it is there', () => {
    owner.put(Session, 'first', 'v', 1);
    owner.commit();
    quiet([owner, peer]);
    assert.equal(peer.disk.get(a)?.number, 1);
    for (let at = 0; at < many; at += 1) owner.put(Session, `s${at}`, 'v', 1);
    owner.commit();
    hand(peer, ask(1));
    peer.commit();
    assert.deepEqual([peer.disk.get(a)?.number, peer.disk.get(a)?.rows.size], [0, 1025]);
    peer.tables.step(many);
    assert.equal(peer.tables.position(a)?.durable, 1);
    peer.commit();
    const all = many + 1;
    assert.deepEqual([peer.disk.get(a)?.number, peer.disk.get(a)?.rows.size], [all, all]);
    assert.equal(peer.tables.position(a)?.durable, all);
  });
});

describe('a site that left', () => {
  it('is in no lookup at once, is told and deleted in steps, and does not come back', () => {
    for (let at = 0; at < many; at += 1) owner.put(Session, `s${at}`, 'v', 1);
    owner.commit();
    quiet([owner, peer]);
    const { length } = peer.tables.rowsOf(Session, 's1');
    assert.equal(length, 1);
    peer.tables.expel(a);
    assert.deepEqual(peer.tables.rowsOf(Session, 's1'), []);
    assert.equal(peer.tables.vector().has(a), false);
    assert.equal(peer.tables.step(1000), true);
    assert.equal(peer.followed.size, many - 1000);
    assert.deepEqual(peer.ends, []);
    peer.tables.step(1000);
    peer.tables.step(1000);
    assert.deepEqual([peer.followed.size, peer.ends], [0, [a]]);
    peer.commit();
    assert.equal(peer.disk.has(a), false);
    exchange(peer, owner);
    exchange(peer, third);
    assert.deepEqual(peer.tables.rowsOf(Session, 's1'), []);
  });

  it('leaves while its rows are still being told', () => {
    for (let at = 0; at < many; at += 1) owner.put(Session, `s${at}`, 'v', 1);
    owner.commit();
    exchange(peer, owner, 1_000_000);
    owner.start();
    owner.put(Route, 'f', 'v', 2);
    exchange(peer, owner, 1_000_000);
    assert.ok(peer.followed.size > 0);
    peer.tables.expel(a);
    while (peer.tables.step(100)) {
      // Until it is gone.
    }
    assert.deepEqual([peer.followed.size, peer.ends], [0, [a]]);
  });
});

describe('a cluster', () => {
  it('has no more members than it may have', () => {
    const node = new Node(siteOf(1), []);
    for (let at = 2; at <= 64; at += 1) node.tables.admit(siteOf(at));
    node.tables.admit(siteOf(64));
    assert.throws(() => node.tables.admit(siteOf(65)), AssertionFailure);
  });
});
