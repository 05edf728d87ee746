import type { LineLevel } from './levels.js';

/** Different keys that are folded at one time; more share one. */
const keysMax = 1000;

interface Repeat {
  level: LineLevel;
  fields: object;
  message: string;
  /** Times since the last line. */
  times: number;
}

type Write = (level: LineLevel, fields: object, message: string) => void;

/**
 * Turns a flood of equal events into one line at once and one line per window, for as long as it
 * lasts: "message (17 times in the last 60 s)" with the latest fields.
 */
export class Repeats {
  readonly #write: Write;
  readonly #byKey = new Map<string, Repeat>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(write: Write) {
    this.#write = write;
  }

  add(key: string, windowMs: number, level: LineLevel, fields: object, message: string): void {
    const isCrowded = this.#byKey.size >= keysMax && !this.#byKey.has(key);
    const name = isCrowded ? '' : key;
    const repeat = this.#byKey.get(name);
    if (repeat !== undefined) {
      Object.assign(repeat, { level, fields, message, times: repeat.times + 1 });
      return;
    }
    this.#write(level, fields, message);
    this.#byKey.set(name, { level, fields, message, times: 0 });
    const timer = setInterval(() => this.#tell(name, windowMs), windowMs).unref();
    this.#timers.set(name, timer);
  }

  /** Tells what is still untold, for the end of the process. */
  close(): void {
    for (const [key, { level, fields, message, times }] of this.#byKey) {
      if (times > 0) this.#write(level, { ...fields, times }, `${message} (${times} times more)`);
      clearInterval(this.#timers.get(key));
    }
    this.#byKey.clear();
    this.#timers.clear();
  }

  #tell(key: string, windowMs: number): void {
    const repeat = this.#byKey.get(key);
    if (repeat === undefined || repeat.times === 0) {
      clearInterval(this.#timers.get(key));
      this.#timers.delete(key);
      this.#byKey.delete(key);
      return;
    }
    const { level, fields, message, times } = repeat;
    repeat.times = 0;
    const text = `${message} (${times} times in the last ${Math.round(windowMs / 1000)} s)`;
    this.#write(level, { ...fields, times }, text);
  }
}
