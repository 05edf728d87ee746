import type { Clock } from '../src/base/mod.js';
import type { PeerConnection, PeerConnectionHandler, Transport } from '../src/cluster/link/mod.js';
import type { Network } from './network.js';
import type { NetworkHost, StreamEnd, StreamHandler } from './stream.js';

/** Takes a connection that another member made. */
export type AcceptPeer = (connection: PeerConnection, now: number) => PeerConnectionHandler;

/** The transport of one process, over the simulated network. */
export class SimTransport implements Transport {
  readonly #network: Network;
  readonly #host: NetworkHost;
  readonly #clock: Clock;

  constructor(network: Network, host: NetworkHost, clock: Clock) {
    this.#network = network;
    this.#host = host;
    this.#clock = clock;
  }

  dial(address: string, handler: PeerConnectionHandler): PeerConnection {
    const end = this.#network.dial(this.#host, address, adapted(handler, this.#clock));
    return new SimPeerConnection(end);
  }

  listen(address: string, accept: AcceptPeer): void {
    this.#network.listen(address, this.#host, (end) =>
      adapted(accept(new SimPeerConnection(end), this.#clock.now()), this.#clock),
    );
  }
}

function adapted(handler: PeerConnectionHandler, clock: Clock): StreamHandler {
  return {
    onOpened: () => handler.onOpened(clock.now()),
    onBytes: (bytes) => handler.onBytes(bytes, clock.now()),
    onSent: () => {},
    onClosed: (reason) => handler.onClosed(reason, clock.now()),
  };
}

class SimPeerConnection implements PeerConnection {
  readonly exporter: undefined = undefined;
  readonly #end: StreamEnd;

  constructor(end: StreamEnd) {
    this.#end = end;
  }

  get remoteAddress(): string {
    return this.#end.remoteAddress;
  }

  get unsentBytes(): number {
    return this.#end.unsentBytes;
  }

  send(bytes: Uint8Array): void {
    this.#end.send(bytes);
  }

  pauseReading(): void {
    this.#end.pause();
  }

  resumeReading(): void {
    this.#end.resume();
  }

  close(): void {
    this.#end.close('fin');
  }
}
