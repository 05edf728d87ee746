import type { PacketReader } from './packet-reader.js';
import { PacketType, type ProtocolVersion, type UnsubscribePacket } from './packets.js';
import { readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';
import { readPacketIdentifier } from './subscribe.js';

/** Reads an UNSUBSCRIBE behind its fixed header. */
export function decodeUnsubscribe(
  reader: PacketReader,
  version: ProtocolVersion,
): UnsubscribePacket {
  const packetIdentifier = readPacketIdentifier(reader);
  const properties = version === 5 ? readProperties(reader, PacketType.Unsubscribe) : {};
  const topicFilters: string[] = [];
  if (reader.remaining === 0) {
    const reason = 'The UNSUBSCRIBE has no Topic Filter.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.10.3-2', 'MQTT3-3.10.3-2');
  }
  // [MQTT5-3.10.3-1] [MQTT3-3.10.3-1]
  while (reader.remaining > 0) topicFilters.push(reader.string('Topic Filter'));
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters, properties };
}
