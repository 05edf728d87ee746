import type { PacketReader } from './packet-reader.js';
import {
  type ConnectPacket,
  PacketType,
  type ProtocolVersion,
  type QoS,
  type Will,
} from './packets.js';
import { readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';

const bridgeBit = 0x80;

/** What the fixed header had that is judged by a version which only the variable header says. */
export interface ConnectFixedHeader {
  /** Low half of the first byte. */
  readonly flags: number;
  /** The Remaining Length was longer than it had to be. */
  readonly overlong: boolean;
}

const flagBits = {
  reserved: 0x01,
  cleanStart: 0x02,
  will: 0x04,
  willQoS: 0x18,
  willRetain: 0x20,
  password: 0x40,
  userName: 0x80,
};

/**
 * Reads a CONNECT. The reader's version is 0 or the connection's; it is set to what the packet
 * says, also when the packet fails later, so that the refusal can be written in the client's
 * version. A level that does not exist sets it to the nearest family.
 */
export function decodeConnect(reader: PacketReader, header: ConnectFixedHeader): ConnectPacket {
  const protocolName = reader.string('Protocol Name');
  const level = reader.byte('Protocol Version');
  const version = versionOf(reader, protocolName, level);
  checkFixedHeader(reader, header, version);
  const flags = reader.byte('Connect Flags');
  checkFlags(reader, flags, version);
  const keepAlive = reader.twoByteInteger('Keep Alive');
  const properties = version === 5 ? readProperties(reader, PacketType.Connect) : {};
  if (
    properties.authenticationData !== undefined &&
    properties.authenticationMethod === undefined
  ) {
    const reason = 'The CONNECT has Authentication Data without an Authentication Method.';
    reader.fail(ReasonCode.ProtocolError, reason, undefined, undefined);
  }
  // The payload has its fields in this order [MQTT5-3.1.3-1] [MQTT3-3.1.3-1], the first always
  // [MQTT5-3.1.3-3] [MQTT3-3.1.3-3], all text as UTF-8 [MQTT5-3.1.3-4] [MQTT3-3.1.3-4]
  // [MQTT5-3.1.3-11] [MQTT3-3.1.3-10] [MQTT5-3.1.3-12] [MQTT3-3.1.3-11].
  const clientIdentifier = reader.string('Client Identifier');
  // [MQTT5-3.1.2-9] [MQTT3-3.1.2-9]
  const will = (flags & flagBits.will) === 0 ? undefined : readWill(reader, flags, version);
  // A field is there exactly when its flag is set: [MQTT5-3.1.2-16] [MQTT3-3.1.2-18],
  // [MQTT5-3.1.2-17] [MQTT3-3.1.2-19], [MQTT5-3.1.2-18] [MQTT3-3.1.2-20], [MQTT5-3.1.2-19]
  // [MQTT3-3.1.2-21]. But a 3.1 client may set the flags and leave the fields out (section 3.1).
  const hasUserName =
    (flags & flagBits.userName) !== 0 && !(version === 3 && reader.remaining === 0);
  const userName = hasUserName ? reader.string('User Name') : undefined;
  const hasPassword =
    (flags & flagBits.password) !== 0 && !(version === 3 && reader.remaining === 0);
  const password = hasPassword ? reader.binary('Password') : undefined;
  reader.expectEnd('CONNECT');
  return {
    type: PacketType.Connect,
    protocolVersion: version,
    bridge: (level & bridgeBit) !== 0,
    cleanStart: (flags & flagBits.cleanStart) !== 0,
    keepAlive,
    clientIdentifier,
    userName,
    password,
    will,
    properties,
  };
}

function versionOf(reader: PacketReader, protocolName: string, level: number): ProtocolVersion {
  if (reader.error !== undefined) return 5;
  if (protocolName !== 'MQTT' && protocolName !== 'MQIsdp') {
    reader.malformed('The Protocol Name is not that of MQTT.', 'MQTT5-3.1.2-1', 'MQTT3-3.1.2-1');
    return 5;
  }
  const version = level === 5 ? 5 : level & ~bridgeBit;
  if (protocolName === 'MQIsdp' ? version === 3 : version === 4 || level === 5) {
    reader.version = version as ProtocolVersion;
    return version as ProtocolVersion;
  }
  reader.version = protocolName === 'MQTT' && version > 5 ? 5 : 4;
  const reason = `The Protocol Version ${level} is not supported.`;
  const code = ReasonCode.UnsupportedProtocolVersion;
  reader.fail(code, reason, 'MQTT5-3.1.2-2', 'MQTT3-3.1.2-2');
  return reader.version;
}

/** 3.1 leaves these bits unused, and 3.x does not ask for the shortest Remaining Length. */
function checkFixedHeader(
  reader: PacketReader,
  header: ConnectFixedHeader,
  version: ProtocolVersion,
): void {
  if (header.flags !== 0 && version !== 3) {
    const reason = 'The CONNECT has reserved flags set in its fixed header.';
    reader.malformed(reason, 'MQTT5-2.1.3-1', 'MQTT3-2.2.2-2');
  }
  if (header.overlong && version === 5) {
    reader.malformed('The Remaining Length is not in its shortest form.', 'MQTT5-1.5.5-1');
  }
}

function checkFlags(reader: PacketReader, flags: number, version: ProtocolVersion): void {
  if (reader.error !== undefined) return;
  const willQoS = (flags & flagBits.willQoS) >> 3;
  if ((flags & flagBits.will) !== 0) {
    if (willQoS === 3) {
      reader.malformed('The Will QoS is 3.', 'MQTT5-3.1.2-12', 'MQTT3-3.1.2-14');
    }
  } else if (version !== 3) {
    // [MQTT3-3.1.2-11]; MQTT 3.1 has these fields ignored without a will.
    if (willQoS !== 0) {
      const reason = 'The CONNECT has a Will QoS but no will.';
      reader.malformed(reason, 'MQTT5-3.1.2-11', 'MQTT3-3.1.2-13');
    }
    if ((flags & flagBits.willRetain) !== 0) {
      const reason = 'The CONNECT has Will Retain set but no will.';
      reader.malformed(reason, 'MQTT5-3.1.2-13', 'MQTT3-3.1.2-15');
    }
  }
  if ((flags & flagBits.reserved) !== 0 && version !== 3) {
    const reason = 'The reserved flag of the CONNECT is set.';
    reader.malformed(reason, 'MQTT5-3.1.2-3', 'MQTT3-3.1.2-3');
  }
  if ((flags & (flagBits.password | flagBits.userName)) === flagBits.password && version !== 5) {
    const reason = 'The CONNECT has a Password but no User Name.';
    reader.malformed(reason, undefined, 'MQTT3-3.1.2-22');
  }
}

function readWill(reader: PacketReader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, 'will') : {};
  return {
    topicName: reader.string('Will Topic'),
    payload: reader.binary('Will Payload'),
    qos: ((flags & flagBits.willQoS) >> 3) as QoS,
    retain: (flags & flagBits.willRetain) !== 0,
    properties,
  };
}
