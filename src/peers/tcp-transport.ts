import net from 'node:net';
import tls from 'node:tls';
import type { PeerConnection, PeerConnectionHandler, Transport } from '../cluster/link/mod.js';
import type { PeerEnvironment } from './environment.js';
import { type PeerAddress, parsePeerAddress } from './peer-address.js';
import { PeerSocket } from './peer-socket.js';
import { exporterOf, type PeerTls } from './peer-tls.js';

/** From the name to the end of the TLS handshake. A lane gives up after as long. */
const dialTimeoutMs = 5000;
/** One address of several is given this long before the next one is tried as well. */
const attemptTimeoutMs = 1000;

export interface TcpTransportOptions {
  /** Of `listener.vmqs`: every dial speaks TLS then. Undefined: none does. */
  readonly tls: PeerTls | undefined;
  /** Ms; {@link dialTimeoutMs} unless a test is in a hurry. */
  readonly dialTimeoutMs?: number;
  /** What makes a TCP socket that connects; Node.js's own unless a test has another. */
  readonly connect?: (to: net.TcpNetConnectOpts) => net.Socket;
}

/**
 * Dials other nodes, over TCP or mutual TLS. A name with several addresses is tried at all of them,
 * IPv6 and IPv4 in turn.
 */
export class TcpTransport implements Transport {
  readonly #environment: PeerEnvironment;
  readonly #options: TcpTransportOptions;
  /** What is not closed yet. Two a member, and those that linger. */
  readonly #sockets = new Set<PeerSocket>();

  constructor(environment: PeerEnvironment, options: TcpTransportOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  dial(address: string, handler: PeerConnectionHandler): PeerConnection {
    const peer = new PeerSocket(address, this.#environment, this.#forget);
    peer.attach(handler);
    this.#sockets.add(peer);
    const to = parsePeerAddress(address);
    if (typeof to === 'string') setImmediate(() => peer.fail(to));
    else this.#begin(peer, to);
    return peer;
  }

  /** For the node's end: destroys what is left, without events. */
  close(): void {
    for (const peer of this.#sockets) peer.destroy();
  }

  #begin(peer: PeerSocket, { host, port }: PeerAddress): void {
    const to: net.TcpNetConnectOpts = {
      host,
      port,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptTimeoutMs,
    };
    const { tls: secure } = this.#options;
    if (secure === undefined) {
      const socket = (this.#options.connect ?? net.connect)(to);
      peer.use(socket);
      socket.once('connect', () => peer.opened(undefined));
    } else {
      const socket = connectSecurely(to, secure);
      peer.use(socket);
      socket.once('secureConnect', () => peer.opened(exporterOf(socket)));
    }
    this.#limit(peer);
  }

  /** A lane closes what it gave up, so this is for whoever has no deadline of his own. */
  #limit(peer: PeerSocket): void {
    const limitMs = this.#options.dialTimeoutMs ?? dialTimeoutMs;
    const timeout = setTimeout(() => {
      const reason = `no answer within ${limitMs / 1000} s`;
      if (peer.isOpening) peer.fail(`${peer.remoteAddress} cannot be reached: ${reason}`);
    }, limitMs);
    timeout.unref();
  }

  readonly #forget = (peer: PeerSocket): void => {
    this.#sockets.delete(peer);
  };
}

function connectSecurely(to: net.TcpNetConnectOpts, { secureContext }: PeerTls): tls.TLSSocket {
  return tls.connect({
    ...to,
    secureContext,
    rejectUnauthorized: true,
    // See PeerTls for why names are not compared.
    checkServerIdentity: () => undefined,
  });
}
