import { Buffer } from 'node:buffer';
import type { ProtocolError, ProtocolVersion, Properties, QoS } from './packets.js';
import {
  inspectUtf8,
  readFourByteInteger,
  readTwoByteInteger,
  sliceUtf8,
  Utf8,
} from './primitives.js';
import {
  forwardedPropertiesSize,
  PropertyIdentifier,
  writeForwardedProperties,
} from './properties.js';
import { protocolError } from './protocol-error.js';
import { ReasonCode } from './reason-codes.js';

/**
 * A received PUBLISH as offsets into the bytes that hold it. There is one object per decoder,
 * refilled for every PUBLISH: read it before the next `next()`, and copy what must be kept, because
 * `bytes` is the received chunk for most packets. All but the Topic Name has been checked.
 */
export interface PublishView {
  bytes: Uint8Array;
  /** The whole control packet, fixed header included. */
  packetStart: number;
  packetEnd: number;
  qos: QoS;
  dup: boolean;
  retain: boolean;
  /** Without its length. Not checked yet, see {@link readTopicName}. */
  topicStart: number;
  topicEnd: number;
  /** 0 for QoS 0. */
  packetIdentifier: number;
  /** Without the Property Length; equal when there are none, and for 3.x. */
  propertiesStart: number;
  propertiesEnd: number;
  payloadStart: number;
  payloadEnd: number;
  /** 0: none. */
  topicAlias: number;
  /** Seconds; -1: none. */
  messageExpiryInterval: number;
  /** 0 or 1; absent is 0. */
  payloadFormatIndicator: number;
  /** A Response Topic without wildcards is among the properties. */
  hasResponseTopic: boolean;
}

const nothing = new Uint8Array(0);

/** Every field in place, so that the object keeps one shape. */
export function emptyPublishView(): PublishView {
  return {
    bytes: nothing,
    packetStart: 0,
    packetEnd: 0,
    qos: 0,
    dup: false,
    retain: false,
    topicStart: 0,
    topicEnd: 0,
    packetIdentifier: 0,
    propertiesStart: 0,
    propertiesEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
    topicAlias: 0,
    messageExpiryInterval: -1,
    payloadFormatIndicator: 0,
    hasResponseTopic: false,
  };
}

/**
 * Fills `view` from the PUBLISH in `bytes[packetStart, packetEnd)`, whose variable header begins at
 * `start`. Hot: a free function over numbers that allocates nothing (bench/micro/codec.ts).
 */
export function decodePublish(
  view: PublishView,
  bytes: Uint8Array,
  packetStart: number,
  start: number,
  packetEnd: number,
  version: ProtocolVersion,
): ProtocolError | undefined {
  const flags = bytes[packetStart] as number;
  const qos = (flags >> 1) & 3;
  if ((qos === 0 && (flags & 8) !== 0 && version !== 3) || qos === 3) return badFlags(qos, version);
  const topicStart = start + 2;
  if (topicStart > packetEnd) return cutOff('Topic Name', version);
  const topicEnd = topicStart + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
  let at = topicEnd;
  let packetIdentifier = 0;
  // [MQTT5-2.2.1-2] [MQTT3-2.3.1-5]
  if (qos !== 0) {
    at += 2;
    if (at > packetEnd) return cutOff('Packet Identifier', version);
    packetIdentifier = ((bytes[at - 2] as number) << 8) | (bytes[at - 1] as number);
    if (packetIdentifier === 0) return zeroIdentifier(version);
  }
  if (at > packetEnd) return cutOff('Topic Name', version);
  view.bytes = bytes;
  view.packetStart = packetStart;
  view.packetEnd = packetEnd;
  view.qos = qos as QoS;
  view.dup = (flags & 8) !== 0;
  view.retain = (flags & 1) !== 0;
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;
  view.packetIdentifier = packetIdentifier;
  view.propertiesStart = at;
  view.propertiesEnd = at;
  view.payloadStart = at;
  view.payloadEnd = packetEnd;
  view.topicAlias = 0;
  view.messageExpiryInterval = -1;
  view.payloadFormatIndicator = 0;
  view.hasResponseTopic = false;
  if (version !== 5) return undefined;
  if (at < packetEnd && bytes[at] === 0) {
    at += 1;
    view.propertiesStart = at;
    view.propertiesEnd = at;
    view.payloadStart = at;
    return undefined;
  }
  return decodePropertyLength(view, at);
}

function decodePropertyLength(view: PublishView, start: number): ProtocolError | undefined {
  const { bytes, packetEnd } = view;
  let at = start;
  let length = 0;
  let byte = 0x80;
  for (let shift = 0; byte > 127; shift += 7) {
    if (shift > 21) return malformed('The Property Length has more than four bytes.');
    if (at >= packetEnd) return cutOff('Property Length', 5);
    byte = bytes[at++] as number;
    length |= (byte & 127) << shift;
  }
  if (byte === 0) {
    return malformed('The Property Length is not in its shortest form.', 'MQTT5-1.5.5-1');
  }
  if (length > packetEnd - at) return malformed('The Property Length goes beyond the packet.');
  view.propertiesStart = at;
  view.propertiesEnd = at + length;
  view.payloadStart = at + length;
  return checkProperties(view);
}

/** Walks the property block, checks each, and notes in `view` those that the broker acts on. */
function checkProperties(view: PublishView): ProtocolError | undefined {
  const { bytes, propertiesEnd: end } = view;
  let at = view.propertiesStart;
  let seen = 0;
  while (at < end) {
    // Identifiers are Variable Byte Integers, but none that exists needs a second byte.
    const identifier = bytes[at] as number;
    const next = propertyEnd(bytes, at, end);
    if (next < 0) return notAllowed(identifier);
    if (next > end) return malformed('A property goes beyond the Property Length.');
    if (identifier !== PropertyIdentifier.UserProperty) {
      // Topic Alias, 0x23, does not fit into 32 bits and takes bit 0, which no property has.
      const bit = identifier === PropertyIdentifier.TopicAlias ? 1 : 1 << identifier;
      if ((seen & bit) !== 0) return broken('The PUBLISH repeats a property.', undefined);
      seen |= bit;
    }
    const error = noteProperty(view, identifier, at + 1, next);
    if (error !== undefined) return error;
    at = next;
  }
  return undefined;
}

/** The offset behind the property at `at`; beyond `end` when cut off; -1: not for a PUBLISH. */
function propertyEnd(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case PropertyIdentifier.PayloadFormatIndicator:
      return at + 2;
    case PropertyIdentifier.TopicAlias:
      return at + 3;
    case PropertyIdentifier.MessageExpiryInterval:
      return at + 5;
    case PropertyIdentifier.ContentType:
    case PropertyIdentifier.ResponseTopic:
    case PropertyIdentifier.CorrelationData:
      return lengthPrefixedEnd(bytes, at + 1, end);
    case PropertyIdentifier.UserProperty:
      return lengthPrefixedEnd(bytes, lengthPrefixedEnd(bytes, at + 1, end), end);
    default:
      return -1;
  }
}

function lengthPrefixedEnd(bytes: Uint8Array, at: number, end: number): number {
  return at + 2 > end ? end + 1 : at + 2 + readTwoByteInteger(bytes, at);
}

/** Checks the value in `bytes[start, end)`, whose length fits. */
function noteProperty(
  view: PublishView,
  identifier: number,
  start: number,
  end: number,
): ProtocolError | undefined {
  const { bytes } = view;
  switch (identifier) {
    case PropertyIdentifier.PayloadFormatIndicator:
      view.payloadFormatIndicator = bytes[start] as number;
      if (view.payloadFormatIndicator <= 1) return undefined;
      return broken('The Payload Format Indicator is neither 0 nor 1.', undefined);
    case PropertyIdentifier.MessageExpiryInterval:
      view.messageExpiryInterval = readFourByteInteger(bytes, start);
      return undefined;
    case PropertyIdentifier.TopicAlias:
      view.topicAlias = readTwoByteInteger(bytes, start);
      if (view.topicAlias !== 0) return undefined;
      return protocolError(
        5,
        ReasonCode.TopicAliasInvalid,
        'The Topic Alias is 0.',
        'MQTT5-3.3.2-8',
        undefined,
      );
    case PropertyIdentifier.ContentType:
      // [MQTT5-3.3.2-19]
      return checkText(bytes, start + 2, end, 'Content Type');
    case PropertyIdentifier.ResponseTopic:
      // [MQTT5-3.3.2-13]
      view.hasResponseTopic = true;
      return checkResponseTopic(bytes, start + 2, end);
    case PropertyIdentifier.UserProperty: {
      // [MQTT5-1.5.7-1]
      const nameEnd = start + 2 + readTwoByteInteger(bytes, start);
      return (
        checkText(bytes, start + 2, nameEnd, 'User Property') ??
        checkText(bytes, nameEnd + 2, end, 'User Property')
      );
    }
    default:
      return undefined;
  }
}

function checkText(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: string,
): ProtocolError | undefined {
  const kind = inspectUtf8(bytes, start, end);
  if (kind === Utf8.HasNull) return malformed(`The ${field} holds U+0000.`, 'MQTT5-1.5.4-2');
  if (kind !== Utf8.IllFormed) return undefined;
  return malformed(`The ${field} is not well-formed UTF-8.`, 'MQTT5-1.5.4-1');
}

function checkResponseTopic(
  bytes: Uint8Array,
  start: number,
  end: number,
): ProtocolError | undefined {
  if (start === end) return broken('The Response Topic is empty.', 'MQTT5-4.7.3-1');
  for (let at = start; at < end; at += 1) {
    if (bytes[at] === 0x2b || bytes[at] === 0x23) {
      return broken('The Response Topic has a wildcard character.', 'MQTT5-3.3.2-14');
    }
  }
  return checkText(bytes, start, end, 'Response Topic');
}

function notAllowed(identifier: number): ProtocolError {
  if (identifier === PropertyIdentifier.SubscriptionIdentifier) {
    return broken('A client sent a Subscription Identifier in a PUBLISH.', 'MQTT5-3.3.4-6');
  }
  const property = `0x${identifier.toString(16).padStart(2, '0')}`;
  return malformed(`A PUBLISH may not carry property ${property}.`);
}

function badFlags(qos: number, version: ProtocolVersion): ProtocolError {
  if (qos === 3) {
    const reason = 'The PUBLISH has QoS 3.';
    const code = ReasonCode.MalformedPacket;
    return protocolError(version, code, reason, 'MQTT5-3.3.1-4', 'MQTT3-3.3.1-4');
  }
  const reason = 'The PUBLISH has DUP set and QoS 0.';
  const code = ReasonCode.MalformedPacket;
  return protocolError(version, code, reason, 'MQTT5-3.3.1-2', 'MQTT3-3.3.1-2');
}

function zeroIdentifier(version: ProtocolVersion): ProtocolError {
  const reason = 'The Packet Identifier is 0.';
  const code = ReasonCode.ProtocolError;
  return protocolError(version, code, reason, 'MQTT5-2.2.1-3', 'MQTT3-2.3.1-1');
}

function cutOff(field: string, version: ProtocolVersion): ProtocolError {
  const reason = `The PUBLISH ends within its ${field}.`;
  return protocolError(version, ReasonCode.MalformedPacket, reason, undefined, undefined);
}

function malformed(reason: string, statement5?: string): ProtocolError {
  return protocolError(5, ReasonCode.MalformedPacket, reason, statement5, undefined);
}

function broken(reason: string, statement5: string | undefined): ProtocolError {
  return protocolError(5, ReasonCode.ProtocolError, reason, statement5, undefined);
}

/**
 * The Topic Name as a string [MQTT5-3.3.2-1] [MQTT3-3.3.2-1]; `undefined` when it is not
 * well-formed UTF-8 or holds U+0000, which is a Malformed Packet. May be empty (a Topic Alias
 * stands for it, or the sender is at fault), and may hold wildcards, which `topic` refuses.
 */
export function readTopicName(view: PublishView): string | undefined {
  const { bytes, topicStart, topicEnd } = view;
  const kind = inspectUtf8(bytes, topicStart, topicEnd);
  if (kind === Utf8.HasNull || kind === Utf8.IllFormed) return undefined;
  return sliceUtf8(bytes, topicStart, topicEnd, kind);
}

/**
 * An owned copy of the property block that subscribers get: all properties in their order
 * [MQTT5-3.3.2-17], but not the Topic Alias, which is the connection's own, nor the Message Expiry
 * Interval, which counts down. `undefined` when nothing is left.
 */
export function forwardableProperties(view: PublishView): Uint8Array | undefined {
  const { bytes, propertiesStart: start, propertiesEnd: end } = view;
  const skipped = (view.topicAlias > 0 ? 3 : 0) + (view.messageExpiryInterval >= 0 ? 5 : 0);
  const size = end - start - skipped;
  if (size <= 0) return undefined;
  const kept = Buffer.allocUnsafeSlow(size);
  if (skipped === 0) {
    kept.set(bytes.subarray(start, end), 0);
    return kept;
  }
  let length = 0;
  for (let at = start; at < end; ) {
    const next = propertyEnd(bytes, at, end);
    const identifier = bytes[at];
    if (
      identifier !== PropertyIdentifier.TopicAlias &&
      identifier !== PropertyIdentifier.MessageExpiryInterval
    ) {
      kept.set(bytes.subarray(at, next), length);
      length += next - at;
    }
    at = next;
  }
  return kept;
}

/** Whether every string and Binary Data among what is forwarded is short enough to be written. */
export function canForward(properties: Properties): boolean {
  return Number.isFinite(forwardedPropertiesSize(properties));
}

/**
 * The same block from a record, for wills and for what an authorisation changed: Payload Format
 * Indicator, Content Type, Response Topic, Correlation Data and User Properties. Only for what
 * `canForward`.
 */
export function encodeForwardProperties(properties: Properties): Uint8Array | undefined {
  const size = forwardedPropertiesSize(properties);
  if (size === 0) return undefined;
  const block = Buffer.allocUnsafeSlow(size);
  writeForwardedProperties(block, 0, properties);
  return block;
}

/** The Topic Name of `view` is `topic`. */
export function isSameTopic(view: PublishView, topic: Uint8Array): boolean {
  const { bytes, topicStart } = view;
  const length = view.topicEnd - topicStart;
  if (length !== topic.length) return false;
  // From the end: topics of one client differ there first.
  for (let at = length - 1; at >= 0; at -= 1) {
    if (bytes[topicStart + at] !== topic[at]) return false;
  }
  return true;
}
