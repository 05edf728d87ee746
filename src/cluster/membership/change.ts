import { assert } from '../../base/mod.js';
import type { Site, Stamp } from '../identity/mod.js';
import {
  type ChangeContext,
  type ChangeRequest,
  forceRisk,
  type Plan,
  bothSidesRisk,
  planOf,
  type Step,
  underWay,
} from './change-plan.js';
import type { MemberRow, MemberState } from './member-row.js';
import { isMajority } from './members.js';
import type { Proposal } from './requests.js';

/** A row that this node writes about a site; undefined: it takes its row back. */
export interface RowToWrite {
  readonly subject: Site;
  readonly row: MemberRow | undefined;
}

export interface ChangeOut {
  /**
   * To be written in one transaction, under a new stamp, and pushed to all members. Returns the
   * number of the last one.
   */
  write(rows: readonly RowToWrite[], now: number): number;
  /**
   * To be put to `member`, behind the rows; to this node itself as well, for whom it is enough that
   * they are durable. Its verdict comes back by {@link Change.onAcknowledged} or `onObjected`.
   */
  ask(member: Site, proposal: Proposal, now: number): void;
  /**
   * What `site` holds is to be taken over by the others, and, if it lives, brought to them. The end
   * comes back by {@link Change.onHandedOver} or `onHandOverFailed`.
   */
  handOver(site: Site, now: number): void;
  /** The change is in force. */
  done(sentence: string, now: number): void;
  /** Nothing was changed. `isBusy`: another change was in the way, so it may be tried again. */
  refused(sentence: string, now: number, isBusy: boolean): void;
}

/** What a member says to a proposal. */
export type Verdict =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'objected'; readonly sentence: string }
  /** The rows that it speaks of are not here yet. */
  | { readonly kind: 'wait' };

export interface ChangeOptions {
  readonly force: boolean;
  /** How long the leaving member may take to hand over, in ms (`--timeout`). */
  readonly handOverMs: number;
  /** Unique for this node. */
  readonly id: Stamp;
}

/** How long, in ms, members have to acknowledge. */
const askMs = 5000;

const pendingStates: Readonly<Record<Step['kind'], MemberState>> = {
  join: 'joining',
  leave: 'leaving',
};

interface Underway {
  readonly plan: Plan;
  readonly proposal: Proposal;
}

type State =
  | { readonly name: 'idle' }
  | (Underway & {
      readonly name: 'asking';
      readonly acknowledged: Set<Site>;
      /** Who objected, and how. */
      readonly objections: Map<Site, string>;
      readonly deadline: number;
      readonly handOverMs: number;
    })
  | (Underway & { readonly name: 'handingOver'; readonly deadline: number });

/**
 * Carries one join or leave through, on the node that was asked for it.
 *
 *   idle ── begin ──▶ asking ── a majority acknowledged ──▶ handing over ──▶ idle (done)
 *                        └── objections, or too late ──────────┴──▶ idle (taken back)
 *
 * First the rows are written as joining or leaving, which changes nothing yet but is seen by all;
 * when a majority of the members before the change has them on disk, and none of those knows of
 * another change, they are written again as joined or left. Every majority before the change then
 * has a member in common with every majority after it. A node that restarts in between takes its
 * change back.
 */
export class Change {
  readonly #context: ChangeContext;
  readonly #out: ChangeOut;
  #state: State = { name: 'idle' };
  /** The proposal of another member that this node acknowledged, while it is under way. */
  #granted: Proposal | undefined = undefined;

  constructor(context: ChangeContext, out: ChangeOut) {
    this.#context = context;
    this.#out = out;
  }

  /** What is under way here, for sentences: `D@host joins`. */
  get underWay(): string | undefined {
    return this.#state.name === 'idle' ? undefined : this.#state.plan.text;
  }

  /** After a restart: what an earlier life of this node had begun is taken back. */
  onStart(now: number): void {
    const { members, self } = this.#context;
    const begun = members.pending.filter(({ coordinator }) => coordinator === self);
    const rows = begun.map(({ subject, state }): RowToWrite => {
      const member = state === 'leaving' ? members.memberOf(subject) : undefined;
      if (member === undefined) return { subject, row: undefined };
      const { name, address, joined } = member;
      return { subject, row: { state: 'joined', name, address, joined } };
    });
    if (rows.length > 0) this.#out.write(rows, now);
  }

  begin(request: ChangeRequest, { force, handOverMs, id }: ChangeOptions, now: number): void {
    const state = this.#state;
    if (state.name !== 'idle') {
      return this.#out.refused(underWay(state.plan.text), now, true);
    }
    const planned = planOf(request, force, id, this.#context);
    if (planned.kind === 'done') return this.#out.done(planned.sentence, now);
    if (planned.kind !== 'plan') {
      return this.#out.refused(planned.sentence, now, planned.kind === 'busy');
    }
    const { plan } = planned;
    const subjects = plan.steps.map(({ subject }) => subject);
    const number = this.#out.write(rowsOf(plan.steps, pendingStates), now);
    const proposal = { coordinator: this.#context.self, id, number, subjects };
    this.#state = {
      name: 'asking',
      plan,
      proposal,
      acknowledged: new Set(),
      objections: new Map(),
      deadline: now + askMs,
      handOverMs,
    };
    if (force) return this.#agree(now);
    for (const { site } of plan.voters) {
      if (this.#context.isReachable(site)) this.#out.ask(site, proposal, now);
    }
  }

  /** A member came up: it may have a voice in what is being asked. */
  onMemberUp(site: Site, now: number): void {
    const state = this.#state;
    if (state.name !== 'asking' || state.acknowledged.has(site)) return;
    if (state.plan.voters.some((voter) => voter.site === site)) {
      this.#out.ask(site, state.proposal, now);
    }
  }

  /** `member` has the rows of proposal `id` on disk. */
  onAcknowledged(member: Site, id: Stamp, now: number): void {
    const state = this.#state;
    if (state.name !== 'asking' || state.proposal.id !== id) return;
    state.acknowledged.add(member);
    state.objections.delete(member);
    const { voters } = state.plan;
    if (isMajority(state.acknowledged, voters, this.#context.tiebreak)) this.#agree(now);
  }

  onObjected(member: Site, id: Stamp, sentence: string, now: number): void {
    const state = this.#state;
    if (state.name !== 'asking' || state.proposal.id !== id) return;
    state.objections.set(member, sentence);
    const { voters } = state.plan;
    const possible = voters.map(({ site }) => site).filter((site) => !state.objections.has(site));
    if (isMajority(new Set(possible), voters, this.#context.tiebreak)) return;
    this.#takeBack(`${this.#nameOf(member)} objects: ${sentence}`, now, true);
  }

  /** The others have what the leaving member held, and it holds nothing any more. */
  onHandedOver(now: number): void {
    const state = this.#state;
    if (state.name === 'handingOver') this.#finish(state.plan, '', now);
  }

  /** It could not be done. With force it is left undone. */
  onHandOverFailed(reason: string, now: number): void {
    const state = this.#state;
    if (state.name !== 'handingOver') return;
    if (state.plan.force)
      return this.#finish(state.plan, `not everything was handed over: ${reason}`, now);
    this.#takeBack(`not everything was handed over: ${reason}`, now);
  }

  tick(now: number): void {
    const state = this.#state;
    switch (state.name) {
      case 'idle':
        return;
      case 'asking':
        if (now >= state.deadline) this.#takeBack(this.#silenceText(state), now);
        return;
      case 'handingOver':
        if (now >= state.deadline) this.onHandOverFailed(this.#lateText(state.plan), now);
    }
  }

  /**
   * Another member asks. To be called again while the verdict is `wait`; an acknowledgement leaves
   * this node only when the rows are durable here.
   */
  judge(proposal: Proposal): Verdict {
    const context = this.#context;
    const { members } = context;
    const { coordinator } = proposal;
    const { pending } = members;
    const isHere = proposal.subjects.every((subject) =>
      pending.some((one) => one.subject === subject && one.coordinator === coordinator),
    );
    if (!isHere) return { kind: 'wait' };
    const state = this.#state;
    if (state.name !== 'idle') return objected(state.plan.text);
    const underway = pending.filter((one) => context.isReachable(one.coordinator));
    const granted = underway.find((one) => one.coordinator === this.#granted?.coordinator);
    const first = granted ?? underway[0];
    if (first !== undefined && first.coordinator !== coordinator) {
      return objected(`${first.name} ${first.state === 'joining' ? 'joins' : 'leaves'}`);
    }
    this.#granted = proposal;
    return { kind: 'acknowledged' };
  }

  /** A majority has the rows, or is not asked: only the leaving member's belongings are left. */
  #agree(now: number): void {
    const state = this.#state;
    assert(state.name === 'asking', 'an agreement on nothing');
    const { plan, proposal, handOverMs } = state;
    if (plan.handsOver === undefined) return this.#finish(plan, '', now);
    this.#state = { name: 'handingOver', plan, proposal, deadline: now + handOverMs };
    this.#out.handOver(plan.handsOver, now);
  }

  #finish(plan: Plan, flaw: string, now: number): void {
    this.#state = { name: 'idle' };
    this.#out.write(rowsOf(plan.steps, { join: 'joined', leave: 'left' }), now);
    const total = plan.steps.reduce(
      (sum, { kind }) => sum + (kind === 'join' ? 1 : -1),
      plan.voters.length,
    );
    const notes = [`${plan.text}: ${total} ${total === 1 ? 'member' : 'members'}`];
    if (flaw !== '') notes.push(flaw);
    if (plan.force) notes.push(forceRisk);
    this.#out.done(notes.join('; '), now);
  }

  #takeBack(reason: string, now: number, isBusy = false): void {
    const state = this.#state;
    assert(state.name !== 'idle', 'nothing to take back');
    this.#state = { name: 'idle' };
    const rows = state.plan.steps.map(({ subject, row, kind }): RowToWrite => {
      return { subject, row: kind === 'join' ? undefined : { state: 'joined', ...row } };
    });
    this.#out.write(rows, now);
    this.#out.refused(`${state.plan.text}: taken back, for ${reason}`, now, isBusy);
  }

  /** What is left, and how to get on. */
  #lateText({ handsOver, force }: Plan): string {
    const name = handsOver === undefined ? 'it' : this.#nameOf(handsOver);
    if (force) return `the time was over, and what ${name} still has is lost to clients elsewhere`;
    return `${name} still had sessions or messages when the time was over. Repeat it with a longer --timeout, with -k where clients were still connected, or with --force, which leaves behind what is not handed over`;
  }

  #silenceText({ plan, acknowledged, objections }: State & { readonly name: 'asking' }): string {
    const silent = plan.voters
      .filter(({ site }) => !acknowledged.has(site) && !objections.has(site))
      .map(({ name }) => name);
    const said = [...objections].map(([site, text]) => `${this.#nameOf(site)} objects: ${text}`);
    const count = `only ${acknowledged.size} of ${plan.voters.length} members acknowledged it within ${askMs / 1000} s`;
    if (silent.length > 0) said.unshift(`silent: ${silent.join(', ')}`);
    const told = said.length === 0 ? count : `${count} (${said.join('; ')})`;
    return `${told}. See cluster show and repeat it; --force does without them, ${bothSidesRisk}`;
  }

  #nameOf(site: Site): string {
    return this.#context.members.memberOf(site)?.name ?? site;
  }
}

function objected(what: string): Verdict {
  return { kind: 'objected', sentence: underWay(what) };
}

function rowsOf(
  steps: readonly Step[],
  states: Readonly<Record<Step['kind'], MemberState>>,
): RowToWrite[] {
  return steps.map(({ subject, row, kind }) => ({ subject, row: { state: states[kind], ...row } }));
}
