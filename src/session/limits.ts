import type { RegisterModifiers } from '../auth/mod.js';
import { type GateOverrides, noOverrides, overridesOf } from './gates.js';
import {
  isSharedSubscriptionPolicy,
  type Settings,
  type SharedSubscriptionPolicy,
} from './settings.js';

/** The settings that an authentication back end may override for one client. */
export interface ClientLimits {
  readonly maxMessageSize: number;
  readonly maxMessageRate: number;
  readonly maxConnectionLifetime: number;
  readonly maxInflightMessages: number;
  readonly retryIntervalMs: number;
  readonly sharedSubscriptionPolicy: SharedSubscriptionPolicy;
  readonly upgradeOutgoingQoS: boolean;
  readonly maxOnlineMessages: number;
  readonly maxOfflineMessages: number;
  readonly queueType: 'fifo' | 'lifo';
  readonly overrideMaxOnlineMessages: boolean;
  /** `allow_…_during_netsplit` for this client. */
  readonly gates: GateOverrides;
}

/** One shared record per (settings, lifetime), so that a client without overrides owns none. */
const shared = new WeakMap<Settings, Map<number, ClientLimits>>();

/** `maxConnectionLifetime` is the listener's, in seconds. */
export function limitsOf(
  settings: Settings,
  maxConnectionLifetime: number,
  modifiers: RegisterModifiers | undefined,
): ClientLimits {
  let byLifetime = shared.get(settings);
  if (byLifetime === undefined) shared.set(settings, (byLifetime = new Map()));
  let base = byLifetime.get(maxConnectionLifetime);
  if (base === undefined) {
    base = Object.freeze({
      maxMessageSize: settings.maxMessageSize,
      maxMessageRate: settings.maxMessageRate,
      maxConnectionLifetime,
      maxInflightMessages: settings.maxInflightMessages,
      retryIntervalMs: settings.retryIntervalMs,
      sharedSubscriptionPolicy: settings.sharedSubscriptionPolicy,
      upgradeOutgoingQoS: settings.upgradeOutgoingQoS,
      maxOnlineMessages: settings.maxOnlineMessages,
      maxOfflineMessages: settings.maxOfflineMessages,
      queueType: settings.queueType,
      overrideMaxOnlineMessages: settings.overrideMaxOnlineMessages,
      gates: noOverrides,
    });
    byLifetime.set(maxConnectionLifetime, base);
  }
  return modifiers === undefined ? base : overridden(base, modifiers);
}

function overridden(base: ClientLimits, modifiers: RegisterModifiers): ClientLimits {
  const policy = modifiers.sharedSubscriptionPolicy;
  return {
    maxMessageSize: modifiers.maxMessageSize ?? base.maxMessageSize,
    maxMessageRate: modifiers.maxMessageRate ?? base.maxMessageRate,
    maxConnectionLifetime: modifiers.maxConnectionLifetime ?? base.maxConnectionLifetime,
    maxInflightMessages: modifiers.maxInflightMessages ?? base.maxInflightMessages,
    retryIntervalMs: modifiers.retryIntervalMs ?? base.retryIntervalMs,
    sharedSubscriptionPolicy:
      policy !== undefined && isSharedSubscriptionPolicy(policy)
        ? policy
        : base.sharedSubscriptionPolicy,
    upgradeOutgoingQoS: modifiers.upgradeQoS ?? base.upgradeOutgoingQoS,
    maxOnlineMessages: modifiers.maxOnlineMessages ?? base.maxOnlineMessages,
    maxOfflineMessages: modifiers.maxOfflineMessages ?? base.maxOfflineMessages,
    queueType: modifiers.queueType ?? base.queueType,
    overrideMaxOnlineMessages: base.overrideMaxOnlineMessages,
    gates: overridesOf(modifiers),
  };
}
