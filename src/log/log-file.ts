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
import { LineWriter, type Trouble } from './line-writer.js';

/** When a file is put aside, and how many old ones stay (log.console.rotation.*). */
export interface Rotation {
  /** Bytes; 0 never. */
  readonly size: number;
  /** Old files besides the current one. */
  readonly keep: number;
  readonly compress: boolean;
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
  #writer: LineWriter;
  #bytes = 0;
  /** While an old file is compressed its name must not move. */
  #compressing: Promise<void> | undefined;

  constructor(path: string, rotation: Rotation, trouble: Trouble) {
    this.#path = path;
    this.#rotation = rotation;
    this.#trouble = trouble;
    mkdirSync(dirname(path), { recursive: true });
    this.#writer = this.#open();
  }

  write(line: string): void {
    const { size } = this.#rotation;
    const bytes = Buffer.byteLength(line, 'utf8');
    const isFull = size > 0 && this.#bytes > 0 && this.#bytes + bytes > size;
    if (isFull && this.#compressing === undefined) this.#rotate();
    this.#bytes += bytes;
    this.#writer.write(line);
  }

  /** Goes on in a new file under the same name: somebody else (logrotate) moved this one. */
  reopen(): void {
    void this.#swap();
  }

  flushSync(): void {
    this.#writer.flushSync();
  }

  /** Resolves when everything is written and the descriptor closed. */
  async close(): Promise<void> {
    await this.#writer.end(true);
    await this.#compressing;
  }

  #open(): LineWriter {
    // Peers' addresses and names are in it: not for everybody on the machine.
    const descriptor = openSync(this.#path, 'a', 0o640);
    try {
      this.#bytes = fstatSync(descriptor).size;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return new LineWriter(this.#path, descriptor, this.#trouble);
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
      this.#trouble(this.#path, (error as Error).message);
    }
    const isWritten = this.#swap();
    if (isWritten !== undefined && compress && keep > 0) this.#compress(isWritten);
  }

  /** Opens the file anew. Resolves when the old one is written and closed; undefined: it stays. */
  #swap(): Promise<void> | undefined {
    const old = this.#writer;
    try {
      this.#writer = this.#open();
    } catch (error) {
      this.#trouble(this.#path, (error as Error).message);
      return undefined;
    }
    return old.end(true);
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
      .catch((error: Error) => this.#trouble(path, error.message))
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
