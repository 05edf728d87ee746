import type { PacketReader } from './packet-reader.js';
import { type AuthPacket, PacketType } from './packets.js';
import { readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';

/** Reads an AUTH behind its fixed header. Only MQTT 5 has it. */
export function decodeAuth(reader: PacketReader): AuthPacket {
  // Left out, the Reason Code is Success, which only a server may send.
  const reasonCode = reader.remaining > 0 ? reader.byte('Reason Code') : ReasonCode.Success;
  if (
    reasonCode !== ReasonCode.ContinueAuthentication &&
    reasonCode !== ReasonCode.ReAuthenticate
  ) {
    const reason = 'The Reason Code is not one that a client may send in an AUTH.';
    reader.fail(ReasonCode.ProtocolError, reason, 'MQTT5-3.15.2-1', undefined);
  }
  const properties = reader.remaining > 0 ? readProperties(reader, PacketType.Auth) : {};
  if (properties.authenticationMethod === undefined) {
    const reason = 'The AUTH has no Authentication Method.';
    reader.fail(ReasonCode.ProtocolError, reason, undefined, undefined);
  }
  reader.expectEnd('AUTH');
  return { type: PacketType.Auth, reasonCode, properties };
}
