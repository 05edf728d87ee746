/** Wills as rows: what the members say of them, and who has seen to which. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { siteOfWill, willKey, WillRows } from '../../src/broker/will-rows.js';
import { StampClock } from '../../src/cluster/identity/mod.js';
import {
  encodeInterval,
  type Row,
  RowKind,
  Tables,
  valueBytesMax,
} from '../../src/cluster/metadata/mod.js';
import type { Session, SessionWill } from '../../src/session/mod.js';

const sites = ['a', 'b', 'c'].map((name) => name.repeat(32)) as [string, string, string];
const boot = { counter: 1, nonce: '0'.repeat(16) };
const name = { mountpoint: 'm', clientIdentifier: 'c' };
const key = willKey(sites[0], name);

class Node {
  readonly tables: Tables;
  readonly rows: WillRows;
  readonly site: string;
  readonly stamps = new StampClock(0);

  constructor(site: string) {
    this.site = site;
    this.tables = new Tables(site, boot, [], {
      changed: () => {},
      diverged: () => assert.fail('the tables differ'),
      persist: () => {},
      forget: () => {},
      place: () => {},
      ended: () => {},
    });
    for (const other of sites) this.tables.admit(other);
    this.rows = new WillRows(this);
  }

  /** Everything that this node has said is known to `other`. */
  tell(other: Node): void {
    this.tables.durable(this.site, boot, this.tables.lastNumber);
    const ask = { site: this.site, boot, from: 0, base: 0 };
    const interval = this.tables.interval(ask, valueBytesMax);
    assert.ok(interval !== undefined);
    const decoded = other.tables.decode(encodeInterval(interval));
    assert.ok(!('code' in decoded));
    other.tables.apply(decoded, 0);
  }

  openHere(): ReturnType<WillRows['openOf']> {
    return this.rows.openOf(sites[0], key);
  }
}

function sessionWith(changed: Partial<SessionWill> = {}): Session {
  const will: SessionWill = {
    ...{ topicName: 't', payload: Buffer.from('gone'), qos: 2, retain: true },
    ...{ properties: Buffer.from([1, 1]), messageExpiryInterval: 7, delaySeconds: 9, ...changed },
  };
  return { ...name, will, willDueAt: 0, willStamp: 0, expiryInterval: 60 } as unknown as Session;
}

describe('the row of a will', () => {
  it('says all that another member needs to publish it', () => {
    const [a, b] = [new Node(sites[0]), new Node(sites[1])];
    const session = sessionWith();
    a.rows.put(session, 1000);
    a.tell(b);
    const open = b.openHere();
    assert.ok(open !== undefined);
    assert.deepEqual(open.name, name);
    assert.deepEqual(open.value, { will: session.will, expiryInterval: 60, dueAt: 0 });
    session.willDueAt = 5000;
    a.rows.update(session);
    a.tell(b);
    assert.equal(b.openHere()?.value.dueAt, 5000);
    assert.equal(b.openHere()?.stamp, open.stamp);
    a.rows.withdraw(session);
    a.tell(b);
    assert.equal(b.openHere(), undefined);
  });

  it('is not written when the will is too long for one', () => {
    const a = new Node(sites[0]);
    const session = sessionWith({ properties: Buffer.alloc(valueBytesMax) });
    a.rows.put(session, 1000);
    assert.equal(session.willStamp, 0);
    assert.equal(a.openHere(), undefined);
  });

  it('is settled by an override, a later will of the client is not', () => {
    const [a, b] = [new Node(sites[0]), new Node(sites[1])];
    const session = sessionWith();
    a.rows.put(session, 1000);
    a.tell(b);
    const open = b.openHere();
    assert.ok(open !== undefined);
    b.rows.settle(open, 1);
    assert.equal(b.openHere(), undefined);
    b.tell(a);
    assert.ok(a.rows.isSettled(session));
    const next = sessionWith();
    a.rows.put(next, 0);
    assert.ok(!a.rows.isSettled(next));
    a.tell(b);
    assert.ok(b.openHere() !== undefined);
  });

  it('that two have settled is published by one of them, for both the same', () => {
    const [a, b, c] = sites.map((site) => new Node(site)) as [Node, Node, Node];
    a.rows.put(sessionWith(), 1000);
    a.tell(b);
    a.tell(c);
    const [one, other] = [b.openHere(), c.openHere()];
    assert.ok(one !== undefined && other !== undefined);
    b.rows.settle(one, 1000);
    c.rows.settle(other, 1000);
    b.tell(c);
    c.tell(b);
    assert.notEqual(b.rows.isOurs(one), c.rows.isOurs(other));
  });

  it('of a stranger, or with other bytes, says nothing', () => {
    const a = new Node(sites[0]);
    const row = (at: string, value: Uint8Array, site = sites[0]): Row => ({
      ...{ site, number: 1, kind: RowKind.Will, key: at, value, stamp: 1, isOverride: false },
    });
    a.rows.put(sessionWith(), 1000);
    const value = a.tables.get(sites[0], RowKind.Will, key)?.value as Uint8Array;
    assert.ok(a.rows.open(row(key, value)) !== undefined);
    assert.equal(a.rows.open(row(key, value, sites[1])), undefined);
    assert.equal(a.rows.open(row(`${sites[0]}\0m`, value)), undefined);
    assert.equal(siteOfWill('no key'), undefined);
    for (let length = 0; length < value.length; length += 1) {
      assert.equal(a.rows.open(row(key, value.subarray(0, length))), undefined, `${length}`);
    }
  });
});
