import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PassedAhead } from '../../../src/broker/passed-ahead.js';
import { type Row, RowKind } from '../../../src/cluster/metadata/mod.js';

const row = (stamp: number, site = 'b'): Row => ({
  ...{ site, number: 1, kind: RowKind.Retain, key: 't', value: undefined, stamp },
  isOverride: false,
});

describe('a message that is delivered before its row comes', () => {
  it('is ahead for who subscribed before it, until that row is there', () => {
    const passed = new PassedAhead();
    passed.note('t', { stamp: 10, site: 'b', at: 5 });
    assert.ok(passed.isAhead('t', 4));
    assert.ok(!passed.isAhead('t', 5), 'who subscribed later did not get it');
    assert.ok(!passed.isAhead('u', 4));
    assert.equal(passed.caughtUp('t', row(9)), 0, 'an older row changes nothing');
    assert.ok(passed.isAhead('t', 4));
    assert.equal(passed.caughtUp('t', row(10)), 5);
    assert.ok(!passed.isAhead('t', 4));
    assert.ok(passed.isEmpty);
  });

  it('is not what is retained when a later row comes', () => {
    const passed = new PassedAhead();
    passed.note('t', { stamp: 10, site: 'b', at: 5 });
    assert.equal(passed.caughtUp('t', row(10, 'c')), 0, 'of equal stamps the higher site is later');
    assert.ok(passed.isEmpty);
  });

  it('gives way to a later one only, in whichever order they are delivered', () => {
    const passed = new PassedAhead();
    passed.note('t', { stamp: 10, site: 'b', at: 5 });
    passed.note('t', { stamp: 8, site: 'c', at: 6 });
    assert.equal(passed.caughtUp('t', row(10)), 5);
  });

  it('is forgotten when there are too many, the oldest first', () => {
    const passed = new PassedAhead();
    for (let at = 1; at <= 10_001; at += 1) passed.note(`${at}`, { stamp: at, site: 'b', at });
    assert.ok(!passed.isAhead('1', 0));
    assert.ok(passed.isAhead('2', 0));
    assert.ok(passed.isAhead('10001', 0));
  });
});
