import type { AuthChain, ListenerFacts } from '../auth/mod.js';
import type { Clock } from '../base/mod.js';
import type { Metrics } from '../metrics/mod.js';
import type { ConnectPacket } from '../packet/mod.js';
import type { Publication } from '../queue/mod.js';
import type { Confirmation } from './confirmation.js';
import type { Durability } from './durability.js';
import type { Gates } from './gates.js';
import type { ClientLimits } from './limits.js';
import type { ClientLink } from './link.js';
import type { ChannelOwner } from './session-ports.js';
import type { Session } from './session.js';
import type { Settings } from './settings.js';
import type { Subscription } from './subscription.js';
import type { SessionWill } from './will.js';

/** A Topic Name that was checked once. The router keeps what matches it. */
export interface TopicHandle {
  readonly name: string;
  /** `name` as UTF-8. */
  readonly bytes: Uint8Array;
}

/** What became of a PUBLISH. One object per node, valid until the next publish. */
export interface PublishOutcome {
  /** At least one subscription matched. */
  matched: boolean;
  /** Batch that must be durable before the acknowledgement leaves; 0: none. */
  ticket: number;
  /** Other members that must own the message as well; undefined: none. */
  confirmation: Confirmation | undefined;
  /** Reason Code of the refusal; 0: accepted. */
  refused: number;
  /** Why it was refused, for a v5 client. */
  reason: string | undefined;
}

/** A client as the node sees it. */
export interface ClientPort extends ChannelOwner {
  readonly link: ClientLink;
  readonly isClosed: boolean;
  onDeadline(now: number): void;
  onBacklogCleared(now: number): void;
  /** The broker has the session for an accepted CONNECT; `ticket` 0: CONNACK need not wait. */
  onRegistered(
    registration: Registration,
    session: Session,
    sessionPresent: boolean,
    ticket: number,
    now: number,
  ): void;
}

/** A CONNECT that was accepted in every respect but the session. */
export interface Registration {
  readonly client: ClientPort;
  readonly connect: ConnectPacket;
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly cleanStart: boolean;
  /** Seconds; 0 ends the session with the connection. */
  readonly expiryInterval: number;
  readonly will: SessionWill | undefined;
  readonly limits: ClientLimits;
}

/** One line per event an operator wants. Never payloads or passwords. */
export interface ClientLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** What the client machine needs of the node; the broker implements it. */
export interface ClientHost {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly durability: Durability;
  /** The chain that is asked about the clients of a listener. */
  authOf(listener: ListenerFacts): AuthChain;
  readonly log: ClientLog;
  /** What is refused while a member of the cluster is missing. */
  readonly gates: Gates;
  /** Unsent bytes that a connection may have; lower while all together have too many. */
  readonly writeBufferLimit: { readonly bytes: number };
  /** The publication being routed: one per node, since routing runs to completion. */
  readonly publication: Publication;
  /** An identifier that no session has, for a client that sent none [MQTT5-3.1.3-6]. */
  newClientIdentifier(mountpoint: string): string;
  /** `Client.onDeadline` is called within a second after `deadlineMs`; a later call moves it. */
  setDeadline(client: ClientPort, deadlineMs: number): void;
  clearDeadline(client: ClientPort): void;
  /** The connection is over for the core: no more events from it, no deadline. */
  clientClosed(client: ClientPort): void;
  /** Answers with `client.onRegistered`, possibly before it returns. */
  register(registration: Registration, now: number): void;
  /** The topic, if it was used lately: then its name is known to be valid. */
  knownTopic(mountpoint: string, name: string): TopicHandle | undefined;
  /** `name` is a valid Topic Name. */
  topic(mountpoint: string, name: string): TopicHandle;
  /** Routes `publication`, which is filled. `retain` messages are stored first. */
  publish(topic: TopicHandle, publisher: Session, now: number): PublishOutcome;
  /** Adds or replaces. True: the session did not have it before. */
  subscribe(session: Session, subscription: Subscription): boolean;
  /**
   * What SUBACK waits for after `subscribe`: that every other member routes by it; undefined: there
   * is none.
   */
  confirmSubscribed(): Confirmation | undefined;
  /** Of the last retained message: later ones go to whoever has subscribed by now. */
  readonly retainedMark: number;
  /**
   * Sends retained messages as Retain Handling says, after SUBACK. Not those that came after
   * `since`, a {@link retainedMark} of the moment of subscribing, and were delivered as they came.
   */
  sendRetained(session: Session, subscription: Subscription, since: number, now: number): void;
  /** False: there was no such subscription. */
  unsubscribe(session: Session, topicFilter: string): boolean;
  /** The connection of `session` has ended; its will is due unless `discardWill`. */
  connectionEnded(session: Session, discardWill: boolean, now: number): void;
  /** A CONNECT was refused for its credentials. */
  loginFailed(peerHost: string): void;
  /** True while what waits for the store is more than it may be; then publishers are not read. */
  readonly isBacklogged: boolean;
  /** `client.onBacklogCleared` is called once when it has drained. */
  waitForBacklog(client: ClientPort): void;
}
