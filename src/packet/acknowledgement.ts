import { PacketReader } from './packet-reader.js';
import { PacketType, type ProtocolError, type ProtocolVersion } from './packets.js';
import { readProperties } from './properties.js';
import { protocolError } from './protocol-error.js';
import { ReasonCode } from './reason-codes.js';

/** The four packets that acknowledge a PUBLISH. */
export type AcknowledgementType =
  | typeof PacketType.Puback
  | typeof PacketType.Pubrec
  | typeof PacketType.Pubrel
  | typeof PacketType.Pubcomp;

/** A received PUBACK, PUBREC, PUBREL or PUBCOMP. One object per decoder, refilled for each. */
export interface AckView {
  packetIdentifier: number;
  /** Success for 3.x, and when left out. */
  reasonCode: number;
}

/**
 * Fills `view` from the variable header in `bytes[start, end)`. Reason String and User Properties
 * are checked and left, since the broker makes no use of a client's.
 */
export function decodeAcknowledgement(
  view: AckView,
  type: AcknowledgementType,
  bytes: Uint8Array,
  start: number,
  end: number,
  version: ProtocolVersion,
): ProtocolError | undefined {
  const size = end - start;
  if (size < 2 || (size > 2 && version !== 5)) {
    const reason = `An acknowledgement has ${size} bytes behind its fixed header.`;
    return protocolError(version, ReasonCode.MalformedPacket, reason, undefined, undefined);
  }
  const packetIdentifier = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
  if (packetIdentifier === 0) {
    const reason = 'An acknowledgement has the Packet Identifier 0.';
    const code = ReasonCode.ProtocolError;
    return protocolError(version, code, reason, 'MQTT5-2.2.1-5', 'MQTT3-2.3.1-6');
  }
  view.packetIdentifier = packetIdentifier;
  view.reasonCode = ReasonCode.Success;
  return size === 2 ? undefined : decodeReason(view, type, bytes, start + 2, end);
}

function decodeReason(
  view: AckView,
  type: AcknowledgementType,
  bytes: Uint8Array,
  start: number,
  end: number,
): ProtocolError | undefined {
  const reader = new PacketReader(bytes, start, end, 5);
  view.reasonCode = reader.byte('Reason Code');
  if (!isAcknowledgementReason(type, view.reasonCode)) {
    const reason = 'The Reason Code does not belong to this acknowledgement.';
    reader.fail(ReasonCode.ProtocolError, reason, statementOf(type), undefined);
  }
  if (reader.remaining > 0) readProperties(reader, type);
  reader.expectEnd('acknowledgement');
  return reader.error;
}

function statementOf(type: AcknowledgementType): string {
  switch (type) {
    case PacketType.Puback:
      return 'MQTT5-3.4.2-1';
    case PacketType.Pubrec:
      return 'MQTT5-3.5.2-1';
    case PacketType.Pubrel:
      return 'MQTT5-3.6.2-1';
    case PacketType.Pubcomp:
      return 'MQTT5-3.7.2-1';
  }
}

/** MQTT 5 tables 3-4 to 3-7. */
function isAcknowledgementReason(type: AcknowledgementType, code: number): boolean {
  if (code === ReasonCode.Success) return true;
  if (type === PacketType.Pubrel || type === PacketType.Pubcomp) {
    return code === ReasonCode.PacketIdentifierNotFound;
  }
  switch (code) {
    case ReasonCode.NoMatchingSubscribers:
    case ReasonCode.UnspecifiedError:
    case ReasonCode.ImplementationSpecificError:
    case ReasonCode.NotAuthorized:
    case ReasonCode.TopicNameInvalid:
    case ReasonCode.PacketIdentifierInUse:
    case ReasonCode.QuotaExceeded:
    case ReasonCode.PayloadFormatInvalid:
      return true;
    default:
      return false;
  }
}
