import type { RegisterModifiers } from '../auth/mod.js';

/** What a cluster with a missing member may refuse (`allow_…_during_netsplit`). */
export type GateOperation = 'connect' | 'publish' | 'subscribe' | 'unsubscribe';

/** Who is refused, for the log. */
export interface GatedClient {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
}

/**
 * The netsplit policy as clients meet it. Authentication comes first: a stranger learns nothing.
 */
export interface Gates {
  /** No member is missing, so nothing is refused: the one field that a hot path reads. */
  readonly isOpen: boolean;
  /** Undefined: allowed. Else why not, naming the members that are missing. */
  refusal(operation: GateOperation, override: boolean | undefined): string | undefined;
  /** An operation was refused: counted, and logged once a minute and kind at most. */
  noteRefused(operation: GateOperation, client: GatedClient, now: number): void;
}

/** A node without a cluster. */
export const openGates: Gates = {
  isOpen: true,
  refusal: () => undefined,
  noteRefused: () => {},
};

/** What a back end said about one client: it stands in for the setting. Undefined: nothing. */
export interface GateOverrides {
  readonly connect: boolean | undefined;
  readonly publish: boolean | undefined;
  readonly subscribe: boolean | undefined;
  readonly unsubscribe: boolean | undefined;
}

export const noOverrides: GateOverrides = {
  connect: undefined,
  publish: undefined,
  subscribe: undefined,
  unsubscribe: undefined,
};

export function overridesOf(modifiers: RegisterModifiers): GateOverrides {
  return {
    connect: modifiers.allowRegister,
    publish: modifiers.allowPublish,
    subscribe: modifiers.allowSubscribe,
    unsubscribe: modifiers.allowUnsubscribe,
  };
}
