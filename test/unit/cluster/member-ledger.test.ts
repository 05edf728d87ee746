import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemberLedger } from '../../../src/cluster/member-ledger.js';
import {
  type ListedMember,
  type MemberRow,
  readMemberRow,
  writeMemberRow,
} from '../../../src/cluster/membership/mod.js';

const start = 1_800_000_000_000;
const a = '0a'.repeat(16);
const b = '0b'.repeat(16);
const c = '0c'.repeat(16);

function row(site: string, state: MemberRow['state'] = 'joined'): MemberRow {
  const name = site[1] ?? '';
  return { state, name: `${name}@h`, address: `${name}:1`, joined: 1 };
}

function listed(site: string, state: MemberRow['state'] = 'joined'): ListedMember {
  return { site, stamp: 5, row: row(site, state) };
}

/** The ledger of `a`, and the rows of all. */
class Rig {
  readonly said: string[] = [];
  readonly ledger: MemberLedger;
  readonly #dirty = new Set<string>();
  readonly #rows = new Map<string, Map<string, { stamp: number; value: Uint8Array }>>();
  #stamp = 100;

  constructor(isFounder = false) {
    const settings = { self: a, name: 'a@h', address: 'a:1', isFounder };
    this.ledger = new MemberLedger(settings, this.#dirty, {
      write: (subject, value, stamp) => this.#write(subject, a, value, stamp),
      rowsOf: (subject) =>
        [...(this.#rows.get(subject) ?? [])].map(([site, said]) => ({ site, ...said })),
      nextStamp: () => (this.#stamp += 1),
      joined: ({ name }) => void this.said.push(`${name} joined`),
      changed: ({ name, address }) => void this.said.push(`${name} is at ${address}`),
      left: (site) => void this.said.push(`${site[1] ?? ''} left`),
      membersChanged() {},
      selfLeft: () => void this.said.push('self left'),
    });
    this.ledger.start(start);
    this.ledger.review(start);
  }

  /** A row of another member comes. */
  hear(writer: string, subject: string, said: MemberRow | undefined, stamp = 50): void {
    this.#write(subject, writer, said && writeMemberRow(said), stamp);
    this.ledger.review(start);
  }

  /** What this node says of a site. */
  own(subject: string): MemberRow['state'] | undefined {
    const value = this.#rows.get(subject)?.get(a)?.value;
    return value && readMemberRow(value)?.state;
  }

  take(): string[] {
    return this.said.splice(0);
  }

  get names(): string {
    return this.ledger.members.counting.map(({ name }) => name[0]).join('');
  }

  #write(subject: string, writer: string, value: Uint8Array | undefined, stamp: number): number {
    const rows = this.#rows.get(subject) ?? new Map<string, { stamp: number; value: Uint8Array }>();
    this.#rows.set(subject, rows);
    if (value === undefined) rows.delete(writer);
    else rows.set(writer, { stamp, value });
    this.#dirty.add(subject);
    return 1;
  }
}

describe('the ledger of members', () => {
  it('begins with this node alone, and repeats what others say', () => {
    const rig = new Rig();
    assert.equal(rig.names, 'a');
    rig.hear(b, b, row(b));
    rig.hear(b, c, row(c));
    assert.deepEqual(rig.take(), ['b@h joined', 'c@h joined']);
    assert.deepEqual([rig.own(b), rig.own(c)], ['joined', 'joined']);
    rig.hear(b, c, undefined);
    assert.equal(rig.names, 'abc', 'what was repeated outlives who said it first');
  });

  it('tells of a new address', () => {
    const rig = new Rig();
    rig.hear(b, b, row(b));
    rig.take();
    rig.hear(b, b, { ...row(b), address: 'new:1' }, 60);
    assert.deepEqual(rig.take(), ['b@h is at new:1']);
    rig.ledger.move({ site: b, name: 'b@h', address: 'newer:1' }, start);
    assert.deepEqual(rig.take(), ['b@h is at newer:1']);
    rig.ledger.move({ site: b, name: 'a@h', address: 'x:1' }, start);
    assert.deepEqual(rig.take(), [], 'a name that is taken');
  });

  it('says for ever that a member left, whoever has not heard of it', () => {
    const rig = new Rig();
    rig.hear(b, b, row(b));
    rig.hear(b, c, row(c));
    rig.take();
    rig.hear(b, c, row(c, 'left'));
    assert.deepEqual(rig.take(), ['c left']);
    assert.equal(rig.own(c), 'left');
    rig.ledger.adopt([listed(b), listed(c)], start);
    rig.ledger.write([{ subject: c, row: row(c) }], start);
    rig.ledger.write([{ subject: c, row: undefined }], start);
    rig.ledger.review(start);
    assert.equal(rig.own(c), 'left');
    assert.equal(rig.names, 'ab');
  });

  it('of a founder unites with those of others, and ends founding in a cluster', () => {
    const rig = new Rig(true);
    assert.ok(rig.ledger.isFounding);
    assert.equal(rig.ledger.meet({ site: b, name: 'b@h', address: 'b:1' }, start), undefined);
    assert.match(
      rig.ledger.meet({ site: c, name: 'b@h', address: 'c:1' }, start) ?? '',
      /another founder is called b@h at b:1/,
    );
    rig.ledger.adopt([listed(b, 'founding'), listed(a)], start);
    assert.ok(rig.ledger.isFounding);
    rig.ledger.adopt([listed(b), listed(c), listed(a)], start);
    assert.equal(rig.ledger.isFounding, false);
    assert.equal(rig.names, 'abc');
    assert.deepEqual(
      rig.ledger.list().map(({ row: { state } }) => state),
      ['joined', 'joined', 'joined'],
    );
  });

  it('hears that this node has left, and repeats nothing from then on', () => {
    const rig = new Rig();
    rig.hear(b, b, row(b));
    rig.take();
    rig.hear(b, a, row(a, 'left'));
    assert.deepEqual(rig.take(), ['self left']);
    assert.ok(rig.ledger.hasSelfLeft);
    rig.hear(b, c, row(c));
    assert.equal(rig.own(c), undefined);
  });
});
