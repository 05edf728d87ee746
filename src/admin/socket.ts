import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { type AdminAddress, adminAddress, makeShortDirectory, stagingOf } from './address.js';
import { AdminError, codeOf } from './admin-error.js';

/**
 * Listens on the admin socket of a data directory: mode 0600 before the first connection is
 * possible, in place of what a dead process left. Throws {@link AdminError} ADMIN_IN_USE when a
 * living process answers there, ADMIN_UNWRITABLE otherwise.
 */
export async function listenPrivately(server: net.Server, directory: string): Promise<OwnSocket> {
  try {
    mkdirSync(directory, { recursive: true });
    const address = adminAddress(directory);
    if (!address.isFile) {
      await listening(server, address.path);
      return { path: address.path, remove: () => undefined };
    }
    if (address.link !== undefined) makeShortDirectory(dirname(address.path));
    await checkFree(address.path, directory);
    return await listenInPlace(server, address);
  } catch (error) {
    if (error instanceof AdminError) throw error;
    throw new AdminError(
      'ADMIN_UNWRITABLE',
      `the admin socket in ${directory} cannot be opened: ${reasonOf(error)}; ` +
        'check the owner and the rights of platform_data_dir',
      error,
    );
  }
}

/** A socket that this process made. */
export interface OwnSocket {
  readonly path: string;
  /** Removes its files, unless another process has put its own there meanwhile. */
  remove(): void;
}

/**
 * Made in a directory that nobody else may enter, then moved: at no moment can another user
 * connect, whatever the umask, and a stale socket is replaced in one step.
 */
async function listenInPlace(server: net.Server, address: AdminAddress): Promise<OwnSocket> {
  const { path, link } = address;
  const { prefix, name } = stagingOf(address);
  const staging = mkdtempSync(prefix);
  try {
    const made = join(staging, name);
    await listening(server, made);
    chmodSync(made, 0o600);
    renameSync(made, path);
    if (link !== undefined) {
      const madeLink = join(staging, 'link');
      symlinkSync(path, madeLink);
      renameSync(madeLink, link);
    }
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  const { ino, dev } = statSync(path);
  const remove = (): void => {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now === undefined || now.ino !== ino || now.dev !== dev) return;
    rmSync(path, { force: true });
    if (link === undefined) return;
    rmSync(link, { force: true });
    rmSync(dirname(path), { recursive: true, force: true });
  };
  return { path, remove };
}

function listening(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** What lies at the place must be a socket on which nobody answers, or nothing. */
async function checkFree(path: string, directory: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw new AdminError('ADMIN_UNWRITABLE', `${path} is not a socket: move it away`);
  }
  if (!(await answers(path))) return;
  throw new AdminError(
    'ADMIN_IN_USE',
    `a running node has the admin socket of ${directory}: stop it or choose another directory`,
  );
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      // A dead process refuses; a full backlog is a living one.
      if (['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))) resolve(false);
      else if (codeOf(error) === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
}
