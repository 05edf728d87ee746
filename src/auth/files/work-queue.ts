/**
 * Runs slow jobs a few at a time, in the order they came. Hashing shares libuv's thread pool (four
 * threads unless configured) with the file system and the store: a login storm must leave them
 * some.
 */
export class WorkQueue {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  #waiting: Array<() => Promise<void>> = [];
  /** Jobs before this index of `#waiting` have been started. */
  #head = 0;
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** False: too many wait already, the job will not run. `job` must not reject. */
  add(job: () => Promise<void>): boolean {
    if (this.#running < this.#runningMax) {
      this.#run(job);
      return true;
    }
    if (this.#waiting.length - this.#head >= this.#waitingMax) return false;
    this.#waiting.push(job);
    return true;
  }

  #run(job: () => Promise<void>): void {
    this.#running += 1;
    void job().finally(() => {
      this.#running -= 1;
      const next = this.#waiting[this.#head];
      if (next === undefined) return;
      this.#head += 1;
      if (this.#head === this.#waiting.length) {
        this.#waiting = [];
        this.#head = 0;
      }
      this.#run(next);
    });
  }
}
