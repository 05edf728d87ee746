import type { ClientLog, GatedClient, GateOperation, Gates } from '../session/mod.js';

/** Between two lines about clients that were sent away, in ms. */
const linePauseMs = 60_000;

/** The gates of the netsplit policy, and before them a door for a node that leaves. */
export class Door implements Gates {
  readonly #gates: Gates;
  readonly #log: ClientLog;
  /** Why nobody may connect. */
  #closed: string | undefined;
  /** Clients that are here may do nothing either. */
  #isShut = false;
  #lineAt = 0;

  constructor(gates: Gates, log: ClientLog) {
    this.#gates = gates;
    this.#log = log;
  }

  get isOpen(): boolean {
    return this.#closed === undefined && this.#gates.isOpen;
  }

  /** Nobody connects from now on; clients that are here go on. */
  close(reason: string): void {
    this.#closed = reason;
  }

  /** For ever, and for all: the node is no member any more. */
  shut(reason: string): void {
    this.#closed = reason;
    this.#isShut = true;
  }

  open(): void {
    if (this.#isShut) return;
    this.#closed = undefined;
  }

  /** No override helps against a node that is about to be gone. */
  refusal(operation: GateOperation, override: boolean | undefined): string | undefined {
    const isMeant = operation === 'connect' || this.#isShut;
    if (isMeant && this.#closed !== undefined) return this.#closed;
    return this.#gates.refusal(operation, override);
  }

  noteRefused(operation: GateOperation, client: GatedClient, now: number): void {
    const reason = this.#closed;
    if (operation !== 'connect' || reason === undefined) {
      this.#gates.noteRefused(operation, client, now);
      return;
    }
    if (now < this.#lineAt) return;
    this.#lineAt = now + linePauseMs;
    const { mountpoint, clientIdentifier } = client;
    const who = `{${mountpoint}, ${clientIdentifier}}`;
    this.#log.warn({}, `can't register client ${who} due to reason not_ready: ${reason}`);
  }
}
