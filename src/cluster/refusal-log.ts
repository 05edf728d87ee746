import type { ClientLog } from '../session/mod.js';
import type { Refusal } from './link/mod.js';

/** Between two lines that say the same, in ms. */
const linePauseMs = 60_000;

/** Lines a minute of those who have not proved who they are: anybody may dial the listener. */
const linesMax = 256;

/**
 * Says why connections between nodes were refused: both lanes and every try, in one line. Whoever
 * has not proved who he is writes few lines, whatever he sends: what he claims is part of some
 * sentences.
 */
export class RefusalLog {
  readonly #log: ClientLog;
  /** What was said of whom → until when it is not said again. In the order of their ends. */
  readonly #said = new Map<string, number>();

  constructor(log: ClientLog) {
    this.#log = log;
  }

  /** `address` was dialled, or is the {@link hostOf} of who came. */
  note({ code, sentence, by, peer }: Refusal, address: string, now: number): void {
    const isProved = peer?.isProved === true;
    const who = isProved ? peer.name : address;
    const key = isProved ? `${who} ${by} ${sentence}` : `${address} ${by} ${code}`;
    for (const [line, until] of this.#said) {
      if (now < until) break;
      this.#said.delete(line);
    }
    if (this.#said.has(key)) return;
    // Members are few and always heard; strangers may be as many as there are addresses.
    if (this.#said.size >= linesMax && !isProved) return;
    this.#said.set(key, now + linePauseMs);
    this.#log.warn({ peer: who, by }, `cluster connection refused: ${sentence}`);
  }
}

/** An address without its port, which is another one with every connection that came in. */
export function hostOf(address: string): string {
  const colon = address.lastIndexOf(':');
  return colon === -1 ? address : address.slice(0, colon);
}
