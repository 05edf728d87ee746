import { accessSync, constants, mkdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { assert } from '../../base/mod.js';
import { ChangeList } from '../mod.js';
import type { Store, StoreBatch, StoreFailure, StoreTable } from '../mod.js';
import { checkDataFile, corrupt } from './data-file.js';
import { dataFile, type Environment, openEnvironment, tableOf } from './environment.js';
import { codeOf, meansFull, reasonOf, StoreOpenError } from './errors.js';
import { checkLayout, nextBoot, type StoreIdentity } from './identity.js';
import { type DirectoryLock, lockDirectory } from './lock.js';
import { packBatch, packedSize } from './packed-batch.js';
import { ensureRoom } from './room.js';
import type { WriterAnswer, WriterBatch, WriterOptions } from './writer-messages.js';

export interface LmdbStoreOptions {
  /** Made, with parents, when it is absent. */
  readonly directory: string;
  /** `store.sync`. Off: `done` says visible, and a power cut may cost the whole data file. */
  readonly sync: boolean;
  /**
   * Bytes kept at the end of the data file, so that removals still commit on a full disk. Default
   * 8 MiB. More costs disk; less makes large removals fail when the disk is full.
   */
  readonly reserveBytes?: number;
  /** This boot is to be above it, whatever the directory says. 0: its own count goes on. */
  readonly bootAbove?: number;
  /** Store trouble that belongs to no commit, one sentence each. */
  readonly log: (text: string) => void;
}

/** An open data directory. */
export interface OpenedStore {
  readonly store: LmdbStore;
  readonly identity: StoreIdentity;
  /** Waits for the commit that is under way, then frees the directory. */
  close(): Promise<void>;
}

const reserveBytesDefault = 8 * 2 ** 20;
/** A buffer that grew beyond this for one batch is not kept for the next. */
const keptBufferBytesMax = 4 * 2 ** 20;

type Done = (failure: StoreFailure | undefined) => void;

/**
 * The durable store. Reads go to LMDB's map from this thread; a batch is packed into one buffer and
 * written by the writer thread (writer-thread.ts), which answers when it is synced.
 *
 * ```
 *  this thread    commit ── pack ──┐                     ┌── done ──▶ acks
 *  writer thread                   └─▶ room? ─ LMDB ─ fdatasync ┘
 * ```
 */
export class LmdbStore implements Store {
  readonly kind = 'lmdb';
  isFull = false;
  readonly #options: Required<LmdbStoreOptions>;
  #environment: Environment | undefined;
  #writer: Worker | undefined;
  #done: Done | undefined;
  #spare: ArrayBuffer = new ArrayBuffer(64 * 1024);
  #closed = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: Required<LmdbStoreOptions>, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
    this.#writer = this.#startWriter();
  }

  get(table: StoreTable, key: Uint8Array): Uint8Array | undefined {
    return tableOf(this.#opened(), table).getBinary(key as Buffer);
  }

  *entries(
    table: StoreTable,
    from?: Uint8Array,
    to?: Uint8Array,
  ): Generator<readonly [key: Uint8Array, value: Uint8Array], void, undefined> {
    const range = tableOf(this.#opened(), table).getRange({
      ...(from === undefined ? {} : { start: from as Buffer }),
      ...(to === undefined ? {} : { end: to as Buffer }),
    });
    for (const { key, value } of range) yield [key, value];
  }

  newBatch(): StoreBatch {
    return new ChangeList();
  }

  commit(batch: StoreBatch, done: Done): void {
    assert(batch instanceof ChangeList, 'a store commits only batches that it made');
    assert(this.#done === undefined, 'one commit is under way at a time');
    if (this.#closed) {
      const { directory } = this.#options;
      done({ code: 'STORE_CLOSED', message: `The data directory ${directory} was closed.` });
      return;
    }
    if (batch.size === 0 && !this.isFull) {
      done(undefined);
      return;
    }
    this.#done = done;
    this.#writer ??= this.#startWriter();
    const size = packedSize(batch);
    const packed = this.#take(size);
    packBatch(batch, Buffer.from(packed));
    const { size: changes, puts } = batch;
    const request: WriterBatch = { packed, changes, puts, bytes: size };
    this.#writer.postMessage(request, [packed]);
  }

  /** The LMDB environment, for backups and statistics of the running store. */
  environment(): Environment {
    return this.#opened();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#done !== undefined) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) {
      writer.removeAllListeners();
      const ended = new Promise((resolve) => writer.once('exit', resolve).once('error', resolve));
      writer.postMessage(undefined);
      await ended;
    }
    const environment = this.#environment;
    this.#environment = undefined;
    await environment?.root.close();
  }

  /** Buffers go to the writer and come back with its answer, so that most commits allocate none. */
  #take(bytes: number): ArrayBuffer {
    const spare = this.#spare;
    this.#spare = new ArrayBuffer(0);
    if (spare.byteLength >= bytes) return spare;
    return new ArrayBuffer(Math.max(64 * 1024, 2 ** Math.ceil(Math.log2(bytes))));
  }

  #startWriter(): Worker {
    const { directory, sync, reserveBytes } = this.#options;
    const workerData: WriterOptions = { directory, sync, reserveBytes };
    const url = new URL('./writer-thread.js', import.meta.url);
    const writer = new Worker(url, { workerData, name: 'store writer' });
    writer.on('message', (answer: WriterAnswer) => this.#onAnswer(answer));
    writer.on('error', (error) => this.#onWriterEnd(writer, reasonOf(error)));
    writer.on('exit', (code) => this.#onWriterEnd(writer, `exit code ${code}`));
    return writer;
  }

  #onAnswer(answer: WriterAnswer): void {
    if (answer.packed.byteLength <= keptBufferBytesMax) this.#spare = answer.packed;
    this.isFull = answer.isFull;
    if (answer.reopen) this.#reopen();
    else this.#environment?.root.resetReadTxn();
    this.#answer(answer.failure);
  }

  #answer(failure: StoreFailure | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    const whenIdle = this.#whenIdle;
    done?.(failure);
    whenIdle?.();
  }

  /**
   * The thread died, which none of its batches should cause. The next commit starts another one.
   */
  #onWriterEnd(writer: Worker, reason: string): void {
    if (this.#writer !== writer) return;
    this.#writer = undefined;
    const { directory } = this.#options;
    const message = `The writer of the data directory ${directory} ended (${reason}) and is started again.`;
    this.#options.log(message);
    this.#reopen();
    this.#answer({ code: 'STORE_IO', message });
  }

  /** After a failure within LMDB: see {@link WriterAnswer.reopen}. Reads come from a fresh map. */
  #reopen(): void {
    void this.#environment?.root.close();
    this.#environment = undefined;
    if (this.#closed) return;
    try {
      this.#opened();
    } catch (error) {
      this.#options.log(`The data directory ${this.#options.directory}: ${reasonOf(error)}`);
    }
  }

  /**
   * Opens again where an earlier attempt failed; throws {@link StoreOpenError} when it fails again.
   */
  #opened(): Environment {
    if (this.#environment !== undefined) return this.#environment;
    const { directory, sync } = this.#options;
    assert(!this.#closed, 'a closed store is not read');
    checkDataFile(directory);
    this.#environment = openEnvironment(directory, sync);
    return this.#environment;
  }
}

/**
 * Opens a data directory for serving, and makes it when it is new. Throws {@link StoreOpenError}:
 * STORE_LOCKED, STORE_LAYOUT, STORE_UNWRITABLE or STORE_CORRUPT.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<OpenedStore> {
  const { directory } = options;
  makeWritable(directory);
  const lock = lockDirectory(directory);
  try {
    checkDataFile(directory);
    const environment = openChecked(directory, options.sync);
    const identity = await marked(environment, options);
    const reserved = { reserveBytes: reserveBytesDefault, bootAbove: 0, ...options };
    const store = new LmdbStore(reserved, environment);
    return { store, identity, close: () => closeBoth(store, lock) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function closeBoth(store: LmdbStore, lock: DirectoryLock): Promise<void> {
  await store.close();
  lock.release();
}

function makeWritable(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(directory, error);
  }
}

function unwritable(directory: string, error: unknown): StoreOpenError {
  return new StoreOpenError(
    'STORE_UNWRITABLE',
    `The data directory ${directory} cannot be written: ${reasonOf(error)}; check its owner, its rights and the free space.`,
    error,
  );
}

/** System errors are about the directory; what else LMDB says is about the content of the file. */
function openChecked(directory: string, sync: boolean): Environment {
  try {
    ensureRoom(directory);
    return openEnvironment(directory, sync);
  } catch (error) {
    const code = codeOf(error);
    const ofSystem = meansFull(error) || /^E|^[1-9]\d*$/.test(code);
    if (ofSystem && code !== '22') throw unwritable(directory, error);
    throw corrupt(dataFile(directory), reasonOf(error), error);
  }
}

async function marked(
  environment: Environment,
  { directory, bootAbove = 0 }: LmdbStoreOptions,
): Promise<StoreIdentity> {
  try {
    checkLayout(environment, directory);
    return nextBoot(environment, bootAbove);
  } catch (error) {
    await environment.root.close();
    if (error instanceof StoreOpenError) throw error;
    throw unwritable(directory, error);
  }
}
