import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { type StoreTable, storeTables } from '../mod.js';

export type TableHandle = Database<Buffer, Buffer>;

/** An open LMDB environment with one database per table. */
export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** In the order of `storeTables`. */
  readonly tables: readonly TableHandle[];
}

/** The data file within a data directory; LMDB keeps its reader table beside it in `…-lock`. */
export function dataFile(directory: string): string {
  return join(directory, 'store.mdb');
}

/**
 * Address space that is set aside for the data file: not memory, and not disk, except on Windows,
 * where the file really gets this size, so that it starts small there. LMDB enlarges the map by
 * itself beyond this, but leaves the old one mapped, so that starting large is better.
 */
const mapBytes = process.platform === 'win32' ? 2 ** 24 : 2 ** 36;

/**
 * Opens the environment and creates missing tables. Threads of one process that open the same file
 * share one environment; it ends when the last of them closes.
 *
 * `overlappingSync` stays off: with it, lmdb answers before the sync and needs a third root page of
 * its own making; without it, a commit is LMDB's own: data pages, fdatasync, then the root page
 * through a descriptor that is opened O_DSYNC. `noSync` (`store.sync = off`) leaves all of this to
 * the operating system: a killed process loses nothing then, a power cut may cost the whole file.
 */
export function openEnvironment(directory: string, sync: boolean, readOnly = false): Environment {
  const path = dataFile(directory);
  const present = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const coding = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const root = open<Buffer, Buffer>({
    ...coding,
    path,
    noSubdir: true,
    maxDbs: storeTables.length + 1,
    mapSize: Math.max(mapBytes, 2 * present),
    overlappingSync: false,
    noSync: !sync,
    readOnly,
  });
  return {
    root,
    tables: storeTables.map((name) => root.openDB<Buffer, Buffer>({ ...coding, name })),
  };
}

export function tableOf(environment: Environment, table: StoreTable): TableHandle {
  return environment.tables[storeTables.indexOf(table)] as TableHandle;
}

/**
 * What LMDB counts of one table and of the whole file. Pages that are not in use are on its free
 * list.
 */
export interface TableStatistics {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly root: PageCounts;
  readonly free: PageCounts;
}

interface PageCounts {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

export function statisticsOf(table: TableHandle): TableStatistics {
  return table.getStats() as TableStatistics;
}

export function pagesOf(counts: PageCounts): number {
  return counts.treeBranchPageCount + counts.treeLeafPageCount + counts.overflowPages;
}
