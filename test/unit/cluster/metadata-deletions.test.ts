import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  type Ask,
  type Interval,
  RowKind,
  type Vector,
} from '../../../src/cluster/metadata/mod.js';
import { assertEqual, bootOf, exchange, Node, othersOf, quiet, siteOf } from './metadata-rig.js';

const { Route, Session, Subscription, Will } = RowKind;
const [a, b, c] = [siteOf(1), siteOf(2), siteOf(3)];
const sites = [a, b, c];
const boot = bootOf(1);
const tenMinutes = 600_000;

let owner: Node;
let peer: Node;
let third: Node;
let nodes: Node[];

beforeEach(() => {
  owner = new Node(a, sites);
  peer = new Node(b, sites);
  third = new Node(c, sites);
  nodes = [owner, peer, third];
});

const ask = (from: number): Ask => ({ site: a, boot, from, base: from });

function cut(from: number, bytesMax = 10_000): Interval {
  const interval = owner.tables.interval(ask(from), bytesMax);
  assert.ok(interval !== undefined);
  return interval;
}

const floorAt = (node: Node): number | undefined => node.tables.position(a)?.floor;
const nobody: ReadonlyMap<string, Vector> = new Map();

describe('a tombstone', () => {
  beforeEach(() => {
    owner.put(Route, 'k1', 'v', 1);
    owner.put(Route, 'k2', 'v', 2);
    exchange(peer, owner);
    owner.tables.tick(0, nobody);
    owner.tables.remove(Route, 'k1');
    owner.tables.tick(5_000, nobody);
  });

  it('tells who had the row that it is gone, and is in no lookup', () => {
    assert.deepEqual(owner.tables.rowsOf(Route, 'k1'), []);
    assert.equal(owner.tables.get(a, Route, 'k1'), undefined);
    exchange(peer, owner);
    assert.equal(peer.tables.get(a, Route, 'k1'), undefined);
    assertEqual([owner, peer], [owner]);
  });

  it('is kept for ten minutes, then the floor passes it', () => {
    owner.tables.tick(tenMinutes + 4_999, nobody);
    assert.equal(floorAt(owner), 2);
    assert.equal(cut(2).rows.length, 1);
    owner.tables.tick(tenMinutes + 5_000, nobody);
    assert.equal(floorAt(owner), 3);
  });

  it('is forgotten by the others when they hear of the floor', () => {
    exchange(peer, owner);
    assert.equal(peer.tables.interval(ask(2), 1000)?.rows.length, 1);
    owner.tables.tick(tenMinutes + 5_000, nobody);
    exchange(peer, owner);
    assert.equal(floorAt(peer), 3);
    peer.tables.tick(0, nobody);
    const served = peer.tables.interval(ask(2), 1000);
    assert.deepEqual([served?.from, served?.rows.map(({ key }) => key)], [0, ['k2']]);
  });

  it('that is forgotten is made up for by a snapshot for who asks from below', () => {
    owner.tables.tick(tenMinutes + 5_000, nobody);
    const interval = cut(2);
    assert.equal(interval.from, 0);
    assert.equal(exchange(peer, owner), 1);
    assert.equal(peer.tables.get(a, Route, 'k1'), undefined);
    assertEqual([owner, peer], [owner]);
  });

  it('that is forgotten is not taken for one that never was', () => {
    owner.tables.tick(tenMinutes + 5_000, nobody);
    owner.put(Route, 'k3', 'v', 3);
    // A sender that cut a delta in spite of its floor.
    const careless = { ...cut(3), from: 2 };
    assert.deepEqual(peer.take(careless), { outcome: 'gap', ask: ask(2) });
    assert.equal(peer.text(a, Route, 'k3'), undefined);
  });

  it('is forgotten earlier when there are more than a hundred thousand', () => {
    for (let at = 0; at < 100_010; at += 1) {
      owner.put(Route, 'k', 'v', 3);
      owner.tables.remove(Route, 'k');
    }
    owner.tables.tick(5_001, nobody);
    const floor = floorAt(owner) ?? 0;
    assert.ok(floor > 3 && floor < 30, `${floor}`);
  });

  it('gives way to a row that comes later', () => {
    owner.put(Route, 'k1', 'again', 4);
    exchange(peer, owner);
    assert.equal(peer.text(a, Route, 'k1'), 'again');
    owner.tables.tick(tenMinutes + 5_000, nobody);
    assert.equal(owner.text(a, Route, 'k1'), 'again');
    assertEqual([owner, peer], [owner]);
  });

  it('is forgotten in steps', () => {
    for (let at = 0; at < 2500; at += 1) owner.put(Route, `n${at}`, 'v', 3);
    for (let at = 0; at < 2500; at += 1) owner.tables.remove(Route, `n${at}`);
    owner.tables.tick(10_000, nobody);
    const left = (): number => owner.tables.interval(ask(0), 10_000_000)?.rows.length ?? 0;
    const { number } = owner.tables.position(a) ?? { number: 0 };
    assert.equal(left(), 1024);
    // Each call drops a thousand.
    for (const expected of [1024, 501 + 1, 1]) {
      owner.tables.tick(tenMinutes + 10_000, nobody);
      assert.equal(floorAt(owner), number);
      assert.equal(left(), expected);
    }
  });
});

describe('an override', () => {
  /** Both have the key: one row is the survivor's, the other what the override is to beat. */
  beforeEach(() => {
    peer.put(Subscription, 'k', 'old', 1);
    peer.commit();
    quiet(nodes);
    owner.tables.override(Subscription, 'k', 2);
    owner.commit();
  });

  const overridesAt = (node: Node): number => node.tables.rowsOf(Subscription, 'k').length;
  const tick = (others = othersOf(owner, nodes)): void => {
    // Round after round: each step of the proof may need one.
    for (let at = 0; at < 5; at += 1) owner.tables.tick(at, others);
    owner.commit();
  };

  it('beats the rows of other sites, in every node', () => {
    assert.equal(owner.tables.winner(Subscription, 'k'), undefined);
    exchange(third, owner);
    assert.equal(third.tables.winner(Subscription, 'k'), undefined);
    assert.equal(third.tables.rowsOf(Subscription, 'k').length, 2);
  });

  it('does not beat a later row', () => {
    third.put(Subscription, 'k', 'new', 3);
    assert.equal(third.tables.winner(Subscription, 'k')?.site, c);
    third.commit();
    exchange(owner, third);
    assert.equal(owner.tables.winner(Subscription, 'k')?.site, c);
  });

  it('gives way to a row of its own site', () => {
    owner.put(Subscription, 'k', 'mine', 4);
    owner.commit();
    quiet(nodes);
    assert.equal(third.tables.winner(Subscription, 'k')?.site, a);
    peer.tables.remove(Subscription, 'k');
    quiet(nodes);
    tick();
    assert.equal(owner.text(a, Subscription, 'k'), 'mine');
  });

  it('goes when all members have it on disk and nobody has a row that it beats', () => {
    quiet(nodes);
    tick();
    assert.equal(overridesAt(owner), 0);
    quiet(nodes);
    for (const node of nodes) assert.equal(overridesAt(node), 0);
    assertEqual(nodes);
    assert.equal(owner.disk.get(a)?.rows.size, 0);
    assert.equal(third.disk.get(a)?.rows.size, 0);
  });

  it('goes at once where there is no other member', () => {
    const alone = new Node(siteOf(9), []);
    alone.tables.override(Session, 's', 1);
    alone.tables.tick(1, nobody);
    assert.equal(alone.tables.rowsOf(Session, 's').length, 1, 'not before it is committed');
    alone.commit();
    for (let at = 0; at < 5; at += 1) alone.tables.tick(at, nobody);
    assert.equal(alone.tables.rowsOf(Session, 's').length, 0);
  });

  it('stays while a member has it, but not on disk', () => {
    quiet(nodes);
    const others = othersOf(owner, nodes);
    const position = third.tables.position(a);
    assert.ok(position !== undefined);
    others.set(c, new Map([...third.tables.vector(), [a, { ...position, durable: 0 }]]));
    tick(others);
    assert.equal(overridesAt(owner), 1);
  });

  it('stays while a member has only what its site said in an earlier boot', () => {
    for (let at = 0; at < 9; at += 1) owner.put(Route, 'f', 'v', 3);
    quiet(nodes);
    const others = othersOf(owner, nodes);
    owner.start();
    owner.tables.override(Subscription, 'l', 4);
    owner.commit();
    for (const node of [peer, third]) {
      exchange(owner, node);
      exchange(node, owner);
    }
    tick(others);
    assert.equal(owner.tables.rowsOf(Subscription, 'l').length, 1);
    // They have it, but not on disk.
    tick();
    assert.equal(owner.tables.rowsOf(Subscription, 'l').length, 1);
    quiet(nodes);
    tick();
    assert.equal(owner.tables.rowsOf(Subscription, 'l').length, 0);
  });

  it('stays while a member that has not left is away, however long', () => {
    quiet([owner, peer]);
    const others = othersOf(owner, nodes);
    tick(others);
    assert.equal(overridesAt(owner), 1);
    tick(new Map([...others, [c, undefined]] as never));
    assert.equal(overridesAt(owner), 1);
    others.delete(c);
    tick(others);
    assert.equal(overridesAt(owner), 0);
  });

  it('stays while a row that it beats is known', () => {
    // The owner of the row has the override on disk, but has not acted on it.
    peer.act = () => {};
    quiet(nodes);
    tick();
    assert.equal(overridesAt(owner), 2);
    peer.tables.remove(Subscription, 'k');
    quiet(nodes);
    tick();
    assert.equal(overridesAt(owner), 0);
  });

  it('does not stay for a later row, nor for another override', () => {
    third.tables.override(Subscription, 'k', 1);
    peer.put(Subscription, 'k', 'new', 4);
    quiet(nodes);
    tick();
    assert.deepEqual(
      owner.tables.rowsOf(Subscription, 'k').map(({ site }) => site),
      [b, c],
    );
  });

  it('stays while a member could still learn of a beaten row that is gone elsewhere', () => {
    exchange(peer, owner);
    exchange(third, owner);
    for (const node of [peer, third]) {
      node.act();
      node.commit();
    }
    // The owner knows that the row is gone; the third has the override and still the row.
    exchange(owner, peer);
    assert.equal(overridesAt(owner), 1);
    assert.equal(overridesAt(third), 2);
    tick();
    assert.equal(overridesAt(owner), 1);
    exchange(third, peer);
    tick();
    assert.equal(overridesAt(owner), 0);
  });

  it('stays while a row that it beats comes with a snapshot', () => {
    const late = new Node(a, sites);
    late.tables.override(Subscription, 'k', 2);
    late.commit();
    const whole = peer.tables.interval({ site: b, boot, from: 0, base: 0 }, 1000);
    assert.ok(whole !== undefined);
    late.take({ ...whole, of: whole.to + 1 });
    for (let at = 0; at < 5; at += 1) late.tables.tick(at, nobody);
    assert.equal(late.tables.rowsOf(Subscription, 'k').length, 1);
  });

  it('outlives a restart of its site, of wills too: what was fired stays fired', () => {
    owner.tables.override(Will, 'w', 3);
    owner.commit();
    owner.start();
    assert.equal(owner.tables.get(a, Will, 'w')?.isOverride, true);
    assert.equal(owner.tables.winner(Subscription, 'k'), undefined);
    quiet(nodes);
    third.start();
    assert.equal(third.tables.get(a, Will, 'w')?.isOverride, true);
    assert.equal(third.tables.winner(Subscription, 'k'), undefined);
    quiet(nodes);
    tick();
    assert.equal(overridesAt(owner), 0);
    assert.equal(owner.tables.get(a, Will, 'w'), undefined);
  });

  it('of a will waits for its commit too', () => {
    quiet(nodes);
    owner.tables.override(Will, 'w', 3);
    assert.equal(owner.tables.pushable(1000)?.rows.some(({ key }) => key === 'w') ?? false, false);
    owner.commit();
    assert.equal(
      owner.tables.pushable(1000)?.rows.some(({ key }) => key === 'w'),
      true,
    );
  });
});
