import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { PeerConnection, PeerConnectionHandler } from '../cluster/link/mod.js';
import type { Flushable, PeerEnvironment } from './environment.js';
import { causeOf } from './reasons.js';

/** What was sent before `close` may still leave for this long; then the socket is destroyed. */
const lingerMs = 2000;

/**
 * Ms of silence before the kernel asks whether the other end is there. Heartbeats find that out
 * long before; this is for what is left behind of a connection that nobody judges any more.
 */
const probeAfterMs = 10_000;

/** Frames below this are copied into one buffer: a pointer each costs the kernel more. */
const copiedMax = 4096;
/** Such a buffer is written when it has become this large. */
const blockBytes = 65_536;

type State = 'opening' | 'open' | 'closing' | 'closed';

const peerOf = Symbol('peer');
type PeerOwned = Socket & { [peerOf]?: PeerSocket };

/**
 * A connection to another node, TCP or TLS. Frames are kept until the turn ends and then given to
 * the socket together; the socket's listeners are shared functions, so a frame makes no closure.
 *
 *   opening ──▶ open ──▶ closing ──▶ closed      closing: the rest leaves, what comes is dropped
 */
export class PeerSocket implements PeerConnection, Flushable {
  readonly remoteAddress: string;
  exporter: Uint8Array | undefined = undefined;
  turnState: 0 | 1 | 2 = 0;
  readonly #environment: PeerEnvironment;
  readonly #onGone: (socket: PeerSocket) => void;
  /** Set before the first event. */
  #handler: PeerConnectionHandler | undefined = undefined;
  #socket: PeerOwned | undefined = undefined;
  #state: State = 'opening';
  /** Bounded by whoever sends: a lane takes no frame above its `unsentMax`. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #error: Error | undefined = undefined;
  #lingering: NodeJS.Timeout | undefined = undefined;

  /** `onGone`: the socket is closed and nothing is left of it. */
  constructor(
    remoteAddress: string,
    environment: PeerEnvironment,
    onGone: (socket: PeerSocket) => void,
  ) {
    this.remoteAddress = remoteAddress;
    this.#environment = environment;
    this.#onGone = onGone;
  }

  get unsentBytes(): number {
    return this.#pendingBytes + (this.#socket?.writableLength ?? 0);
  }

  get isOpening(): boolean {
    return this.#state === 'opening';
  }

  /** Who is told. */
  attach(handler: PeerConnectionHandler): void {
    this.#handler = handler;
  }

  /** The socket that is, or will be, the connection. */
  use(socket: Socket): void {
    this.#socket = socket;
    this.#socket[peerOf] = this;
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  /** It is connected, and both ends are proved if TLS is spoken. */
  open(exporter: Uint8Array | undefined): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.exporter = exporter;
    this.#socket?.setNoDelay(true);
    this.#socket?.setKeepAlive(true, probeAfterMs);
  }

  /** The same for one that was dialled, and who is told hears of it. */
  opened(exporter: Uint8Array | undefined): void {
    if (this.#state !== 'opening') return;
    this.open(exporter);
    if (this.#pendingBytes > 0) this.#environment.turn.touch(this);
    this.#handler?.onOpened(this.#environment.clock.now());
  }

  send(bytes: Uint8Array): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.turnState !== 2) this.#environment.turn.touch(this);
  }

  /** Of the turn: nothing here refers to a received chunk. */
  settle(): void {}

  flush(): void {
    const socket = this.#socket;
    if (this.#state !== 'open' || socket === undefined || this.#pendingBytes === 0) return;
    const pending = this.#pending;
    this.#environment.counters.bytesSent(this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    socket.cork();
    writeAll(socket, pending);
    socket.uncork();
  }

  pauseReading(): void {
    if (this.#state === 'open') this.#socket?.pause();
  }

  resumeReading(): void {
    if (this.#state === 'open') this.#socket?.resume();
  }

  close(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#state === 'opening') {
      this.destroy();
      return;
    }
    this.flush();
    this.#state = 'closing';
    this.#socket?.end();
    // What is not read would make the kernel answer with a reset, which discards the rest there.
    this.#socket?.resume();
    this.#lingering = setTimeout(() => this.#socket?.destroy(), lingerMs).unref();
  }

  /** At once, and without an event. */
  destroy(): void {
    this.#state = 'closed';
    this.#drop();
  }

  /** It is over, and whoever holds it did not wish so. */
  fail(reason: string): void {
    if (this.#state === 'opening' || this.#state === 'open') {
      this.#state = 'closed';
      this.#drop();
      this.#handler?.onClosed(reason, this.#environment.clock.now());
    }
  }

  onData(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    const { clock, turn, counters } = this.#environment;
    counters.bytesReceived(chunk.length);
    this.#handler?.onBytes(chunk, clock.now());
    turn.settle();
  }

  /** Nothing comes any more, so nothing that is sent would be answered. */
  onEnd(): void {
    if (this.#state === 'open') this.fail('the other end closed the connection');
    else this.#socket?.destroy();
  }

  onError(error: Error): void {
    this.#error = error;
  }

  onClose(): void {
    clearTimeout(this.#lingering);
    const error = this.#error;
    const cause = error === undefined ? 'the other end closed it' : causeOf(error);
    if (this.isOpening) this.fail(`${this.remoteAddress} cannot be reached: ${cause}`);
    else this.fail(`the connection broke: ${cause}`);
    this.#state = 'closed';
    this.#onGone(this);
  }

  #drop(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#socket === undefined) this.#onGone(this);
    else this.#socket.destroy();
  }
}

/** Joins runs of small parts. Bytes leave in the order in which they were handed over. */
function writeAll(socket: Socket, parts: readonly Uint8Array[]): void {
  let first = 0;
  let size = 0;
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] as Uint8Array;
    if (part.length >= copiedMax) {
      writeRun(socket, parts, first, at, size);
      socket.write(part);
      first = at + 1;
      size = 0;
      continue;
    }
    size += part.length;
    if (size < blockBytes) continue;
    writeRun(socket, parts, first, at + 1, size);
    first = at + 1;
    size = 0;
  }
  writeRun(socket, parts, first, parts.length, size);
}

/** Writes the parts from `first` up to `end`, which are `size` bytes together, as one. */
function writeRun(
  socket: Socket,
  parts: readonly Uint8Array[],
  first: number,
  end: number,
  size: number,
): void {
  if (end === first || size === 0) return;
  if (end - first === 1) {
    socket.write(parts[first] as Uint8Array);
    return;
  }
  const block = Buffer.allocUnsafe(size);
  let to = 0;
  for (let at = first; at < end; at += 1) {
    const part = parts[at] as Uint8Array;
    block.set(part, to);
    to += part.length;
  }
  socket.write(block);
}

function onData(this: PeerOwned, chunk: Buffer): void {
  this[peerOf]?.onData(chunk);
}

function onEnd(this: PeerOwned): void {
  this[peerOf]?.onEnd();
}

function onError(this: PeerOwned, error: Error): void {
  this[peerOf]?.onError(error);
}

function onClose(this: PeerOwned): void {
  this[peerOf]?.onClose();
}
