import type { WebSocket } from 'ws';
import type { PeerFacts } from '../session/mod.js';
import type { LinkEnvironment } from './environment.js';
import { LinkBase } from './link-base.js';

/** WebSocket close codes (RFC 6455 section 7.4.1). */
const normalClosure = 1000;
const unsupportedData = 1003;

/**
 * A client over WebSocket (MQTT 5 section 6): binary messages, packets may straddle them.
 * Statements: [MQTT5-6.0.0-2] [MQTT3-6.0.0-2]
 */
export class WebSocketLink extends LinkBase {
  readonly #socket: WebSocket;
  #error: string | undefined;

  constructor(socket: WebSocket, peer: PeerFacts, environment: LinkEnvironment) {
    super(peer, environment);
    this.#socket = socket;
    socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on('error', (error) => {
      this.#error = error.message;
    });
    socket.on('close', () => this.#onClose());
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  protected write(bytes: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(bytes, this.#onSent);
  }

  protected end(): void {
    this.#socket.resume();
    this.#socket.close(normalClosure);
  }

  protected destroy(): void {
    this.#socket.terminate();
  }

  readonly #onSent = (): void => {
    if (this.#socket.bufferedAmount === 0) this.drained();
  };

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      this.received(data);
      return;
    }
    // [MQTT5-6.0.0-1], [MQTT3-6.0.0-1]: MQTT is binary; anything else closes the connection.
    this.#socket.close(unsupportedData, 'MQTT needs binary messages');
    this.close('abort');
  }

  #onClose(): void {
    const message = this.#error;
    this.closed(message === undefined ? { kind: 'peer' } : { kind: 'error', message });
  }
}
