import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../../src/base/mod.js';
import { writeBoot, writeSite } from '../../../src/cluster/identity/mod.js';
import {
  decodeAsks,
  decodeVector,
  encodeAsks,
  encodeInterval,
  encodeVector,
  type Interval,
  intervalRowsMax,
  keyBytesMax,
  RowKind,
  valueBytesMax,
} from '../../../src/cluster/metadata/mod.js';
import { decodeInterval, rowBytes } from '../../../src/cluster/metadata/interval.js';
import { makeRow, SmallValues } from '../../../src/cluster/metadata/rows.js';
import { bootOf, siteOf } from './metadata-rig.js';

const values = new SmallValues();
const site = siteOf(0xabc);
const boot = bootOf(3);

const interval: Interval = {
  site,
  boot,
  from: 10,
  to: 2 ** 40,
  of: 2 ** 41,
  floor: 4,
  isPartial: false,
  rows: [
    makeRow(site, 11, RowKind.Route, 'a/+\0', Buffer.from([1]), 2 ** 51, false),
    makeRow(site, 13, RowKind.Subscription, 'ключ', undefined, 5, true),
    makeRow(site, 2 ** 39, RowKind.Setting, '', undefined, 0, false),
    makeRow(site, 2 ** 40, RowKind.Retain, 't', Buffer.alloc(100, 7), 1, false),
  ],
};

const isMalformed = (result: unknown): boolean =>
  (result as { readonly code?: string }).code === 'malformed';

/** The front of an interval, then what `write` adds. */
function bytesOf(ends: readonly number[], write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  writeSite(writer, site);
  writeBoot(writer, boot);
  for (const end of ends) writer.varint(end);
  write(writer);
  return writer.take();
}

function oneRow(head: number, number: number, key: Uint8Array, value?: Uint8Array): Uint8Array {
  return bytesOf([0, 0, 10, 10, 0, 1], (writer) => {
    writer.byte(head);
    writer.varint(number);
    writer.varint(1);
    writer.blob(key);
    if (value !== undefined) writer.blob(value);
  });
}

describe('an interval on the wire', () => {
  it('is read as it was written', () => {
    const read = decodeInterval(encodeInterval(interval), values);
    assert.ok(!('code' in read));
    assert.deepEqual(
      read.rows.map(({ value }) => value?.length),
      [1, undefined, undefined, 100],
    );
    const plain = (from: Interval): unknown => ({
      ...from,
      rows: from.rows.map((row) => ({ ...row, value: row.value && [...row.value] })),
    });
    assert.deepEqual(plain(read), plain(interval));
    const partial = decodeInterval(encodeInterval({ ...interval, isPartial: true }), values);
    assert.equal('code' in partial ? undefined : partial.isPartial, true);
  });

  it('is malformed when it ends early, or goes on', () => {
    const bytes = encodeInterval(interval);
    for (let end = 0; end < bytes.length; end += 1) {
      assert.ok(isMalformed(decodeInterval(bytes.subarray(0, end), values)), `${end} bytes`);
    }
    assert.ok(isMalformed(decodeInterval(Buffer.concat([bytes, Buffer.alloc(1)]), values)));
  });

  it('is malformed when its ends are crossed', () => {
    const none = (): void => {};
    assert.ok(!isMalformed(decodeInterval(bytesOf([0, 3, 4, 5, 5, 0], none), values)));
    assert.ok(isMalformed(decodeInterval(bytesOf([0, 4, 3, 5, 0, 0], none), values)), 'from > to');
    assert.ok(isMalformed(decodeInterval(bytesOf([0, 3, 5, 4, 0, 0], none), values)), 'to > of');
    assert.ok(isMalformed(decodeInterval(bytesOf([0, 3, 4, 5, 6, 0], none), values)), 'floor');
    assert.ok(isMalformed(decodeInterval(bytesOf([2, 3, 4, 5, 5, 0], none), values)), 'flags');
  });

  it('is malformed when a row lies outside of it or repeats a number', () => {
    const key = Buffer.from('k');
    const value = Buffer.from('v');
    assert.ok(!isMalformed(decodeInterval(oneRow(RowKind.Route, 10, key, value), values)));
    assert.ok(isMalformed(decodeInterval(oneRow(RowKind.Route, 11, key, value), values)));
    assert.ok(isMalformed(decodeInterval(oneRow(RowKind.Route, 0, key, value), values)));
  });

  it('is malformed when a kind is unknown or an override has a value', () => {
    const key = Buffer.from('k');
    for (const head of [0, 9, 0x0f, 0x40 | RowKind.Route, 0x80 | RowKind.Route]) {
      assert.ok(isMalformed(decodeInterval(oneRow(head, 1, key, key), values)), `${head}`);
    }
    assert.ok(isMalformed(decodeInterval(oneRow(0x20 | RowKind.Will, 1, key, key), values)));
  });

  it('is malformed when a key is too long or no UTF-8, or a value too long', () => {
    const route = RowKind.Route;
    const key = Buffer.alloc(keyBytesMax, 'k');
    const value = Buffer.alloc(valueBytesMax);
    assert.ok(!isMalformed(decodeInterval(oneRow(route, 1, key, value), values)));
    const longer = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.from('k')]);
    assert.ok(isMalformed(decodeInterval(oneRow(route, 1, longer(key), value), values)));
    assert.ok(isMalformed(decodeInterval(oneRow(route, 1, key, longer(value)), values)));
    assert.ok(isMalformed(decodeInterval(oneRow(route, 1, Buffer.from([0xff]), key), values)));
  });

  it('is malformed when it claims more rows than a node takes in in one turn', () => {
    const claims = bytesOf([0, 0, 2 ** 40, 2 ** 40, 0, intervalRowsMax + 1], () => {});
    const read = decodeInterval(claims, values);
    assert.match('reason' in read ? read.reason : '', /1025 rows/);
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(60), (noise, at) => {
        decodeInterval(noise, values);
        decodeVector(noise);
        decodeAsks(noise);
        const bytes = Buffer.from(encodeInterval(interval));
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), at);
        decodeInterval(bytes, values);
      }),
    );
  });

  it('takes no more bytes for a row than was reckoned', () => {
    for (const row of interval.rows) {
      const empty = encodeInterval({ ...interval, rows: [] }).length;
      const alone = encodeInterval({ ...interval, from: 0, rows: [row] }).length;
      assert.ok(alone - empty <= rowBytes(row));
    }
  });
});

describe('vectors and asks on the wire', () => {
  const position = {
    boot,
    number: 2 ** 45,
    durable: 3,
    floor: 1,
    sumHigh: 0xffffffff,
    sumLow: 0,
    isPartial: true,
  };

  it('are read as they were written', () => {
    const vector = new Map([
      [siteOf(1), position],
      [siteOf(2), { ...position, isPartial: false, number: 0, durable: 0, floor: 0 }],
    ]);
    assert.deepEqual(decodeVector(encodeVector(vector)), vector);
    const asks = [{ site, boot, from: 1, base: 2 ** 50 }];
    assert.deepEqual(decodeAsks(encodeAsks(asks)), asks);
  });

  it('are malformed when they end early, go on, or name more sites than a cluster may have', () => {
    const sites = Array.from({ length: 65 }, (_, at) => siteOf(at));
    const vector = encodeVector(new Map(sites.map((one) => [one, position])));
    assert.ok(isMalformed(decodeVector(vector)));
    const asks = encodeAsks(sites.map((one) => ({ site: one, boot, from: 0, base: 0 })));
    assert.ok(isMalformed(decodeAsks(asks)));
    const short = encodeVector(new Map([[siteOf(1), position]]));
    for (let end = 0; end < short.length; end += 1) {
      assert.ok(isMalformed(decodeVector(short.subarray(0, end))));
    }
    assert.ok(isMalformed(decodeVector(Buffer.concat([short, Buffer.alloc(1)]))));
  });

  it('are malformed when a position lies beyond its number', () => {
    for (const wrong of [{ durable: 2 ** 46 }, { floor: 2 ** 46 }]) {
      const bytes = encodeVector(new Map([[site, { ...position, ...wrong }]]));
      assert.ok(isMalformed(decodeVector(bytes)));
    }
  });

  it('fit the frames of a full cluster', () => {
    const sites = Array.from({ length: 64 }, (_, at) => siteOf(at));
    const most = { ...position, durable: 2 ** 45, floor: 2 ** 45 };
    assert.ok(encodeVector(new Map(sites.map((one) => [one, most]))).length < 16 * 1024);
  });
});
