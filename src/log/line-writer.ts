import { close, write, writeSync } from 'node:fs';
import process from 'node:process';

/** Bytes that may wait for a slow disk or reader; beyond it lines are dropped and counted. */
const waitingBytesMax = 4 * 1024 * 1024;
/** A full pipe is tried again so often … */
const retryMs = 20;
/** … and this many times when the process is about to exit. */
const lastRetriesMax = 50;

/** Writers with something to say when the process exits: one listener for all of them. */
const open = new Set<LineWriter>();

function flushAll(): void {
  for (const writer of open) writer.flushSync();
}

/**
 * Told about lines that were lost: dropped while too many waited, or with the chunk that failed.
 */
export type Trouble = (target: string, reason: string) => void;

/**
 * Writes lines to a descriptor in order, without blocking, bounded; what waits when the process
 * exits is written then. (sonic-boom, pino's own, spins for ever in `flushSync` on a full disk, so
 * a node could not stop; here a chunk that cannot be written is given up and reported.)
 */
export class LineWriter {
  readonly #target: string;
  readonly #descriptor: number;
  readonly #trouble: Trouble;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  /** What the system is writing; undefined: nothing. */
  #writing: Buffer | undefined;
  /** Called once when nothing waits any more. */
  #whenIdle: (() => void) | undefined;

  constructor(target: string, descriptor: number, trouble: Trouble) {
    this.#target = target;
    this.#descriptor = descriptor;
    this.#trouble = trouble;
    if (open.size === 0) process.on('exit', flushAll);
    open.add(this);
  }

  write(line: string): void {
    if (this.#waitingBytes > waitingBytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#writing === undefined) this.#next();
  }

  /** Writes what waits, now. What the system has begun to write, it ends by itself. */
  flushSync(): void {
    let rest = this.#take();
    for (let retries = 0; rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(this.#descriptor, rest));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        retries += 1;
        if (code !== 'EAGAIN' || retries > lastRetriesMax) {
          this.#trouble(this.#target, message);
          return;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
      }
    }
  }

  /** Resolves when all is written or given up, and the descriptor closed if `closesDescriptor`. */
  async end(closesDescriptor: boolean): Promise<void> {
    if (this.#writing !== undefined) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    open.delete(this);
    if (open.size === 0) process.off('exit', flushAll);
    if (closesDescriptor) await new Promise((resolve) => close(this.#descriptor, resolve));
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#waiting.join(''), 'utf8');
    this.#waiting = [];
    this.#waitingBytes = 0;
    return bytes;
  }

  #next(): void {
    if (this.#waiting.length > 0) {
      this.#writing = this.#take();
      this.#continue();
      return;
    }
    this.#writing = undefined;
    this.#whenIdle?.();
  }

  #continue(): void {
    write(this.#descriptor, this.#writing ?? Buffer.alloc(0), (error, count) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#continue(), retryMs);
        return;
      }
      if (error !== null) {
        this.#trouble(this.#target, error.message);
        this.#next();
        return;
      }
      this.#writing = this.#writing?.subarray(count);
      if (this.#writing !== undefined && this.#writing.length > 0) {
        this.#continue();
        return;
      }
      if (this.#dropped > 0) {
        this.#trouble(this.#target, `too slow, ${this.#dropped} lines dropped`);
        this.#dropped = 0;
      }
      this.#next();
    });
  }
}
