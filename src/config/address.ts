/** Where a listener is bound. */
export interface Address {
  /** '' for a unix socket. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Path of a unix socket; undefined: TCP. */
  readonly path: string | undefined;
}

const form = 'must be an address and a port, such as 127.0.0.1:1883 or [::1]:1883, or off';

/** Reads `address:port`, `[address]:port` or `local:/path:0`; or says what is wrong with it. */
export function parseAddress(text: string): Address | string {
  if (text.startsWith('local:')) {
    const path = text.slice('local:'.length).replace(/:\d+$/, '');
    return path === ''
      ? 'must name the socket, such as local:/run/nautilusmq.sock:0'
      : { host: '', port: 0, path };
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) {
    return text.split(':').length > 2 ? `${form}; IPv6 addresses stand in brackets` : form;
  }
  const [, inBrackets, plain = '', digits] = match;
  const port = Number(digits);
  if (port > 65535) return 'has a port above 65535';
  const host = inBrackets ?? plain;
  const isGood = inBrackets === undefined ? isHost(plain) : isIPv6(inBrackets);
  return isGood ? { host, port, path: undefined } : form;
}

function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) {
    const parts = host.split('.');
    return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && +part < 256);
  }
  return /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host);
}

/** The form of an IPv6 address; what else is wrong with one, binding tells. */
function isIPv6(host: string): boolean {
  const [address = ''] = host.split('%', 1);
  return /^[\da-f:]*:[\da-f:.]*$/i.test(address) && address.length >= 2;
}

/** Whether only programs on this machine can reach the address. */
export function isLoopback({ host, path }: Address): boolean {
  if (path !== undefined) return true;
  const plain = host.toLowerCase().replace(/^::ffff:/, '');
  return /^127\.\d+\.\d+\.\d+$/.test(plain) || plain === '::1' || plain === 'localhost';
}

/** As it stands in the file. */
export function addressText({ host, port, path }: Address): string {
  if (path !== undefined) return `local:${path}:0`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
