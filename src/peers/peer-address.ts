import { isIP, isIPv4 } from 'node:net';

/** Where a member listens when nobody says otherwise; VerneMQ's too. */
export const defaultPeerPort = 44053;

/** Where to dial, or where to be dialled. */
export interface PeerAddress {
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const hostMax = 253;
const form = 'is no address of a node: write HOST:PORT, such as 10.0.0.7:44053 or [fd00::7]:44053';

/**
 * Reads `host:port`, `[IPv6]:port`, or either without its port, which is `defaultPort`
 * then. A string is what is wrong, as a sentence that begins with the text.
 */
export function parsePeerAddress(
  text: string,
  defaultPort: number = defaultPeerPort,
): PeerAddress | string {
  const match = /^(?:\[([^\][]*)\]|([^:\][]*))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) {
    return isIP(text) === 6
      ? `"${text}" could end in a port or not: write [${text}]:${defaultPort}`
      : `"${text}" ${form}`;
  }
  const [, inBrackets, plain = '', digits] = match;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === 0 || port > 65535) return `"${text}" has no port from 1 to 65535`;
  const host = inBrackets ?? plain;
  const isGood = inBrackets === undefined ? isHost(plain) : isIP(inBrackets) === 6;
  return isGood ? { host, port } : `"${text}" ${form}`;
}

/** As it is written: {@link parsePeerAddress} reads it again. */
export function peerAddressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address that a socket tells, where IPv4 may be dressed up as IPv6. */
export function socketAddressText(host: string | undefined, port: number | undefined): string {
  return peerAddressText((host ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, ''), port ?? 0);
}

/** Whether only programs on this machine can be there. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return (isIPv4(plain) && plain.startsWith('127.')) || plain === '::1' || plain === 'localhost';
}

/** Whether it stands for every address of a machine, and so is nobody's. */
export function isWildcard(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain === '' || plain === '*' || /^[0.]+$/.test(plain) || /^[0:]*:[0:]*$/.test(plain);
}

/** Digits and dots are an IPv4 address or a mistake; names may have underscores, as Docker's do. */
function isHost(host: string): boolean {
  if (host.length > hostMax) return false;
  if (/^[\d.]+$/.test(host)) return isIPv4(host);
  return /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(host);
}
