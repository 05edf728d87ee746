/** What a client sends and what it understands: as much of MQTT as the simulated clients use. */
import { Buffer } from 'node:buffer';
import type { ProtocolVersion } from '../src/packet/mod.js';

export interface WillMessage {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: number;
  readonly delaySeconds: number;
}

export interface ConnectFields {
  readonly clientIdentifier: string;
  readonly cleanStart: boolean;
  readonly keepAlive: number;
  /** Version 5. */
  readonly sessionExpiryInterval: number;
  readonly receiveMaximum: number;
  readonly will: WillMessage | undefined;
}

export interface PublishFields {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
}

export type AcknowledgementKind = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

/** What a server sends. */
export type Received =
  | { readonly kind: 'connack'; readonly sessionPresent: boolean; readonly code: number }
  | ({ readonly kind: 'publish' } & PublishFields)
  | { readonly kind: AcknowledgementKind; readonly packetIdentifier: number; readonly code: number }
  | {
      readonly kind: 'suback' | 'unsuback';
      readonly packetIdentifier: number;
      readonly codes: readonly number[];
    }
  | { readonly kind: 'pingresp' }
  | { readonly kind: 'disconnect'; readonly code: number };

const firstBytes = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

export function connectBytes(version: ProtocolVersion, fields: ConnectFields): Buffer {
  const { will } = fields;
  const flags = (fields.cleanStart ? 2 : 0) + (will === undefined ? 0 : 4 + will.qos * 8);
  const body = [
    text(version === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.from([version, flags]),
    two(fields.keepAlive),
  ];
  if (version === 5) {
    const properties = [
      ...[0x11, ...four(fields.sessionExpiryInterval)],
      ...[0x21, ...two(fields.receiveMaximum)],
    ];
    body.push(block(properties));
  }
  body.push(text(fields.clientIdentifier));
  if (will !== undefined) {
    if (version === 5) body.push(block([0x18, ...four(will.delaySeconds)]));
    body.push(text(will.topicName), text(will.payload));
  }
  return packet(0x10, body);
}

export function publishBytes(version: ProtocolVersion, fields: PublishFields): Buffer {
  const { qos, dup, retain } = fields;
  const body = [text(fields.topicName)];
  if (qos > 0) body.push(two(fields.packetIdentifier));
  if (version === 5) body.push(block([]));
  body.push(Buffer.from(fields.payload, 'latin1'));
  return packet(0x30 + (dup ? 8 : 0) + qos * 2 + (retain ? 1 : 0), body);
}

export function acknowledgementBytes(kind: AcknowledgementKind, packetIdentifier: number): Buffer {
  return packet(firstBytes[kind], [two(packetIdentifier)]);
}

export function subscribeBytes(
  version: ProtocolVersion,
  packetIdentifier: number,
  filters: readonly { readonly filter: string; readonly qos: number }[],
): Buffer {
  const body = [two(packetIdentifier)];
  if (version === 5) body.push(block([]));
  for (const { filter, qos } of filters) body.push(text(filter), Buffer.from([qos]));
  return packet(0x82, body);
}

export function unsubscribeBytes(
  version: ProtocolVersion,
  packetIdentifier: number,
  filter: string,
): Buffer {
  const body = [two(packetIdentifier)];
  if (version === 5) body.push(block([]));
  body.push(text(filter));
  return packet(0xa2, body);
}

export const pingreqBytes = (): Buffer => packet(0xc0, []);
export const disconnectBytes = (): Buffer => packet(0xe0, []);

/** Collects what arrives and gives out whole packets. Throws at what no server may send. */
export class Reader {
  readonly #version: ProtocolVersion;
  #pending: Buffer = Buffer.alloc(0);

  constructor(version: ProtocolVersion) {
    this.#version = version;
  }

  push(chunk: Uint8Array): Received[] {
    // A copy: the chunk is only lent.
    let rest = Buffer.concat([this.#pending, chunk]);
    const received: Received[] = [];
    for (;;) {
      const size = sizeOf(rest);
      if (size === undefined || size.end > rest.length) break;
      received.push(decode(this.#version, rest[0] as number, rest.subarray(size.start, size.end)));
      rest = rest.subarray(size.end);
    }
    this.#pending = rest;
    return received;
  }
}

function decode(version: ProtocolVersion, firstByte: number, body: Buffer): Received {
  if (firstByte >> 4 === 3) return decodePublish(version, firstByte, body);
  switch (firstByte) {
    case 0x20:
      return { kind: 'connack', sessionPresent: body[0] === 1, code: body.readUInt8(1) };
    case 0x40:
      return acknowledgement('puback', body);
    case 0x50:
      return acknowledgement('pubrec', body);
    case 0x62:
      return acknowledgement('pubrel', body);
    case 0x70:
      return acknowledgement('pubcomp', body);
    case 0x90:
    case 0xb0: {
      const at = version === 5 ? afterProperties(body, 2) : 2;
      const kind = firstByte === 0x90 ? 'suback' : 'unsuback';
      return { kind, packetIdentifier: body.readUInt16BE(0), codes: [...body.subarray(at)] };
    }
    case 0xd0:
      return { kind: 'pingresp' };
    case 0xe0:
      return { kind: 'disconnect', code: body[0] ?? 0 };
    default:
      throw new Error(`no server sends a packet that begins with ${firstByte}`);
  }
}

function decodePublish(version: ProtocolVersion, firstByte: number, body: Buffer): Received {
  const qos = (firstByte >> 1) & 3;
  const topicEnd = 2 + body.readUInt16BE(0);
  const identifierEnd = topicEnd + (qos > 0 ? 2 : 0);
  const payloadAt = version === 5 ? afterProperties(body, identifierEnd) : identifierEnd;
  return {
    kind: 'publish',
    topicName: body.toString('utf8', 2, topicEnd),
    payload: body.toString('latin1', payloadAt),
    qos,
    retain: (firstByte & 1) === 1,
    dup: (firstByte & 8) === 8,
    packetIdentifier: qos > 0 ? body.readUInt16BE(topicEnd) : 0,
  };
}

function acknowledgement(kind: AcknowledgementKind, body: Buffer): Received {
  return { kind, packetIdentifier: body.readUInt16BE(0), code: body[2] ?? 0 };
}

function afterProperties(body: Buffer, at: number): number {
  const length = variable(body, at);
  if (length === undefined) throw new Error('a property length is cut off');
  return length.next + length.value;
}

/** Where the body of the first packet lies. Undefined: the length is not there yet. */
function sizeOf(bytes: Buffer): { start: number; end: number } | undefined {
  const length = variable(bytes, 1);
  return length && { start: length.next, end: length.next + length.value };
}

function variable(bytes: Buffer, at: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 4; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 128 ** index;
    if (byte < 128) return { value, next: at + index + 1 };
  }
  throw new Error('a length takes more than four bytes');
}

function packet(firstByte: number, body: readonly Uint8Array[]): Buffer {
  const rest = Buffer.concat(body);
  return Buffer.concat([Buffer.from([firstByte]), variableBytes(rest.length), rest]);
}

function block(properties: readonly number[]): Buffer {
  return Buffer.concat([variableBytes(properties.length), Buffer.from(properties)]);
}

function variableBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([two(bytes.length), bytes]);
}

function two(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function four(value: number): Buffer {
  return Buffer.concat([two(value >>> 16), two(value & 0xffff)]);
}
