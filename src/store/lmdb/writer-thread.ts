/**
 * The thread that writes. Each message is one batch, committed by LMDB's own synchronous
 * transaction: when it returns, the data is synced (unless sync is off), when it throws, nothing of
 * the batch was applied. Asynchronous puts of the lmdb package would cost about the same
 * (bench/micro/store.ts has both), but report errors through promises that nobody holds, and share
 * libuv's thread pool with password hashing.
 */
import { statfsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { StoreFailure } from '../mod.js';
import { type Environment, openEnvironment, type TableHandle } from './environment.js';
import { meansFull, reasonOf } from './errors.js';
import { type ChangeTarget, unpackBatch } from './packed-batch.js';
import { Space, type SpaceNeed } from './space.js';
import type { WriterAnswer, WriterBatch, WriterOptions, WriterRequest } from './writer-messages.js';

/** With sync off, everything older than this is synced nevertheless. */
const lazySyncMs = 1000;
/** What a batch needs that is to be taken before the disk counts as having room again. */
const likeChangesMax = 1000;
const likeBytesMax = 2 ** 20;

class Writer {
  readonly #options: WriterOptions;
  #open: { readonly environment: Environment; readonly space: Space } | undefined;
  #unsynced = false;
  /** The last batch that was refused for want of room, until there is room for its like. */
  #refused: SpaceNeed | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    if (!options.sync) setInterval(() => this.#syncLazily(), lazySyncMs).unref();
  }

  write(batch: WriterBatch): WriterAnswer {
    const { packed } = batch;
    try {
      const { environment, space } = this.#opened();
      if (!space.admits(batch))
        return { packed, failure: this.#full(batch), ...this.#state(false) };
      if (batch.changes > 0) commit(environment, batch);
      this.#unsynced = true;
      if (this.#refused !== undefined && space.admits(this.#refused)) this.#refused = undefined;
      // After the answer, so that room for the next batch costs this one nothing.
      setImmediate(() => this.#prepareNext());
      return { packed, failure: undefined, ...this.#state(false) };
    } catch (error) {
      this.close();
      const failure = meansFull(error) ? this.#full(batch) : this.#broken(error);
      return { packed, failure, ...this.#state(true) };
    }
  }

  /** Opens ahead of the first batch, so that this one does not pay for it and for the reserve. */
  prepare(): void {
    try {
      this.#opened();
    } catch {
      // The first batch meets the same trouble and reports it.
      this.close();
    }
  }

  /** Syncs what `store.sync = off` left to the operating system: a clean stop loses nothing. */
  end(): void {
    if (!this.#options.sync) this.#open?.space.sync();
    this.close();
  }

  close(): void {
    this.#open?.space.close();
    void this.#open?.environment.root.close();
    this.#open = undefined;
  }

  #opened(): { readonly environment: Environment; readonly space: Space } {
    if (this.#open === undefined) {
      const { directory, sync, reserveBytes } = this.#options;
      const environment = openEnvironment(directory, sync);
      this.#open = { environment, space: new Space(directory, environment, reserveBytes) };
    }
    return this.#open;
  }

  #prepareNext(): void {
    try {
      this.#open?.space.prepareNext();
    } catch {
      // The next batch meets the same trouble and reports it.
      this.close();
    }
  }

  #syncLazily(): void {
    if (!this.#unsynced || this.#open === undefined) return;
    this.#unsynced = false;
    this.#open.space.sync();
  }

  #state(reopen: boolean): { readonly isFull: boolean; readonly reopen: boolean } {
    return { isFull: this.#refused !== undefined, reopen };
  }

  #full(need: SpaceNeed): StoreFailure {
    const { directory } = this.#options;
    // A refused backlog asks for more than what comes after it.
    this.#refused = {
      changes: Math.min(need.changes, likeChangesMax),
      puts: Math.min(need.puts, likeChangesMax),
      bytes: Math.min(need.bytes, likeBytesMax),
    };
    return {
      code: 'STORE_FULL',
      message: `The disk of the data directory ${directory} is full${freeText(directory)}; free some space there, nothing needs a restart.`,
    };
  }

  #broken(error: unknown): StoreFailure {
    const { directory } = this.#options;
    return {
      code: 'STORE_IO',
      message: `The data directory ${directory} cannot be written (${reasonOf(error)}); check the disk and the rights on it.`,
    };
  }
}

function commit(environment: Environment, batch: WriterBatch): void {
  const { tables } = environment;
  const target: ChangeTarget = {
    put: (table, key, value) => {
      (tables[table] as TableHandle).putSync(key as Buffer, value as Buffer);
    },
    remove: (table, key) => {
      (tables[table] as TableHandle).removeSync(key as Buffer);
    },
  };
  const source = Buffer.from(batch.packed);
  environment.root.transactionSync(() => unpackBatch(source, batch.changes, target));
}

function freeText(directory: string): string {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return ` (${Math.floor((bavail * bsize) / 1024)} KiB left)`;
  } catch {
    return '';
  }
}

const port = parentPort;
if (port !== null) {
  const writer = new Writer(workerData as WriterOptions);
  writer.prepare();
  port.on('message', (request: WriterRequest) => {
    if (request === undefined) {
      writer.end();
      port.close();
      return;
    }
    const answer = writer.write(request);
    port.postMessage(answer, [answer.packed]);
  });
}
