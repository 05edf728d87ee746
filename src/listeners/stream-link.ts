import type { Socket } from 'node:net';
import type { PeerFacts } from '../session/mod.js';
import type { LinkEnvironment } from './environment.js';
import { LinkBase } from './link-base.js';

const linkOf = Symbol('link');
type LinkedSocket = Socket & { [linkOf]?: StreamLink };

/**
 * A client over a TCP, TLS or unix socket. Listeners are shared functions: a link has no closures.
 * An ordered, lossless stream of bytes: [MQTT5-4.2.0-1] [MQTT3-7.1.1-1]
 */
export class StreamLink extends LinkBase {
  readonly #socket: LinkedSocket;
  #error: string | undefined;

  constructor(socket: Socket, peer: PeerFacts, environment: LinkEnvironment) {
    super(peer, environment);
    this.#socket = socket;
    this.#socket[linkOf] = this;
    socket.on('data', onData);
    socket.on('drain', onDrain);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  protected write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  protected end(): void {
    this.#socket.end();
    // The peer's own end must be read, else `close` never comes.
    this.#socket.resume();
  }

  protected destroy(): void {
    this.#socket.destroy();
  }

  onData(chunk: Buffer): void {
    this.received(chunk);
  }

  onDrain(): void {
    this.drained();
  }

  onError(error: Error): void {
    this.#error = error.message;
  }

  onClose(): void {
    const message = this.#error;
    this.closed(message === undefined ? { kind: 'peer' } : { kind: 'error', message });
  }
}

function onData(this: LinkedSocket, chunk: Buffer): void {
  this[linkOf]?.onData(chunk);
}

function onDrain(this: LinkedSocket): void {
  this[linkOf]?.onDrain();
}

function onError(this: LinkedSocket, error: Error): void {
  this[linkOf]?.onError(error);
}

function onClose(this: LinkedSocket): void {
  this[linkOf]?.onClose();
}
