/**
 * The outgoing bytes of one connection, collected during a turn of the event loop and flushed once.
 *
 * Two ways in. Packets that are made here are written field by field behind `reserve`. Bytes that
 * exist already (a PUBLISH forwarded as it came, or serialised once for many subscribers) go
 * through `append`, which only remembers the range: a run of neighbouring packets from one received
 * chunk becomes a single copy (bench/micro/forward.ts). The range is read at `settle`, so the owner
 * of the source calls `settle` on every writer it appended to before it reuses or changes the
 * source.
 */
const empty: Buffer = Buffer.alloc(0);
const smallestBuffer = 512;

/** Up to this many bytes a loop beats `Uint8Array.set` with its view (bench/micro/forward.ts). */
const loopCopyMax = 48;

export class PacketWriter {
  /** Valid up to `length`. Replaced when it grows, so never kept across `reserve`. */
  bytes: Buffer = empty;
  /** Bytes written so far, the remembered range excluded. */
  length = 0;
  #source: Uint8Array = empty;
  #sourceStart = 0;
  #sourceEnd = 0;

  /** All bytes that `take` would return. */
  get size(): number {
    return this.length + (this.#sourceEnd - this.#sourceStart);
  }

  /** Makes room for `count` more bytes behind `length`. Call before writing into `bytes`. */
  reserve(count: number): void {
    if (this.#sourceEnd !== this.#sourceStart) this.settle();
    const needed = this.length + count;
    if (needed > this.bytes.length) this.#grow(needed);
  }

  /** Adds `source[start, end)`; the bytes are copied at the latest in `settle`. */
  append(source: Uint8Array, start: number, end: number): void {
    if (this.#sourceEnd !== this.#sourceStart) {
      if (source === this.#source && start === this.#sourceEnd) {
        this.#sourceEnd = end;
        return;
      }
      this.settle();
    }
    this.#source = source;
    this.#sourceStart = start;
    this.#sourceEnd = end;
  }

  /** Copies the remembered range. Afterwards its source may change. */
  settle(): void {
    const start = this.#sourceStart;
    const end = this.#sourceEnd;
    if (start === end) return;
    const source = this.#source;
    this.#sourceStart = 0;
    this.#sourceEnd = 0;
    this.#source = empty;
    const count = end - start;
    if (this.length + count > this.bytes.length) this.#grow(this.length + count);
    this.#copy(source, start, end);
  }

  /** Adds a copy of `source[start, end)` at once; nothing of the source is remembered. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.#copy(source, start, end);
  }

  /** Hands all bytes over to the caller, who owns them from then on, and starts anew. */
  take(): Buffer {
    this.settle();
    const taken =
      this.bytes.length === this.length ? this.bytes : this.bytes.subarray(0, this.length);
    this.bytes = empty;
    this.length = 0;
    return taken;
  }

  #copy(source: Uint8Array, start: number, end: number): void {
    const target = this.bytes;
    let at = this.length;
    this.length = at + (end - start);
    if (end - start <= loopCopyMax) {
      for (let from = start; from < end; from += 1) target[at++] = source[from] as number;
    } else if (start === 0 && end === source.length) {
      target.set(source, at);
    } else {
      target.set(source.subarray(start, end), at);
    }
  }

  #grow(needed: number): void {
    let capacity = Math.max(this.bytes.length * 2, smallestBuffer);
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafe(capacity);
    if (this.length > 0) this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
