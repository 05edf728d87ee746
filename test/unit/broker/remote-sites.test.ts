import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedSites } from '../../../src/broker/remote-sites.js';

const [one, other] = ['0a'.repeat(16), '0b'.repeat(16)] as const;

describe('members with subscribers of a filter', () => {
  it('are one set for all filters that have the same', () => {
    const shared = new SharedSites();
    const first = shared.with(undefined, one, false);
    assert.equal(shared.with(undefined, one, false), first);
    const both = shared.with(first, other, true);
    assert.deepEqual(
      [...(both ?? [])],
      [
        [one, false],
        [other, true],
      ],
    );
    assert.equal(shared.with(shared.with(undefined, one, false), other, true), both);
    assert.deepEqual([...(first ?? [])], [[one, false]], 'others that have it are left alone');
  });

  it('change, and end', () => {
    const shared = new SharedSites();
    const first = shared.with(undefined, one, false);
    assert.equal(shared.with(first, one, true)?.get(one), true);
    assert.equal(shared.with(first, one, false), first);
    assert.equal(shared.with(first, other, undefined), first);
    assert.equal(shared.with(first, one, undefined), undefined);
    assert.equal(shared.with(undefined, one, undefined), undefined);
  });

  it('are not shared any more when there are too many different ones', () => {
    const shared = new SharedSites();
    for (let at = 0; at < 5000; at += 1) shared.with(undefined, `${at}`, false);
    const late = shared.with(undefined, 'late', false);
    assert.notEqual(shared.with(undefined, 'late', false), late);
    assert.deepEqual(shared.with(undefined, 'late', false), late);
  });
});
