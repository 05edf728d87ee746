import { type ByteReader, type ByteWriter, TruncatedRecord } from '../../base/mod.js';

/** What goes around a message that one member sends to another. */
export interface Envelope {
  readonly mountpoint: string;
  /** Client Identifier of the publisher; '' for the broker itself. */
  readonly publisher: string;
  /** One subscriber of this shared subscription is to get it; '': every matching subscriber. */
  readonly group: string;
  /** Filter of `group`; '' without one. */
  readonly filter: string;
  /** The RETAIN flag as published. */
  readonly retain: boolean;
  /** Milliseconds until it expires, by the sender's clock; -1 never. */
  readonly expiresInMs: number;
}

const Flag = { Retain: 1, Expires: 2, Group: 4 } as const;

/**
 * The envelope alone; the message follows it to the end of the frame, as an MQTT 5 PUBLISH with
 * neither RETAIN nor DUP nor expiry, whose Packet Identifier means nothing.
 */
export function writeEnvelope(writer: ByteWriter, envelope: Envelope): void {
  const { retain, expiresInMs, group } = envelope;
  const isForGroup = group !== '';
  const expires = expiresInMs >= 0;
  writer.byte(
    (retain ? Flag.Retain : 0) | (expires ? Flag.Expires : 0) | (isForGroup ? Flag.Group : 0),
  );
  writer.text(envelope.mountpoint);
  writer.text(envelope.publisher);
  if (expires) writer.varint(Math.ceil(expiresInMs));
  if (!isForGroup) return;
  writer.text(group);
  writer.text(envelope.filter);
}

/** Undefined: it ends early, or has a flag of a newer version that changes what follows. */
export function readEnvelope(reader: ByteReader): Envelope | undefined {
  try {
    const flags = reader.byte();
    if (flags > (Flag.Retain | Flag.Expires | Flag.Group)) return undefined;
    const mountpoint = reader.text();
    const publisher = reader.text();
    const expiresInMs = (flags & Flag.Expires) === 0 ? -1 : reader.varint();
    const isForGroup = (flags & Flag.Group) !== 0;
    const group = isForGroup ? reader.text() : '';
    const filter = isForGroup ? reader.text() : '';
    return { mountpoint, publisher, group, filter, retain: (flags & 1) !== 0, expiresInMs };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
