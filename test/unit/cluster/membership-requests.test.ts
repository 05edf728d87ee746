import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import {
  type MembershipAnswer,
  type MembershipRequest,
  readAnswer,
  readRequest,
  writeAnswer,
  writeRequest,
} from '../../../src/cluster/membership/mod.js';

const site = '0a'.repeat(16);
const other = '0b'.repeat(16);

const requests: readonly MembershipRequest[] = [
  {
    kind: 'acknowledge',
    proposal: { coordinator: site, id: 77, number: 300, subjects: [site, other] },
  },
  { kind: 'handOver', kill: true },
  { kind: 'join', isFounding: true, force: false, isMember: true },
  { kind: 'gone' },
  { kind: 'leave', node: 'b@host', options: { force: true, kill: false, timeoutMs: 60_000 } },
];

const answers: readonly MembershipAnswer[] = [
  { kind: 'acknowledged', id: 77 },
  { kind: 'objected', id: 78, sentence: 'another change is under way' },
  { kind: 'handOver', isEmpty: false },
  {
    kind: 'welcome',
    members: [
      {
        ...{ site, stamp: 1000 },
        row: { state: 'founding', name: 'a@host', address: 'a:1', joined: 5 },
      },
    ],
  },
  { kind: 'result', ok: true, sentence: 'c@host leaves: 2 members' },
];

describe('what nodes ask each other about members', () => {
  it('reads as it was written, and with more behind it', () => {
    for (const request of requests) {
      assert.deepEqual(readRequest(writeRequest(request)), request);
      const longer = Buffer.concat([writeRequest(request), Buffer.from([1, 2])]);
      assert.deepEqual(readRequest(longer), request);
    }
    for (const answer of answers) assert.deepEqual(readAnswer(writeAnswer(answer)), answer);
  });

  it('is nothing when it ends early or is of a kind that nobody knows', () => {
    for (const bytes of requests.map(writeRequest)) {
      for (let end = 0; end < bytes.length; end += 1) {
        assert.equal(readRequest(bytes.subarray(0, end)), undefined);
      }
    }
    for (const bytes of answers.map(writeAnswer)) {
      for (let end = 0; end < bytes.length; end += 1) {
        assert.equal(readAnswer(bytes.subarray(0, end)), undefined);
      }
    }
    assert.equal(readRequest(Buffer.from([32, 1])), undefined);
    assert.equal(readAnswer(Buffer.from([200])), undefined);
  });

  it('is nothing when it lists more sites than there can be', () => {
    const sites = Buffer.alloc(16 * 100);
    assert.equal(readRequest(Buffer.concat([Buffer.from([0]), sites])), undefined, 'no subjects');
    const many = Buffer.concat([Buffer.alloc(17), Buffer.from([1, 1, 3]), sites]);
    assert.equal(readRequest(many), undefined);
    assert.equal(
      readAnswer(Buffer.concat([Buffer.from([3, 65]), Buffer.alloc(65_000)])),
      undefined,
    );
  });
});
