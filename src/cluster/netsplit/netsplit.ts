import { assert } from '../../base/mod.js';
import {
  countText,
  isAllowed,
  list,
  missingText,
  type Operation,
  operations,
  packetNames,
  allKeys,
  type Policies,
  policyKeys,
  refusalOf,
  type Standing,
  standingOf,
  type View,
} from './policy.js';

/** What a split tells the node. All sentences are for the log. */
export interface NetsplitOut {
  /** The first member went missing: `netsplit_detected` counts these. */
  detected(sentence: string, now: number): void;
  /** All are reachable again: `netsplit_resolved` counts these. */
  resolved(sentence: string, now: number): void;
  /** During a split: others are missing than before, or clients get other answers. */
  changed(sentence: string, now: number): void;
  /** Clients are being refused: once a minute and operation at most. */
  refusing(operation: Operation, line: string, now: number): void;
}

/** Who is refused, for the log. */
export interface RefusedClient {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
}

/** Between two lines about refusals of one operation, in ms. */
const linePauseMs = 60_000;

/** Refusals of one operation. */
interface Refusals {
  /** No line before this. */
  lineAt: number;
  /** Since the last line. */
  unlogged: number;
  /** Since the split began. */
  ofSplit: number;
}

/** What a refusal is called in the line of the log; the first is VerneMQ's. */
const failures: Readonly<Record<Operation, string>> = {
  connect: "can't register client",
  publish: "can't publish for client",
  subscribe: "can't subscribe client",
  unsubscribe: "can't unsubscribe client",
};

/**
 * Whether a member is missing, and what clients are answered meanwhile. Not knowing anything yet,
 * it is whole.
 *
 *   whole ── a member is down ──▶ split ── others are missing, other answers ──▶ split
 *     ◀────── all are reachable ────┘
 *
 * Asked for every packet while split, so a refusal's sentence is made once per view and setting.
 */
export class Netsplit {
  readonly #out: NetsplitOut;
  #policies: Policies;
  #view: View = { self: '', members: [], tiebreak: '' };
  #standing: Standing = standingOf(this.#view);
  /** Of the present split; undefined: whole. */
  #since: number | undefined = undefined;
  /** What was last said about the present split. */
  #said = '';
  /** Sentences of refusals under the settings as they are; emptied by every change. */
  readonly #sentences: Map<Operation, string | undefined> = new Map();
  readonly #refusals: Readonly<Record<Operation, Refusals>> = {
    connect: noRefusals(),
    publish: noRefusals(),
    subscribe: noRefusals(),
    unsubscribe: noRefusals(),
  };

  constructor(policies: Policies, out: NetsplitOut) {
    this.#policies = policies;
    this.#out = out;
  }

  /** No member is missing, so nothing is refused: what a hot path asks first. */
  get isOpen(): boolean {
    return this.#standing.missing.length === 0;
  }

  /** What the view comes to. */
  get standing(): Standing {
    return this.#standing;
  }

  /** For `cluster show` and `/health`. */
  get view(): View {
    return this.#view;
  }

  /** In force; they may change at run time. */
  get policies(): Policies {
    return this.#policies;
  }

  onView(view: View, now: number): void {
    this.#view = view;
    this.#standing = standingOf(view);
    this.#tell(now);
  }

  onPolicies(policies: Policies, now: number): void {
    this.#policies = policies;
    this.#tell(now);
  }

  /** Undefined: allowed. Else why not; `override` is what a back end said about the client. */
  refusal(operation: Operation, override: boolean | undefined): string | undefined {
    if (this.isOpen) return undefined;
    if (override !== undefined) return this.#refusalFor(operation, override);
    if (!this.#sentences.has(operation)) {
      this.#sentences.set(operation, this.#refusalFor(operation, undefined));
    }
    return this.#sentences.get(operation);
  }

  /** An operation of a client was refused: counted, and perhaps worth a line. */
  noteRefused(
    operation: Operation,
    { mountpoint, clientIdentifier }: RefusedClient,
    now: number,
  ): void {
    const refusals = this.#refusals[operation];
    refusals.ofSplit += 1;
    if (now < refusals.lineAt) {
      refusals.unlogged += 1;
      return;
    }
    // Where the setting allows it, the client's own policy was what refused.
    const reason = this.refusal(operation, undefined) ?? this.refusal(operation, false);
    assert(reason !== undefined, 'a refusal while no member is missing');
    const who = `{${mountpoint}, ${clientIdentifier}}`;
    const more = refusals.unlogged === 0 ? '' : ` (and ${refusals.unlogged} since the last line)`;
    refusals.lineAt = now + linePauseMs;
    refusals.unlogged = 0;
    const line = `${failures[operation]} ${who} due to reason not_ready: ${reason}${more}`;
    this.#out.refusing(operation, line, now);
  }

  #refusalFor(operation: Operation, override: boolean | undefined): string | undefined {
    return refusalOf(operation, this.#standing, this.#policies[operation], override);
  }

  #tell(now: number): void {
    this.#sentences.clear();
    const { missing } = this.#standing;
    if (missing.length === 0) {
      if (this.#since !== undefined) this.#resolve(this.#since, now);
      return;
    }
    const sentence = `${missingText(missing)}; ${effectText(this.#standing, this.#policies)}`;
    if (sentence === this.#said) return;
    this.#said = sentence;
    if (this.#since !== undefined) return this.#out.changed(`netsplit goes on: ${sentence}`, now);
    this.#since = now;
    for (const operation of operations) this.#refusals[operation].ofSplit = 0;
    this.#out.detected(`netsplit detected: ${sentence}`, now);
  }

  #resolve(since: number, now: number): void {
    this.#since = undefined;
    this.#said = '';
    const seconds = Math.max(0, Math.round((now - since) / 1000));
    const refused = operations
      .map((operation) => ({ operation, count: this.#refusals[operation].ofSplit }))
      .filter(({ count }) => count > 0)
      .map(({ operation, count }) => `${count} ${packetNames[operation]}`);
    const meanwhile = refused.length === 0 ? 'nothing was refused' : `refused: ${list(refused)}`;
    const { total } = this.#standing;
    const sentence = `netsplit resolved after ${seconds} s: all ${total} members are reachable; ${meanwhile}`;
    this.#out.resolved(sentence, now);
  }
}

function noRefusals(): Refusals {
  return { lineAt: 0, unlogged: 0, ofSplit: 0 };
}

/** Four settings of one value are one. */
function settingsText(some: readonly Operation[], policies: Policies): string {
  const [first] = some;
  const isOne = first !== undefined && some.every((one) => policies[one] === policies[first]);
  if (isOne && some.length === operations.length) return `${allKeys} = ${policies[first]}`;
  return some.map((one) => `${policyKeys[one]} = ${policies[one]}`).join(', ');
}

/** What clients get meanwhile, and which settings say so. */
function effectText(standing: Standing, policies: Policies): string {
  const refused = operations.filter((one) => !isAllowed(standing, policies[one]));
  const served = operations.filter((one) => isAllowed(standing, policies[one]));
  const names = (some: readonly Operation[]): string => list(some.map((one) => packetNames[one]));
  const settings = settingsText(refused, policies);
  const parts = [countText(standing)];
  if (refused.length > 0) parts.push(`refused: ${names(refused)} (${settings})`);
  if (served.length > 0) parts.push(`served: ${names(served)}`);
  return parts.join('; ');
}
