import { type ByteReader, ByteWriter } from '../base/mod.js';
import type { QoS } from '../packet/mod.js';
import { Entry, Message } from '../queue/mod.js';
import { readWill, type SessionWill, writeWill } from '../session/mod.js';

/**
 * The bytes of every record. Layout 1; a change that old code cannot read raises the layout version
 * that the store checks at open.
 */

const numberBytes = 6;

/** Keys are big-endian numbers of six bytes, so that byte order is numeric order. */
export function key(first: number, second?: number): Buffer {
  const bytes = Buffer.allocUnsafe(second === undefined ? numberBytes : 2 * numberBytes);
  bytes.writeUIntBE(first, 0, numberBytes);
  if (second !== undefined) bytes.writeUIntBE(second, numberBytes, numberBytes);
  return bytes;
}

export function keyNumbers(bytes: Uint8Array): readonly [first: number, second: number] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const second = view.length > numberBytes ? view.readUIntBE(numberBytes, numberBytes) : 0;
  return [view.readUIntBE(0, numberBytes), second];
}

const hasProperties = 8;
const hasExpiry = 16;

export function writeMessage(writer: ByteWriter, message: Message): void {
  const { properties, expiresAt } = message;
  let flags = message.qos | (message.retain ? 4 : 0);
  if (properties !== undefined) flags |= hasProperties;
  if (expiresAt !== 0) flags |= hasExpiry;
  writer.byte(flags);
  writer.blob(message.topic);
  writer.text(message.publisher);
  if (properties !== undefined) writer.blob(properties);
  if (expiresAt !== 0) writer.varint(Math.floor(expiresAt));
  writer.blob(message.payload);
}

export function readMessage(reader: ByteReader): Message {
  const flags = reader.byte();
  const topic = reader.blob();
  const publisher = reader.text();
  const properties = (flags & hasProperties) !== 0 ? reader.blob() : undefined;
  const expiresAt = (flags & hasExpiry) !== 0 ? reader.varint() : 0;
  const payload = reader.blob();
  const qos = (flags & 3) as QoS;
  const name = topic.toString('utf8');
  return new Message(
    name,
    topic,
    payload,
    properties,
    qos,
    (flags & 4) !== 0,
    expiresAt,
    publisher,
  );
}

const entryRetain = 4;
const entryShared = 8;
const entryIdentifiers = 16;
/** The message is a record of its own, referred to by number. */
const entryReference = 32;

export function writeEntry(writer: ByteWriter, entry: Entry): void {
  const { message, group, subscriptionIdentifiers } = entry;
  let flags = entry.qos | (entry.retain ? entryRetain : 0);
  if (group !== undefined) flags |= entryShared;
  if (subscriptionIdentifiers !== undefined) flags |= entryIdentifiers;
  if (message.storeNumber !== 0) flags |= entryReference;
  writer.byte(flags);
  writer.varint(entry.sequence);
  if (group !== undefined) {
    writer.text(group.group);
    writer.text(group.filter);
  }
  if (subscriptionIdentifiers !== undefined) {
    writer.varint(subscriptionIdentifiers.length);
    for (const identifier of subscriptionIdentifiers) writer.varint(identifier);
  }
  if (message.storeNumber !== 0) writer.varint(message.storeNumber);
  else writeMessage(writer, message);
}

/**
 * `messageOf` finds a message that is a record of its own for the entry with `sequence`; undefined:
 * it is not there.
 */
export function readEntry(
  reader: ByteReader,
  messageOf: (storeNumber: number, sequence: number) => Message | undefined,
): Entry | undefined {
  const flags = reader.byte();
  const sequence = reader.varint();
  const isShared = (flags & entryShared) !== 0;
  const group = isShared ? { group: reader.text(), filter: reader.text() } : undefined;
  let identifiers: number[] | undefined;
  if ((flags & entryIdentifiers) !== 0) {
    identifiers = [];
    for (let count = reader.varint(); count > 0; count -= 1) identifiers.push(reader.varint());
  }
  const isReference = (flags & entryReference) !== 0;
  const message = isReference ? messageOf(reader.varint(), sequence) : readMessage(reader);
  if (message === undefined) return undefined;
  const retain = (flags & entryRetain) !== 0;
  const entry = new Entry(message, (flags & 3) as QoS, retain, identifiers, group);
  entry.sequence = sequence;
  return entry;
}

export interface SessionRecord {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly persistent: boolean;
  /** A connection had it when the record was written. */
  readonly connected: boolean;
  readonly expiryInterval: number;
  readonly disconnectedAt: number;
  readonly willDueAt: number;
  readonly will: SessionWill | undefined;
  /** Of the row that tells other members of the will; 0: there was none. */
  readonly willStamp: number;
  /** What a session that moved to another member left here, and when it was made; 0: it did not. */
  readonly strandedBorn: number;
}

export function writeSession(record: SessionRecord): Buffer {
  const writer = new ByteWriter();
  const { will } = record;
  let flags = record.persistent ? 1 : 0;
  if (record.connected) flags |= 2;
  if (will !== undefined) flags |= 4;
  if (record.strandedBorn !== 0) flags |= 8;
  if (will !== undefined && record.willStamp !== 0) flags |= 16;
  writer.byte(flags);
  writer.text(record.mountpoint);
  writer.text(record.clientIdentifier);
  writer.varint(record.expiryInterval);
  writer.varint(Math.floor(record.disconnectedAt));
  if (record.strandedBorn !== 0) writer.varint(record.strandedBorn);
  if (will === undefined) return writer.take();
  writer.varint(Math.floor(record.willDueAt));
  if (record.willStamp !== 0) writer.varint(record.willStamp);
  writeWill(writer, will);
  return writer.take();
}

export function readSession(reader: ByteReader): SessionRecord {
  const flags = reader.byte();
  const mountpoint = reader.text();
  const clientIdentifier = reader.text();
  const expiryInterval = reader.varint();
  const disconnectedAt = reader.varint();
  const strandedBorn = (flags & 8) === 0 ? 0 : reader.varint();
  const hasWill = (flags & 4) !== 0;
  const willDueAt = hasWill ? reader.varint() : 0;
  const willStamp = (flags & 16) === 0 ? 0 : reader.varint();
  const will = hasWill ? readWill(reader) : undefined;
  return {
    mountpoint,
    clientIdentifier,
    persistent: (flags & 1) !== 0,
    connected: (flags & 2) !== 0,
    expiryInterval,
    disconnectedAt,
    willDueAt,
    willStamp,
    will,
    strandedBorn,
  };
}

export interface SubscriptionRecord {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly subscriptionIdentifier: number | undefined;
}

export function writeSubscription(record: SubscriptionRecord): Buffer {
  const writer = new ByteWriter(64);
  const flags =
    record.qos |
    (record.noLocal ? 4 : 0) |
    (record.retainAsPublished ? 8 : 0) |
    (record.retainHandling << 4);
  writer.byte(flags);
  writer.text(record.topicFilter);
  writer.varint(record.subscriptionIdentifier ?? 0);
  return writer.take();
}

export function readSubscription(reader: ByteReader): SubscriptionRecord {
  const flags = reader.byte();
  const topicFilter = reader.text();
  const identifier = reader.varint();
  return {
    topicFilter,
    qos: (flags & 3) as QoS,
    noLocal: (flags & 4) !== 0,
    retainAsPublished: (flags & 8) !== 0,
    retainHandling: ((flags >> 4) & 3) as 0 | 1 | 2,
    subscriptionIdentifier: identifier === 0 ? undefined : identifier,
  };
}
