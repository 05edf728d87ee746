import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import { NumberedLog } from '../../../src/cluster/metadata/numbered-log.js';
import { RowSum } from '../../../src/cluster/metadata/row-sum.js';
import { makeRow, type Row, RowKind, SmallValues } from '../../../src/cluster/metadata/rows.js';
import { siteOf } from './metadata-rig.js';

const usedBytes = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

const row = (number: number, key = 'k', value: string | undefined = 'v', stamp = 7): Row => {
  const bytes = value === undefined ? undefined : Buffer.from(value);
  return makeRow(siteOf(1), number, RowKind.Route, key, bytes, stamp, false);
};

describe('the log of a site', () => {
  it('gives the rows above a number in order, whatever was taken out', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = new SeededRandom(seed);
      const log = new NumberedLog();
      // The place of a row is its number and one: nothing else is looked at.
      let numbers: number[] = [];
      let number = 0;
      for (let round = 0; round < 40; round += 1) {
        for (let count = random.below(300); count > 0; count -= 1) {
          number += 1 + random.below(3);
          log.append(number, number + 1);
          numbers.push(number);
        }
        const keeps = random.below(4);
        const gone = new Set(numbers.filter(() => random.below(4) > keeps));
        for (const one of gone) log.remove(one);
        numbers = numbers.filter((one) => !gone.has(one));
        const from = random.below(number + 2);
        const expected = numbers.filter((one) => one > from).map((one) => one + 1);
        assert.deepEqual([...log.after(from)], expected, `seed ${seed} round ${round}`);
        assert.equal([...log.after(0)].length, numbers.length);
      }
    }
  });

  it('does not grow while one key changes for ever, beside others that never do', () => {
    const log = new NumberedLog();
    for (let number = 1; number <= 2000; number += 1) log.append(number, number);
    log.append(3000, 0);
    const heap = usedBytes();
    for (let number = 3001; number < 300_000; number += 1) {
      log.append(number, 0);
      log.remove(number - 1);
    }
    assert.equal([...log.after(0)].length, 2001);
    assert.ok(usedBytes() - heap < 100_000_000);
  });

  it('asserts that a row is taken out once', () => {
    const log = new NumberedLog();
    log.append(1, 10);
    log.append(2, 20);
    log.append(5, 50);
    log.append(6, 60);
    log.remove(2);
    for (const number of [2, 4, 7]) assert.throws(() => log.remove(number), /in the log/);
    assert.deepEqual([...log.after(1)], [50, 60]);
  });
});

describe('the sum of rows', () => {
  const sumOf = (...rows: Row[]): string => {
    const sum = new RowSum();
    for (const one of rows) sum.add(one);
    return `${sum.high} ${sum.low}`;
  };

  it('is that of the set, in any order, and after rows were taken out again', () => {
    const rows = Array.from({ length: 100 }, (_, at) => row(at, `k${at}`));
    assert.equal(sumOf(...rows), sumOf(...rows.toReversed()));
    const sum = new RowSum();
    for (const one of rows) sum.add(one);
    for (const one of rows.slice(1)) sum.subtract(one);
    assert.equal(`${sum.high} ${sum.low}`, sumOf(rows[0] as Row));
    sum.subtract(rows[0] as Row);
    assert.deepEqual([sum.high, sum.low], [0, 0]);
  });

  it('differs by kind, key, value, stamp and override, and not by number', () => {
    const base = row(1, 'key', 'value', 5);
    assert.equal(sumOf(base), sumOf({ ...base, number: 2 }));
    const others = [
      { ...base, kind: RowKind.Will },
      { ...base, key: 'kez' },
      { ...base, key: 'ke' },
      { ...base, value: Buffer.from('valuf') },
      { ...base, value: Buffer.from('') },
      { ...base, value: undefined },
      { ...base, value: undefined, isOverride: true },
      { ...base, stamp: 6 },
      { ...base, stamp: 5 + 2 ** 32 },
      { ...base, value: Buffer.alloc(5000, 1) },
      { ...base, value: Buffer.alloc(5001, 1) },
      { ...base, value: Buffer.concat([Buffer.alloc(4999, 1), Buffer.alloc(1, 2)]) },
    ];
    assert.equal(new Set([base, ...others].map((one) => sumOf(one))).size, others.length + 1);
  });

  it('has no two equal hashes among many small rows, in either half of their bits', () => {
    const highs = new Set<number>();
    const both = new Set<string>();
    for (let at = 0; at < 30_000; at += 1) {
      const sum = new RowSum();
      sum.add(row(at, `site/${at}`, String(at % 3), at));
      highs.add(sum.high);
      both.add(`${sum.high} ${sum.low}`);
    }
    assert.equal(both.size, 30_000);
    assert.ok(highs.size > 29_900);
  });
});

describe('small values', () => {
  it('are one object when they are equal, and never a view of another buffer', () => {
    const values = new SmallValues();
    const buffer = Buffer.from('aab');
    const one = values.keep(buffer.subarray(0, 1));
    assert.equal(one, values.keep(buffer.subarray(1, 2)));
    assert.notEqual(one, values.keep(buffer.subarray(2, 3)));
    buffer[0] = 0;
    assert.deepEqual([...one], [97]);
    assert.equal(values.keep(Buffer.alloc(40)).buffer.byteLength, 40);
  });
});
