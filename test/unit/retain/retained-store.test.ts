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

  it('stays valid while messages come and go between steps', () => {
    const store = new RetainedStore<string>();
    for (let at = 0; at < 100; at += 1) store.set(`a/${at}`, `a/${at}`);
    const cursor = store.cursor('a/#');
    const seen: string[] = [];
    for (let at = 0; at < 100; at += 1) {
      const next = cursor.next();
      if (next === undefined) break;
      seen.push(next);
      store.delete(`a/${at + 50}`);
      store.delete('a/99');
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length >= 50);
  });

  it('looks only at the branch that a filter names', () => {
    const store = new RetainedStore<string>();
    for (let at = 0; at < 1000; at += 1) store.set(`x/${at}/t`, `x/${at}/t`);
    store.set('y/1/t', 'y/1/t');
    assert.deepEqual(all(store.cursor('y/+/t')), ['y/1/t']);
    assert.deepEqual(all(store.cursor('x/7/t')), ['x/7/t']);
  });
});
