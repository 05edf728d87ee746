/**
 * Questions that the broker asks about a client and the answers that back ends give.
 *
 * Names of hooks and modifiers are VerneMQ's (reference 8.1). A back end answers at once by
 * returning a decision, or returns `undefined` and calls `reply` later, once; the client that asked
 * waits, nobody else does.
 */
import type { Properties, QoS, SubscriptionRequest } from '../packet/mod.js';
import type { PeerFacts } from './facts.js';

export interface Deny {
  readonly verdict: 'deny';
  /** MQTT 5 Reason Code; 3.x clients get what corresponds to it. */
  readonly reasonCode: number;
  /** For the log; sent to v5 clients as Reason String only where `tellClient`. */
  readonly reason: string;
  readonly tellClient?: boolean;
  readonly serverReference?: string;
}

/** This back end does not know; the next one is asked. Nobody knows: denied. */
export interface Next {
  readonly verdict: 'next';
}

export interface Allow<Modifiers> {
  readonly verdict: 'allow';
  readonly modifiers: Modifiers | undefined;
}

export type Decision<Modifiers> = Allow<Modifiers> | Deny | Next;
export type Reply<Modifiers> = (decision: Decision<Modifiers>) => void;

export interface RegisterRequest {
  readonly peer: PeerFacts;
  readonly protocolVersion: 3 | 4 | 5;
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly cleanStart: boolean;
  readonly properties: Properties;
}

/** Overrides for one client, in force until it disconnects. Absent: the configured value. */
export interface RegisterModifiers {
  readonly mountpoint?: string;
  readonly clientIdentifier?: string;
  readonly userName?: string;
  readonly cleanSession?: boolean;
  /** Netsplit policy of this client; in force once the cluster is. */
  readonly allowRegister?: boolean;
  readonly allowPublish?: boolean;
  readonly allowSubscribe?: boolean;
  readonly allowUnsubscribe?: boolean;
  /** Bytes of a whole packet; 0 is the protocol's maximum. */
  readonly maxMessageSize?: number;
  /** Messages per second; 0 is unlimited. */
  readonly maxMessageRate?: number;
  /** Seconds. */
  readonly maxConnectionLifetime?: number;
  readonly maxInflightMessages?: number;
  /** Milliseconds. */
  readonly retryIntervalMs?: number;
  readonly sharedSubscriptionPolicy?: string;
  readonly upgradeQoS?: boolean;
  /** -1 is unlimited. */
  readonly maxOnlineMessages?: number;
  readonly maxOfflineMessages?: number;
  readonly queueType?: 'fifo' | 'lifo';
  /** Seconds. v5 only. */
  readonly sessionExpiryInterval?: number;
}

/** Who does something, once connected. */
export interface ClientFacts {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly userName: string | undefined;
  readonly protocolVersion: 3 | 4 | 5;
}

export interface PublishRequest {
  readonly client: ClientFacts;
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly isWill: boolean;
}

export interface PublishModifiers {
  readonly topicName?: string;
  readonly payload?: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly mountpoint?: string;
  /** Milliseconds for which nothing is read from this client. */
  readonly throttleMs?: number;
  readonly properties?: Properties;
}

export interface SubscribeRequest {
  readonly client: ClientFacts;
  readonly subscriptions: readonly SubscriptionRequest[];
}

/** One entry per requested subscription, in order. */
export type SubscribeVerdict =
  | { readonly topicFilter: string; readonly qos: QoS }
  | { readonly refused: number; readonly reason: string };

export interface SubscribeModifiers {
  readonly verdicts: readonly SubscribeVerdict[];
}

/** What one back end says; subscriptions answered with `next` go to the back end after it. */
export interface SubscribeAnswers {
  readonly verdicts: ReadonlyArray<SubscribeVerdict | Next>;
}

export interface UnsubscribeRequest {
  readonly client: ClientFacts;
  readonly topicFilters: readonly string[];
}

export interface UnsubscribeModifiers {
  readonly topicFilters: readonly string[];
}

/** One round of enhanced authentication, MQTT 5 section 4.12. */
export interface EnhancedRequest {
  readonly client: Omit<RegisterRequest, 'password'>;
  readonly authenticationMethod: string;
  readonly authenticationData: Uint8Array | undefined;
  /** True in a re-authentication of a connected client. */
  readonly reAuthentication: boolean;
  /** What the back end returned as `state` in the round before. */
  readonly state: unknown;
}

export type EnhancedAnswer =
  | {
      readonly verdict: 'continue';
      readonly authenticationData: Uint8Array | undefined;
      readonly state: unknown;
    }
  | {
      readonly verdict: 'allow';
      readonly authenticationData: Uint8Array | undefined;
      readonly modifiers: RegisterModifiers | undefined;
    }
  | Deny;

/**
 * One back end in the chain. A hook that is absent counts as `next`. Requests are valid only during
 * the call unless the back end replies later; then the request (and its bytes) stay valid until it
 * does.
 */
export interface AuthBackend {
  readonly name: string;
  onRegister?(
    request: RegisterRequest,
    reply: Reply<RegisterModifiers>,
  ): Decision<RegisterModifiers> | undefined;
  onPublish?(
    request: PublishRequest,
    reply: Reply<PublishModifiers>,
  ): Decision<PublishModifiers> | undefined;
  /**
   * True: `onPublish` depends only on client and topic name, so its answer may be cached per
   * connection until `revision` changes.
   */
  readonly publishCacheable?: boolean;
  /** True: `onPublish` always answers by returning, so that asking it allocates nothing. */
  readonly publishSynchronous?: boolean;
  /** Rises when earlier answers may no longer hold (a file was reloaded). */
  readonly revision?: number;
  onSubscribe?(
    request: SubscribeRequest,
    reply: Reply<SubscribeAnswers>,
  ): Decision<SubscribeAnswers> | undefined;
  onUnsubscribe?(
    request: UnsubscribeRequest,
    reply: Reply<UnsubscribeModifiers>,
  ): Decision<UnsubscribeModifiers> | undefined;
  /** Methods for which `onEnhanced` is asked. */
  readonly authenticationMethods?: readonly string[];
  onEnhanced?(
    request: EnhancedRequest,
    reply: (answer: EnhancedAnswer) => void,
  ): EnhancedAnswer | undefined;
}
