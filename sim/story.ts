import type { Scheduler } from './scheduler.js';

/** One line of what happened. */
export interface StoryLine {
  /** Milliseconds since the run began. */
  readonly at: number;
  /** A node, a client or what else did it. */
  readonly who: string;
  readonly what: string;
}

/** Beyond this the oldest lines go: a story is read from its end. */
const linesMax = 200_000;

/**
 * What happened in a run, for people. A run is told only when it is played again because it failed,
 * so texts are made by functions, which cost nothing while nobody listens.
 */
export class Story {
  readonly isTold: boolean;
  readonly #scheduler: Scheduler;
  #lines: StoryLine[] = [];

  constructor(scheduler: Scheduler, isTold: boolean) {
    this.#scheduler = scheduler;
    this.isTold = isTold;
  }

  get lines(): readonly StoryLine[] {
    return this.#lines;
  }

  tell(who: string, what: () => string): void {
    if (!this.isTold) return;
    this.#lines.push({ at: this.#scheduler.now, who, what: what() });
    if (this.#lines.length > linesMax) this.#lines = this.#lines.slice(linesMax / 2);
  }
}

/** A line as it is printed: seconds, who, what. */
export function formatLine({ at, who, what }: StoryLine): string {
  return `${(at / 1000).toFixed(4).padStart(10)}  ${who.padEnd(8)}  ${what}`;
}
