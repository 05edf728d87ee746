import type { PacketReader } from './packet-reader.js';
import {
  PacketType,
  type ProtocolVersion,
  type QoS,
  type RetainHandling,
  type SubscribePacket,
  type SubscriptionRequest,
} from './packets.js';
import { readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';

/** Begins a Topic Filter of a shared subscription (MQTT 5 section 4.8.2). */
const sharedPrefix = '$share/';

/** Reads a SUBSCRIBE behind its fixed header. */
export function decodeSubscribe(reader: PacketReader, version: ProtocolVersion): SubscribePacket {
  const packetIdentifier = readPacketIdentifier(reader);
  const properties = version === 5 ? readProperties(reader, PacketType.Subscribe) : {};
  const subscriptions: SubscriptionRequest[] = [];
  if (reader.remaining === 0) {
    const reason = 'The SUBSCRIBE has no Topic Filter.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.8.3-2', 'MQTT3-3.8.3-3');
  }
  while (reader.remaining > 0) {
    // [MQTT5-3.8.3-1] [MQTT3-3.8.3-1]
    const topicFilter = reader.string('Topic Filter');
    const options = reader.byte('Subscription Options');
    subscriptions.push(
      version === 5
        ? readOptions(reader, topicFilter, options)
        : readRequestedQoS(reader, topicFilter, options, version),
    );
  }
  return { type: PacketType.Subscribe, packetIdentifier, subscriptions, properties };
}

/** Of SUBSCRIBE and UNSUBSCRIBE: never 0. */
export function readPacketIdentifier(reader: PacketReader): number {
  const packetIdentifier = reader.twoByteInteger('Packet Identifier');
  if (packetIdentifier === 0) {
    const reason = 'The Packet Identifier is 0.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-2.2.1-3', 'MQTT3-2.3.1-1');
  }
  return packetIdentifier;
}

/** 3.x has only the QoS in this byte; 3.1 has the other bits unused, 3.1.1 reserves them. */
function readRequestedQoS(
  reader: PacketReader,
  topicFilter: string,
  options: number,
  version: ProtocolVersion,
): SubscriptionRequest {
  const qos = options & 3;
  if (qos === 3 || (options > 3 && version !== 3)) {
    const reason = 'The requested QoS is none of 0, 1 and 2.';
    reader.malformed(reason, undefined, 'MQTT3-3.8.3-4');
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  };
}

function readOptions(
  reader: PacketReader,
  topicFilter: string,
  options: number,
): SubscriptionRequest {
  const qos = options & 3;
  const noLocal = (options & 4) !== 0;
  const retainHandling = (options >> 4) & 3;
  if (options > 0x3f) {
    reader.malformed('Reserved bits of the Subscription Options are set.', 'MQTT5-3.8.3-5');
  }
  if (qos === 3) {
    reader.fail(ReasonCode.ProtocolError, 'The Maximum QoS is 3.', undefined, undefined);
  }
  if (retainHandling === 3) {
    reader.fail(ReasonCode.ProtocolError, 'The Retain Handling is 3.', undefined, undefined);
  }
  if (noLocal && topicFilter.startsWith(sharedPrefix)) {
    const reason = 'No Local is set on a shared subscription.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.8.3-4', undefined);
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as RetainHandling,
  };
}
