import type { ClientLog } from '../session/mod.js';

/** What is still to be given away by a node that is no member any more. */
export interface DrainHost {
  readonly log: ClientLog;
  readonly name: string;
  /** At least one member is up, and has told what it knows. */
  isAnyUp(): boolean;
  /** Of sessions that members have: nothing of it is here any more. */
  isHandedOver(): boolean;
  /** Its clients have to go. */
  closeClients(): void;
  /** Its links are of no more use. Once. */
  ended(text: string, now: number): void;
}

/** For what came with a member's rows to be seen, in ms. */
const settleMs = 2000;

/** Between two lines that say that it is not over, in ms. */
const linePauseMs = 60_000;

/**
 * The rest of a node that was removed while it was dead, and is back: members let it in to hand
 * over what it holds for sessions that they have by now, and for nothing else.
 */
export class RemnantsDrain {
  readonly #host: DrainHost;
  #upSince: number | undefined;
  #lineAt: number;
  #isOver = false;

  constructor(host: DrainHost, now: number) {
    this.#host = host;
    this.#lineAt = now + settleMs;
  }

  tick(now: number): void {
    if (this.#isOver) return;
    const { name, log } = this.#host;
    this.#host.closeClients();
    if (!this.#host.isAnyUp()) this.#upSince = undefined;
    else this.#upSince ??= now;
    const isSettled = this.#upSince !== undefined && now - this.#upSince >= settleMs;
    if (isSettled && this.#host.isHandedOver()) {
      this.#isOver = true;
      const text = `${name} has left the cluster: start it with an empty data directory to join again`;
      log.warn({}, `${text}. What it held for the others is theirs now`);
      this.#host.ended(text, now);
      return;
    }
    if (now < this.#lineAt) return;
    this.#lineAt = now + linePauseMs;
    const text = `${name} has left the cluster, and hands over what it holds for sessions of the members: let it run until it says that this is done`;
    log.warn({}, text);
  }
}
