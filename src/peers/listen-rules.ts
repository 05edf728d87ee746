import { isLoopback, isWildcard, parsePeerAddress, peerAddressText } from './peer-address.js';

/** Of the cookie; what `openssl rand -base64 32` makes has 44. */
const cookieCharactersMin = 16;
/** What every VerneMQ has that nobody configured. */
const publicCookie = 'vmq';

const makeCookie = '`openssl rand -base64 32`';
const makeCookieWithNode =
  "`node -e \"console.log(require('node:crypto').randomBytes(32).toString('hex'))\"`";

/** A cluster listener, as far as the rule looks at it. */
export interface ListenFacts {
  readonly type: 'vmq' | 'vmqs';
  readonly name: string;
  /** Address to bind, without brackets; '' for a unix socket. */
  readonly host: string;
  readonly port: number;
}

/**
 * Why a cluster listener must not be opened, as a sentence with the remedy; undefined: it may.
 * Whoever knows the cookie is a member, so where others can connect, it must be a secret. The
 * cookie itself is never part of the sentence.
 */
export function listenProblem(facts: ListenFacts, cookie: string): string | undefined {
  const { type, name, host, port } = facts;
  const key = `listener.${type}.${name}`;
  if (host === '') return `${key} must be an address and a port: other nodes cannot reach a file`;
  if (isLoopback(host)) return undefined;
  const fault = cookieFault(cookie);
  if (fault === undefined) return undefined;
  const where = peerAddressText(host, port);
  const make = `make one with ${makeCookie} or ${makeCookieWithNode}`;
  const remedy = `${make}, set distributed_cookie to it on every node`;
  return `${key} is not opened on ${where}: ${fault}: ${remedy}; or bind ${key} to 127.0.0.1`;
}

function cookieFault(cookie: string): string | undefined {
  if (cookie === '') return 'distributed_cookie is not set';
  if (cookie === publicCookie) {
    return `distributed_cookie is "${publicCookie}", VerneMQ's default that everybody knows`;
  }
  if (cookie.length >= cookieCharactersMin) return undefined;
  return `distributed_cookie has fewer than ${cookieCharactersMin} characters`;
}

export interface AdvertisedFacts {
  /** `cluster.advertised_address`; '' is absent. */
  readonly option: string;
  /** NAME@HOST */
  readonly nodeName: string;
  /** That the cluster listener is bound to; undefined: there is none. */
  readonly listenerPort: number | undefined;
}

/** Where the others are told to dial this node, or why that cannot be said. */
export type Advertised =
  | { readonly address: string; readonly isLoopback: boolean }
  | { readonly problem: string };

/**
 * The option, else the host of the node's name; a port that is not written is the listener's, else
 * 44053. Never a wildcard: whoever dialled that would reach himself.
 */
export function advertisedAddress({ option, nodeName, listenerPort }: AdvertisedFacts): Advertised {
  const source = option === '' ? 'nodename' : 'cluster.advertised_address';
  const host = nodeName.slice(nodeName.indexOf('@') + 1);
  const text = option === '' ? (host.includes(':') ? `[${host}]` : host) : option;
  const remedy =
    'set cluster.advertised_address to HOST:PORT under which the others reach this node';
  const address = parsePeerAddress(text, listenerPort);
  if (typeof address === 'string') return { problem: `${source}: ${address}; ${remedy}` };
  if (isWildcard(address.host)) {
    const why = `${address.host} is no address that another node could dial`;
    return { problem: `${source}: ${why}: ${remedy}` };
  }
  const { port } = address;
  return {
    address: peerAddressText(address.host, port),
    isLoopback: isLoopback(address.host),
  };
}
