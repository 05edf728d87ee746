import { randomBytes } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf, reasonOf, StoreOpenError } from './errors.js';

/**
 * One process per data directory, by a file that names its holder.
 *
 * The file appears whole (written aside, then linked) and is removed on close. What a killed
 * process left behind is recognised: on the same boot of the same host by the process id together
 * with the process's start time, so that a reused id does not count as alive; elsewhere (another
 * container, a shared disk) by the age of the file, which its holder renews.
 */
export interface DirectoryLock {
  release(): void;
}

/** Who holds a directory; one line of JSON in the file. */
export interface LockHolder {
  readonly pid: number;
  /** In clock ticks since boot, from /proc; absent where there is no /proc. */
  readonly started?: string;
  /** Identifies the boot of the machine and, in it, the process id name space. */
  readonly boot?: string;
  readonly host: string;
  readonly command: string;
  readonly token: string;
}

const lockName = 'nautilusmq.lock';
const renewMs = 5000;
/** A holder that cannot be asked counts as gone when its file is older than this. */
const staleMs = 20_000;

/** Directories that this process holds: its own process id does not tell it that. */
const heldHere = new Set<string>();

/** Takes the directory or throws {@link StoreOpenError} STORE_LOCKED, or STORE_UNWRITABLE. */
export function lockDirectory(directory: string): DirectoryLock {
  const real = realpathSync(directory);
  const path = join(real, lockName);
  const holder = describeSelf();
  if (heldHere.has(real)) throw locked(directory, holder, ', which is this process');
  for (let attempt = 0; ; attempt += 1) {
    if (tryLink(path, holder)) break;
    const other = readHolder(path);
    if (other !== undefined && attempt >= 3) throw locked(directory, other.holder, '');
    if (other === undefined) continue;
    const alive = isAlive(other);
    if (alive !== undefined) throw locked(directory, other.holder, alive);
    moveAside(path, other.text);
  }
  heldHere.add(real);
  const renewal = setInterval(() => renew(path), renewMs).unref();
  return {
    release: () => {
      clearInterval(renewal);
      heldHere.delete(real);
      if (readHolder(path)?.holder.token === holder.token) rmSync(path, { force: true });
    },
  };
}

/** The process that has the directory open, or `undefined`. For tools that only read. */
export function lockHolderOf(directory: string): LockHolder | undefined {
  const found = readHolder(join(directory, lockName));
  return found !== undefined && isAlive(found) !== undefined ? found.holder : undefined;
}

function locked(directory: string, holder: LockHolder, why: string): StoreOpenError {
  return new StoreOpenError(
    'STORE_LOCKED',
    `The data directory ${directory} is in use by process ${holder.pid} (${holder.command}) on ${holder.host}${why}; stop that process or choose another data directory.`,
  );
}

function describeSelf(): LockHolder {
  const started = startTimeOf(process.pid);
  const boot = bootOf();
  const words = process.argv.slice(1, 3).map((word, i) => (i === 0 ? basename(word) : word));
  return {
    pid: process.pid,
    ...(started === undefined ? {} : { started }),
    ...(boot === undefined ? {} : { boot }),
    host: hostname(),
    command: words.join(' ') || process.title,
    token: randomBytes(8).toString('hex'),
  };
}

/** True when the lock file is ours now, false when there is one already. */
function tryLink(path: string, holder: LockHolder): boolean {
  const aside = `${path}.${holder.pid}.${holder.token}`;
  try {
    const text = `${JSON.stringify(holder)}\n`;
    writeFileSync(aside, text, { flag: 'wx' });
    publish(aside, path, text);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new StoreOpenError(
      'STORE_UNWRITABLE',
      `The data directory ${dirname(path)} cannot be written: ${reasonOf(error)}; check its owner, its rights and the free space.`,
      error,
    );
  } finally {
    rmSync(aside, { force: true });
  }
}

function publish(aside: string, path: string, text: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    // A file system without hard links (FAT, some network mounts): not whole at once, but
    // exclusive.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
    writeFileSync(path, text, { flag: 'wx' });
  }
}

interface FoundLock {
  readonly holder: LockHolder;
  readonly text: string;
  readonly ageMs: number;
}

function readHolder(path: string): FoundLock | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const ageMs = Date.now() - statSync(path).mtimeMs;
    return { holder: parseHolder(text), text, ageMs };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new StoreOpenError(
      'STORE_UNWRITABLE',
      `The lock file ${path} cannot be read: ${reasonOf(error)}; check its owner and rights.`,
      error,
    );
  }
}

/** A file that is no record of ours (cut short by a power failure) counts as process 0, gone. */
function parseHolder(text: string): LockHolder {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null;
    if (value !== null && Number.isInteger(value.pid) && typeof value.host === 'string') {
      return { command: 'unknown', token: '', ...value } as LockHolder;
    }
  } catch {
    // Handled below: not JSON.
  }
  return { pid: 0, host: hostname(), command: 'unknown', token: '' };
}

/** `undefined`: certainly or presumably gone. Otherwise what to add to the refusal. */
function isAlive({ holder, ageMs }: FoundLock): string | undefined {
  const comparable =
    holder.host === hostname() && (holder.boot === undefined || holder.boot === bootOf());
  if (comparable) {
    if (holder.pid === 0 || !processExists(holder.pid)) return undefined;
    const started = startTimeOf(holder.pid);
    const reused = holder.started !== undefined && started !== undefined;
    return reused && started !== holder.started ? undefined : '';
  }
  if (ageMs > staleMs) return undefined;
  return ` (another machine or container; if it is gone, the directory is free ${Math.ceil(staleMs / 1000)} s after its end)`;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Field 22 of /proc/PID/stat. The command name before it may itself hold spaces and brackets. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function bootOf(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    // Process ids compare only within one name space: containers on one machine share the boot.
    return `${boot}/${statSync('/proc/self/ns/pid').ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Removes the lock that was judged stale, and only that one: if somebody replaced it meanwhile,
 * what was moved is the new one and goes back.
 */
function moveAside(path: string, text: string): void {
  const aside = `${path}.stale.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function renew(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Removed by hand: nothing to renew.
  }
}
