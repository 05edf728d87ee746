import type { ChangeRequest, LeaveOptions } from './membership/mod.js';

/** How an operator's request, or a new site's, ended. */
export interface Result {
  readonly ok: boolean;
  /** For people: what happened, or who is missing and what to do. */
  readonly text: string;
}

/** A change of the members that somebody waits for. */
export interface WantedChange {
  readonly request: ChangeRequest;
  readonly options: LeaveOptions;
  readonly done: (result: Result, now: number) => void;
  /** Until then it waits for another change to end. */
  readonly deadline: number;
}

/** How long a change waits for another one, in ms: a join takes less, a leaving may take more. */
export const changePatienceMs = 5000;

/** Changes that wait on one node. */
const waitingMax = 16;

/**
 * The changes that wait on one node, which carries them through one at a time, as they came. Two
 * nodes may be asked at once, and each then objects to what the other began: both take it back, and
 * begin again after pauses of different length.
 */
export class ChangeLine {
  #waiting: WantedChange[] = [];
  #pausedUntil = 0;

  /** False: too many wait. */
  add(wanted: WantedChange): boolean {
    if (this.#waiting.length >= waitingMax) return false;
    this.#waiting.push(wanted);
    return true;
  }

  /** Another node's change was in the way: it is tried again after `pauseMs`. False: too late. */
  putBack(wanted: WantedChange, pauseMs: number, now: number): boolean {
    if (now >= wanted.deadline) return false;
    this.#waiting.unshift(wanted);
    this.#pausedUntil = Math.min(now + pauseMs, wanted.deadline);
    return true;
  }

  /** The next one, which may begin. */
  take(now: number): WantedChange | undefined {
    return now < this.#pausedUntil ? undefined : this.#waiting.shift();
  }

  /** Those whose patience is over while another change is under way. */
  takeImpatient(now: number): WantedChange[] {
    const impatient = this.#waiting.filter(({ deadline }) => now >= deadline);
    if (impatient.length > 0) {
      this.#waiting = this.#waiting.filter(({ deadline }) => now < deadline);
    }
    return impatient;
  }
}
