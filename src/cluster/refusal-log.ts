import type { ClientLog } from '../session/mod.js';
import type { Refusal } from './link/mod.js';

/** Between two lines that say the same, in ms. */
const linePauseMs = 60_000;

/** Lines that are remembered; anybody may dial the listener, and need not be remembered. */
const linesMax = 256;

/** Says why connections between nodes were refused: both lanes and every try, in one line. */
export class RefusalLog {
  readonly #log: ClientLog;
  /** Text → until when it is not said again. In the order of their ends. */
  readonly #said = new Map<string, number>();

  constructor(log: ClientLog) {
    this.#log = log;
  }

  note({ sentence, by, peer }: Refusal, address: string, now: number): void {
    const who = peer?.isProved === true ? peer.name : address;
    const text = `cluster connection refused: ${sentence}`;
    const key = `${who} ${by} ${text}`;
    for (const [line, until] of this.#said) {
      if (now < until && this.#said.size < linesMax) break;
      this.#said.delete(line);
    }
    if (this.#said.has(key)) return;
    this.#said.set(key, now + linePauseMs);
    this.#log.warn({ peer: who, by }, text);
  }
}
