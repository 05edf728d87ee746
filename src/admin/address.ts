import { createHash } from 'node:crypto';
import { type Stats, lstatSync, mkdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AdminError, codeOf } from './admin-error.js';

/** Where a node's admin socket is, by its data directory; both sides find the same. */
export interface AdminAddress {
  /** What to listen on and connect to. */
  readonly path: string;
  /** A link to it in the data directory, when that directory's own path is too long. */
  readonly link: string | undefined;
  /** A path of the file system (not a named pipe): it has an owner and a mode. */
  readonly isFile: boolean;
}

const socketName = 'admin.sock';
/** The socket is made in a directory like this beside its place: `.admin-XXXXXX/s`. */
const stagingPrefix = '.admin-';
const stagingName = 's';
const stagingBytes = '/.admin-XXXXXX/s'.length;
/** sockaddr_un.sun_path: 108 bytes with the final zero on Linux, 104 on macOS and the BSDs. */
const pathBytesMax = process.platform === 'linux' ? 107 : 103;

/** The address for a data directory, which should exist: a link to it has another address. */
export function adminAddress(directory: string): AdminAddress {
  const real = realPath(directory);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 16);
  if (process.platform === 'win32') {
    return { path: `\\\\.\\pipe\\nautilusmq-${hash}`, link: undefined, isFile: false };
  }
  if (fits(real)) return { path: join(real, socketName), link: undefined, isFile: true };
  const short = join(tmpdir(), `nautilusmq-${hash}`);
  if (!fits(short)) {
    throw new AdminError(
      'ADMIN_UNWRITABLE',
      `${real} and ${short} are both too long for a socket: shorten platform_data_dir`,
    );
  }
  return { path: join(short, socketName), link: join(real, socketName), isFile: true };
}

/** Where the socket is made before it takes its place, below a new directory of that prefix. */
export function stagingOf({ path }: AdminAddress): { prefix: string; name: string } {
  return { prefix: join(dirname(path), stagingPrefix), name: stagingName };
}

/** Makes the directory of the short path with mode 0700; refuses one that is another user's. */
export function makeShortDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const stats = lstatSync(directory);
  if (isPrivate(stats) && stats.uid === process.getuid?.()) return;
  throw new AdminError(
    'ADMIN_UNWRITABLE',
    `${directory} is not this user's alone: remove it, or shorten platform_data_dir`,
  );
}

/**
 * The path that a client connects to. The link, if there is one, was written by the owner of the
 * data directory, whose temporary directory may be another one than the caller's.
 */
export function connectPath(directory: string): string {
  const { path, link } = adminAddress(directory);
  if (link === undefined) return path;
  let target = path;
  try {
    target = readlinkSync(link);
  } catch {
    // Nobody has served from there: nothing will answer.
  }
  checkShortDirectory(dirname(target), dirname(link));
  return target;
}

/** A client takes no answers from a directory that others can write to. */
function checkShortDirectory(short: string, directory: string): void {
  const stats = lstatSync(short, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const owners = [0, process.getuid?.(), statSync(directory, { throwIfNoEntry: false })?.uid];
  if (isPrivate(stats) && owners.includes(stats.uid)) return;
  throw new AdminError('ADMIN_FORBIDDEN', `${short} is not the node's alone: nothing was asked`);
}

function isPrivate(stats: Stats): boolean {
  return stats.isDirectory() && (stats.mode & 0o077) === 0;
}

function fits(directory: string): boolean {
  return Buffer.byteLength(directory) + stagingBytes <= pathBytesMax;
}

function realPath(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return resolve(directory);
  }
}
