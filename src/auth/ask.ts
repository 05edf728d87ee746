import { ReasonCode } from '../packet/mod.js';
import type { Deny } from './decisions.js';

/** Told when a back end broke its contract; the client that asked was denied. */
export type BackendFailure = (backend: string, hook: string, error: unknown) => void;

/** One hook of one back end, bound to it. */
export interface Hook<Request, Answer> {
  readonly backend: string;
  readonly name: string;
  /** Never replies later: asked without a closure. */
  readonly isSynchronous: boolean;
  readonly call: (request: Request, reply: (answer: Answer) => void) => Answer | undefined;
}

/** What a client gets for a mistake in a back end: fail closed, and no detail for strangers. */
export function failureOf(backend: string): Deny {
  return {
    verdict: 'deny',
    reasonCode: ReasonCode.ImplementationSpecificError,
    reason: `authentication back end ${backend} failed`,
  };
}

/**
 * Asks a synchronous hook. Allocates nothing of its own. A throw, no answer or a nonsensical one
 * is reported and denied.
 */
export function askNow<Request, Answer extends { readonly verdict: string }>(
  hook: Hook<Request, Answer>,
  request: Request,
  failed: BackendFailure,
): NoInfer<Answer> | Deny {
  let answer: Answer | undefined;
  try {
    answer = hook.call(request, ignoreReply);
  } catch (error) {
    failed(hook.backend, hook.name, error);
    return failureOf(hook.backend);
  }
  return checked(hook, answer, failed);
}

/**
 * Asks a hook that may answer later. `late` is called at most once and only after this function has
 * returned undefined; the first answer counts, whichever way it comes, and further ones are
 * ignored.
 */
export function ask<Request, Answer extends { readonly verdict: string }>(
  hook: Hook<Request, Answer>,
  request: Request,
  late: (answer: NoInfer<Answer> | Deny) => void,
  failed: BackendFailure,
): NoInfer<Answer> | Deny | undefined {
  let isAnswered = false;
  let isCalling = true;
  let early: Answer | undefined;
  let returned: Answer | undefined;
  try {
    returned = hook.call(request, (answer) => {
      if (isAnswered) return;
      isAnswered = true;
      if (isCalling) early = answer;
      else late(checked(hook, answer, failed));
    });
  } catch (error) {
    isAnswered = true;
    failed(hook.backend, hook.name, error);
    return failureOf(hook.backend);
  } finally {
    isCalling = false;
  }
  if (returned === undefined && !isAnswered) return undefined;
  const answer = isAnswered ? early : returned;
  isAnswered = true;
  return checked(hook, answer, failed);
}

const verdicts: readonly unknown[] = ['allow', 'deny', 'next', 'continue'];

/** Back ends may be written by others, in JavaScript: what is no verdict must not pass for one. */
function checked<Answer extends { readonly verdict: string }>(
  hook: { readonly backend: string; readonly name: string },
  answer: Answer | undefined,
  failed: BackendFailure,
): NoInfer<Answer> | Deny {
  if (answer !== undefined && verdicts.includes(answer?.verdict)) return answer;
  failed(hook.backend, hook.name, new TypeError('its answer holds no verdict'));
  return failureOf(hook.backend);
}

function ignoreReply(): void {}
