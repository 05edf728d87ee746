import { randomBytes } from 'node:crypto';
import { open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes `text` to a new file beside `path` and renames it over it, so that a reader sees the old
 * content or the new and a crash leaves one of them. Mode and owner stay; a new file is the owner's
 * alone (0600). A symbolic link stays one.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const existing = await stat(target).catch(() => undefined);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(text);
      if (existing !== undefined) {
        const { uid, gid } = await handle.stat();
        // Only root can give a file away; the mode comes after, since chown clears bits of it.
        if (existing.uid !== uid || existing.gid !== gid) {
          await handle.chown(existing.uid, existing.gid);
        }
        await handle.chmod(existing.mode & 0o777);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(target));
}

/** Makes the rename durable. Not every file system can; then the content is durable anyway. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Nothing is lost but the order of two durable states.
  }
}
