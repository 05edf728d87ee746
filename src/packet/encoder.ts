/**
 * Writes the packets that a server sends: free functions over a PacketWriter. Properties go out in
 * version 5 only, and only Reason String and User Property give way to a Maximum Packet Size. What
 * has a string that is too long for its length field counts as too large for every client.
 */
import type { Properties, ProtocolVersion, QoS, UserProperty } from './packets.js';
import {
  variableByteIntegerSize,
  writeBinary,
  writeBytes,
  writeFourByteInteger,
  writeTwoByteInteger,
  writeVariableByteInteger,
} from './primitives.js';
import { propertiesSize, PropertyIdentifier, writeProperties } from './properties.js';
import { ConnectReturnCode, connectReturnCodeOf, ReasonCode } from './reason-codes.js';
import { reasonStringOf } from './reason-string.js';
import type { PacketWriter } from './writer.js';

/** First bytes of the packets, type and flags. */
const firstByte = {
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  pubrec: 0x50,
  pubrel: 0x62,
  pubcomp: 0x70,
  suback: 0x90,
  unsuback: 0xb0,
  pingresp: 0xd0,
  disconnect: 0xe0,
  auth: 0xf0,
} as const;

/** One byte and a Remaining Length of at most four. */
const fixedHeaderMax = 5;

/** Bytes of the largest packet that there is: four full bytes of Remaining Length. */
const packetSizeMax = fixedHeaderMax + 268_435_455;

const none: Properties = {};

/** Bytes of a packet with `remainingLength` bytes behind its fixed header. */
function packetSize(remainingLength: number): number {
  return 1 + variableByteIntegerSize(remainingLength) + remainingLength;
}

/** Whether a packet with that Remaining Length can be written, and the client takes it. */
function fits(remainingLength: number, maximumPacketSize: number): boolean {
  return packetSize(remainingLength) <= Math.min(maximumPacketSize, packetSizeMax);
}

/** Bytes of a property block with its length. */
function blockSize(properties: Properties): number {
  const size = propertiesSize(properties);
  return variableByteIntegerSize(size) + size;
}

/**
 * What of `properties` fits into a packet that has `otherBytes` in its variable header and payload:
 * without User Properties, or without the Reason String too, when it would be larger than
 * `maximumPacketSize`. A Reason String that none could carry is cut.
 */
function fitting(
  properties: Properties,
  otherBytes: number,
  maximumPacketSize: number,
): Properties {
  const hasUser = properties.userProperties !== undefined;
  const hasReason = properties.reasonString !== undefined;
  if (!hasUser && !hasReason) return properties;
  const kept = { ...properties };
  if (kept.reasonString !== undefined) kept.reasonString = reasonStringOf(kept.reasonString);
  if (fits(otherBytes + blockSize(kept), maximumPacketSize)) return kept;
  delete kept.userProperties;
  if (!hasReason || fits(otherBytes + blockSize(kept), maximumPacketSize)) return kept;
  delete kept.reasonString;
  return kept;
}

/**
 * Writes the fixed header, makes room for the rest, and returns the offset of the rest. `w.bytes`
 * may be another buffer afterwards.
 */
function begin(w: PacketWriter, first: number, remainingLength: number): number {
  w.reserve(fixedHeaderMax + remainingLength);
  w.bytes[w.length] = first;
  return writeVariableByteInteger(w.bytes, w.length + 1, remainingLength);
}

/** No properties are a Property Length of zero [MQTT5-2.2.2-1]. */
function writeBlock(w: PacketWriter, at: number, properties: Properties): number {
  const behindLength = writeVariableByteInteger(w.bytes, at, propertiesSize(properties));
  return writeProperties(w.bytes, behindLength, properties);
}

/**
 * Writes a CONNACK; `reasonCode` is that of MQTT 5 for every version. Session Present goes out only
 * with Success [MQTT5-3.2.2-6] [MQTT3-3.2.2-4], and not to a 3.1 client, which does not know it.
 * The other acknowledge flags are 0 [MQTT5-3.2.2-1]. Reason String and User Properties that do not
 * fit are left out [MQTT5-3.2.2-19] [MQTT5-3.2.2-20]. False: it is still too large, and not written
 * [MQTT5-3.1.2-24].
 */
export function writeConnack(
  w: PacketWriter,
  version: ProtocolVersion,
  sessionPresent: boolean,
  reasonCode: number,
  properties?: Properties,
  maximumPacketSize: number = Number.POSITIVE_INFINITY,
): boolean {
  const isPresent = sessionPresent && reasonCode === ReasonCode.Success;
  if (version !== 5) {
    const at = begin(w, firstByte.connack, 2);
    const returnCode = connectReturnCodeOf(reasonCode);
    const isAccepted = returnCode === ConnectReturnCode.Accepted;
    w.bytes[at] = isPresent && isAccepted && version === 4 ? 1 : 0;
    w.bytes[at + 1] = returnCode;
    w.length = at + 2;
    return true;
  }
  const fit = fitting(properties ?? none, 2, maximumPacketSize);
  const size = 2 + blockSize(fit);
  if (!fits(size, maximumPacketSize)) return false;
  const at = begin(w, firstByte.connack, size);
  w.bytes[at] = isPresent ? 1 : 0;
  w.bytes[at + 1] = reasonCode;
  w.length = writeBlock(w, at + 2, fit);
  return true;
}

/**
 * Writes a PUBACK, in its shortest form. Reason String and User Properties go to version 5 as far
 * as they fit into `maximumPacketSize` [MQTT5-3.4.2-2] [MQTT5-3.4.2-3].
 */
export function writePuback(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCode: number,
  reasonString?: string,
  userProperties?: UserProperty[],
  maximumPacketSize?: number,
): void {
  if (isShort(version, reasonCode, reasonString, userProperties)) {
    writeShortAck(w, firstByte.puback, packetIdentifier);
    return;
  }
  const properties = reasonProperties(reasonString, userProperties);
  writeLongAck(w, firstByte.puback, packetIdentifier, reasonCode, properties, maximumPacketSize);
}

/** As {@link writePuback} [MQTT5-3.5.2-2] [MQTT5-3.5.2-3]. */
export function writePubrec(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCode: number,
  reasonString?: string,
  userProperties?: UserProperty[],
  maximumPacketSize?: number,
): void {
  if (isShort(version, reasonCode, reasonString, userProperties)) {
    writeShortAck(w, firstByte.pubrec, packetIdentifier);
    return;
  }
  const properties = reasonProperties(reasonString, userProperties);
  writeLongAck(w, firstByte.pubrec, packetIdentifier, reasonCode, properties, maximumPacketSize);
}

/** As {@link writePuback} [MQTT5-3.6.1-1] [MQTT3-3.6.1-1] [MQTT5-3.6.2-2] [MQTT5-3.6.2-3]. */
export function writePubrel(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCode: number,
  reasonString?: string,
  userProperties?: UserProperty[],
  maximumPacketSize?: number,
): void {
  if (isShort(version, reasonCode, reasonString, userProperties)) {
    writeShortAck(w, firstByte.pubrel, packetIdentifier);
    return;
  }
  const properties = reasonProperties(reasonString, userProperties);
  writeLongAck(w, firstByte.pubrel, packetIdentifier, reasonCode, properties, maximumPacketSize);
}

/** As {@link writePuback} [MQTT5-3.7.2-2] [MQTT5-3.7.2-3]. */
export function writePubcomp(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCode: number,
  reasonString?: string,
  userProperties?: UserProperty[],
  maximumPacketSize?: number,
): void {
  if (isShort(version, reasonCode, reasonString, userProperties)) {
    writeShortAck(w, firstByte.pubcomp, packetIdentifier);
    return;
  }
  const properties = reasonProperties(reasonString, userProperties);
  writeLongAck(w, firstByte.pubcomp, packetIdentifier, reasonCode, properties, maximumPacketSize);
}

/** Success with nothing to add, and all there is in 3.x: four bytes. */
function isShort(
  version: ProtocolVersion,
  reasonCode: number,
  reasonString: string | undefined,
  userProperties: UserProperty[] | undefined,
): boolean {
  if (version !== 5) return true;
  return (
    reasonCode === ReasonCode.Success && reasonString === undefined && userProperties === undefined
  );
}

function writeShortAck(w: PacketWriter, first: number, packetIdentifier: number): void {
  w.reserve(4);
  const { bytes, length } = w;
  bytes[length] = first;
  bytes[length + 1] = 2;
  bytes[length + 2] = packetIdentifier >> 8;
  bytes[length + 3] = packetIdentifier;
  w.length = length + 4;
}

function reasonProperties(
  reasonString: string | undefined,
  userProperties: UserProperty[] | undefined,
): Properties {
  const properties: Properties = {};
  if (reasonString !== undefined) properties.reasonString = reasonString;
  if (userProperties !== undefined) properties.userProperties = userProperties;
  return properties;
}

function writeLongAck(
  w: PacketWriter,
  first: number,
  packetIdentifier: number,
  reasonCode: number,
  properties: Properties,
  maximumPacketSize: number = Number.POSITIVE_INFINITY,
): void {
  const fit = fitting(properties, 3, maximumPacketSize);
  const size = propertiesSize(fit);
  if (size === 0) {
    if (reasonCode === ReasonCode.Success) {
      writeShortAck(w, first, packetIdentifier);
      return;
    }
    const start = begin(w, first, 3);
    writeTwoByteInteger(w.bytes, start, packetIdentifier);
    w.bytes[start + 2] = reasonCode;
    w.length = start + 3;
    return;
  }
  const start = begin(w, first, 3 + blockSize(fit));
  const at = writeTwoByteInteger(w.bytes, start, packetIdentifier);
  w.bytes[at] = reasonCode;
  w.length = writeBlock(w, at + 1, fit);
}

/**
 * Writes a SUBACK with one code per Topic Filter, in order [MQTT5-3.8.4-6] [MQTT3-3.8.4-5]. 3.x
 * clients get 0x80 for every refusal [MQTT3-3.9.3-2]. What does not fit is left out [MQTT5-3.9.2-1]
 * [MQTT5-3.9.2-2]. False: it is still too large, and not written [MQTT5-3.1.2-24].
 */
export function writeSuback(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCodes: readonly number[],
  properties?: Properties,
  maximumPacketSize: number = Number.POSITIVE_INFINITY,
): boolean {
  const bodySize = 2 + reasonCodes.length;
  const fit = version === 5 ? fitting(properties ?? none, bodySize, maximumPacketSize) : none;
  const size = version === 5 ? bodySize + blockSize(fit) : bodySize;
  if (version === 5 && !fits(size, maximumPacketSize)) return false;
  let at = begin(w, firstByte.suback, size);
  at = writeTwoByteInteger(w.bytes, at, packetIdentifier);
  if (version === 5) at = writeBlock(w, at, fit);
  for (const code of reasonCodes) {
    w.bytes[at++] = version !== 5 && code >= ReasonCode.UnspecifiedError ? 0x80 : code;
  }
  w.length = at;
  return true;
}

/**
 * Writes an UNSUBACK; its codes go to version 5 only [MQTT5-3.11.3-1], 3.x has no payload here.
 * What does not fit is left out [MQTT5-3.11.2-1] [MQTT5-3.11.2-2]. False: it is still too large,
 * and not written [MQTT5-3.1.2-24].
 */
export function writeUnsuback(
  w: PacketWriter,
  version: ProtocolVersion,
  packetIdentifier: number,
  reasonCodes: readonly number[],
  properties?: Properties,
  maximumPacketSize: number = Number.POSITIVE_INFINITY,
): boolean {
  if (version !== 5) {
    writeShortAck(w, firstByte.unsuback, packetIdentifier);
    return true;
  }
  const bodySize = 2 + reasonCodes.length;
  const fit = fitting(properties ?? none, bodySize, maximumPacketSize);
  const size = bodySize + blockSize(fit);
  if (!fits(size, maximumPacketSize)) return false;
  let at = begin(w, firstByte.unsuback, size);
  at = writeTwoByteInteger(w.bytes, at, packetIdentifier);
  at = writeBlock(w, at, fit);
  for (const code of reasonCodes) w.bytes[at++] = code;
  w.length = at;
  return true;
}

export function writePingresp(w: PacketWriter): void {
  w.length = begin(w, firstByte.pingresp, 0);
}

/**
 * Writes a DISCONNECT, which only a version 5 client may get [MQTT5-3.14.2-3] [MQTT5-3.14.2-4].
 * False: it is too large, and not written [MQTT5-3.1.2-24].
 */
export function writeDisconnect(
  w: PacketWriter,
  reasonCode: number,
  properties?: Properties,
  maximumPacketSize?: number,
): boolean {
  return writeReasonPacket(w, firstByte.disconnect, reasonCode, properties, maximumPacketSize);
}

/**
 * Writes an AUTH, which only a version 5 client may get [MQTT5-3.15.2-2] [MQTT5-3.15.2-3]. False:
 * it is too large, and not written [MQTT5-3.1.2-24].
 */
export function writeAuth(
  w: PacketWriter,
  reasonCode: number,
  properties?: Properties,
  maximumPacketSize?: number,
): boolean {
  return writeReasonPacket(w, firstByte.auth, reasonCode, properties, maximumPacketSize);
}

function writeReasonPacket(
  w: PacketWriter,
  first: number,
  reasonCode: number,
  properties: Properties = none,
  maximumPacketSize: number = Number.POSITIVE_INFINITY,
): boolean {
  const fit = fitting(properties, 1, maximumPacketSize);
  if (propertiesSize(fit) === 0) {
    const isShortest = reasonCode === ReasonCode.Success;
    if (!fits(isShortest ? 0 : 1, maximumPacketSize)) return false;
    const at = begin(w, first, isShortest ? 0 : 1);
    if (!isShortest) w.bytes[at] = reasonCode;
    w.length = isShortest ? at : at + 1;
    return true;
  }
  const size = 1 + blockSize(fit);
  if (!fits(size, maximumPacketSize)) return false;
  const at = begin(w, first, size);
  w.bytes[at] = reasonCode;
  w.length = writeBlock(w, at + 1, fit);
  return true;
}

/** The parts of a PUBLISH that all its receivers share. */
export interface PublishParts {
  /** UTF-8 of the Topic Name. */
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
  /** Encoded block, see `forwardableProperties`; left out for 3.x. */
  readonly properties: Uint8Array | undefined;
}

/** What a PUBLISH to a version 5 client has of its own; of no effect in 3.x. */
export interface PublishOptions {
  /** 0: none. */
  readonly topicAlias: number;
  /** Only with a Topic Alias that the client knows already [MQTT5-3.3.2-12]. */
  readonly omitTopic: boolean;
  /** Seconds left [MQTT5-3.3.2-6]; -1: none. */
  readonly messageExpiryInterval: number;
  /** Of the subscriptions that matched [MQTT5-3.3.4-3]. */
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

/** Bytes of the whole property block without its length. */
function publishPropertiesSize(parts: PublishParts, options: PublishOptions | undefined): number {
  let size = parts.properties === undefined ? 0 : parts.properties.length;
  if (options === undefined) return size;
  if (options.topicAlias > 0) size += 3;
  if (options.messageExpiryInterval >= 0) size += 5;
  const identifiers = options.subscriptionIdentifiers;
  if (identifiers !== undefined) {
    for (const identifier of identifiers) size += 1 + variableByteIntegerSize(identifier);
  }
  return size;
}

/** Whether the Topic Name goes out as a Topic Alias only, which 3.x does not have. */
function isTopicOmitted(version: ProtocolVersion, options: PublishOptions | undefined): boolean {
  return version === 5 && options !== undefined && options.omitTopic && options.topicAlias > 0;
}

function publishRemainingLength(
  version: ProtocolVersion,
  parts: PublishParts,
  qos: number,
  options: PublishOptions | undefined,
  propertySize: number,
): number {
  let size = 2 + parts.payload.length + (qos > 0 ? 2 : 0);
  if (!isTopicOmitted(version, options)) size += parts.topic.length;
  return version === 5 ? size + variableByteIntegerSize(propertySize) + propertySize : size;
}

/**
 * Exactly the bytes that {@link writePublish} would write, for the client's Maximum Packet Size.
 */
export function publishSize(
  version: ProtocolVersion,
  parts: PublishParts,
  qos: QoS,
  options: PublishOptions | undefined,
): number {
  const propertySize = version === 5 ? publishPropertiesSize(parts, options) : 0;
  return packetSize(publishRemainingLength(version, parts, qos, options, propertySize));
}

/**
 * Writes a PUBLISH. `flags` is the low half of its first byte: DUP 8, QoS 6, RETAIN 1. The Packet
 * Identifier is written for QoS 1 and 2 only. Hot (bench/micro/codec.ts).
 */
export function writePublish(
  w: PacketWriter,
  version: ProtocolVersion,
  parts: PublishParts,
  flags: number,
  packetIdentifier: number,
  options: PublishOptions | undefined,
): void {
  const qos = (flags >> 1) & 3;
  const propertySize = version === 5 ? publishPropertiesSize(parts, options) : 0;
  const remaining = publishRemainingLength(version, parts, qos, options, propertySize);
  w.reserve(fixedHeaderMax + remaining);
  const { bytes } = w;
  bytes[w.length] = firstByte.publish | flags;
  let at = writeVariableByteInteger(bytes, w.length + 1, remaining);
  if (isTopicOmitted(version, options)) at = writeTwoByteInteger(bytes, at, 0);
  else at = writeBinary(bytes, at, parts.topic);
  if (qos > 0) at = writeTwoByteInteger(bytes, at, packetIdentifier);
  if (version === 5) {
    at = writeVariableByteInteger(bytes, at, propertySize);
    if (options !== undefined) at = writePublishOptions(bytes, at, options);
    if (parts.properties !== undefined) at = writeBytes(bytes, at, parts.properties);
  }
  w.length = writeBytes(bytes, at, parts.payload);
}

function writePublishOptions(bytes: Uint8Array, start: number, options: PublishOptions): number {
  let at = start;
  if (options.messageExpiryInterval >= 0) {
    bytes[at] = PropertyIdentifier.MessageExpiryInterval;
    at = writeFourByteInteger(bytes, at + 1, options.messageExpiryInterval);
  }
  if (options.topicAlias > 0) {
    bytes[at] = PropertyIdentifier.TopicAlias;
    at = writeTwoByteInteger(bytes, at + 1, options.topicAlias);
  }
  const identifiers = options.subscriptionIdentifiers;
  if (identifiers === undefined) return at;
  for (const identifier of identifiers) {
    bytes[at] = PropertyIdentifier.SubscriptionIdentifier;
    at = writeVariableByteInteger(bytes, at + 1, identifier);
  }
  return at;
}
