import { open, stat } from 'node:fs/promises';
import { describeProblem, type Parsed } from '../mod.js';

/** Where a watched file says what it found. */
export interface FileLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Larger files are refused: nobody writes one by intention, and parsing it stops the node. */
const fileBytesMax = 64 * 1024 * 1024;
/** Mistakes that are logged of one file; the rest is counted. */
const loggedProblemsMax = 20;

export interface WatchedFileOptions<Content> {
  readonly path: string;
  /** For the log: `password file`. */
  readonly what: string;
  /** What to do when the file is not there, as a command. */
  readonly remedy: string;
  readonly parse: (text: string) => Parsed<Content>;
  readonly apply: (content: Content) => void;
  readonly describe: (content: Content) => string;
  readonly log: FileLog;
}

/**
 * A file that is read again when it changes (modification time, size or inode, so that both an
 * edit in place and a rename over it are seen). What cannot be read or parsed is logged once per
 * change, and what was in force stays so. A file that is not there yet is picked up when it
 * appears.
 */
export class WatchedFile<Content> {
  readonly #options: WatchedFileOptions<Content>;
  #path: string;
  /** What the last poll found; equal findings are not looked at again. */
  #seen: string | undefined;
  #polling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchedFileOptions<Content>) {
    this.#options = options;
    this.#path = options.path;
  }

  /** Polls every `seconds` from now on; 0 stops polling. Does not keep the process alive. */
  setInterval(seconds: number): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (seconds <= 0) return;
    this.#timer = setInterval(() => void this.poll(), seconds * 1000).unref();
  }

  /** Another file from now on; what is in force stays until that one has been read. */
  async setPath(path: string): Promise<void> {
    this.#path = path;
    await this.#polling;
    this.#seen = undefined;
    await this.poll();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Reads the file if it changed since the last time. Never rejects. */
  poll(): Promise<void> {
    this.#polling ??= this.#look()
      .catch((error: NodeJS.ErrnoException) => this.#onUnreadable(error))
      .finally(() => {
        this.#polling = undefined;
      });
    return this.#polling;
  }

  async #look(): Promise<void> {
    const path = this.#path;
    const before = await identityOf(path);
    if (before === this.#seen) return;
    const text = await readAll(path);
    // Being written right now: half a file must not count. The next poll reads it whole.
    if ((await identityOf(path)) !== before || path !== this.#path) return;
    this.#seen = before;
    const { what, parse, apply, describe, log } = this.#options;
    const { content, problems } = parse(text);
    if (problems === undefined) {
      apply(content);
      log.info({ file: path }, `${what} loaded (${describe(content)})`);
      return;
    }
    for (const problem of problems.slice(0, loggedProblemsMax)) {
      const { line, column } = problem;
      log.error({ file: path, line, column }, describeProblem(path, problem));
    }
    log.error(
      { file: path, mistakes: problems.length },
      `${what} not loaded (mistakes: ${problems.length}); what was in force before stays so`,
    );
  }

  #onUnreadable(error: NodeJS.ErrnoException): void {
    const { what, remedy, log } = this.#options;
    const found = `unreadable ${error.code ?? error.message}`;
    if (found === this.#seen) return;
    const isFirst = this.#seen === undefined;
    this.#seen = found;
    if (error.code !== 'ENOENT') {
      log.error(
        { file: this.#path, err: error },
        `${what} ${this.#path} cannot be read (${error.message}); what was in force stays so`,
      );
    } else if (isFirst) {
      log.warn(
        { file: this.#path },
        `${what} ${this.#path} does not exist; it is read when it appears. ${remedy}`,
      );
    } else {
      log.warn({ file: this.#path }, `${what} ${this.#path} is gone; what was in force stays so`);
    }
  }
}

async function identityOf(path: string): Promise<string> {
  const { mtimeNs, size, ino, dev } = await stat(path, { bigint: true });
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}

async function readAll(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size > fileBytesMax) throw new Error(`larger than ${fileBytesMax} bytes`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
