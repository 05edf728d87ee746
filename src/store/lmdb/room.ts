import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dataFile } from './environment.js';

/** Holds LMDB's reader table of 126 slots, rounded up to whole pages. */
const lockFileBytes = 16 * 1024;
/** What LMDB writes when it creates a store and its tables, several times over. */
const newStoreBytes = 512 * 1024;

/**
 * Makes sure that opening does not meet a full disk within LMDB: it maps its reader table as a file
 * with holes, and a hole that the disk cannot fill ends the process with a signal (SIGBUS).
 * Throws the system's error when there is no room. Call it while the directory is locked.
 */
export function ensureRoom(directory: string): void {
  const path = dataFile(directory);
  const lock = `${path}-lock`;
  const status = statSync(lock, { throwIfNoEntry: false });
  if (status === undefined || status.size < lockFileBytes) {
    writeFileSync(lock, Buffer.alloc(lockFileBytes));
  } else if (status.blocks * 512 < status.size) {
    writeFileSync(lock, readFileSync(lock), { flag: 'r+' });
  }
  if (existsSync(path)) return;
  const scratch = `${path}.room`;
  try {
    writeFileSync(scratch, Buffer.alloc(newStoreBytes));
  } finally {
    rmSync(scratch, { force: true });
  }
}
