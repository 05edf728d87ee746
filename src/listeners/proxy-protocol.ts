import { isIPv4, isIPv6 } from 'node:net';

/**
 * The PROXY protocol, versions 1 and 2 (HAProxy's specification of 2020/03/05): a header before the
 * first byte, in which a trusted proxy says who the client is.
 */
export interface ProxyHeader {
  /** Undefined: LOCAL or UNKNOWN, the connection is the proxy's own. */
  readonly source: { readonly host: string; readonly port: number } | undefined;
  /** Common Name of the client certificate that the proxy has seen (v2, PP2_SUBTYPE_SSL_CN). */
  readonly commonName: string | undefined;
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
}

export type ProxyResult =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed'; readonly reason: string };

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Longest line of version 1, CRLF included. */
const lineMax = 107;
/** Version 2: we take so much of addresses and TLVs; more is refused. */
const blockMax = 4096;
const tlvSsl = 0x20;
const tlvSslCommonName = 0x22;

const more: ProxyResult = { kind: 'more' };

/** Looks at the first bytes of a connection. Bounded: never asks for more than 4,112 bytes. */
export function parseProxyHeader(bytes: Buffer): ProxyResult {
  const compared = Math.min(bytes.length, signature.length);
  if (bytes.subarray(0, compared).equals(signature.subarray(0, compared))) {
    return bytes.length < 16 ? more : parseVersion2(bytes);
  }
  return parseVersion1(bytes);
}

function malformed(reason: string): ProxyResult {
  return { kind: 'malformed', reason };
}

function parseVersion1(bytes: Buffer): ProxyResult {
  const start = bytes.toString('latin1', 0, Math.min(bytes.length, 6));
  if (start !== 'PROXY '.slice(0, start.length)) return malformed('no PROXY header');
  const end = bytes.subarray(0, lineMax).indexOf('\r\n');
  if (end < 0) return bytes.length >= lineMax ? malformed('PROXY line too long') : more;
  const parts = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (parts[1] === 'UNKNOWN') {
    return { kind: 'header', header: { source: undefined, commonName: undefined, length } };
  }
  const [, family, host, , portText, , ...rest] = parts;
  const port = Number(portText);
  const isPort = /^\d{1,5}$/.test(portText ?? '') && port <= 65_535;
  const isHost =
    (family === 'TCP4' && isIPv4(host ?? '')) || (family === 'TCP6' && isIPv6(host ?? ''));
  if (host === undefined || !isHost || !isPort || parts.length !== 6 || rest.length > 0) {
    return malformed('PROXY line is not well-formed');
  }
  return { kind: 'header', header: { source: { host, port }, commonName: undefined, length } };
}

function parseVersion2(bytes: Buffer): ProxyResult {
  const versionAndCommand = bytes.readUInt8(12);
  if (versionAndCommand >> 4 !== 2) return malformed('PROXY version is not 2');
  const command = versionAndCommand & 15;
  if (command > 1) return malformed('PROXY command is unknown');
  const size = bytes.readUInt16BE(14);
  if (size > blockMax) return malformed('PROXY header too long');
  const length = 16 + size;
  if (bytes.length < length) return more;
  const block = bytes.subarray(16, length);
  const family = bytes.readUInt8(13);
  if (command === 0 || family === 0) {
    return { kind: 'header', header: { source: undefined, commonName: undefined, length } };
  }
  const isIpv4 = family >> 4 === 1;
  const isIpv6 = family >> 4 === 2;
  if (!isIpv4 && !isIpv6) {
    return {
      kind: 'header',
      header: { source: undefined, commonName: commonNameOf(block, 216), length },
    };
  }
  const addressBytes = isIpv4 ? 12 : 36;
  if (block.length < addressBytes) return malformed('PROXY addresses are cut');
  const source = {
    host: isIpv4 ? [...block.subarray(0, 4)].join('.') : ipv6Text(block.subarray(0, 16)),
    port: block.readUInt16BE(isIpv4 ? 8 : 32),
  };
  const commonName = commonNameOf(block, addressBytes);
  return { kind: 'header', header: { source, commonName, length } };
}

/** Walks TLVs from `start`; a cut one ends the walk. */
function* tlvs(block: Buffer, start: number): Generator<{ type: number; value: Buffer }> {
  let at = start;
  while (at + 3 <= block.length) {
    const type = block.readUInt8(at);
    const end = at + 3 + block.readUInt16BE(at + 1);
    if (end > block.length) return;
    yield { type, value: block.subarray(at + 3, end) };
    at = end;
  }
}

function commonNameOf(block: Buffer, start: number): string | undefined {
  for (const { type, value } of tlvs(block, start)) {
    // Five bytes come first: client flags and the result of verification.
    if (type !== tlvSsl || value.length < 5 || value.readUInt32BE(1) !== 0) continue;
    for (const inner of tlvs(value, 5)) {
      if (inner.type === tlvSslCommonName) return inner.value.toString('utf8');
    }
  }
  return undefined;
}

function ipv6Text(bytes: Buffer): string {
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
  return groups.join(':');
}
