import type { PeerConnection, PeerConnectionHandler, Transport } from '../src/cluster/link/mod.js';
import type { Links } from './client-link.js';
import type { Network } from './network.js';
import type { NetworkHost, StreamEnd, StreamHandler } from './stream.js';

/** Takes a connection that another member made. */
export type AcceptPeer = (connection: PeerConnection, now: number) => PeerConnectionHandler;

/** The transport of one process, over the simulated network. */
export class SimTransport implements Transport {
  readonly #network: Network;
  readonly #host: NetworkHost;
  readonly #links: Links;

  constructor(network: Network, host: NetworkHost, links: Links) {
    this.#network = network;
    this.#host = host;
    this.#links = links;
  }

  dial(address: string, handler: PeerConnectionHandler): PeerConnection {
    const end = this.#network.dial(this.#host, address, adapted(handler, this.#links));
    return new SimPeerConnection(end);
  }

  listen(address: string, accept: AcceptPeer): void {
    this.#network.listen(address, this.#host, (end) =>
      adapted(accept(new SimPeerConnection(end), this.#links.clock.now()), this.#links),
    );
  }
}

function adapted(handler: PeerConnectionHandler, links: Links): StreamHandler {
  const { clock } = links;
  return {
    onOpened: () => handler.onOpened(clock.now()),
    onBytes: (bytes) => {
      handler.onBytes(bytes, clock.now());
      links.settle();
    },
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
