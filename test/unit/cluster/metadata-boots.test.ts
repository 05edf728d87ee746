import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Ask, type Interval, RowKind } from '../../../src/cluster/metadata/mod.js';
import { assertEqual, bootOf, exchange, Node, quiet, siteOf } from './metadata-rig.js';

const { CleanSession, Retain, Route, Session, Setting, Subscription, Will } = RowKind;
const [a, b, c] = [siteOf(1), siteOf(2), siteOf(3)];
const sites = [a, b, c];
const oneRow = 1;

let owner: Node;
let peer: Node;
let third: Node;

beforeEach(() => {
  owner = new Node(a, sites);
  peer = new Node(b, sites);
  third = new Node(c, sites);
});

const ask = (counter: number, from: number): Ask => ({
  site: a,
  boot: bootOf(counter),
  from,
  base: from,
});

function missing(to: Node, from: Node): Ask[] {
  return to.tables.missing(from.site, from.tables.vector()).filter(({ site }) => site === a);
}

function cut(from: Node, of: Ask, bytesMax = 10_000): Interval {
  const interval = from.tables.interval(of, bytesMax);
  assert.ok(interval !== undefined);
  return interval;
}

/** A persistent session and a route to it, committed. */
function live(): void {
  owner.put(Session, 's', 'claim', 1);
  owner.put(Route, 'f', 'route', 2);
  owner.commit();
}

const keysAt = (node: Node): string[] => [...node.rowsOf(a).keys()].sort();
const session = `${Session} s`;
const route = `${Route} f`;

describe('a new boot', () => {
  beforeEach(() => {
    live();
    quiet([owner, peer, third]);
  });

  it('keeps what is on disk, and ends routes, clean sessions and wills', () => {
    for (const kind of [CleanSession, Will, Subscription, Retain, Setting, RowKind.Member]) {
      owner.put(kind, 'k', 'v', 9);
    }
    owner.commit();
    owner.start();
    const kept = [RowKind.Member, Session, Subscription, Retain, Setting];
    assert.deepEqual(
      [...owner.rowsOf(a).values()].map(({ kind }) => kind),
      kept,
    );
    quiet([owner, peer]);
    assertEqual([owner, peer], [owner]);
  });

  it('numbers its changes on above those of the disk', () => {
    owner.put(Setting, 'x', 'y', 3);
    owner.commit();
    owner.start();
    assert.equal(owner.put(Route, 'f', 'route', 4).number, 4);
  });

  it('leaves the old rows in force until its own are complete, then takes their place', () => {
    owner.start();
    owner.put(Route, 'g', 'route', 5);
    const first = cut(owner, ask(2, 0), oneRow);
    assert.equal(peer.take(first).outcome, 'more');
    assert.deepEqual(keysAt(peer), [route, session]);
    assert.deepEqual(peer.tables.position(a)?.boot, bootOf(1));
    exchange(peer, owner, oneRow);
    assert.deepEqual(keysAt(peer), [`${Route} g`, session]);
    assertEqual([owner, peer], [owner]);
  });

  it('that says nothing takes the place too', () => {
    const silent = new Node(b, sites);
    silent.put(Route, 'f', 'route', 1);
    quiet([silent, third]);
    assert.equal(third.text(b, Route, 'f'), 'route');
    silent.start();
    exchange(third, silent);
    assert.equal(third.text(b, Route, 'f'), undefined);
    assert.deepEqual(third.tables.position(b)?.boot, bootOf(2));
  });

  it('makes what comes of the old one mean nothing', () => {
    owner.put(Route, 'late', 'route', 4);
    const late = cut(owner, ask(1, 2));
    const whole = cut(owner, ask(1, 0));
    owner.start();
    exchange(peer, owner);
    assert.deepEqual(peer.take(late), { outcome: 'known' });
    assert.deepEqual(peer.take(whole), { outcome: 'known' });
    assert.deepEqual(missing(peer, third), []);
    assert.equal(peer.text(a, Route, 'late'), undefined);
  });

  it('of which a change comes first is asked for from the start', () => {
    owner.start();
    owner.put(Route, 'g', 'route', 5);
    const change = cut(owner, ask(2, 1));
    assert.equal(change.from, 1);
    assert.deepEqual(peer.take(change), { outcome: 'gap', ask: ask(2, 0) });
    assert.deepEqual(keysAt(peer), [route, session]);
  });

  it('supersedes a snapshot of the old one', () => {
    const late = new Node(c, sites);
    late.take(cut(owner, ask(1, 0), oneRow));
    owner.start();
    owner.put(Route, 'g', 'route', 5);
    exchange(late, owner, oneRow);
    assert.deepEqual(keysAt(late), [`${Route} g`, session]);
    assertEqual([owner, late], [owner]);
  });

  it('of a clone, which counts alike, is ignored', () => {
    owner.put(Route, 'g', 'route', 5);
    const boot = { counter: 1, nonce: 'c'.repeat(16) };
    for (const from of [0, 2]) {
      const clone = { ...cut(owner, ask(1, from)), boot };
      assert.deepEqual(peer.take(clone), { outcome: 'known' });
    }
    const position = peer.tables.position(a);
    assert.ok(position !== undefined);
    const vector = new Map([[a, { ...position, boot, number: 9 }]]);
    assert.deepEqual(peer.tables.missing(c, vector), []);
    assert.equal(peer.text(a, Route, 'g'), undefined);
  });

  it('tells of a change only where the rows differ', () => {
    const told: string[] = [];
    const changed = peer.changed.bind(peer);
    peer.changed = (kind, key, site, before, after) => {
      told.push(key);
      changed(kind, key, site, before, after);
    };
    owner.start();
    exchange(peer, owner);
    assert.deepEqual(told, ['f']);
  });
});

describe('rows of durable kinds', () => {
  it('go out when they are committed, and not before; here they are in force at once', () => {
    owner.put(Subscription, 's f', 'options', 1);
    assert.equal(owner.text(a, Subscription, 's f'), 'options');
    assert.equal(owner.tables.winner(Subscription, 's f')?.stamp, 1);
    assert.equal(owner.tables.pushable(1000), undefined);
    assert.equal(owner.tables.position(a)?.number, 0);
    assert.deepEqual(cut(owner, ask(1, 0)).rows, []);
    owner.commit();
    assert.equal(owner.tables.position(a)?.number, 1);
    assert.equal(owner.tables.pushable(1000)?.rows.length, 1);
  });

  it('leave the committed one with the others while a later one waits', () => {
    owner.put(Setting, 'k', 'old', 1);
    owner.commit();
    owner.put(Setting, 'k', 'new', 2);
    quiet([peer, third]);
    exchange(peer, owner);
    assert.equal(peer.text(a, Setting, 'k'), 'old');
    owner.commit();
    exchange(peer, owner);
    assert.equal(peer.text(a, Setting, 'k'), 'new');
  });

  it('hold up what was said behind them, and nothing that was said before', () => {
    owner.put(Route, 'before', 'v', 1);
    const { number } = owner.put(Setting, 'k', 'v', 2);
    owner.put(Route, 'behind', 'v', 3);
    owner.put(Setting, 'l', 'v', 4);
    owner.put(Route, 'last', 'v', 5);
    const keys = (): string[] => cut(owner, ask(1, 0)).rows.map(({ key }) => key);
    assert.deepEqual(keys(), ['before']);
    owner.tables.durable(a, bootOf(1), number);
    assert.deepEqual(keys(), ['before', 'k', 'behind']);
    owner.tables.durable(a, bootOf(1), number + 2);
    assert.deepEqual(keys(), ['before', 'k', 'behind', 'l', 'last']);
  });

  it('are no longer there after a crash before their commit', () => {
    owner.put(Setting, 'k', 'v', 1);
    owner.start();
    assert.equal(owner.text(a, Setting, 'k'), undefined);
  });

  it('are deleted for others when the deletion is committed', () => {
    owner.put(Setting, 'k', 'v', 1);
    owner.commit();
    exchange(peer, owner);
    owner.tables.remove(Setting, 'k');
    assert.equal(owner.tables.get(a, Setting, 'k'), undefined);
    exchange(peer, owner);
    assert.equal(peer.text(a, Setting, 'k'), 'v');
    owner.commit();
    exchange(peer, owner);
    assert.equal(peer.text(a, Setting, 'k'), undefined);
    assert.equal(owner.disk.get(a)?.rows.size, 0);
  });

  it('of another site are durable here when they are committed here', () => {
    live();
    exchange(peer, owner);
    assert.deepEqual([peer.tables.position(a)?.number, peer.tables.position(a)?.durable], [2, 0]);
    peer.commit();
    assert.equal(peer.tables.position(a)?.durable, 2);
    owner.put(Route, 'g', 'v', 3);
    exchange(peer, owner);
    assert.equal(peer.tables.position(a)?.durable, 3, 'nothing had to be written');
    owner.tables.remove(Session, 's');
    owner.commit();
    exchange(peer, owner);
    assert.equal(peer.tables.position(a)?.durable, 3);
    peer.commit();
    assert.equal(peer.tables.position(a)?.durable, 4);
  });

  it('of an old boot say nothing about what is durable of a new one', () => {
    live();
    exchange(peer, owner);
    peer.commit();
    owner.start();
    exchange(peer, owner);
    assert.equal(peer.tables.position(a)?.durable, 0);
    peer.tables.durable(a, bootOf(1), 9);
    assert.equal(peer.tables.position(a)?.durable, 0);
    peer.commit();
    assert.equal(peer.tables.position(a)?.durable, 1);
  });
});

describe('a node that was restarted', () => {
  beforeEach(() => {
    live();
    owner.put(CleanSession, 'c', 'v', 3);
    quiet([owner, peer, third]);
  });

  it('has the durable rows of others in force at once, and is whole after a snapshot', () => {
    peer.start();
    assert.deepEqual(keysAt(peer), [session]);
    assert.deepEqual(missing(peer, owner), [ask(1, 0)]);
    exchange(peer, owner, oneRow);
    assertEqual([owner, peer], [owner]);
  });

  it('gets the whole from another member too', () => {
    peer.start();
    exchange(peer, third);
    assertEqual([owner, peer], [owner]);
  });

  it('passes on what it remembers to one that knows nothing, while the owner is away', () => {
    peer.start();
    const joined = new Node(c, sites);
    exchange(joined, peer);
    assert.deepEqual(keysAt(joined), [session]);
    assert.equal(joined.tables.position(a)?.isPartial, true);
    exchange(joined, owner);
    assertEqual([owner, joined], [owner]);
  });

  it('takes what another remembers of a later time', () => {
    owner.put(Session, 't', 'claim', 4);
    owner.put(Session, 's', 'claim', 5);
    owner.commit();
    exchange(third, owner);
    third.commit();
    third.start();
    peer.start();
    assert.deepEqual(missing(third, peer), []);
    exchange(peer, third, oneRow);
    assert.deepEqual(keysAt(peer), [session, `${Session} t`]);
    assert.equal(peer.tables.position(a)?.sumLow, third.tables.position(a)?.sumLow);
  });

  it('does not give what it remembers to one that knows the whole, unless the site is down', () => {
    owner.put(Session, 't', 'claim', 4);
    owner.commit();
    exchange(third, owner);
    third.commit();
    third.start();
    assert.deepEqual(missing(peer, third), []);
    exchange(peer, third);
    assert.equal(peer.tables.hasReached(third.tables.vector()), true);
    const partial = cut(third, ask(1, 0));
    assert.equal(partial.isPartial, true);
    assert.deepEqual(peer.take(partial), { outcome: 'known' });
    peer.tables.mask(a, true);
    exchange(peer, third);
    assert.deepEqual(keysAt(peer), [session, `${Session} t`]);
    exchange(peer, owner);
    assertEqual([owner, peer], [owner]);
  });

  it('never passes on a mixture of two states that a crash left on its disk', () => {
    const shelf = peer.disk.get(a);
    assert.ok(shelf !== undefined);
    shelf.number = 0;
    peer.start();
    assert.deepEqual(keysAt(peer), [session]);
    assert.equal(peer.tables.vector().has(a), false);
    assert.equal(peer.tables.interval(ask(1, 0), 1000), undefined);
    const row = owner.tables.get(a, Session, 's');
    assert.ok(row !== undefined);
    // Of another boot, and with a number that is also here.
    shelf.rows.set('stale', { ...row, key: 'stale' });
    peer.start();
    third.start();
    exchange(peer, third);
    assert.deepEqual(keysAt(peer), [session], 'what a peer remembers is better');
    exchange(peer, owner);
    assertEqual([owner, peer], [owner]);
  });
});
