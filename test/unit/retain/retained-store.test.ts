import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RetainedCursor, RetainedStore } from '../../../src/retain/mod.js';
import { matchesFilter } from '../../../src/topic/mod.js';

function all(cursor: RetainedCursor<string>): string[] {
  const found: string[] = [];
  for (let next = cursor.next(); next !== undefined; next = cursor.next()) found.push(next);
  return found;
}

const level = fc.constantFrom('a', 'b', '', '$x', 'c');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((name) => name.length > 0);
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels, '#'] : levels).join('/'))
  .filter((filter) => filter.length > 0);

describe('the retained store', () => {
  it('finds by filter what is set and not deleted', () => {
    const change = fc.record({ name: topicName, isDelete: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), topicFilter, (changes, filter) => {
        const store = new RetainedStore<string>();
        const model = new Set<string>();
        for (const { name, isDelete } of changes) {
          if (isDelete) {
            assert.equal(store.delete(name), model.delete(name) ? name : undefined);
          } else {
            assert.equal(store.set(name, name), model.has(name) ? name : undefined);
            model.add(name);
          }
          assert.equal(store.size, model.size);
        }
        const expected = [...model].filter((name) => matchesFilter(filter, name));
        assert.deepEqual(all(store.cursor(filter)).sort(), expected.sort());
        assert.deepEqual([...store].sort(), [...model].sort());
      }),
      { numRuns: 1000 },
    );
  });

  it('walks rightly while messages are set and deleted between its steps', () => {
    const change = fc.record({ name: topicName, isDelete: fc.boolean() });
    const script = fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 12 });
    const initial = fc.uniqueArray(topicName, { maxLength: 40 });
    fc.assert(
      fc.property(initial, script, topicFilter, (names, steps, filter) => {
        const store = new RetainedStore<string>();
        for (const name of names) store.set(name, name);
        const cursor = store.cursor(filter);
        /** There all the time: must be seen. */
        const untouched = new Set(names);
        const seen: string[] = [];
        for (let at = 0; ; at += 1) {
          const next = cursor.next();
          if (next === undefined) break;
          assert.equal(store.get(next), next);
          seen.push(next);
          for (const { name, isDelete } of steps[at % steps.length] ?? []) {
            if (isDelete) store.delete(name);
            else store.set(name, name);
            if (isDelete) untouched.delete(name);
          }
        }
        assert.equal(new Set(seen).size, seen.length, `twice: ${seen.join(' ')}`);
        for (const name of seen) assert.ok(matchesFilter(filter, name), name);
        for (const name of untouched) {
          if (matchesFilter(filter, name)) assert.ok(seen.includes(name), `missed ${name}`);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('ends a walk although what it returned is deleted and set again at once', () => {
    const store = new RetainedStore<string>();
    for (let at = 0; at < 100; at += 1) store.set(`a/${at}/x`, `a/${at}/x`);
    for (const filter of ['#', 'a/#', 'a/+/x', 'a/+/#']) {
      const cursor = store.cursor(filter);
      let steps = 0;
      for (let next = cursor.next(); next !== undefined; next = cursor.next()) {
        steps += 1;
        assert.ok(steps <= 100, filter);
        store.delete(next);
        store.set(next, next);
        store.set(`${filter}/${steps}/new`.replaceAll(/[#+]/g, 'w'), 'new');
      }
      assert.equal(steps, 100, filter);
      for (let at = 1; at <= 100; at += 1) {
        store.delete(`${filter}/${at}/new`.replaceAll(/[#+]/g, 'w'));
      }
    }
  });

  it('walks in tree order: a topic before those below it, branches by age', () => {
    const store = new RetainedStore<string>();
    for (const name of ['b/2', 'a/x', 'b/1', 'a', 'b/1/deep', '/']) store.set(name, name);
    assert.deepEqual(all(store.cursor('#')), ['b/2', 'b/1', 'b/1/deep', 'a', 'a/x', '/']);
    assert.deepEqual(all(store.cursor('b/#')), ['b/2', 'b/1', 'b/1/deep']);
    assert.deepEqual(all(store.cursor('a/#')), ['a', 'a/x']);
  });

  it('hides $-topics from leading wildcards [MQTT5-4.7.2-1] [MQTT3-4.7.2-1]', () => {
    const store = new RetainedStore<string>();
    for (const name of ['$SYS/a', '$SYS', 'a/$SYS', 'a']) store.set(name, name);
    assert.deepEqual(all(store.cursor('#')), ['a', 'a/$SYS']);
    assert.deepEqual(all(store.cursor('+')), ['a']);
    assert.deepEqual(all(store.cursor('+/#')), ['a', 'a/$SYS']);
    assert.deepEqual(all(store.cursor('+/a')), []);
    assert.deepEqual(all(store.cursor('$SYS/#')), ['$SYS', '$SYS/a']);
    assert.deepEqual(all(store.cursor('$SYS/+')), ['$SYS/a']);
    assert.deepEqual(all(store.cursor('$SYS/a')), ['$SYS/a']);
  });

  it('takes topics of 10,000 levels', () => {
    const store = new RetainedStore<string>();
    const deep = Array.from({ length: 10_000 }, () => 'x').join('/');
    store.set(deep, 'deep');
    store.set(`${deep}/y`, 'deeper');
    const branched = `${'x/'.repeat(5000)}branch`;
    store.set(branched, 'branch');
    assert.deepEqual(all(store.cursor(deep.replaceAll('x', '+'))), ['deep']);
    assert.deepEqual(all(store.cursor(`${deep}/#`)), ['deep', 'deeper']);
    assert.deepEqual(all(store.cursor('#')).sort(), ['branch', 'deep', 'deeper']);
    for (const name of [deep, `${deep}/y`, branched]) assert.ok(store.delete(name));
    assert.equal(store.size, 0);
    assert.deepEqual(all(store.cursor('#')), []);
  });

  it('looks only at the branch that a filter names', () => {
    const store = new RetainedStore<string>();
    for (let at = 0; at < 1000; at += 1) store.set(`x/${at}/t`, `x/${at}/t`);
    store.set('y/1/t', 'y/1/t');
    for (const [filter, found, nodesMax] of [
      ['y/+/t', 'y/1/t', 3],
      ['x/7/+', 'x/7/t', 3],
      ['y/#', 'y/1/t', 3],
      ['x/7/t', 'x/7/t', 1],
    ] as const) {
      assert.equal(store.cursor(filter).nextWithin(nodesMax), found, filter);
      assert.deepEqual(all(store.cursor(filter)), [found]);
    }
  });

  it('stops after as many nodes as allowed and goes on where it stopped', () => {
    const store = new RetainedStore<string>();
    for (let at = 0; at < 1000; at += 1) store.set(`x/${at}/t`, `x/${at}/t`);
    store.set('x/999/u', 'found');
    const cursor = store.cursor('+/+/u');
    let calls = 0;
    const found: string[] = [];
    while (!cursor.isDone) {
      const next = cursor.nextWithin(100);
      if (next !== undefined) found.push(next);
      calls += 1;
      assert.ok(calls < 50);
    }
    assert.deepEqual(found, ['found']);
    assert.ok(calls > 10, `${calls} calls`);
    assert.equal(cursor.next(), undefined);
  });

  it('says that the walk of a single topic is done only when it was asked', () => {
    const store = new RetainedStore<string>();
    store.set('a', 'a');
    const cursor = store.cursor('a');
    assert.ok(!cursor.isDone);
    assert.equal(cursor.nextWithin(1), 'a');
    assert.equal(cursor.nextWithin(1), undefined);
    assert.ok(cursor.isDone);
    assert.equal(store.cursor('b').next(), undefined);
  });
});
