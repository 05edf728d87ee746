import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { dataFile } from './environment.js';
import { codeOf, reasonOf, StoreOpenError } from './errors.js';

/**
 * The root pages of an LMDB file (data format 2, 64 bit): a page header of 24 bytes, then a meta
 * record. Offsets are from the start of the meta record.
 */
const metaAt = 24;
const magic = 0xbeefc0de;
const formatVersion = 2;
const pageBytesAt = 24;
const freeRootAt = 64;
const mainRootAt = 112;
const lastPageAt = 120;
const transactionAt = 128;
const metaBytes = 160;
const noRoot = 0xffffffffffffffffn;

interface Meta {
  readonly pageBytes: number;
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Looks at the data file before LMDB maps it: a file that is cut short or overwritten ends the
 * process with a signal once it is mapped, which nobody can catch. Checks magic, version, page
 * size, that the file holds every page the newest root page counts, and that the roots of the two
 * main trees are where it says. Damage further inside is LMDB's to find.
 *
 * Throws {@link StoreOpenError} STORE_CORRUPT. A file that is absent or empty passes: it is new.
 */
export function checkDataFile(directory: string): void {
  const path = dataFile(directory);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0) return;
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new StoreOpenError(
      'STORE_UNWRITABLE',
      `The data file ${path} cannot be read (${reasonOf(error)}); check owner and rights (${codeOf(error)}).`,
      error,
    );
  }
  try {
    checkPages(path, file, bytes);
  } finally {
    closeSync(file);
  }
}

function checkPages(path: string, file: number, bytes: number): void {
  const first = readMeta(path, file, 0);
  const second = readMeta(path, file, first.pageBytes);
  const newest = second.transaction > first.transaction ? second : first;
  const expected = (newest.lastPage + 1n) * BigInt(newest.pageBytes);
  if (expected > BigInt(bytes)) {
    throw corrupt(path, `it has ${bytes} bytes and should have at least ${expected}`);
  }
  for (const root of newest.roots) {
    if (root === noRoot) continue;
    const header = Buffer.alloc(8);
    const at = Number(root) * newest.pageBytes;
    if (root > newest.lastPage || readSync(file, header, 0, 8, at) !== 8) {
      throw corrupt(path, `it names a page ${root} that does not exist`);
    }
    if (header.readBigUInt64LE() !== root) throw corrupt(path, `its page ${root} is overwritten`);
  }
}

function readMeta(path: string, file: number, at: number): Meta {
  const page = Buffer.alloc(metaAt + metaBytes);
  if (readSync(file, page, 0, page.length, at) !== page.length) {
    throw corrupt(path, 'it is shorter than its first two pages');
  }
  const meta = page.subarray(metaAt);
  if (meta.readUInt32LE(0) !== magic) throw corrupt(path, 'it is not an LMDB file');
  const version = meta.readUInt32LE(4) & 0xffff;
  if (version !== formatVersion) {
    throw corrupt(path, `it has LMDB format ${version}, this version reads ${formatVersion}`);
  }
  const pageBytes = meta.readUInt32LE(pageBytesAt);
  if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw corrupt(path, `it claims pages of ${pageBytes} bytes`);
  }
  return {
    pageBytes,
    roots: [meta.readBigUInt64LE(freeRootAt), meta.readBigUInt64LE(mainRootAt)],
    lastPage: meta.readBigUInt64LE(lastPageAt),
    transaction: meta.readBigUInt64LE(transactionAt),
  };
}

export function corrupt(path: string, what: string, cause?: unknown): StoreOpenError {
  return new StoreOpenError(
    'STORE_CORRUPT',
    `The data file ${path} is damaged: ${what}. Restore it from a backup, or move it away to start empty.`,
    cause,
  );
}
