import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import {
  admissionOf,
  type Classification,
  isMajority,
  type Member,
  type MemberRow,
  Members,
  readMemberRow,
  writeMemberRow,
  type WrittenRow,
} from '../../../src/cluster/membership/mod.js';

const a = '0a'.repeat(16);
const b = '0b'.repeat(16);
const c = '0c'.repeat(16);
const d = '0d'.repeat(16);

function row(name: string, state: MemberRow['state'] = 'joined'): MemberRow {
  return { state, name: `${name}@host`, address: `${name}.example:44053`, joined: 1 };
}

function written(site: string, stamp: number, said: MemberRow): WrittenRow {
  return { site, stamp, value: writeMemberRow(said) };
}

function membersOf(...names: readonly [string, string][]): Members {
  const members = new Members();
  for (const [site, name] of names) members.onRows(site, [written(a, 1, row(name))]);
  return members;
}

const namesOf = (members: Members): string[] => members.counting.map(({ name }) => name);

describe('a row about a member', () => {
  it('reads as it was written, whatever it says', () => {
    for (const state of ['joining', 'joined', 'leaving', 'left', 'founding'] as const) {
      const bytes = writeMemberRow(row('a', state));
      assert.deepEqual(readMemberRow(bytes), row('a', state));
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(readMemberRow(bytes.subarray(0, length)), undefined);
      }
    }
  });

  it('has a name without blanks and bars, and an address with a port', () => {
    for (const bad of ['a b', 'a|b', '', 'ä', 'x'.repeat(256)]) {
      assert.equal(readMemberRow(writeMemberRow({ ...row('a'), name: bad })), undefined, bad);
    }
    for (const bad of ['host', 'host:', ':1', 'host:123456', 'ho st:1']) {
      assert.equal(readMemberRow(writeMemberRow({ ...row('a'), address: bad })), undefined, bad);
    }
    assert.equal(readMemberRow(Buffer.from([9, 1, 65])), undefined, 'a state of another version');
  });
});

describe('the list of members', () => {
  it('goes by the latest row of each site, in the order of names', () => {
    const members = membersOf([b, 'b'], [a, 'z']);
    members.onRows(a, [written(a, 5, row('a')), written(b, 4, row('old'))]);
    assert.deepEqual(namesOf(members), ['a@host', 'b@host']);
    members.onRows(a, [written(a, 5, row('a')), written(b, 6, row('new'))]);
    assert.deepEqual(namesOf(members), ['b@host', 'new@host']);
    assert.equal(members.memberNamed('new@host')?.site, a);
    assert.equal(members.memberNamed('b.example:44053')?.site, b);
  });

  it('does not count who is joining, and counts who is leaving or founding', () => {
    const members = membersOf([a, 'a']);
    members.onRows(b, [written(a, 2, row('b', 'joining'))]);
    members.onRows(c, [written(c, 2, row('c')), written(a, 3, row('c', 'leaving'))]);
    members.onRows(d, [written(d, 2, row('d', 'founding'))]);
    assert.deepEqual(namesOf(members), ['a@host', 'c@host', 'd@host']);
    assert.deepEqual(
      members.pending.map(({ name, state }) => `${name} ${state}`),
      ['b@host joining', 'c@host leaving'],
    );
  });

  it('never takes back who left, whatever is said later and whoever forgets it', () => {
    const members = membersOf([a, 'a'], [b, 'b']);
    members.onRows(b, [written(a, 2, row('b', 'left')), written(b, 99, row('b'))]);
    assert.deepEqual(namesOf(members), ['a@host']);
    members.onRows(b, [written(b, 100, row('b'))]);
    assert.deepEqual(namesOf(members), ['a@host']);
    members.onRows(b, []);
    assert.ok(members.hasLeft(b));
    assert.equal(members.sitesKnown, 2);
  });

  it('forgets a change that was taken back', () => {
    const members = membersOf([a, 'a']);
    members.onRows(b, [written(a, 2, row('b', 'joining'))]);
    members.onRows(b, []);
    assert.deepEqual(members.pending, []);
    assert.equal(members.sitesKnown, 1);
  });
});

describe('a majority', () => {
  const { counting } = membersOf([a, 'a'], [b, 'b'], [c, 'c'], [d, 'd']);
  it('is more than half, or half with the tiebreak', () => {
    assert.equal(isMajority(new Set([a, b, c]), counting, ''), true);
    assert.equal(isMajority(new Set([a, b]), counting, ''), false);
    assert.equal(isMajority(new Set([a, b]), counting, 'b@host'), true);
    assert.equal(isMajority(new Set([a, b]), counting, 'c@host'), false);
    assert.equal(isMajority(new Set([a]), counting.slice(0, 1), ''), true);
  });

  it('does not count who is no member', () => {
    assert.equal(isMajority(new Set([a, 'x', 'y']), counting, ''), false);
  });
});

describe('a new site', () => {
  const members: readonly Member[] = membersOf([a, 'a'], [b, 'b']).counting;
  const seen = (kind: 'up' | 'dead' | 'unclear') => (): Classification =>
    kind === 'dead' ? { kind, asked: [] } : { kind };
  const who = { name: 'b@host', address: 'b.example:44053' };

  it('replaces the member of its name and address, if nobody sees that one', () => {
    const admission = admissionOf(who, members, seen('dead'));
    assert.ok(admission.kind === 'replaces' && admission.member.site === b);
    for (const kind of ['up', 'unclear'] as const) {
      const refused = admissionOf(who, members, seen(kind));
      assert.ok(refused.kind === 'refused');
      assert.match(refused.sentence, /b@host at b\.example:44053 was seen a moment ago/);
    }
  });

  it('is refused when it shares only the name or only the address', () => {
    const sameName = admissionOf({ ...who, address: 'x:1' }, members, seen('dead'));
    assert.ok(sameName.kind === 'refused');
    assert.match(sameName.sentence, /the name b@host belongs to the member at b\.example:44053/);
    const sameAddress = admissionOf({ ...who, name: 'x@host' }, members, seen('dead'));
    assert.ok(sameAddress.kind === 'refused');
    assert.match(sameAddress.sentence, /vmq-admin cluster leave node=b@host/);
    assert.equal(admissionOf({ name: 'n', address: 'n:1' }, members, seen('up')).kind, 'new');
  });
});
