import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FilterTrie, matchesFilter } from '../../../src/topic/mod.js';

const level = fc.constantFrom('a', 'b', '', '$x', 'longer');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((name) => name.length > 0);
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels, '#'] : levels).join('/'))
  .filter((filter) => filter.length > 0);

/** The rules of section 4.7 as plainly as they can be written. */
function naive(filter: string, name: string): boolean {
  const filterLevels = filter.split('/');
  const nameLevels = name.split('/');
  if (name.startsWith('$') && (filterLevels[0] === '+' || filterLevels[0] === '#')) return false;
  if (filterLevels.at(-1) === '#') {
    filterLevels.pop();
    if (nameLevels.length < filterLevels.length) return false;
    nameLevels.length = filterLevels.length;
  }
  if (filterLevels.length !== nameLevels.length) return false;
  return filterLevels.every((text, at) => text === '+' || text === nameLevels[at]);
}

describe('the filter trie', () => {
  it('finds what the rules of section 4.7 say, after any inserts and deletes', () => {
    const change = fc.record({ filter: topicFilter, isDelete: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.array(topicName), (changes, names) => {
        const trie = new FilterTrie<string>();
        const model = new Set<string>();
        for (const { filter, isDelete } of changes) {
          if (isDelete) {
            assert.equal(trie.delete(filter), model.delete(filter));
          } else {
            assert.equal(
              trie.getOrInsert(filter, () => filter),
              filter,
            );
            model.add(filter);
          }
          assert.equal(trie.size, model.size);
        }
        for (const name of names) {
          const found: string[] = [];
          trie.match(name, (filter) => found.push(filter));
          const expected = [...model].filter((filter) => naive(filter, name));
          assert.deepEqual(found.sort(), expected.sort());
        }
        const entries = [...trie.entries()].map(([filter]) => filter);
        assert.deepEqual(entries.sort(), [...model].sort());
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with the match of one filter and one name', () => {
    fc.assert(
      fc.property(topicFilter, topicName, (filter, name) => {
        assert.equal(matchesFilter(filter, name), naive(filter, name));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps # and + in the first level away from $-topics [MQTT5-4.7.2-1] [MQTT3-4.7.2-1]', () => {
    const trie = new FilterTrie<string>();
    for (const filter of ['#', '+/info', '$SYS/#', '$SYS/+']) {
      trie.getOrInsert(filter, () => filter);
    }
    const found: string[] = [];
    trie.match('$SYS/info', (filter) => found.push(filter));
    assert.deepEqual(found.sort(), ['$SYS/#', '$SYS/+']);
  });

  it('takes topics of 10,000 levels', () => {
    const deep = Array.from({ length: 10_000 }, () => 'x').join('/');
    const trie = new FilterTrie<number>();
    trie.getOrInsert(deep.replaceAll('x', '+'), () => 1);
    trie.getOrInsert(`${deep}/#`, () => 2);
    const found: number[] = [];
    trie.match(deep, (value) => found.push(value));
    assert.deepEqual(found.sort(), [1, 2]);
    assert.ok(trie.delete(`${deep}/#`));
    assert.equal(trie.size, 1);
  });

  it('does no more work for filters that do not fit the name', () => {
    const trie = new FilterTrie<number>();
    for (let at = 0; at < 20_000; at += 1) trie.getOrInsert(`room/${at}/+/temperature`, () => at);
    let visits = 0;
    trie.match('room/77/north/temperature', () => {
      visits += 1;
    });
    assert.equal(visits, 1);
  });
});
