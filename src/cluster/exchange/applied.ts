import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { type Boot, readBoot, writeBoot } from '../identity/mod.js';

/**
 * A place in the rows of whoever sends it. As a question (AskApplied): "say so when you have my
 * rows up to here". As the answer (Applied): "I have, and my own rows had come so far by then".
 */
export interface RowMark {
  /** Of the question; rises within a link. An answer is one to all earlier questions too. */
  readonly id: number;
  readonly boot: Boot;
  readonly number: number;
}

/** Marks that are kept of one member; beyond it the latest takes the place of the one before. */
const marksMax = 1024;

export function encodeMark({ id, boot, number }: RowMark): Uint8Array {
  const writer = new ByteWriter(32);
  writer.varint(id);
  writeBoot(writer, boot);
  writer.varint(number);
  return writer.take();
}

/** Undefined: it is not what a member sends. */
export function decodeMark(bytes: Uint8Array): RowMark | undefined {
  try {
    const reader = new ByteReader(bytes);
    const mark = { id: reader.varint(), boot: readBoot(reader), number: reader.varint() };
    return reader.isAtEnd ? mark : undefined;
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

/** Marks that are still to be reached, in ascending order. */
export class MarkQueue {
  readonly #marks: RowMark[] = [];

  get isEmpty(): boolean {
    return this.#marks.length === 0;
  }

  add(mark: RowMark): void {
    if (this.#marks.length >= marksMax) this.#marks.pop();
    this.#marks.push(mark);
  }

  /** Takes those that are reached; returns the id of the last of them, 0 when there is none. */
  takeReached(isReached: (mark: RowMark) => boolean): number {
    let count = 0;
    let id = 0;
    for (; count < this.#marks.length; count += 1) {
      const mark = this.#marks[count] as RowMark;
      if (!isReached(mark)) break;
      ({ id } = mark);
    }
    if (count > 0) this.#marks.splice(0, count);
    return id;
  }
}
