import type { ByteReader, ByteWriter } from '../base/mod.js';
import type { QoS } from '../packet/mod.js';

/**
 * The Will Message of a session, as it is published when the connection ends without DISCONNECT.
 */
export interface SessionWill {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Forwardable property block. */
  readonly properties: Uint8Array | undefined;
  /** Seconds from publication; -1 never expires. */
  readonly messageExpiryInterval: number;
  /** Seconds between the end of the connection and publication, `max_last_will_delay` applied. */
  readonly delaySeconds: number;
}

const retainBit = 4;
const propertiesBit = 8;

/** For records and for rows. */
export function writeWill(writer: ByteWriter, will: SessionWill): void {
  const { qos, retain, properties } = will;
  writer.byte(qos | (retain ? retainBit : 0) | (properties === undefined ? 0 : propertiesBit));
  writer.text(will.topicName);
  writer.blob(will.payload);
  if (properties !== undefined) writer.blob(properties);
  writer.varint(will.messageExpiryInterval + 1);
  writer.varint(will.delaySeconds);
}

export function readWill(reader: ByteReader): SessionWill {
  const flags = reader.byte();
  return {
    topicName: reader.text(),
    payload: reader.blob(),
    qos: (flags & 3) as QoS,
    retain: (flags & retainBit) !== 0,
    properties: (flags & propertiesBit) === 0 ? undefined : reader.blob(),
    messageExpiryInterval: reader.varint() - 1,
    delaySeconds: reader.varint(),
  };
}
