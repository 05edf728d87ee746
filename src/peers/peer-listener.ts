import net from 'node:net';
import tls from 'node:tls';
import {
  type PeerConnection,
  type PeerConnectionHandler,
  handshakesMax,
} from '../cluster/link/mod.js';
import { PeerError, type PeerEnvironment } from './environment.js';
import { peerAddressText, socketAddressText } from './peer-address.js';
import { PeerSocket } from './peer-socket.js';
import { exporterOf, PeerTls, type PeerTlsOptions } from './peer-tls.js';
import { causeOf } from './reasons.js';

/** Milliseconds between looks at the files of a TLS listener. */
const tlsPollMs = 2000;

/** `listener.vmq.<name>` or `listener.vmqs.<name>`. */
export interface PeerListenerOptions {
  readonly type: 'vmq' | 'vmqs';
  readonly name: string;
  /** Address to bind, without brackets. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Infinity: as many as the process may open. */
  readonly maxConnections: number;
  /** For vmqs, which needs them. */
  readonly tls: PeerTlsOptions | undefined;
}

/** What `listener show` shows. */
export interface PeerListenerRow {
  readonly type: 'vmq' | 'vmqs';
  readonly name: string;
  readonly status: 'opening' | 'running' | 'stopped';
  readonly address: string;
  /** Bound; as configured until it is. */
  readonly port: number;
  readonly maxConnections: number;
  readonly activeConnections: number;
  readonly allConnections: number;
}

/** A connection came in and is open. Its events go to the handler that is returned. */
export type AcceptPeer = (connection: PeerConnection, now: number) => PeerConnectionHandler;

/** Where other nodes come in. What they say, and whether they may, is cluster/link's. */
export class PeerListener {
  readonly options: PeerListenerOptions;
  /** For the transport of the same node; undefined for vmq. */
  readonly tls: PeerTls | undefined;
  readonly #environment: PeerEnvironment;
  readonly #accept: AcceptPeer;
  readonly #key: string;
  readonly #sockets = new Set<PeerSocket>();
  /** In a TLS handshake, oldest first, by the address of the other end. */
  readonly #handshakes = new Map<string, net.Socket>();
  #server: net.Server | undefined = undefined;
  #status: PeerListenerRow['status'] = 'opening';
  #port: number;
  #allConnections = 0;
  #tlsPoll: NodeJS.Timeout | undefined = undefined;

  /** Throws {@link PeerError}: certificates that cannot be used. */
  constructor(options: PeerListenerOptions, environment: PeerEnvironment, accept: AcceptPeer) {
    this.options = options;
    this.#environment = environment;
    this.#accept = accept;
    this.#port = options.port;
    this.#key = `listener.${options.type}.${options.name}`;
    if (options.type !== 'vmqs') return;
    if (options.tls === undefined) throw new PeerError('PEER_TLS', `${this.#key} has no TLS`);
    this.tls = new PeerTls(options.tls, this.#key);
  }

  /** The port that is bound. */
  get port(): number {
    return this.#port;
  }

  /** Binds. Throws {@link PeerError}: one line that names the remedy. */
  async open(): Promise<void> {
    const { host, port } = this.options;
    const server = this.tls === undefined ? this.#makeServer() : this.#makeTlsServer(this.tls);
    this.#server = server;
    if (Number.isFinite(this.options.maxConnections)) {
      server.maxConnections = this.options.maxConnections;
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(this.#bindError(error)));
      server.listen({ host, port }, resolve);
    });
    server.on('error', (error) => {
      this.#environment.log.error({ error, listener: this.#key }, 'the cluster listener failed');
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#status = 'running';
    if (this.tls === undefined) return;
    this.#tlsPoll = setInterval(() => this.reloadTls(), tlsPollMs).unref();
  }

  /**
   * No new connections; those that are open end with an event. Resolves when all are gone, those
   * that somebody closed before when what they had is sent, at most 2 seconds later.
   */
  async close(): Promise<void> {
    clearInterval(this.#tlsPoll);
    this.#status = 'stopped';
    const server = this.#server;
    if (server === undefined || !server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of this.#handshakes.values()) socket.destroy();
      for (const peer of this.#sockets) peer.fail('this node closed its cluster listener');
    });
  }

  /** Certificate, key, CA or CRL changed on disk: new connections get the new ones. */
  reloadTls(): void {
    const { log } = this.#environment;
    const listener = this.#key;
    const server = this.#server as tls.Server | undefined;
    if (this.tls === undefined || server === undefined) return;
    try {
      if (!this.tls.reload()) return;
      server.setSecureContext(this.tls.secureOptions);
      log.info({ listener }, 'certificates of the cluster listener reloaded');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ listener }, `certificates not reloaded, the old ones stay in force: ${reason}`);
    }
  }

  show(): PeerListenerRow {
    const { type, name, host, maxConnections } = this.options;
    return {
      type,
      name,
      status: this.#status,
      address: host,
      port: this.#port,
      maxConnections,
      activeConnections: this.#sockets.size,
      allConnections: this.#allConnections,
    };
  }

  #makeServer(): net.Server {
    return net.createServer({ noDelay: true }, (socket) => {
      this.#allConnections += 1;
      this.#begin(socket, undefined);
    });
  }

  #makeTlsServer(secure: PeerTls): tls.Server {
    const server = tls.createServer({
      ...secure.secureOptions,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: secure.handshakeTimeoutMs,
    });
    server.on('connection', (socket: net.Socket) => this.#admit(socket));
    server.on('secureConnection', (socket: tls.TLSSocket) => {
      this.#handshakes.delete(endOf(socket));
      this.#begin(socket, exporterOf(socket));
    });
    server.on('tlsClientError', (error, socket) => {
      const peer = socket.remoteAddress ?? 'unknown';
      const fields = { peer, listener: this.#key };
      const message = `TLS handshake of another node failed: ${causeOf(error)}`;
      this.#environment.log.repeated('info', `${this.#key} ${peer}`, fields, message);
      socket.destroy();
    });
    return server;
  }

  /** As many may be in their handshake as the cluster's own has room for; the oldest goes. */
  #admit(socket: net.Socket): void {
    this.#allConnections += 1;
    const end = endOf(socket);
    if (this.#handshakes.size >= handshakesMax) {
      const [[oldestEnd, oldest] = []] = this.#handshakes;
      if (oldestEnd !== undefined) this.#handshakes.delete(oldestEnd);
      oldest?.destroy();
    }
    this.#handshakes.set(end, socket);
    socket.once('close', () => {
      if (this.#handshakes.get(end) === socket) this.#handshakes.delete(end);
    });
  }

  #begin(socket: net.Socket, exporter: Uint8Array | undefined): void {
    const peer = new PeerSocket(endOf(socket), this.#environment, this.#forget);
    this.#sockets.add(peer);
    peer.use(socket);
    peer.open(exporter);
    peer.attach(this.#accept(peer, this.#environment.clock.now()));
  }

  readonly #forget = (peer: PeerSocket): void => {
    this.#sockets.delete(peer);
  };

  #bindError(error: NodeJS.ErrnoException): PeerError {
    const { host, port } = this.options;
    const key = this.#key;
    const where = peerAddressText(host, port);
    const code = error.code ?? 'PEER_LISTENER';
    switch (code) {
      case 'EADDRINUSE': {
        const holder = `stop what listens there (ss -ltnp 'sport = :${port}' shows it)`;
        const text = `${where} is in use: ${holder} or set ${key} to another port`;
        return new PeerError(code, text, error);
      }
      case 'EACCES': {
        const remedy = 'ports below 1024 need the right to bind them; take one above';
        return new PeerError(code, `${where} cannot be opened for ${key}: ${remedy}`, error);
      }
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND': {
        const remedy = `no interface of this machine has that address; check ${key}`;
        return new PeerError(code, `${where} cannot be bound: ${remedy}`, error);
      }
      default:
        return new PeerError(
          code,
          `${where} cannot be opened for ${key}: ${causeOf(error)}`,
          error,
        );
    }
  }
}

function endOf({ remoteAddress, remotePort }: net.Socket): string {
  return socketAddressText(remoteAddress, remotePort);
}
