import type { Buffer } from 'node:buffer';
import { assert } from '../../base/mod.js';
import type { ChangeList } from '../mod.js';
import { type StoreTable, storeTables } from '../mod.js';

/**
 * A batch on its way to the writer thread: one run of bytes, handed over without a copy.
 *
 * Per change: table (1 byte), 1 for put or 0 for remove (1), key length (2), value length (4, all
 * little endian), key, value.
 */
const headerBytes = 8;

/**
 * LMDB bounds a key by its page size; the store promises much less, so that every page size fits.
 */
export const keyBytesMax = 1024;
const valueBytesMax = 0x7fffffff;

const tableNumbers = new Map<StoreTable, number>(storeTables.map((table, i) => [table, i]));

/** Bytes that {@link packBatch} needs. */
export function packedSize(batch: ChangeList): number {
  let size = batch.size * headerBytes;
  for (let i = 0; i < batch.size; i += 1) {
    size += (batch.keys[i] as Uint8Array).length + (batch.values[i]?.length ?? 0);
  }
  return size;
}

/** Writes the batch to the start of `target`, which holds at least {@link packedSize} bytes. */
export function packBatch(batch: ChangeList, target: Buffer): void {
  let at = 0;
  for (let i = 0; i < batch.size; i += 1) {
    const key = batch.keys[i] as Uint8Array;
    const value = batch.values[i];
    const valueLength = value === undefined ? 0 : value.length;
    assert(key.length > 0 && key.length <= keyBytesMax, 'a store key has 1 to 1024 bytes');
    assert(valueLength <= valueBytesMax, 'a store value has less than 2 GiB');
    target[at] = tableNumbers.get(batch.tables[i] as StoreTable) as number;
    target[at + 1] = value === undefined ? 0 : 1;
    target.writeUInt16LE(key.length, at + 2);
    target.writeUInt32LE(valueLength, at + 4);
    target.set(key, at + headerBytes);
    at += headerBytes + key.length;
    if (value !== undefined) target.set(value, at);
    at += valueLength;
  }
}

/** Where the writer thread applies a packed batch. Both views are valid during the call only. */
export interface ChangeTarget {
  put(table: number, key: Uint8Array, value: Uint8Array): void;
  remove(table: number, key: Uint8Array): void;
}

/** Calls `target` for each change, in order. */
export function unpackBatch(source: Buffer, changes: number, target: ChangeTarget): void {
  let at = 0;
  for (let i = 0; i < changes; i += 1) {
    const table = source[at] as number;
    const puts = source[at + 1] === 1;
    const keyEnd = at + headerBytes + source.readUInt16LE(at + 2);
    const valueEnd = keyEnd + source.readUInt32LE(at + 4);
    const key = source.subarray(at + headerBytes, keyEnd);
    if (puts) target.put(table, key, source.subarray(keyEnd, valueEnd));
    else target.remove(table, key);
    at = valueEnd;
  }
}
