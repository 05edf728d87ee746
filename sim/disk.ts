import {
  ChangeList,
  MemoryStore,
  type Store,
  type StoreBatch,
  type StoreFailure,
  type StoreTable,
  storeTables,
} from '../src/store/mod.js';
import type { Chance } from './chance.js';
import type { Scheduler } from './scheduler.js';
import type { NetworkHost } from './stream.js';

type Done = (failure: StoreFailure | undefined) => void;

/** A data directory at one moment: a backup, or what a copied machine image carries. */
interface DiskImage {
  readonly content: MemoryStore;
  /** True milliseconds of the moment. */
  readonly takenAt: number;
}

/** Milliseconds that a commit takes while nothing is wrong: 1 to about 10. */
const commitMeanMs = 2;

/**
 * The disk of one machine. A commit becomes durable somewhere in the middle of the time that it
 * takes: a crash before that moment forgets it, one between it and `done` leaves a batch that
 * nobody was told of.
 */
export class SimDisk {
  /** Bytes that may still be written. */
  freeBytes: number = Number.POSITIVE_INFINITY;
  /** Commits fail with an error of the device. */
  isFailing = false;
  /** Milliseconds on top of every commit. */
  slownessMs = 0;
  #content = new MemoryStore();
  #isFrozen = false;
  #thawed: (() => void)[] = [];
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler;
    this.#chance = chance;
  }

  /** The store of a process that starts now. */
  open(host: NetworkHost): SimStore {
    return new SimStore(this, host);
  }

  get content(): MemoryStore {
    return this.#content;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** No commit comes to an end until {@link thaw}. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const thawed = this.#thawed;
    this.#thawed = [];
    for (const run of thawed) run();
  }

  image(): DiskImage {
    return { content: copyOf(this.#content), takenAt: this.#scheduler.now };
  }

  /** While no process uses the disk. */
  restore(image: DiskImage): void {
    this.#content = copyOf(image.content);
  }

  erase(): void {
    this.#content = new MemoryStore();
  }

  /** `half` is called when the batch should be durable, `end` when the process may know it. */
  write(half: () => void, end: () => void): void {
    const first = 0.5 + this.#chance.around(commitMeanMs / 2) + this.slownessMs;
    const second = 0.5 + this.#chance.around(commitMeanMs / 2);
    this.#scheduler.after(first, () =>
      this.#unlessFrozen(() => {
        half();
        this.#scheduler.after(second, () => this.#unlessFrozen(end));
      }),
    );
  }

  #unlessFrozen(run: () => void): void {
    if (this.#isFrozen) this.#thawed.push(run);
    else run();
  }
}

/** A disk as one process has it open. Ends with the process. */
export class SimStore implements Store {
  readonly kind = 'lmdb';
  isFull = false;
  readonly #disk: SimDisk;
  readonly #host: NetworkHost;
  readonly #content: MemoryStore;
  #refusedBytes = 0;
  #isUnderWay = false;
  #isEnded = false;

  constructor(disk: SimDisk, host: NetworkHost) {
    this.#disk = disk;
    this.#host = host;
    this.#content = disk.content;
  }

  get(table: StoreTable, key: Uint8Array): Uint8Array | undefined {
    return this.#content.get(table, key);
  }

  entries(
    table: StoreTable,
    from?: Uint8Array,
    to?: Uint8Array,
  ): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    return this.#content.entries(table, from, to);
  }

  newBatch(): StoreBatch {
    return this.#content.newBatch();
  }

  commit(batch: StoreBatch, done: Done): void {
    if (this.#isUnderWay) throw new Error('one commit is under way at a time');
    this.#isUnderWay = true;
    let failure: StoreFailure | undefined;
    this.#disk.write(
      () => {
        if (!this.#isEnded) failure = this.#apply(batch);
      },
      () => {
        this.#host.post(() => {
          this.#isUnderWay = false;
          done(failure);
        });
      },
    );
  }

  /** The process is gone; a commit that is not durable yet never will be. */
  end(): void {
    this.#isEnded = true;
  }

  #apply(batch: StoreBatch): StoreFailure | undefined {
    const disk = this.#disk;
    if (disk.isFailing) return { code: 'STORE_IO', message: 'The simulated disk fails.' };
    const bytes = bytesOf(batch);
    // What removes has a reserve, and so has what needs next to nothing.
    if (bytes > disk.freeBytes && bytes > 0) {
      this.isFull = true;
      this.#refusedBytes = bytes;
      return { code: 'STORE_FULL', message: 'The simulated disk is full.' };
    }
    disk.freeBytes -= bytes;
    if (disk.freeBytes >= this.#refusedBytes) this.isFull = false;
    this.#content.commit(batch, () => {});
    return undefined;
  }
}

function bytesOf(batch: StoreBatch): number {
  if (!(batch instanceof ChangeList)) throw new Error('a batch of another store');
  let bytes = 0;
  for (let at = 0; at < batch.size; at += 1) {
    const value = batch.values[at];
    if (value !== undefined) bytes += value.length + (batch.keys[at]?.length ?? 0);
  }
  return bytes;
}

/** Stored bytes are never changed, so the copy shares them. */
function copyOf(content: MemoryStore): MemoryStore {
  const copy = new MemoryStore();
  const batch = copy.newBatch();
  for (const table of storeTables) {
    for (const [key, value] of content.entries(table)) batch.put(table, key, value);
  }
  copy.commit(batch, () => {});
  return copy;
}
