import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ListenerFacts, PeerFacts } from '../session/mod.js';
import type { LinkEnvironment } from './environment.js';
import { ForwardedPeers } from './forwarded-peer.js';
import type { LinkBase } from './link-base.js';
import { ListenerError, type ListenerOptions } from './options.js';
import { parseProxyHeader, type ProxyHeader } from './proxy-protocol.js';
import { StreamLink } from './stream-link.js';
import { certificateOf, TlsContext } from './tls-context.js';
import { subProtocols, type UpgradeRefusal, upgradeRefusal } from './upgrade-rules.js';
import { WebSocketLink } from './websocket-link.js';

/** Milliseconds for the PROXY header, and for a complete upgrade request. */
const headerTimeoutMs = 10_000;
/**
 * Milliseconds of silence after which the kernel asks whether the peer is still there. Finds those
 * that vanished without a FIN where the client's Keep Alive is 0; libuv makes it ten probes, one a
 * second. A lower value wakes radios, a higher one keeps dead sessions online for longer.
 */
const probeAfterMs = 60_000;
const wsFrameBytesMax = 256 * 1024 * 1024;
const httpHeaderBytesMax = 16 * 1024;

export type ListenerStatus = 'opening' | 'running' | 'stopped';

/** Who is at the other end of a socket, before anything was read from it. */
interface Origin {
  readonly host: string;
  readonly port: number;
  readonly commonName: string | undefined;
}

/**
 * One listener: accepts sockets, finds out who is there (PROXY protocol, TLS, X-Forwarded-For),
 * refuses what is over a limit, and makes links of the rest.
 */
export class Listener {
  readonly options: ListenerOptions;
  status: ListenerStatus = 'opening';
  /** Connections accepted since the start. */
  allConnections = 0;
  readonly #environment: LinkEnvironment;
  readonly #links = new Set<LinkBase>();
  /** Sockets that are not links yet: in a PROXY header, a TLS handshake or an HTTP request. */
  readonly #waiting = new Set<net.Socket>();
  readonly #tls: TlsContext | undefined;
  readonly #origins = new WeakMap<net.Socket, Origin>();
  /** Undefined: X-Forwarded-For is not looked at. */
  readonly #forwarded: ForwardedPeers | undefined;
  #facts: ListenerFacts;
  #server: net.Server | undefined;
  #secureServer: tls.Server | undefined;
  #isOverLimit = false;

  constructor(options: ListenerOptions, environment: LinkEnvironment) {
    this.options = options;
    this.#environment = environment;
    const where = `listener.${options.type}.${options.name}`;
    this.#tls = options.tls === undefined ? undefined : new TlsContext(options.tls, where);
    this.#forwarded = options.proxyXffSupport
      ? new ForwardedPeers(options, environment.log)
      : undefined;
    this.#facts = this.#factsWith(options.port);
  }

  get facts(): ListenerFacts {
    return this.#facts;
  }

  get activeConnections(): number {
    return this.#links.size;
  }

  /** Binds. Throws {@link ListenerError}: one line that names the remedy. */
  async open(): Promise<void> {
    const server = this.#makeServer();
    this.#server = server;
    const { path, host, port } = this.options;
    if (path !== undefined) await removeStaleSocket(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(this.#bindError(error));
      });
      server.listen(path === undefined ? { host, port } : { path }, resolve);
    });
    server.on('error', (error) => {
      this.#environment.log.error({ error, listener: this.options.name }, 'listener failed');
    });
    // As open as a TCP port on loopback is; the directory's mode is the operator's fence.
    if (path !== undefined) chmodSync(path, 0o777);
    const address = server.address();
    if (address !== null && typeof address === 'object')
      this.#facts = this.#factsWith(address.port);
    this.status = 'running';
  }

  /** No new connections. Present ones stay. */
  stopAccepting(): void {
    this.status = 'stopped';
    this.#server?.close();
    for (const socket of this.#waiting) socket.destroy();
  }

  unsentBytes(): number {
    let unsent = 0;
    for (const link of this.#links) unsent += link.bufferedBytes;
    return unsent;
  }

  links(): readonly LinkBase[] {
    return [...this.#links];
  }

  /** Certificates, keys, CA or CRL changed on disk: new connections get the new ones. */
  reloadTls(): void {
    const { log } = this.#environment;
    const listener = `listener.${this.options.type}.${this.options.name}`;
    if (this.#tls === undefined || !this.#tls.hasChanged()) return;
    try {
      this.#secureServer?.setSecureContext(this.#tls.secureContext());
      log.info({ listener }, 'certificates reloaded');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ listener }, `certificates not reloaded, the old ones stay in force: ${reason}`);
    }
  }

  forget(link: LinkBase): void {
    this.#links.delete(link);
  }

  #factsWith(port: number): ListenerFacts {
    const { options } = this;
    return Object.freeze({
      type: options.type,
      name: options.name,
      address: options.path ?? options.host,
      port,
      mountpoint: options.mountpoint,
      allowedProtocolVersions: options.allowedProtocolVersions,
      allowAnonymousOverride: options.allowAnonymousOverride,
      authPlugins: options.authPlugins,
      authzPlugins: options.authzPlugins,
      maxConnectionLifetime: options.maxConnectionLifetime,
    });
  }

  /** The outermost server owns the port; what follows (TLS, HTTP) gets sockets handed over. */
  #makeServer(): net.Server {
    const { type, proxyProtocol } = this.options;
    let onSocket: (socket: net.Socket) => void;
    if (type === 'tcp') {
      onSocket = (socket) => this.#accept(socket, undefined);
    } else if (type === 'ssl') {
      const secure = tls.createServer(this.#tls?.serverOptions() ?? {});
      this.#watchHandshakes(secure, (socket) => this.#accept(socket, socket));
      onSocket = (socket) => secure.emit('connection', socket);
    } else {
      const web = this.#makeWebServer();
      if (type === 'ws') {
        onSocket = (socket) => web.emit('connection', socket);
      } else {
        const secure = tls.createServer(this.#tls?.serverOptions() ?? {});
        this.#watchHandshakes(secure, (socket) => web.emit('connection', socket));
        onSocket = (socket) => secure.emit('connection', socket);
      }
    }
    const socketOptions = {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
    };
    return net.createServer(socketOptions, (socket) => {
      if (!this.#admit(socket)) return;
      if (type !== 'tcp' || proxyProtocol) this.#wait(socket);
      if (proxyProtocol) this.#readProxyHeader(socket, onSocket);
      else onSocket(socket);
    });
  }

  /** Limits that hold before a byte is read. */
  #admit(socket: net.Socket): boolean {
    const { log, addresses, clock } = this.#environment;
    const { name, maxConnections, proxyProtocol, proxyXffSupport } = this.options;
    this.allConnections += 1;
    if (this.#links.size + this.#waiting.size >= maxConnections) {
      if (!this.#isOverLimit) {
        log.warn(
          { listener: name, maxConnections },
          'connections refused: max_connections reached',
        );
      }
      this.#isOverLimit = true;
      socket.on('error', ignore);
      socket.destroy();
      return false;
    }
    this.#isOverLimit = false;
    const isBehindProxy = proxyProtocol || proxyXffSupport;
    if (!isBehindProxy && !addresses.admit(socket.remoteAddress ?? '', clock.now())) {
      socket.on('error', ignore);
      socket.destroy();
      return false;
    }
    return true;
  }

  #wait(socket: net.Socket): void {
    this.#waiting.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  #readProxyHeader(socket: net.Socket, next: (socket: net.Socket) => void): void {
    const { log, addresses, clock } = this.#environment;
    let bytes: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), headerTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const result = parseProxyHeader(bytes);
      if (result.kind === 'more') return;
      socket.off('data', onData);
      clearTimeout(timer);
      if (result.kind === 'malformed') {
        log.warn({ peer: socket.remoteAddress, listener: this.options.name }, result.reason);
        socket.destroy();
        return;
      }
      socket.pause();
      const origin = this.#originOf(socket, result.header);
      this.#origins.set(socket, origin);
      if (!addresses.admit(origin.host, clock.now())) {
        socket.destroy();
        return;
      }
      const rest = bytes.subarray(result.header.length);
      if (rest.length > 0) socket.unshift(rest);
      next(socket);
      // TLS reads what it wraps itself; what flows here would be lost to it.
      if (this.#secureServer === undefined) socket.resume();
    };
    socket.on('data', onData);
  }

  #originOf(socket: net.Socket, header: ProxyHeader): Origin {
    const usesName = this.options.proxyProtocolUseCnAsUsername;
    return {
      host: header.source?.host ?? socket.remoteAddress ?? '',
      port: header.source?.port ?? socket.remotePort ?? 0,
      commonName: usesName ? header.commonName : undefined,
    };
  }

  #watchHandshakes(server: tls.Server, onSecure: (socket: tls.TLSSocket) => void): void {
    this.#secureServer = server;
    server.on('secureConnection', onSecure);
    server.on('tlsClientError', (error, socket) => {
      const { log, counters } = this.#environment;
      counters.socketError();
      const fields = { peer: socket.remoteAddress, listener: this.options.name };
      log.info(fields, `TLS handshake failed: ${error.message}`);
      socket.destroy();
    });
  }

  #makeWebServer(): http.Server {
    const { maxWsFrameSize, type } = this.options;
    const web = http.createServer(
      {
        maxHeaderSize: httpHeaderBytesMax,
        headersTimeout: headerTimeoutMs,
        requestTimeout: headerTimeoutMs,
        connectionsCheckingInterval: headerTimeoutMs / 2,
      },
      (_request, response) => {
        response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain' });
        response.end('MQTT over WebSocket is served on /mqtt\n');
      },
    );
    const sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: Math.min(maxWsFrameSize, wsFrameBytesMax),
      handleProtocols: (offered) => {
        for (const name of offered) if (subProtocols.includes(name)) return name;
        return false;
      },
    });
    web.on('upgrade', (request, socket, head) => {
      const stream = socket as net.Socket;
      stream.on('error', ignore);
      const peer = this.#webPeer(request, stream);
      if ('status' in peer) {
        this.#refuseUpgrade(stream, peer);
        return;
      }
      sockets.handleUpgrade(request, stream, head, (webSocket: WebSocket) => {
        const secure = type === 'wss' ? (stream as tls.TLSSocket) : undefined;
        const facts = this.#peerFacts(peer, secure);
        this.#waiting.delete(acceptedSocket(stream));
        this.#begin(new WebSocketLink(webSocket, facts, this.#environment));
      });
    });
    web.on('clientError', (_error, socket) => socket.destroy());
    return web;
  }

  #webPeer(request: http.IncomingMessage, socket: net.Socket): Origin | UpgradeRefusal {
    const direct = this.#socketOrigin(socket);
    const refusal = upgradeRefusal(request, this.options);
    if (this.#forwarded === undefined) return refusal ?? direct;
    const { addresses, clock } = this.#environment;
    const now = clock.now();
    const forwarded = this.#forwarded.peerOf(request, direct.host, now);
    if (forwarded.kind === 'untrusted') {
      return { status: 403, reason: `${direct.host} is not in proxy_xff_trusted_intermediate` };
    }
    if (!addresses.admit(forwarded.host, now)) {
      return { status: 429, reason: 'too many connections or failed logins from this address' };
    }
    const { host, commonName } = forwarded;
    return refusal ?? { host, port: direct.port, commonName };
  }

  #refuseUpgrade(socket: net.Socket, { status, reason }: UpgradeRefusal): void {
    const { log } = this.#environment;
    log.info({ peer: socket.remoteAddress, listener: this.options.name, status }, reason);
    const text = `${reason}\n`;
    socket.end(
      `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\n` +
        `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
  }

  #socketOrigin(socket: net.Socket): Origin {
    const known = this.#origins.get(acceptedSocket(socket));
    if (known !== undefined) return known;
    const { remoteAddress, remotePort } = socket;
    return { host: remoteAddress ?? '', port: remotePort ?? 0, commonName: undefined };
  }

  #accept(socket: net.Socket, secure: tls.TLSSocket | undefined): void {
    this.#waiting.delete(acceptedSocket(socket));
    const facts = this.#peerFacts(this.#socketOrigin(socket), secure);
    this.#begin(new StreamLink(socket, facts, this.#environment));
  }

  #peerFacts(origin: Origin, secure: tls.TLSSocket | undefined): PeerFacts {
    const { forwardConnectionOpts } = this.options;
    const certificate = secure === undefined ? undefined : certificateOf(secure);
    const usesIdentity = this.options.tls?.useIdentityAsUsername === true;
    return {
      host: origin.host,
      port: origin.port,
      listener: this.#facts,
      identity: usesIdentity ? certificate?.commonName : origin.commonName,
      certificate: forwardConnectionOpts ? certificate?.der : undefined,
    };
  }

  #begin(link: LinkBase): void {
    const { counters, accept, clock } = this.#environment;
    this.#links.add(link);
    counters.socketOpen();
    link.attach(accept(link, clock.now()));
  }

  #bindError(error: NodeJS.ErrnoException): ListenerError {
    const { type, name, host, port, path } = this.options;
    const where = path ?? `${host}:${port}`;
    const key = `listener.${type}.${name}`;
    switch (error.code) {
      case 'EADDRINUSE': {
        const remedy =
          path === undefined
            ? `stop what listens there (ss -ltnp 'sport = :${port}' shows it) or set ${key} to another port`
            : `another process listens on it; set ${key} to another path`;
        return new ListenerError(error.code, `${where} is in use: ${remedy}`, error);
      }
      case 'EACCES': {
        const remedy =
          path === undefined
            ? `ports below 1024 need the right to bind them (setcap cap_net_bind_service=+ep on node, or a port above)`
            : 'the directory is not writable for this user';
        return new ListenerError(
          error.code,
          `${where} cannot be opened for ${key}: ${remedy}`,
          error,
        );
      }
      case 'EADDRNOTAVAIL': {
        const remedy = `no interface of this machine has that address; check ${key}`;
        return new ListenerError(error.code, `${where} cannot be bound: ${remedy}`, error);
      }
      default:
        return new ListenerError(
          error.code ?? 'LISTENER_FAILED',
          `${where} cannot be opened for ${key}: ${error.message}`,
          error,
        );
    }
  }
}

/** What was accepted, of the socket that TLS made of it; Node.js offers no other way to it. */
function acceptedSocket(socket: net.Socket): net.Socket {
  const { _parent: wrapped } = socket as { _parent?: net.Socket | null };
  return wrapped ?? socket;
}

function ignore(): void {
  // `close` follows an error and is what matters.
}

/** A socket file of a process that died is removed; one that somebody answers on is left. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) return;
  } catch {
    return;
  }
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (!isAlive) unlinkSync(path);
}
