import type { AuthChain, ClientFacts } from '../auth/mod.js';
import type { VersionCounters } from '../metrics/mod.js';
import type { Decoder, ProtocolVersion } from '../packet/mod.js';
import type { GateOperation } from './gates.js';
import type { ClientHost, ClientPort } from './host.js';
import type { ClientLimits } from './limits.js';
import type { ClientOutput } from './output.js';
import type { Session } from './session.js';

/**
 * What a client waits for while its packets are not taken. Bits, since several may be awaited at
 * once, and only the last one to come lets the client go on.
 */
export const Wait = {
  Decision: 1,
  Connack: 2,
  Rate: 4,
  Backlog: 8,
  Session: 16,
  Answers: 32,
} as const;
export type Wait = (typeof Wait)[keyof typeof Wait];

/** What a 3.x client waits for, without an answer, until it is closed and may send again. */
export type RefusedBy = 'store' | 'publish' | 'unsubscribe';

/** The connection as its phases use it. Implemented by {@link Client}. */
export interface Connection extends ClientPort {
  readonly host: ClientHost;
  readonly decoder: Decoder;
  /** Asked about this client. */
  readonly auth: AuthChain;
  /** Milliseconds since the epoch; any complete packet counts [MQTT5-3.1.2-22]. */
  readonly lastPacketAt: number;
  /** It has its session; CONNACK is on its way. */
  readonly isConnected: boolean;
  /** Nothing is read from the client, so nothing can be heard. */
  readonly isBlocked: boolean;
  /** Stops taking packets until `unblock` for the same reason, and all others. */
  block(why: Wait): void;
  unblock(why: Wait, now: number): void;
  /** What `Wait.Decision` waited for has come: acts on it, unless the client is gone. */
  decided(act: (now: number) => void): void;
  /** Closes without a word: the client said DISCONNECT, or was refused in CONNACK. */
  closeQuietly(how: 'flush' | 'abort'): void;
}

/** A client that has its CONNACK, as the parts that take its packets use it. */
export interface ConnectedClient {
  readonly client: Connection;
  readonly host: ClientHost;
  readonly session: Session;
  readonly output: ClientOutput;
  readonly version: ProtocolVersion;
  readonly counters: VersionCounters;
  readonly limits: ClientLimits;
  readonly facts: ClientFacts;
  /**
   * The client is a bridge (protocol levels 131, 132): No Local and Retain As Published implied.
   */
  readonly isBridge: boolean;
  /** After one refusal all later publishes of a 3.x connection are refused, to keep their order. */
  readonly isRefusing: boolean;
  /** Something of this client was refused; a 3.x client can only be told by closing. */
  onRefused(by: RefusedBy, now: number): void;
  /** Why the cluster does not serve this now; undefined: it does. Noted when it is refused. */
  gateRefusal(operation: GateOperation, now: number): string | undefined;
  /** Nothing is read from this client before `when`. */
  delayReading(when: number, now: number): void;
}
