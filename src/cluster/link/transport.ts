/**
 * How bytes get from one member to another. TCP and TLS at the edge (peers/), a fake network in the
 * simulator; a message bus that keeps order per pair of members would do as well.
 */
export interface Transport {
  /**
   * Begins to connect to `address` (`host:port`). Exactly one of `onOpened` and `onClosed` follows,
   * never before `dial` returns.
   */
  dial(address: string, handler: PeerConnectionHandler): PeerConnection;
}

/** One connection: bytes in order, both ways, until it closes. */
export interface PeerConnection {
  /** Where the other end is, for log lines. */
  readonly remoteAddress: string;
  /** Bytes handed over that the kernel has not taken. */
  readonly unsentBytes: number;
  /** Both ends proved who they are by certificate; binds the handshake to the TLS session. */
  readonly exporter: Uint8Array | undefined;
  /**
   * `bytes` become the transport's. Sent at the end of the turn, with what else was handed over.
   */
  send(bytes: Uint8Array): void;
  /** No more bytes are read until `resumeReading`. */
  pauseReading(): void;
  resumeReading(): void;
  /** Idempotent. `onClosed` does not follow. What was handed over before may still arrive. */
  close(): void;
}

/** Events of a connection, in order. Nothing comes after `onClosed`. */
export interface PeerConnectionHandler {
  /** Of a dialled connection only; an accepted one is open. */
  onOpened(now: number): void;
  /**
   * `bytes` are valid until the method returned and the writers of clients were settled, which may
   * remember parts of them.
   */
  onBytes(bytes: Uint8Array, now: number): void;
  /** The other end, or the network, ended it; `reason` is for people. */
  onClosed(reason: string, now: number): void;
}
