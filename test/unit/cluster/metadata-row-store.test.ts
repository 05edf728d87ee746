import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import { RowStore } from '../../../src/cluster/metadata/row-store.js';
import { makeRow, type Row, RowKind } from '../../../src/cluster/metadata/rows.js';
import { SiteTable } from '../../../src/cluster/metadata/site-table.js';
import { bootOf, kinds, siteOf } from './metadata-rig.js';

const site = siteOf(1);

describe('the rows of a kind', () => {
  it('come back as they were set: value, override, stamps and numbers beyond 32 bits', () => {
    const store = new RowStore(site, RowKind.Will, false);
    const rows = [
      makeRow(site, 2 ** 40, RowKind.Will, 'a', Buffer.from('x'), 2 ** 52 + 1, false),
      makeRow(site, 1, RowKind.Will, 'é\0😀', Buffer.alloc(0), 0, false),
      makeRow(site, 3, RowKind.Will, '', undefined, 7, true),
    ];
    for (const row of rows) store.set(row);
    for (const row of rows) assert.deepEqual(store.get(row.key), row);
    assert.deepEqual([...store.rows()], rows);
    assert.equal(store.get('b'), undefined);
  });

  it('are seen by a walk if they are there all the time, whatever comes and goes', () => {
    const random = new SeededRandom(5);
    const store = new RowStore(site, RowKind.Route, false);
    const row = (key: string): Row =>
      makeRow(site, 1, RowKind.Route, key, Buffer.from('v'), 1, false);
    for (let at = 0; at < 5000; at += 1) store.set(row(`stays ${at}`));
    for (let at = 0; at < 5000; at += 1) store.set(row(`goes ${at}`));
    const seen = new Set<string>();
    for (const { key } of store.rows()) {
      if (key.startsWith('stays')) {
        assert.ok(!seen.has(key), 'once');
        seen.add(key);
      }
      const slot = store.slotOf(`goes ${random.below(5000)}`);
      if (slot >= 0) store.free(slot);
      if (random.below(2) === 0) store.set(row(`new ${random.below(1000)}`));
    }
    assert.equal(seen.size, 5000);
  });
});

describe('the table of a site', () => {
  it('has the rows, the order and the deletions that a plain list has', () => {
    const random = new SeededRandom(11);
    const table = new SiteTable(site, bootOf(1), false);
    const model = new Map<string, Row>();
    for (let number = 1; number <= 20_000; number += 1) {
      const kind = kinds[random.below(kinds.length)] as RowKind;
      const key = `k${random.below(700)}`;
      const isDeleted = random.below(3) === 0;
      const isOverride = isDeleted && random.below(3) === 0;
      const value = isDeleted ? undefined : Buffer.from(`v${number}`);
      const row = makeRow(site, number, kind, key, value, number * 3, isOverride);
      const before = model.get(`${kind} ${key}`);
      const isLive = before !== undefined && (before.value !== undefined || before.isOverride);
      assert.deepEqual(table.insert(row), isLive ? before : undefined);
      table.advance(number);
      // A number of its own for each change: in its place the row is the last of the order.
      model.delete(`${kind} ${key}`);
      model.set(`${kind} ${key}`, row);
      if (number % 4000 !== 0) continue;
      const from = random.below(number);
      const expected = [...model.values()].filter((each) => each.number > from);
      assert.deepEqual([...table.after(from)], expected, `above ${from} of ${number}`);
    }
    table.raiseFloor(10_000);
    while (table.dropTombstones(100));
    const isThere = ({ number, value, isOverride }: Row): boolean =>
      number > 10_000 || value !== undefined || isOverride;
    assert.deepEqual([...table.after(0)], [...model.values()].filter(isThere));
  });
});
