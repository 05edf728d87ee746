import { AclBackend, type AuthBackend, parseAcl, parsePasswords } from '../mod.js';
import { PasswordBackend } from './password-backend.js';
import { type FileLog, WatchedFile } from './watched-file.js';

export interface FileOptions {
  readonly path: string;
  /** Seconds between looks at the file; 0 never looks again. */
  readonly reloadInterval: number;
  readonly log: FileLog;
}

/** A back end and the file that it follows. */
export interface OpenedFile {
  readonly backend: AuthBackend;
  /** Live change of the options. Resolves when the new file, if it is another, has been read. */
  configure(path: string, reloadInterval: number): Promise<void>;
  /** Looks now, whatever the interval. */
  poll(): Promise<void>;
  close(): void;
}

/**
 * The password file back end, with the file read. A missing or faulty file is logged and leaves it
 * without users, which lets nobody in.
 */
export async function openPasswordFile(options: FileOptions): Promise<OpenedFile> {
  const backend = new PasswordBackend();
  const file = new WatchedFile({
    path: options.path,
    what: 'password file',
    remedy: `\`vmq-passwd -c ${options.path} <user>\` creates it.`,
    parse: parsePasswords,
    apply: (content) => backend.replace(content),
    describe: ({ byUser }) => `users: ${byUser.size}`,
    log: options.log,
  });
  return opened(backend, file, options);
}

/** The ACL file back end, with the file read. A missing or faulty file grants nothing. */
export async function openAclFile(options: FileOptions): Promise<OpenedFile> {
  const backend = new AclBackend();
  const file = new WatchedFile({
    path: options.path,
    what: 'ACL file',
    remedy: `\`echo 'topic #' > ${options.path}\` creates one that grants everything to all users.`,
    parse: parseAcl,
    apply: (content) => backend.replace(content),
    describe: (content) => `rules: ${content.ruleCount}`,
    log: options.log,
  });
  return opened(backend, file, options);
}

async function opened<Content>(
  backend: AuthBackend,
  file: WatchedFile<Content>,
  { path, reloadInterval }: FileOptions,
): Promise<OpenedFile> {
  await file.poll();
  file.setInterval(reloadInterval);
  let current = path;
  return {
    backend,
    configure: async (newPath, newInterval) => {
      file.setInterval(newInterval);
      if (newPath === current) return;
      current = newPath;
      await file.setPath(newPath);
    },
    poll: () => file.poll(),
    close: () => file.close(),
  };
}
