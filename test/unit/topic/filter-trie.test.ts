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

function matches(trie: FilterTrie<string>, name: string): string[] {
  const found: string[] = [];
  trie.match(name, (filter) => found.push(filter));
  return found.sort();
}

interface Numbered {
  readonly filter: string;
  readonly at: number;
}

const numbered = (): FilterTrie<Numbered> => new FilterTrie<Numbered>(({ filter }) => filter);

/** Values that are their own filters. */
const itself = (filter: string): string => filter;

function naiveAll(filters: readonly string[], name: string): string[] {
  return filters.filter((filter) => naive(filter, name)).sort();
}

function trieOf(filters: readonly string[]): FilterTrie<string> {
  const trie = new FilterTrie<string>(itself);
  for (const filter of filters) trie.getOrInsert(filter, () => filter);
  return trie;
}

/** Filter, names that it matches, names that it does not. */
const rules: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['a/b', ['a/b'], ['a', 'a/b/', '/a/b', 'a/c', 'A/b', 'a//b']],
  ['#', ['a', '/', 'a/b/c', '/a', 'a/$x'], ['$SYS', '$SYS/a', '$']],
  ['a/#', ['a', 'a/', 'a/b', 'a/b/c', 'a//', 'a/$x'], ['ab', '/a', 'b/a', '$a']],
  ['/#', ['/', '/a', '/a/b', '//'], ['a', 'a/b']],
  ['+', ['a', ' '], ['a/b', '/', '/a', '$a', '$']],
  ['+/+', ['/', 'a/b', '/a', 'a/'], ['a', 'a/b/c', '//', '$a/b']],
  ['/+', ['/', '/a', '/$x'], ['a', '/a/b', '//']],
  ['a/+', ['a/', 'a/b', 'a/$x'], ['a', 'a/b/', 'a/b/c']],
  ['a/+/c', ['a/b/c', 'a//c', 'a/+x/c'], ['a/c', 'a/b/d', 'a/b/c/']],
  ['+/b/#', ['a/b', '/b', 'a/b/c/d'], ['b', 'a/c', '$a/b']],
  ['+/#', ['a', '/', 'a/b', '/a/b'], ['$SYS', '$SYS/a']],
  ['a//+', ['a//', 'a//b'], ['a/', 'a/b', 'a/b/c']],
  ['$SYS/#', ['$SYS', '$SYS/', '$SYS/a/b'], ['$sys/a', '$SYSa', 'a/$SYS/b']],
  ['$SYS/+', ['$SYS/a', '$SYS/'], ['$SYS', '$SYS/a/b']],
];

describe('the filter trie', () => {
  it('finds what the rules of section 4.7 say, after any inserts and deletes', () => {
    const change = fc.record({ filter: topicFilter, isDelete: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.array(topicName), (changes, names) => {
        const trie = new FilterTrie<string>(itself);
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
          assert.equal(trie.get(filter), model.has(filter) ? filter : undefined);
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
    const trie = new FilterTrie<string>(itself);
    for (const filter of ['#', '+/info', '$SYS/#', '$SYS/+']) {
      trie.getOrInsert(filter, () => filter);
    }
    const found: string[] = [];
    trie.match('$SYS/info', (filter) => found.push(filter));
    assert.deepEqual(found.sort(), ['$SYS/#', '$SYS/+']);
  });

  it('takes topics of 10,000 levels', () => {
    const deep = Array.from({ length: 10_000 }, () => 'x').join('/');
    const pluses = deep.replaceAll('x', '+');
    const filters = [pluses, `${deep}/#`, `${pluses.slice(0, -1)}x`, `${deep.slice(0, -1)}+/#`];
    const trie = trieOf(filters);
    assert.deepEqual(matches(trie, deep), naiveAll(filters, deep));
    for (const filter of filters.slice(1)) assert.ok(trie.delete(filter));
    assert.equal(trie.size, 1);
    assert.deepEqual(matches(trie, deep), [pluses]);
  });

  it('makes no case and no Unicode form equal [MQTT5-4.7.3-4] [MQTT3-4.7.3-4]', () => {
    const composed = 'caf\u00e9';
    const decomposed = 'cafe\u0301';
    const names = ['a', 'A', ' a', 'a ', composed, decomposed, '\ufeffa', '/a', 'a/', '//a'];
    for (const filter of names) {
      const trie = new FilterTrie<string>(itself);
      trie.getOrInsert(filter, () => filter);
      trie.getOrInsert(`${filter}/+`, () => `${filter}/+`);
      for (const name of names) {
        assert.deepEqual(matches(trie, name), naiveAll([filter, `${filter}/+`], name));
        assert.deepEqual(
          matches(trie, `${name}/x`),
          naiveAll([filter, `${filter}/+`], `${name}/x`),
        );
      }
    }
  });

  for (const [filter, matched, unmatched] of rules) {
    it(`lets ${filter} match ${matched.join(', ')} and not ${unmatched.join(', ')}`, () => {
      const trie = new FilterTrie<string>(itself);
      trie.getOrInsert(filter, () => filter);
      for (const name of matched) {
        assert.deepEqual(matches(trie, name), [filter], name);
        assert.ok(matchesFilter(filter, name), name);
      }
      for (const name of unmatched) {
        assert.deepEqual(matches(trie, name), [], name);
        assert.ok(!matchesFilter(filter, name), name);
      }
    });
  }

  it('returns the value of a filter that is there instead of making one', () => {
    for (const filter of ['a', 'a/+', 'a/#', '#', '+', '/']) {
      const trie = numbered();
      assert.equal(trie.get(filter), undefined);
      const value = trie.getOrInsert(filter, () => ({ filter, at: 1 }));
      assert.equal(
        trie.getOrInsert(filter, () => assert.fail('made a second one')),
        value,
      );
      assert.equal(trie.get(filter), value);
      assert.ok(trie.delete(filter));
      assert.ok(!trie.delete(filter));
      assert.equal(trie.get(filter), undefined);
    }
  });

  it('lets a visitor match, insert and delete', () => {
    const filters = ['#', 'a/+', 'a/#', 'a/b/+', '+/c'];
    const trie = trieOf(filters);
    const found: string[] = [];
    trie.match('a/c', (filter) => {
      found.push(filter);
      assert.ok(matches(trie, 'a/b/d').includes('a/b/+'));
      assert.ok(trie.delete(filter));
      const added = `new/${found.length}/+`;
      trie.getOrInsert(added, () => added);
    });
    assert.deepEqual(found.sort(), naiveAll(filters, 'a/c'));
    assert.deepEqual(matches(trie, 'a/c'), []);
    assert.deepEqual(matches(trie, 'new/4/x'), ['new/4/+']);
  });

  it('visits once what stays, while a visitor deletes and inserts beside it', () => {
    const change = fc.record({ filter: topicFilter, isDelete: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(topicFilter, { maxLength: 30 }),
        fc.array(change, { maxLength: 20 }),
        topicName,
        (filters, changes, name) => {
          const all = new Set(filters);
          const trie = trieOf([...all]);
          const touched = new Set(changes.map(({ filter }) => filter));
          const seen: string[] = [];
          trie.match(name, (found) => {
            if (!touched.has(found)) seen.push(found);
            for (const { filter, isDelete } of changes.splice(0, 3)) {
              if (isDelete) trie.delete(filter);
              else trie.getOrInsert(filter, () => filter);
            }
          });
          const staying = [...all].filter((filter) => !touched.has(filter));
          assert.deepEqual(seen.sort(), naiveAll(staying, name));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('matches rightly after a visitor threw', () => {
    const trie = trieOf(['#', 'a/+', 'secret/+']);
    assert.throws(() => trie.match('secret/x', () => assert.fail('as planned')), /as planned/);
    assert.deepEqual(matches(trie, 'a/b'), ['#', 'a/+']);
  });

  it('takes filters of all depths on the path of one name', () => {
    const trie = numbered();
    const nth = (_: unknown, depth: number): string => `l${depth}`;
    for (let at = 0; at < 2000; at += 1) {
      const path = Array.from({ length: at % 100 }, nth).join('/');
      for (const filter of path === '' ? ['+', '#'] : [`${path}/+`, `${path}/#`]) {
        trie.getOrInsert(filter, () => ({ filter, at }));
      }
    }
    assert.equal(trie.size, 200);
    const name = Array.from({ length: 2000 }, nth).join('/');
    let visits = 0;
    trie.match(name, () => {
      visits += 1;
    });
    assert.equal(visits, 100);
  });

  it('visits each of all 2^12 combinations of text and + once', () => {
    const trie = numbered();
    const levels = 12;
    for (let at = 0; at < 2 ** levels; at += 1) {
      const texts = Array.from({ length: levels }, (_, bit) => ((at >> bit) & 1 ? '+' : 'x'));
      const filter = texts.join('/');
      trie.getOrInsert(filter, () => ({ filter, at }));
    }
    const found = new Set<number>();
    let visits = 0;
    trie.match(Array(levels).fill('x').join('/'), ({ at }) => {
      visits += 1;
      found.add(at);
    });
    assert.equal(visits, 2 ** levels);
    assert.equal(found.size, 2 ** levels);
  });

  it('finds each of 20,000 filters and leaves nothing when they are deleted', () => {
    const trie = numbered();
    const count = 20_000;
    for (let at = 0; at < count; at += 1) {
      const filter = `room/${at}/+/temperature`;
      trie.getOrInsert(filter, () => ({ filter, at }));
    }
    for (let at = 0; at < count; at += 1) {
      const found: number[] = [];
      trie.match(`room/${at}/north/temperature`, (value) => found.push(value.at));
      assert.deepEqual(found, [at]);
    }
    for (let at = 0; at < count; at += 1) assert.ok(trie.delete(`room/${at}/+/temperature`));
    assert.equal(trie.size, 0);
    assert.deepEqual([...trie.entries()], []);
  });
});
