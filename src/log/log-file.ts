import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { destination } from 'pino';

/** Bytes that may wait for a slow disk or reader; beyond it lines are dropped and counted. */
const waitingBytesMax = 4 * 1024 * 1024;

type Stream = ReturnType<typeof destination>;

/** When a file is put aside, and how many old ones stay (log.console.rotation.*). */
export interface Rotation {
  /** Bytes; 0 never. */
  readonly size: number;
  /** Old files besides the current one. */
  readonly keep: number;
  readonly compress: boolean;
}

/** Told about lines that could not be written. `error` undefined: dropped, too many waited. */
export type Trouble = (target: string, error: Error | undefined, lines: number) => void;

/** Writes without blocking to a descriptor, in order, bounded. pino flushes it when the process exits. */
export function openStream(target: string, descriptor: number, trouble: Trouble): Stream {
  const stream = destination({
    dest: descriptor,
    sync: false,
    minLength: 0,
    maxLength: waitingBytesMax,
  });
  let dropped = 0;
  stream.on('drop', () => {
    dropped += 1;
  });
  stream.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    trouble(target, undefined, lines);
  });
  stream.on('error', (error: Error) => trouble(target, error, 0));
  return stream;
}

/**
 * A log file that rotates by size: `console.log` becomes `console.log.0`, that one `console.log.1`
 * and so on. (pino-roll never writes the configured name itself, which `tail -f` and log shippers
 * expect.) Missing directories are made. Throws where the file cannot be opened.
 */
export class LogFile {
  readonly #path: string;
  readonly #rotation: Rotation;
  readonly #trouble: Trouble;
  #stream: Stream;
  #bytes = 0;
  /** While an old file is compressed its name must not move. */
  #compressing: Promise<void> | undefined;

  constructor(path: string, rotation: Rotation, trouble: Trouble) {
    this.#path = path;
    this.#rotation = rotation;
    this.#trouble = trouble;
    mkdirSync(dirname(path), { recursive: true });
    this.#stream = this.#open();
  }

  write(line: string): void {
    const { size } = this.#rotation;
    const bytes = Buffer.byteLength(line, 'utf8');
    const isFull = size > 0 && this.#bytes > 0 && this.#bytes + bytes > size;
    if (isFull && this.#compressing === undefined) this.#rotate();
    this.#bytes += bytes;
    this.#stream.write(line);
  }

  /** Goes on in a new file under the same name: somebody else (logrotate) moved this one. */
  reopen(): void {
    this.#swap();
  }

  flushSync(): void {
    this.#stream.flushSync();
  }

  /** Resolves when everything is written and the descriptor closed. */
  async close(): Promise<void> {
    await closed(this.#stream);
    await this.#compressing;
  }

  #open(): Stream {
    // Peers' addresses and names are in it: not for everybody on the machine.
    const descriptor = openSync(this.#path, 'a', 0o640);
    try {
      this.#bytes = fstatSync(descriptor).size;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return openStream(this.#path, descriptor, this.#trouble);
  }

  #rotate(): void {
    const { keep, compress } = this.#rotation;
    try {
      if (keep === 0) rmSync(this.#path, { force: true });
      else {
        for (const suffix of ['', '.gz']) {
          rmSync(`${this.#path}.${keep - 1}${suffix}`, { force: true });
          for (let at = keep - 2; at >= 0; at -= 1) {
            moveIfThere(`${this.#path}.${at}${suffix}`, `${this.#path}.${at + 1}${suffix}`);
          }
        }
        moveIfThere(this.#path, `${this.#path}.0`);
      }
    } catch (error) {
      this.#trouble(this.#path, error as Error, 0);
    }
    const isWritten = this.#swap();
    if (isWritten !== undefined && compress && keep > 0) this.#compress(isWritten);
  }

  /** Opens the file anew. Resolves when the old one is written and closed; undefined: it stays. */
  #swap(): Promise<void> | undefined {
    const old = this.#stream;
    try {
      this.#stream = this.#open();
    } catch (error) {
      this.#trouble(this.#path, error as Error, 0);
      return undefined;
    }
    return closed(old);
  }

  #compress(isWritten: Promise<void>): void {
    const path = `${this.#path}.0`;
    this.#compressing = isWritten
      .then(async () => {
        const packed = createWriteStream(`${path}.gz.tmp`, { mode: 0o640 });
        await pipeline(createReadStream(path), createGzip(), packed);
        await rename(`${path}.gz.tmp`, `${path}.gz`);
        await rm(path);
      })
      .catch((error: Error) => this.#trouble(path, error, 0))
      .finally(() => {
        this.#compressing = undefined;
      });
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Ends the stream unless it is ended already; resolves when its descriptor is closed. */
function closed(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve);
    // A full disk must not keep the node from stopping.
    stream.once('error', () => resolve());
    stream.end();
  });
}
