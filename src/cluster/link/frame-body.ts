import { Buffer } from 'node:buffer';

/**
 * The body of a frame in two: what it has in common with its neighbours, and a part of a buffer
 * that gathers many. Neither changes any more. Messages with one `front` whose parts lie behind
 * each other leave as one frame, without a copy.
 */
export interface FrameBody {
  readonly front: Uint8Array;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

const nothing: Uint8Array = new Uint8Array(0);

/** A body that is in one piece, and joins with no other. */
export function wholeBody(bytes: Uint8Array): FrameBody {
  return { front: nothing, bytes, start: 0, end: bytes.length };
}

export function bodySize({ front, start, end }: FrameBody): number {
  return front.length + end - start;
}

/** `next` lies right behind `body`, and has the same in front. */
export function isFollowed(body: FrameBody, next: FrameBody): boolean {
  return next.bytes === body.bytes && next.start === body.end && next.front === body.front;
}

/** A copy in one piece. */
export function joined({ front, bytes, start, end }: FrameBody): Uint8Array {
  return Buffer.concat([front, bytes.subarray(start, end)]);
}
