/**
 * The seam between a network connection (edge) and the client machine (core).
 *
 * The edge makes one `ClientLink` per accepted connection, asks the node for its `LinkHandler`, and
 * from then on reports events to the handler and performs the verbs of the link. Neither side ever
 * calls the other re-entrantly with a close: `close` takes effect later, `onClosed` comes once.
 */
import type { PeerFacts } from '../auth/mod.js';
import type { PacketWriter } from '../packet/mod.js';

export type { ListenerFacts, PeerFacts } from '../auth/mod.js';

export interface ClientLink {
  readonly peer: PeerFacts;
  /** Outgoing packets are written here; after writing, call `touch`. */
  readonly writer: PacketWriter;
  /** Bytes that were flushed but that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** The writer has bytes: the edge flushes it at the end of this turn. Cheap, call it often. */
  touch(): void;
  /** No further `onBytes` until `resumeReading`; a chunk already read may still arrive. */
  pauseReading(): void;
  resumeReading(): void;
  /**
   * Ends the connection: `flush` lets written bytes go out first (at most 2 s), `abort` does not.
   * `onClosed` follows in a later turn; no other event follows.
   */
  close(how: 'flush' | 'abort'): void;
  /** Keeps `onWritable` coming: asks for it once when `bufferedBytes` has fallen to zero. */
  notifyWhenWritable(): void;
}

/** Why a connection ended, for the log and the metrics. */
export type CloseCause =
  | { readonly kind: 'peer' }
  | { readonly kind: 'local' }
  | { readonly kind: 'error'; readonly message: string };

export interface LinkHandler {
  /**
   * Bytes arrived in `chunk[start, end)`. The chunk belongs to the edge and is reused after the
   * call, and so are ranges of it in writers: the edge settles every touched writer after the call.
   */
  onBytes(chunk: Uint8Array, start: number, end: number, now: number): void;
  /** Everything flushed has been taken by the kernel, after `notifyWhenWritable`. */
  onWritable(now: number): void;
  onClosed(cause: CloseCause, now: number): void;
  /** Bytes of an incomplete packet that the handler keeps; for `listener.max_pending_bytes`. */
  readonly pendingBytes: number;
  /**
   * The edge wants this connection gone (limits, shutdown). v5 clients get a DISCONNECT, and
   * `serverReference` as where to go, unless they were given another one.
   */
  disconnect(reasonCode: number, reason: string, now: number, serverReference?: string): void;
}

/** Made by the node, given to every listener. */
export type AcceptLink = (link: ClientLink, now: number) => LinkHandler;
