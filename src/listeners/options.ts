/** One listener, every option resolved (reference 5.2 names in camelCase). Durations as named. */
export interface ListenerOptions {
  readonly type: 'tcp' | 'ssl' | 'ws' | 'wss';
  readonly name: string;
  /** Address to bind; '' for a unix socket. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Path of a unix socket; undefined: TCP. */
  readonly path: string | undefined;
  /** Infinity: as many as the process may open. */
  readonly maxConnections: number;
  /** Seconds; 0 off. */
  readonly maxConnectionLifetime: number;
  readonly mountpoint: string;
  readonly allowedProtocolVersions: readonly number[];
  readonly allowAnonymousOverride: boolean;
  /** Back ends by name, in order; empty: all of the node. */
  readonly authPlugins: readonly string[];
  readonly authzPlugins: readonly string[];
  readonly forwardConnectionOpts: boolean;
  /** tcp and ws: a PROXY protocol header (v1 or v2) must come first. */
  readonly proxyProtocol: boolean;
  readonly proxyProtocolUseCnAsUsername: boolean;
  /** ws: the client's address is the first of X-Forwarded-For. */
  readonly proxyXffSupport: boolean;
  /** Proxies that may be the last hop; others are refused. */
  readonly proxyXffTrustedIntermediate: readonly string[];
  readonly proxyXffUseCnAsUsername: boolean;
  /** Lower case. */
  readonly proxyXffCnHeader: string;
  /** ws, wss: values of Origin that are let in besides the listener's own host. */
  readonly allowedOrigins: readonly string[];
  /** Bytes of a WebSocket message; Infinity is taken as 256 MiB. */
  readonly maxWsFrameSize: number;
  readonly tls: TlsOptions | undefined;
}

/** For ssl and wss. Paths as configured; '' is absent. */
export interface TlsOptions {
  readonly cafile: string;
  readonly certfile: string;
  readonly keyfile: string;
  readonly crlfile: string;
  readonly keypasswd: string;
  /** OpenSSL's list, `:` between; '' is Node's default. */
  readonly ciphers: string;
  /** Curves, `:` between; '' is Node's default. */
  readonly eccs: string;
  /** `tlsv1.2` and the like; the lowest and the highest count. */
  readonly tlsVersion: readonly string[];
  readonly requireCertificate: boolean;
  readonly useIdentityAsUsername: boolean;
  /** Milliseconds. */
  readonly tlsHandshakeTimeout: number;
  readonly pskSupport: boolean;
  readonly pskIdentityHint: string;
  readonly pskfile: string;
  readonly pskfileSeparator: string;
  /** Milliseconds between looks at the CRL file; 0 off. */
  readonly crlRefreshInterval: number;
}

export interface ListenerLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ListenerCounters {
  socketOpen(): void;
  socketClose(): void;
  socketError(): void;
  bytesReceived(count: number): void;
  bytesSent(count: number): void;
}

/** A listener cannot be opened. The message is one line that names the remedy. */
export class ListenerError extends Error {
  override readonly name = 'ListenerError';
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
