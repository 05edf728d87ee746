import { PacketWriter } from '../packet/mod.js';
import type { ClientLink, CloseCause, LinkHandler, PeerFacts } from '../session/mod.js';
import type { LinkEnvironment } from './environment.js';
import type { Flushable } from './turn.js';

/** Bytes of output that are written at once instead of at the end of the turn. */
const flushEarlyBytes = 64 * 1024;
/** Milliseconds that `close('flush')` waits for the peer to take the rest. */
export const flushDeadlineMs = 2000;

/**
 * What all transports share: the writer, its place in the turn, and the promise that a handler sees
 * `onClosed` once and nothing after it. Subclasses bring the transport's verbs.
 */
export abstract class LinkBase implements ClientLink, Flushable {
  readonly peer: PeerFacts;
  readonly writer: PacketWriter = new PacketWriter();
  turnState: 0 | 1 | 2 = 0;
  protected readonly environment: LinkEnvironment;
  #handler: LinkHandler | undefined;
  #wantsWritable = false;
  #closing: 'flush' | 'abort' | undefined;
  #pendingBytes = 0;
  /** Milliseconds since the epoch; 0: not closing in good order. */
  #destroyAt = 0;

  constructor(peer: PeerFacts, environment: LinkEnvironment) {
    this.peer = peer;
    this.environment = environment;
  }

  abstract readonly bufferedBytes: number;
  abstract pauseReading(): void;
  abstract resumeReading(): void;
  /** Gives `bytes` to the transport, which owns them from then on. */
  protected abstract write(bytes: Buffer): void;
  /** Ends in good order; {@link destroyIfLate} sees to the deadline. */
  protected abstract end(): void;
  protected abstract destroy(): void;

  get handler(): LinkHandler | undefined {
    return this.#handler;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Before the first byte. */
  attach(handler: LinkHandler): void {
    this.#handler = handler;
  }

  touch(): void {
    if (this.turnState !== 2) this.environment.turn.touch(this);
  }

  settle(): void {
    this.writer.settle();
    if (this.writer.length >= flushEarlyBytes) this.flush();
  }

  flush(): void {
    if (this.#closing === 'abort' || this.#handler === undefined) return;
    const bytes = this.writer.take();
    if (bytes.length === 0) return;
    this.environment.counters.bytesSent(bytes.length);
    this.write(bytes);
  }

  notifyWhenWritable(): void {
    this.#wantsWritable = true;
    if (this.bufferedBytes > 0) return;
    // Nothing is buffered, so no drain will come: the writer itself was full.
    setImmediate(() => this.drained());
  }

  close(how: 'flush' | 'abort'): void {
    if (this.#closing !== undefined) return;
    if (how === 'flush') this.flush();
    this.#closing = how;
    if (how === 'abort') {
      this.destroy();
      return;
    }
    this.#destroyAt = this.environment.clock.now() + flushDeadlineMs;
    this.environment.onLinkClosing(this);
    this.end();
  }

  /** True when the peer took too long to take the rest: the transport is destroyed. */
  destroyIfLate(now: number): boolean {
    if (now < this.#destroyAt) return false;
    this.destroy();
    return true;
  }

  /** The transport received bytes. They are lent to the handler for the call. */
  protected received(chunk: Uint8Array): void {
    const handler = this.#handler;
    if (handler === undefined || this.#closing !== undefined) return;
    const { environment } = this;
    environment.counters.bytesReceived(chunk.length);
    try {
      handler.onBytes(chunk, 0, chunk.length, environment.clock.now());
    } catch (error) {
      this.#onFault(error);
    }
    environment.turn.settle();
    if (this.#handler === undefined) return;
    const pending = handler.pendingBytes;
    if (pending === this.#pendingBytes) return;
    this.#account(pending);
  }

  /** The transport has no unsent bytes left. */
  protected drained(): void {
    const handler = this.#handler;
    if (!this.#wantsWritable || handler === undefined || this.#closing !== undefined) return;
    this.#wantsWritable = false;
    try {
      handler.onWritable(this.environment.clock.now());
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** The transport is gone. */
  protected closed(cause: CloseCause): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#handler = undefined;
    this.#account(0);
    this.environment.counters.socketClose();
    if (cause.kind === 'error') this.environment.counters.socketError();
    this.environment.onLinkClosed(this);
    try {
      const isOurs = this.#closing !== undefined;
      handler.onClosed(isOurs ? { kind: 'local' } : cause, this.environment.clock.now());
    } catch (error) {
      this.environment.log.error({ error }, 'fault while a connection was closed');
    }
  }

  #account(pending: number): void {
    this.environment.pending.changed(this, pending - this.#pendingBytes, pending);
    this.#pendingBytes = pending;
  }

  /** Our own fault: it costs this connection, nobody else. */
  #onFault(error: unknown): void {
    const { host, port, listener } = this.peer;
    this.environment.log.error(
      { error, peer: host, port, listener: listener.name },
      'internal fault: the connection is closed, others are not affected',
    );
    this.close('abort');
  }
}
