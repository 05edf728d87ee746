import { ReasonCode } from '../packet/mod.js';
import { ask, type BackendFailure, failureOf, type Hook } from './ask.js';
import type {
  Decision,
  Deny,
  Reply,
  SubscribeAnswers,
  SubscribeModifiers,
  SubscribeRequest,
  SubscribeVerdict,
} from './decisions.js';

export type SubscribeHook = Hook<SubscribeRequest, Decision<SubscribeAnswers>>;

const notAuthorised: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.NotAuthorized,
  reason: 'no authorisation back end allows it',
};

/**
 * Asks the back ends about one SUBSCRIBE. What one of them leaves open is asked of the next, so
 * that two back ends can each grant a part; what all leave open is refused.
 */
export class SubscribeRound {
  readonly #hooks: readonly SubscribeHook[];
  readonly #request: SubscribeRequest;
  readonly #reply: Reply<SubscribeModifiers>;
  readonly #failed: BackendFailure;
  readonly #verdicts: Array<SubscribeVerdict | undefined>;
  /** Positions in the request without a verdict, ascending. */
  #open: number[];

  constructor(
    hooks: readonly SubscribeHook[],
    request: SubscribeRequest,
    reply: Reply<SubscribeModifiers>,
    failed: BackendFailure,
  ) {
    this.#hooks = hooks;
    this.#request = request;
    this.#reply = reply;
    this.#failed = failed;
    this.#verdicts = request.subscriptions.map(() => undefined);
    this.#open = [...this.#verdicts.keys()];
  }

  /** Undefined: a back end took its time; `reply` gets the decision. */
  askFrom(first: number): Decision<SubscribeModifiers> | undefined {
    for (let at = first; at < this.#hooks.length; at += 1) {
      const hook = this.#hooks[at] as SubscribeHook;
      const decision = ask(hook, this.#remaining(), this.#lateReply(hook, at), this.#failed);
      if (decision === undefined) return undefined;
      this.#apply(hook, decision);
      if (this.#open.length === 0) break;
    }
    this.#refuseOpen(notAuthorised);
    return this.#decision();
  }

  #lateReply(hook: SubscribeHook, at: number): Reply<SubscribeAnswers> {
    return (decision) => {
      this.#apply(hook, decision);
      const final = this.#open.length === 0 ? this.#decision() : this.askFrom(at + 1);
      if (final !== undefined) this.#reply(final);
    };
  }

  #remaining(): SubscribeRequest {
    const { client, subscriptions } = this.#request;
    if (this.#open.length === subscriptions.length) return this.#request;
    return { client, subscriptions: subscriptions.filter((_, at) => this.#open.includes(at)) };
  }

  #apply(hook: SubscribeHook, decision: Decision<SubscribeAnswers>): void {
    if (decision.verdict === 'next') return;
    if (decision.verdict === 'deny') {
      this.#refuseOpen(decision);
      return;
    }
    const verdicts = decision.modifiers?.verdicts;
    if (verdicts === undefined) {
      for (const at of this.#open) this.#verdicts[at] = this.#asRequested(at);
      this.#open = [];
      return;
    }
    if (verdicts.length !== this.#open.length) {
      const error = new TypeError(`${verdicts.length} verdicts on ${this.#open.length} filters`);
      this.#failed(hook.backend, hook.name, error);
      this.#refuseOpen(failureOf(hook.backend));
      return;
    }
    const stillOpen: number[] = [];
    for (const [nth, at] of this.#open.entries()) {
      const verdict = verdicts[nth];
      if (verdict === undefined || 'verdict' in verdict) stillOpen.push(at);
      else this.#verdicts[at] = verdict;
    }
    this.#open = stillOpen;
  }

  #refuseOpen({ reasonCode, reason }: Deny): void {
    for (const at of this.#open) this.#verdicts[at] = { refused: reasonCode, reason };
    this.#open = [];
  }

  #asRequested(at: number): SubscribeVerdict | undefined {
    const subscription = this.#request.subscriptions[at];
    if (subscription === undefined) return undefined;
    return { topicFilter: subscription.topicFilter, qos: subscription.qos };
  }

  #decision(): Decision<SubscribeModifiers> {
    const verdicts = this.#verdicts.map(
      (verdict): SubscribeVerdict =>
        verdict ?? { refused: notAuthorised.reasonCode, reason: notAuthorised.reason },
    );
    return { verdict: 'allow', modifiers: { verdicts } };
  }
}
