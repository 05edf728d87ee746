import type { Clock } from '../base/mod.js';

/** A connection as the turn sees it: the shape of the listeners' `Turn`, which is the node's. */
export interface Flushable {
  /** The turn's own mark; 0: not on its list. */
  turnState: 0 | 1 | 2;
  settle(): void;
  flush(): void;
}

/** One turn of the event loop: whatever happens in it, a connection is written once, at its end. */
export interface PeerTurn {
  touch(connection: Flushable): void;
  /** The chunk that was just handed on is about to go: who remembers a part of it copies that. */
  settle(): void;
}

export interface PeerCounters {
  bytesReceived(count: number): void;
  /** Counted when they are given to the kernel, or to what waits for it. */
  bytesSent(count: number): void;
}

export interface PeerLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** For what a stranger can make happen as often as he likes: equal keys are folded. */
  repeated(level: 'info', key: string, fields: object, message: string): void;
}

/** What the node gives to everything here. */
export interface PeerEnvironment {
  readonly clock: Clock;
  readonly turn: PeerTurn;
  readonly counters: PeerCounters;
  readonly log: PeerLog;
}

/** The environment's fault around the cluster's sockets. The message is one line with a remedy. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  /** The system's (`EADDRINUSE`), or `PEER_TLS`, `PEER_LISTENER`. */
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
