/** What another member is to a node that starts: linked is reached, but rows are not exchanged. */
export type StartState = 'up' | 'linked' | 'missing';

export interface StartMember {
  readonly name: string;
  readonly state: StartState;
}

export interface StartGateOut {
  /**
   * Clients may be served, as the policy says. `sentences` are for the start log: who is missing,
   * and what helps; empty when all are there.
   */
  open(sentences: readonly string[], now: number): void;
  /** Still waiting, and for what. Once. */
  waiting(sentence: string, now: number): void;
}

export interface StartGateOptions {
  /** `cluster.start_wait`, in ms. Higher: a member that is slow to reach is waited for. */
  readonly startWaitMs: number;
  /** When this node was started, this time included, in ms; see {@link recentStarts}. */
  readonly starts: readonly number[];
}

/** Rows of a member that was reached are waited for no longer than this, in ms, in all. */
const rowsWaitMs = 60_000;

/** Starts within this time, in ms, are looked at; so many of them are too many. */
const startsWindowMs = 30 * 60_000;
const startsTooMany = 3;

/** Starts that are remembered. */
const startsMax = 16;

/** What is worth keeping on disk of the times at which this node was started, `now` included. */
export function recentStarts(earlier: readonly number[], now: number): readonly number[] {
  const recent = earlier.filter((at) => at <= now && now - at < startsWindowMs);
  return [...recent, now].slice(-startsMax);
}

type State =
  /** Until the store is loaded, and the node belongs to a cluster, be it alone. */
  | { readonly name: 'preparing' }
  | { readonly name: 'looking'; readonly until: number; readonly giveUpAt: number }
  /** The wait is over, but rows of these, which were reached in time, are on their way. */
  | { readonly name: 'exchanging'; readonly awaited: ReadonlySet<string>; readonly until: number }
  | { readonly name: 'open' };

/**
 * When client listeners open at a start.
 *
 *   preparing ──▶ looking ── all up ──────────────────────▶ open
 *                    └── wait over ──▶ exchanging ── done ───┘
 *
 * A member that was reached within the wait is waited for until its rows are here: without them,
 * sessions that it holds would be taken for new ones. One that was not reached stops nothing.
 */
export class StartGate {
  readonly #options: StartGateOptions;
  readonly #out: StartGateOut;
  #state: State = { name: 'preparing' };

  constructor(options: StartGateOptions, out: StartGateOut) {
    this.#options = options;
    this.#out = out;
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  /** The store is loaded, and who the members are is known. */
  onPrepared(now: number): void {
    if (this.#state.name !== 'preparing') return;
    const until = now + this.#options.startWaitMs;
    this.#state = { name: 'looking', until, giveUpAt: now + rowsWaitMs };
  }

  /** `others`: the members but this one, as they are now. */
  tick(others: readonly StartMember[], now: number): void {
    const state = this.#state;
    switch (state.name) {
      case 'preparing':
      case 'open':
        return;
      case 'looking':
        if (others.every((one) => one.state === 'up')) this.#open(others, now);
        else if (now >= state.until) this.#exchange(others, state.giveUpAt, now);
        return;
      case 'exchanging': {
        const isAwaited = others.some(
          (one) => state.awaited.has(one.name) && one.state === 'linked',
        );
        if (!isAwaited || now >= state.until) this.#open(others, now);
      }
    }
  }

  #exchange(others: readonly StartMember[], until: number, now: number): void {
    const linked = others.filter((one) => one.state === 'linked').map(({ name }) => name);
    if (linked.length === 0) return this.#open(others, now);
    this.#state = { name: 'exchanging', awaited: new Set(linked), until };
    const text = `client listeners stay closed until the rows of ${linked.join(', ')} are here`;
    this.#out.waiting(text, now);
  }

  #open(others: readonly StartMember[], now: number): void {
    this.#state = { name: 'open' };
    this.#out.open(this.#sentences(others, now), now);
  }

  #sentences(others: readonly StartMember[], now: number): string[] {
    const missing = others.filter((one) => one.state === 'missing').map(({ name }) => name);
    const slow = others.filter((one) => one.state === 'linked').map(({ name }) => name);
    const sentences: string[] = [];
    if (slow.length > 0) {
      sentences.push(
        `client listeners open although rows of ${slow.join(', ')} are still on their way`,
      );
    }
    if (missing.length === 0) return sentences;
    const names = missing.join(', ');
    const waitMs = this.#options.startWaitMs;
    const [member, they, it] =
      missing.length === 1 ? ['member', 'it', 'it'] : ['members', 'they', 'them'];
    sentences.push(
      `${member} ${names} could not be reached within ${waitMs} ms: client listeners open now, and the netsplit policy decides what clients get`,
      `restarting this node will not help: start ${names}, or, if ${they} will not come back, remove ${it} with ${missing.map((name) => `vmq-admin cluster leave node=${name}`).join(' and ')}`,
    );
    const starts = this.#options.starts.filter((at) => now - at < startsWindowMs).length;
    if (starts >= startsTooMany) {
      sentences.push(
        `this node was started ${starts} times within 30 minutes while ${names} could not be reached: whatever restarts it should look at ${names} instead`,
      );
    }
    return sentences;
  }
}
