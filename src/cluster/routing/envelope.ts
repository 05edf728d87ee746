import { type ByteReader, type ByteWriter, TruncatedRecord } from '../../base/mod.js';
import type { Stamp } from '../identity/mod.js';

/** What goes around a message that one member sends to another. */
export interface Envelope {
  readonly mountpoint: string;
  /** Client Identifier of the publisher; '' for the broker itself. */
  readonly publisher: string;
  /** One subscriber of this shared subscription is to get it; '': every matching subscriber. */
  readonly group: string;
  /** Filter of `group`; '' without one. */
  readonly filter: string;
  /** Of MQTT, in which the packets behind it are written; 4 stands for 3 too. */
  readonly version: 4 | 5;
  /** The RETAIN flag as published. */
  readonly retain: boolean;
  /** Stamp of the row that keeps a message with RETAIN; 0: none does. */
  readonly retainStamp: Stamp;
  /** Milliseconds until it expires, by the sender's clock; -1 never. */
  readonly expiresInMs: number;
  /** Client Identifiers that get it from elsewhere: older messages of theirs come first. */
  readonly except: readonly string[];
}

const Flag = { Retain: 1, Expires: 2, Group: 4, Except: 8, Version4: 16 } as const;

const allFlags: number = Flag.Retain | Flag.Expires | Flag.Group | Flag.Except | Flag.Version4;

/** More matching sessions than one node will have messages parked for. */
const exceptMax = 1_000_000;

/**
 * The envelope alone; messages follow it to the end of the frame, one or more for which it is the
 * same. Each is a PUBLISH packet with neither RETAIN nor DUP nor alias nor expiry, whose Packet
 * Identifier means nothing.
 */
export function writeEnvelope(writer: ByteWriter, envelope: Envelope): void {
  const { version, retain, expiresInMs, group, except } = envelope;
  const isForGroup = group !== '';
  const expires = expiresInMs >= 0;
  let flags = retain ? Flag.Retain : 0;
  if (version === 4) flags |= Flag.Version4;
  if (expires) flags |= Flag.Expires;
  if (isForGroup) flags |= Flag.Group;
  if (except.length > 0) flags |= Flag.Except;
  writer.byte(flags);
  writer.text(envelope.mountpoint);
  writer.text(envelope.publisher);
  if (retain) writer.varint(envelope.retainStamp);
  if (expires) writer.varint(Math.ceil(expiresInMs));
  if (except.length > 0) {
    writer.varint(except.length);
    for (const clientIdentifier of except) writer.text(clientIdentifier);
  }
  if (!isForGroup) return;
  writer.text(group);
  writer.text(envelope.filter);
}

/** Undefined: it ends early, or has a flag of a newer version that changes what follows. */
export function readEnvelope(reader: ByteReader): Envelope | undefined {
  try {
    const flags = reader.byte();
    if (flags > allFlags) return undefined;
    const version = (flags & Flag.Version4) === 0 ? 5 : 4;
    const mountpoint = reader.text();
    const publisher = reader.text();
    const retain = (flags & Flag.Retain) !== 0;
    const retainStamp = retain ? reader.varint() : 0;
    const expiresInMs = (flags & Flag.Expires) === 0 ? -1 : reader.varint();
    const except: string[] = [];
    const count = (flags & Flag.Except) === 0 ? 0 : reader.varint();
    if (count > exceptMax) return undefined;
    for (let left = count; left > 0; left -= 1) except.push(reader.text());
    const isForGroup = (flags & Flag.Group) !== 0;
    const group = isForGroup ? reader.text() : '';
    const filter = isForGroup ? reader.text() : '';
    return {
      mountpoint,
      publisher,
      group,
      filter,
      version,
      retain,
      retainStamp,
      expiresInMs,
      except,
    };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
