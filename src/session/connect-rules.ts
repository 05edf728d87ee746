import {
  type ConnectPacket,
  encodeForwardProperties,
  ReasonCode,
  type Will,
} from '../packet/mod.js';
import { neverExpires } from './session-ports.js';
import type { Settings } from './settings.js';
import type { SessionWill } from './will.js';

export interface ConnectProblem {
  readonly reasonCode: number;
  /** First word as VerneMQ logs it. */
  readonly reason: string;
}

/**
 * The rules for Client Identifiers, which differ by version.
 * What is accepted: [MQTT5-3.1.3-5] [MQTT3-3.1.3-5] [MQTT3-3.1.3-6]
 */
export function identityProblem(
  connect: ConnectPacket,
  settings: Settings,
): ConnectProblem | undefined {
  const invalid = ReasonCode.ClientIdentifierNotValid;
  const identifier = connect.clientIdentifier;
  if (identifier === '') {
    // MQTT 3.1 has no empty identifier; 3.1.1 only for sessions that end with the connection.
    if (connect.protocolVersion === 3) {
      return { reasonCode: invalid, reason: 'invalid_client_id: MQTT 3.1 requires an identifier' };
    }
    if (connect.protocolVersion === 4 && !connect.cleanStart) {
      const reason = 'invalid_client_id: empty with CleanSession 0 [MQTT3-3.1.3-8]';
      return { reasonCode: invalid, reason };
    }
    return undefined;
  }
  if (
    identifier.length > settings.maxClientIdSize ||
    byteLength(identifier) > settings.maxClientIdSize
  ) {
    const reason = `invalid_client_id: longer than max_client_id_size (${settings.maxClientIdSize})`;
    return { reasonCode: invalid, reason };
  }
  return undefined;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Seconds for which the session outlives its connection. */
export function effectiveExpiry(connect: ConnectPacket, settings: Settings): number {
  if (connect.protocolVersion === 5) {
    const asked = connect.properties.sessionExpiryInterval ?? 0;
    return Math.min(asked, settings.maxSessionExpiryInterval ?? neverExpires);
  }
  // [MQTT3-3.1.2-6]: CleanSession 1 lasts as long as the connection.
  if (connect.cleanStart) return 0;
  return settings.persistentClientExpiration ?? neverExpires;
}

export function willOf(will: Will, settings: Settings): SessionWill {
  const asked = will.properties.willDelayInterval ?? 0;
  return {
    topicName: will.topicName,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties: encodeForwardProperties(will.properties),
    messageExpiryInterval: will.properties.messageExpiryInterval ?? -1,
    delaySeconds: Math.min(asked, settings.maxLastWillDelay ?? neverExpires),
  };
}

/** Reason Codes above 0x8A that a CONNACK may have; of those from 0x80 on all may but 0x8B. */
const connackReasons: ReadonlySet<number> = new Set([
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
  ReasonCode.ConnectionRateExceeded,
]);

/** The reason as CONNACK can have it: some are for DISCONNECT only [MQTT5-3.2.2-8]. */
export function connackReasonOf(reasonCode: number): number {
  if (reasonCode < ReasonCode.ServerShuttingDown || connackReasons.has(reasonCode)) {
    return reasonCode;
  }
  return ReasonCode.ServerUnavailable;
}
