import type { StoreFailure } from '../mod.js';

/** What the writer thread is started with. */
export interface WriterOptions {
  readonly directory: string;
  readonly sync: boolean;
  readonly reserveBytes: number;
}

/** To the writer thread: a packed batch, or (`undefined`) the request to close and end. */
export type WriterRequest = WriterBatch | undefined;

export interface WriterBatch {
  readonly packed: ArrayBuffer;
  readonly changes: number;
  readonly puts: number;
  /** Sum of keys and values. */
  readonly bytes: number;
}

/** From the writer thread: the answer to one batch. */
export interface WriterAnswer {
  /** The buffer of the request, for use again. */
  readonly packed: ArrayBuffer;
  readonly failure: StoreFailure | undefined;
  /** There is no room yet for a batch like the last one that was refused for want of it. */
  readonly isFull: boolean;
  /**
   * The failure came out of LMDB: the thread has closed its environment, and the other one has to
   * do so as well, because what LMDB holds in memory is not trusted after a failed commit.
   */
  readonly reopen: boolean;
}
