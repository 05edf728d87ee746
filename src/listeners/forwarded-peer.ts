import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { ListenerLog, ListenerOptions } from './options.js';

/** Milliseconds between lines about headers that name no address. */
const warnEveryMs = 60_000;
/** Characters of such a header that the line shows. */
const shownMax = 100;

type ForwardedPeer =
  | { readonly kind: 'peer'; readonly host: string; readonly commonName: string | undefined }
  | { readonly kind: 'untrusted' };

/**
 * Who the client of one listener is behind proxies that speak X-Forwarded-For (reference 5.2, 8.6).
 * The nearest proxy must be trusted; that it may believe the one before it is its own affair.
 */
export class ForwardedPeers {
  readonly #options: ListenerOptions;
  readonly #trusted: ReadonlySet<string>;
  readonly #log: ListenerLog;
  /** Headers without an address since the last line about them. */
  #unbelieved = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ListenerOptions, log: ListenerLog) {
    this.#options = options;
    this.#trusted = new Set(
      options.proxyXffTrustedIntermediate.map((text) => canonicalAddress(text) ?? text),
    );
    this.#log = log;
  }

  /** `proxyHost` is whom the connection comes from, '' for a unix socket. */
  peerOf(request: IncomingMessage, proxyHost: string, now: number): ForwardedPeer {
    const proxy = canonicalAddress(proxyHost) ?? proxyHost;
    // Who reaches a unix socket was let in by the mode of its directory.
    if (proxy !== '' && !this.#trusted.has(proxy)) return { kind: 'untrusted' };
    return {
      kind: 'peer',
      host: this.#clientHost(request, proxy, now) ?? proxy,
      commonName: this.#commonName(request),
    };
  }

  #clientHost(request: IncomingMessage, proxy: string, now: number): string | undefined {
    const list = textOf(request.headers['x-forwarded-for']);
    if (list === '') return undefined;
    const [first = ''] = list.split(',');
    const host = forwardedAddress(first.trim());
    if (host === undefined) this.#noteUnbelieved(list, proxy, now);
    return host;
  }

  #noteUnbelieved(list: string, proxy: string, now: number): void {
    this.#unbelieved += 1;
    if (now - this.#warnedAt < warnEveryMs) return;
    this.#log.warn(
      {
        listener: this.#options.name,
        peer: proxy,
        header: list.slice(0, shownMax),
        times: this.#unbelieved,
      },
      'X-Forwarded-For does not begin with an IP address: the address of the proxy counts',
    );
    this.#unbelieved = 0;
    this.#warnedAt = now;
  }

  #commonName(request: IncomingMessage): string | undefined {
    const { proxyXffUseCnAsUsername, proxyXffCnHeader } = this.#options;
    if (!proxyXffUseCnAsUsername) return undefined;
    const name = textOf(request.headers[proxyXffCnHeader]);
    // Node.js reads headers as Latin-1; a user name is UTF-8.
    return name === '' ? undefined : Buffer.from(name, 'latin1').toString('utf8');
  }
}

/**
 * The address that an element of X-Forwarded-For names, canonical: `192.0.2.1`, `192.0.2.1:4711`,
 * `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`. Undefined: it is none of these (a host
 * name, `unknown`, an address with a zone).
 */
function forwardedAddress(element: string): string | undefined {
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(element) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? canonicalAddress(bracketed) : undefined;
  const [, host] = /^([\d.]+):\d{1,5}$/.exec(element) ?? [];
  return canonicalAddress(host ?? element);
}

/** One text for one address; IPv4 in IPv6 becomes IPv4. Undefined: no address, or with a zone. */
function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIPv4(mapped) ? mapped : address;
}

function textOf(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header.join(',') : (header ?? '')).trim();
}
