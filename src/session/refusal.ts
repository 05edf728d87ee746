import type { Deny, Next } from '../auth/mod.js';
import { ReasonCode } from '../packet/mod.js';

/** Why a client does not get what it asked for. */
export interface Refusal {
  readonly reasonCode: number;
  /** Reason String for a v5 client that wants one; undefined: it is not told. */
  readonly reason: string | undefined;
}

/** A client is told a back end's reason only if the back end says so. */
export function refusalOf(decision: Deny | Next): Refusal {
  if (decision.verdict === 'next') {
    return { reasonCode: ReasonCode.NotAuthorized, reason: undefined };
  }
  const reason = decision.tellClient === true ? decision.reason : undefined;
  return { reasonCode: decision.reasonCode, reason };
}
