import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { type StoreTable, storeTables } from '../mod.js';
import { checkDataFile } from './data-file.js';
import {
  dataFile,
  type Environment,
  openEnvironment,
  pagesOf,
  statisticsOf,
  tableOf,
} from './environment.js';
import { reasonOf, StoreOpenError } from './errors.js';
import { checkLayout, readIdentity } from './identity.js';
import { type LockHolder, lockDirectory, lockHolderOf } from './lock.js';

/** What `nautilusmq store show` prints of one table. */
export interface TableSummary {
  readonly table: StoreTable;
  readonly entries: number;
  /** Pages of the table's tree times page size: keys, values and the room between them. */
  readonly bytes: number;
}

/** What `nautilusmq store show` prints. All sizes in bytes. */
export interface StoreSummary {
  readonly directory: string;
  readonly layout: number;
  readonly site: string;
  readonly boot: number;
  /** The process that serves from the directory now, if any. */
  readonly holder: LockHolder | undefined;
  readonly fileBytes: number;
  /** Part of the file that holds nothing now: it is used before the file grows. */
  readonly unusedBytes: number;
  /** Free space on the disk for this user. */
  readonly diskFreeBytes: number;
  readonly tables: readonly TableSummary[];
}

/** What compacting did. */
export interface CompactResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Reads sizes and counts, also while a broker serves from the directory. Throws StoreOpenError:
 * STORE_ABSENT, STORE_CORRUPT, STORE_LAYOUT.
 */
export async function showStore(directory: string): Promise<StoreSummary> {
  return await reading(directory, (environment) => {
    const { pageSize } = statisticsOf(environment.root);
    const tables = storeTables.map((table): TableSummary => {
      const statistics = statisticsOf(tableOf(environment, table));
      return { table, entries: statistics.entryCount, bytes: pagesOf(statistics) * pageSize };
    });
    const identity = readIdentity(environment);
    const { bavail, bsize } = statfsSync(directory);
    const fileBytes = statSync(dataFile(directory)).size;
    const used = tables.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      directory,
      layout: identity?.layout ?? 0,
      site: identity?.site ?? '',
      boot: identity?.boot ?? 0,
      holder: lockHolderOf(directory),
      fileBytes,
      unusedBytes: Math.max(0, fileBytes - used - 3 * pageSize),
      diskFreeBytes: bavail * bsize,
      tables,
    };
  });
}

/**
 * Writes a copy without unused pages and puts it in the place of the data file, atomically. Needs
 * as much free disk as the content has. Throws StoreOpenError, STORE_LOCKED while a broker is
 * running.
 */
export async function compactStore(directory: string): Promise<CompactResult> {
  requireStore(directory);
  const lock = lockDirectory(directory);
  const path = dataFile(directory);
  const copy = `${path}.compacting`;
  try {
    rmSync(copy, { force: true });
    const bytesBefore = statSync(path).size;
    await copyTo(directory, copy);
    syncPath(copy);
    renameSync(copy, path);
    syncPath(directory);
    return { bytesBefore, bytesAfter: statSync(path).size };
  } finally {
    rmSync(copy, { force: true });
    lock.release();
  }
}

/**
 * Writes a consistent, compacted copy of the store into the directory `target`, which must not hold
 * a store yet; also while a broker serves from it. The copy keeps the site: use it to restore this
 * node, never to make a second one. Returns the bytes written.
 */
export async function backupStore(directory: string, target: string): Promise<number> {
  requireStore(directory);
  const path = dataFile(target);
  if (existsSync(path)) {
    throw new StoreOpenError(
      'STORE_UNWRITABLE',
      `${path} exists already; choose a new directory for the backup.`,
    );
  }
  const unfinished = join(target, 'store.mdb.unfinished');
  try {
    mkdirSync(target, { recursive: true });
    rmSync(unfinished, { force: true });
    await copyTo(directory, unfinished);
    syncPath(unfinished);
    renameSync(unfinished, path);
    syncPath(target);
    return statSync(path).size;
  } catch (error) {
    rmSync(unfinished, { force: true });
    if (error instanceof StoreOpenError) throw error;
    throw new StoreOpenError(
      'STORE_UNWRITABLE',
      `The backup to ${target} failed: ${reasonOf(error)}; check the rights and the free space there.`,
      error,
    );
  }
}

async function copyTo(directory: string, path: string): Promise<void> {
  await reading(directory, (environment) => environment.root.backup(path, true));
}

function requireStore(directory: string): void {
  if ((statSync(dataFile(directory), { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  throw new StoreOpenError(
    'STORE_ABSENT',
    `There is no store in ${directory}; give the directory that platform_data_dir names.`,
  );
}

/** Opens for reading, beside a running broker if there is one: LMDB readers do not disturb it. */
async function reading<Result>(
  directory: string,
  use: (environment: Environment) => Result | Promise<Result>,
): Promise<Result> {
  requireStore(directory);
  checkDataFile(directory);
  const environment = openEnvironment(directory, true, true);
  try {
    checkLayout(environment, directory);
    return await use(environment);
  } finally {
    await environment.root.close();
  }
}

/** Makes a finished file, or a rename within a directory, survive a power failure. */
function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } catch (error) {
    // Windows cannot sync a directory, and does not need it.
    if (process.platform !== 'win32') throw error;
  } finally {
    closeSync(file);
  }
}
