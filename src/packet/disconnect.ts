import type { PacketReader } from './packet-reader.js';
import { type DisconnectPacket, PacketType, type ProtocolVersion } from './packets.js';
import { readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';

/** MQTT 5 table 3-10: what a client may give as its reason. */
const clientReasons: ReadonlySet<number> = new Set<number>([
  ReasonCode.Success,
  ReasonCode.DisconnectWithWillMessage,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.MessageRateTooHigh,
  ReasonCode.QuotaExceeded,
  ReasonCode.AdministrativeAction,
  ReasonCode.PayloadFormatInvalid,
]);

/** Reads a DISCONNECT behind its fixed header. 3.x has nothing there. */
export function decodeDisconnect(reader: PacketReader, version: ProtocolVersion): DisconnectPacket {
  const packet: DisconnectPacket = {
    type: PacketType.Disconnect,
    reasonCode: ReasonCode.Success,
    properties: {},
  };
  if (version === 5 && reader.remaining > 0) {
    packet.reasonCode = reader.byte('Reason Code');
    if (!clientReasons.has(packet.reasonCode)) {
      const reason = 'The Reason Code is not one that a client may disconnect with.';
      reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.14.2-1', undefined);
    }
    if (reader.remaining > 0) packet.properties = readProperties(reader, PacketType.Disconnect);
  }
  reader.expectEnd('DISCONNECT');
  return packet;
}
