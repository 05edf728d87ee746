/**
 * The properties of MQTT 5 section 2.2.2.2 as one table, from which records are read and written.
 * The PUBLISH of the hot path has a walk of its own in publish.ts, over the same identifiers.
 */
import type { Buffer } from 'node:buffer';
import { assert } from '../base/mod.js';
import { PacketReader } from './packet-reader.js';
import { PacketType, type Properties, type UserProperty } from './packets.js';
import {
  binarySize,
  stringSize,
  variableByteIntegerSize,
  writeBinary,
  writeFourByteInteger,
  writeString,
  writeTwoByteInteger,
  writeVariableByteInteger,
} from './primitives.js';
import { ReasonCode } from './reason-codes.js';

export const PropertyIdentifier = {
  PayloadFormatIndicator: 0x01,
  MessageExpiryInterval: 0x02,
  ContentType: 0x03,
  ResponseTopic: 0x08,
  CorrelationData: 0x09,
  SubscriptionIdentifier: 0x0b,
  SessionExpiryInterval: 0x11,
  AssignedClientIdentifier: 0x12,
  ServerKeepAlive: 0x13,
  AuthenticationMethod: 0x15,
  AuthenticationData: 0x16,
  RequestProblemInformation: 0x17,
  WillDelayInterval: 0x18,
  RequestResponseInformation: 0x19,
  ResponseInformation: 0x1a,
  ServerReference: 0x1c,
  ReasonString: 0x1f,
  ReceiveMaximum: 0x21,
  TopicAliasMaximum: 0x22,
  TopicAlias: 0x23,
  MaximumQoS: 0x24,
  RetainAvailable: 0x25,
  UserProperty: 0x26,
  MaximumPacketSize: 0x27,
  WildcardSubscriptionAvailable: 0x28,
  SubscriptionIdentifierAvailable: 0x29,
  SharedSubscriptionAvailable: 0x2a,
} as const;

/** A set of packets: bit n is packet type n; bit 0, which no type has, is the Will Properties. */
type PacketSet = number;

const willProperties: PacketSet = 1;
const everyPacket: PacketSet = 0xffff;

function packets(...types: PacketType[]): PacketSet {
  return types.reduce((set, type) => set | (1 << type), 0);
}

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp } = PacketType;
const { Subscribe, Suback, Unsuback, Disconnect, Auth } = PacketType;
const message: PacketSet = packets(Publish) | willProperties;
const reasonCarriers: PacketSet =
  packets(Connack, Puback, Pubrec, Pubrel, Pubcomp) | packets(Suback, Unsuback, Disconnect, Auth);

type NumberType = 'byte' | 'twoByte' | 'fourByte';
type NumberName = {
  [Name in keyof Properties]-?: Properties[Name] extends number | undefined ? Name : never;
}[keyof Properties];
type StringName = {
  [Name in keyof Properties]-?: Properties[Name] extends string | undefined ? Name : never;
}[keyof Properties];

interface PropertyRow {
  readonly identifier: number;
  /** As in the specification, for reasons. */
  readonly label: string;
  readonly packets: PacketSet;
  readonly value:
    | {
        readonly type: NumberType;
        readonly name: NumberName;
        readonly minimum: number;
        readonly maximum: number;
      }
    | { readonly type: 'string'; readonly name: StringName }
    | { readonly type: 'binary'; readonly name: 'correlationData' | 'authenticationData' }
    | { readonly type: 'subscriptionIdentifiers' }
    | { readonly type: 'userProperties' };
}

const largest = { byte: 0xff, twoByte: 0xffff, fourByte: 0xffff_ffff };

function number(
  identifier: number,
  label: string,
  type: NumberType,
  name: NumberName,
  set: PacketSet,
  minimum = 0,
  maximum: number = largest[type],
): PropertyRow {
  return { identifier, label, packets: set, value: { type, name, minimum, maximum } };
}

function flag(identifier: number, label: string, name: NumberName, set: PacketSet): PropertyRow {
  return number(identifier, label, 'byte', name, set, 0, 1);
}

function string(identifier: number, label: string, name: StringName, set: PacketSet): PropertyRow {
  return { identifier, label, packets: set, value: { type: 'string', name } };
}

const connection = packets(Connect, Connack);
const authentication = packets(Connect, Connack, Auth);
const connack = packets(Connack);
const connect = packets(Connect);

/** In the order in which they are written; by identifier, but User Properties come last. */
// biome-ignore format: a table
const rows: readonly PropertyRow[] = [
  flag(0x01, 'Payload Format Indicator', 'payloadFormatIndicator', message),
  number(0x02, 'Message Expiry Interval', 'fourByte', 'messageExpiryInterval', message),
  string(0x03, 'Content Type', 'contentType', message),
  string(0x08, 'Response Topic', 'responseTopic', message),
  { identifier: 0x09, label: 'Correlation Data', packets: message,
    value: { type: 'binary', name: 'correlationData' } },
  { identifier: 0x0b, label: 'Subscription Identifier', packets: packets(Publish, Subscribe),
    value: { type: 'subscriptionIdentifiers' } },
  number(0x11, 'Session Expiry Interval', 'fourByte', 'sessionExpiryInterval',
    packets(Connect, Connack, Disconnect)),
  string(0x12, 'Assigned Client Identifier', 'assignedClientIdentifier', connack),
  number(0x13, 'Server Keep Alive', 'twoByte', 'serverKeepAlive', connack),
  string(0x15, 'Authentication Method', 'authenticationMethod', authentication),
  { identifier: 0x16, label: 'Authentication Data', packets: authentication,
    value: { type: 'binary', name: 'authenticationData' } },
  flag(0x17, 'Request Problem Information', 'requestProblemInformation', connect),
  number(0x18, 'Will Delay Interval', 'fourByte', 'willDelayInterval', willProperties),
  flag(0x19, 'Request Response Information', 'requestResponseInformation', connect),
  string(0x1a, 'Response Information', 'responseInformation', connack),
  string(0x1c, 'Server Reference', 'serverReference', packets(Connack, Disconnect)),
  string(0x1f, 'Reason String', 'reasonString', reasonCarriers),
  number(0x21, 'Receive Maximum', 'twoByte', 'receiveMaximum', connection, 1),
  number(0x22, 'Topic Alias Maximum', 'twoByte', 'topicAliasMaximum', connection),
  number(0x23, 'Topic Alias', 'twoByte', 'topicAlias', packets(Publish)),
  flag(0x24, 'Maximum QoS', 'maximumQoS', connack),
  flag(0x25, 'Retain Available', 'retainAvailable', connack),
  number(0x27, 'Maximum Packet Size', 'fourByte', 'maximumPacketSize', connection, 1),
  flag(0x28, 'Wildcard Subscription Available', 'wildcardSubscriptionAvailable', connack),
  flag(0x29, 'Subscription Identifier Available', 'subscriptionIdentifierAvailable', connack),
  flag(0x2a, 'Shared Subscription Available', 'sharedSubscriptionAvailable', connack),
  { identifier: 0x26, label: 'User Property', packets: everyPacket & ~packets(PacketType.Pingreq),
    value: { type: 'userProperties' } },
];

const rowByIdentifier: (PropertyRow | undefined)[] = [];
for (const row of rows) rowByIdentifier[row.identifier] = row;

/** Rows that a forwarded message keeps: not the Topic Alias, the expiry or the identifiers. */
const forwardedRows: readonly PropertyRow[] = [0x01, 0x03, 0x08, 0x09, 0x26].map(
  (identifier) => rowByIdentifier[identifier] as PropertyRow,
);

/** Reads a Property Length and the properties behind it, as `packet` may carry them. */
export function readProperties(reader: PacketReader, packet: PacketType | 'will'): Properties {
  const length = reader.variableByteInteger('Property Length');
  const properties: Properties = {};
  if (reader.error !== undefined) return properties;
  if (length > reader.remaining) {
    reader.malformed('The Property Length goes beyond the packet.');
    return properties;
  }
  const packetEnd = reader.end;
  reader.end = reader.at + length;
  readPropertyBlock(reader, packet === 'will' ? willProperties : 1 << packet, properties);
  reader.end = packetEnd;
  if (reader.error !== undefined) reader.at = packetEnd;
  return properties;
}

/** Reads properties up to the reader's end into `properties`; refuses those not `allowed`. */
function readPropertyBlock(reader: PacketReader, allowed: PacketSet, properties: Properties): void {
  while (reader.remaining > 0) {
    const identifier = reader.variableByteInteger('Property Identifier');
    if (reader.error !== undefined) return;
    const row = rowByIdentifier[identifier];
    if (row === undefined || (row.packets & allowed) === 0) {
      const name = row?.label ?? `property 0x${identifier.toString(16).padStart(2, '0')}`;
      reader.malformed(`The packet may not carry the ${name}.`);
      return;
    }
    readProperty(reader, row, allowed, properties);
  }
}

function readProperty(
  reader: PacketReader,
  row: PropertyRow,
  allowed: PacketSet,
  properties: Properties,
): void {
  const { value, label } = row;
  switch (value.type) {
    case 'userProperties': {
      // [MQTT5-1.5.7-1]
      const pair: UserProperty = [reader.string(label), reader.string(label)];
      if (properties.userProperties === undefined) properties.userProperties = [pair];
      else properties.userProperties.push(pair);
      return;
    }
    case 'subscriptionIdentifiers':
      readSubscriptionIdentifier(reader, allowed, properties);
      return;
    case 'string':
      if (properties[value.name] !== undefined) return repeated(reader, label);
      properties[value.name] = reader.string(label);
      if (value.name === 'responseTopic')
        checkResponseTopic(reader, properties.responseTopic ?? '');
      return;
    case 'binary':
      if (properties[value.name] !== undefined) return repeated(reader, label);
      properties[value.name] = reader.binary(label);
      return;
    default: {
      if (properties[value.name] !== undefined) return repeated(reader, label);
      const read = readNumber(reader, value.type, label);
      properties[value.name] = read;
      if (read < value.minimum || read > value.maximum) invalidValue(reader, label, read);
    }
  }
}

function readNumber(reader: PacketReader, type: NumberType, label: string): number {
  if (type === 'byte') return reader.byte(label);
  if (type === 'twoByte') return reader.twoByteInteger(label);
  return reader.fourByteInteger(label);
}

function readSubscriptionIdentifier(
  reader: PacketReader,
  allowed: PacketSet,
  properties: Properties,
): void {
  const label = 'Subscription Identifier';
  const identifier = reader.variableByteInteger(label);
  if (properties.subscriptionIdentifiers === undefined) {
    properties.subscriptionIdentifiers = [identifier];
  } else if (allowed === packets(Subscribe)) {
    repeated(reader, label);
  } else {
    properties.subscriptionIdentifiers.push(identifier);
  }
  if (identifier === 0) invalidValue(reader, label, 0);
}

/**
 * [MQTT5-3.3.2-14]: a Response Topic is a Topic Name; so it is not empty either [MQTT5-4.7.3-1].
 */
function checkResponseTopic(reader: PacketReader, topicName: string): void {
  if (topicName === '') {
    reader.fail(
      ReasonCode.ProtocolError,
      'The Response Topic is empty.',
      'MQTT5-4.7.3-1',
      undefined,
    );
  } else if (topicName.includes('+') || topicName.includes('#')) {
    const reason = 'The Response Topic has a wildcard character.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.3.2-14', undefined);
  }
}

function repeated(reader: PacketReader, label: string): void {
  const reason = `The packet carries the ${label} more than once.`;
  reader.fail(ReasonCode.ProtocolError, reason, undefined, undefined);
}

function invalidValue(reader: PacketReader, label: string, value: number): void {
  const reason = `The ${label} may not be ${value}.`;
  reader.fail(ReasonCode.ProtocolError, reason, undefined, undefined);
}

/**
 * The properties in `bytes[start, end)`, a block without its length field that was checked before
 * (the decoder does that for a PublishView, say). All values are owned copies.
 */
export function decodeProperties(bytes: Uint8Array, start: number, end: number): Properties {
  const properties: Properties = {};
  const reader = new PacketReader(bytes, start, end, 5);
  readPropertyBlock(reader, everyPacket, properties);
  assert(reader.error === undefined, 'a property block was not checked before');
  return properties;
}

/**
 * Bytes of the property block, without its length field. Infinite: a string or Binary Data is too
 * long to be written at all.
 */
export function propertiesSize(properties: Properties): number {
  return sizeOf(rows, properties);
}

/**
 * Writes the block without its length field; the caller has made room. Returns the offset behind.
 */
export function writeProperties(bytes: Buffer, at: number, properties: Properties): number {
  return write(rows, bytes, at, properties);
}

/** As {@link propertiesSize}, of what a forwarded message keeps. */
export function forwardedPropertiesSize(properties: Properties): number {
  return sizeOf(forwardedRows, properties);
}

/** As {@link writeProperties}, of what a forwarded message keeps. */
export function writeForwardedProperties(
  bytes: Buffer,
  at: number,
  properties: Properties,
): number {
  return write(forwardedRows, bytes, at, properties);
}

const numberSizes = { byte: 2, twoByte: 3, fourByte: 5 };

function sizeOf(selected: readonly PropertyRow[], properties: Properties): number {
  let size = 0;
  for (const { value } of selected) {
    switch (value.type) {
      case 'userProperties':
        for (const [name, text] of properties.userProperties ?? []) {
          size += 1 + stringSize(name) + stringSize(text);
        }
        break;
      case 'subscriptionIdentifiers':
        for (const identifier of properties.subscriptionIdentifiers ?? []) {
          size += 1 + variableByteIntegerSize(identifier);
        }
        break;
      case 'string': {
        const text = properties[value.name];
        if (text !== undefined) size += 1 + stringSize(text);
        break;
      }
      case 'binary': {
        const data = properties[value.name];
        if (data !== undefined) size += 1 + binarySize(data.length);
        break;
      }
      default: {
        const amount = properties[value.name];
        if (amount === undefined) break;
        size += numberSizes[value.type];
      }
    }
  }
  return size;
}

function write(
  selected: readonly PropertyRow[],
  bytes: Buffer,
  start: number,
  properties: Properties,
): number {
  let at = start;
  for (const { identifier, value } of selected) {
    switch (value.type) {
      case 'userProperties':
        for (const [name, text] of properties.userProperties ?? []) {
          bytes[at] = identifier;
          at = writeString(bytes, writeString(bytes, at + 1, name), text);
        }
        break;
      case 'subscriptionIdentifiers':
        for (const each of properties.subscriptionIdentifiers ?? []) {
          bytes[at] = identifier;
          at = writeVariableByteInteger(bytes, at + 1, each);
        }
        break;
      case 'string': {
        const text = properties[value.name];
        if (text === undefined) break;
        bytes[at] = identifier;
        at = writeString(bytes, at + 1, text);
        break;
      }
      case 'binary': {
        const data = properties[value.name];
        if (data === undefined) break;
        bytes[at] = identifier;
        at = writeBinary(bytes, at + 1, data);
        break;
      }
      default: {
        const amount = properties[value.name];
        if (amount === undefined) break;
        bytes[at] = identifier;
        at = writeNumber(bytes, at + 1, value.type, amount);
      }
    }
  }
  return at;
}

function writeNumber(bytes: Buffer, at: number, type: NumberType, value: number): number {
  switch (type) {
    case 'byte':
      bytes[at] = value;
      return at + 1;
    case 'twoByte':
      return writeTwoByteInteger(bytes, at, value);
    case 'fourByte':
      return writeFourByteInteger(bytes, at, value);
  }
}
