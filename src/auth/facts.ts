/** What is known of the other end before it sends a byte. Immutable. */
export interface PeerFacts {
  /** Address of the client, as PROXY protocol or X-Forwarded-For said where they are in force. */
  readonly host: string;
  readonly port: number;
  readonly listener: ListenerFacts;
  /** User name from the transport (certificate CN, PROXY CN, header); wins over CONNECT's. */
  readonly identity: string | undefined;
  /** DER of the client certificate, only where `forward_connection_opts` is on. */
  readonly certificate: Uint8Array | undefined;
}

/** Per-listener settings that the core needs, in force for the connections accepted under them. */
export interface ListenerFacts {
  /** `tcp`, `ssl`, `ws`, `wss`. A unix socket is a `tcp` listener. */
  readonly type: 'tcp' | 'ssl' | 'ws' | 'wss';
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Without a trailing slash; '' is the default mountpoint. */
  readonly mountpoint: string;
  /** Of 3, 4, 5, 131, 132. */
  readonly allowedProtocolVersions: readonly number[];
  readonly allowAnonymousOverride: boolean;
  /** Back ends by name that are asked on this listener; empty: all of the node. */
  readonly authPlugins: readonly string[];
  readonly authzPlugins: readonly string[];
  /** Seconds until DISCONNECT 0xA0 (v5) and close; 0 is off. */
  readonly maxConnectionLifetime: number;
}
