import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import type { Stamp } from '../identity/mod.js';
import type { SessionName } from './session-row.js';

/** A subscription that moves with its session. */
export interface HandedSubscription {
  /** As the client sent it, `$share/…` included. */
  readonly topicFilter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly subscriptionIdentifier: number | undefined;
}

/** A message of a session that moves. */
export interface HandedEntry {
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array | undefined;
  /** As published. */
  readonly publishedQoS: 0 | 1 | 2;
  readonly publishedRetain: boolean;
  readonly publisher: string;
  /** Milliseconds until it expires, by the sender's clock; -1 never. */
  readonly expiresInMs: number;
  /** As this session gets it. */
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly group: { readonly group: string; readonly filter: string } | undefined;
  /** 0: it was never sent. */
  readonly packetIdentifier: number;
  /** The client has answered with PUBREC. */
  readonly isReleased: boolean;
}

/** Whose, and of which life of the session. */
export interface HandoverHead extends SessionName {
  readonly born: Stamp;
}

/** What whoever holds something of a session tells its owner, in this order. */
export type Handover = HandoverHead &
  (
    | {
        /** What there is besides messages. */
        readonly kind: 'state';
        readonly expiryInterval: number;
        /** QoS 2 identifiers of the client that are not released. */
        readonly received: readonly number[];
        readonly subscriptions: readonly HandedSubscription[];
      }
    | { readonly kind: 'entry'; readonly entry: HandedEntry }
    /** That was all, and nothing will come any more. */
    | { readonly kind: 'end' }
    /** From here on what the sender sends for the session is for the receiver, or is not. */
    | { readonly kind: 'mark'; readonly isYours: boolean }
  );

const Kind = { State: 1, Entry: 2, End: 3, Mark: 4 } as const;

/** More than any client may have; a count beyond it is not of a member. */
const subscriptionsMax = 1_000_000;
const identifiersMax = 65_535;

const Flag = {
  Retain: 4,
  PublishedRetain: 8,
  Properties: 16,
  Expires: 32,
  Group: 64,
  Released: 128,
} as const;

export function handoverBytes(handover: Handover): Uint8Array {
  const writer = new ByteWriter(256);
  switch (handover.kind) {
    case 'state':
      writeHead(writer, Kind.State, handover);
      writer.varint(handover.expiryInterval);
      writer.varint(handover.received.length);
      for (const identifier of handover.received) writer.varint(identifier);
      writer.varint(handover.subscriptions.length);
      for (const one of handover.subscriptions) writeSubscription(writer, one);
      break;
    case 'entry':
      writeHead(writer, Kind.Entry, handover);
      writeEntry(writer, handover.entry);
      break;
    case 'end':
      writeHead(writer, Kind.End, handover);
      break;
    case 'mark':
      writeHead(writer, Kind.Mark, handover);
      writer.varint(handover.isYours ? 1 : 0);
      break;
  }
  return writer.take();
}

/** Undefined: nothing that a member would send. */
export function readHandover(reader: ByteReader): Handover | undefined {
  try {
    const kind = reader.byte();
    const head = { mountpoint: reader.text(), clientIdentifier: reader.text() };
    const born = reader.varint();
    switch (kind) {
      case Kind.State:
        return readState(reader, { ...head, born });
      case Kind.Entry:
        return { ...head, born, kind: 'entry', entry: readEntry(reader) };
      case Kind.End:
        return { ...head, born, kind: 'end' };
      case Kind.Mark:
        return { ...head, born, kind: 'mark', isYours: reader.varint() === 1 };
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

/** A Subscription row: the filter is in its key. */
export function subscriptionValueBytes(one: HandedSubscription): Uint8Array {
  const writer = new ByteWriter(8);
  writeSubscription(writer, { ...one, topicFilter: '' });
  return writer.take();
}

/** Undefined: no value of ours. */
export function readSubscriptionValue(
  topicFilter: string,
  bytes: Uint8Array,
): HandedSubscription | undefined {
  try {
    return { ...readSubscription(new ByteReader(bytes)), topicFilter };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

function writeHead(writer: ByteWriter, kind: number, head: HandoverHead): void {
  writer.byte(kind);
  writer.text(head.mountpoint);
  writer.text(head.clientIdentifier);
  writer.varint(head.born);
}

function readState(reader: ByteReader, head: HandoverHead): Handover | undefined {
  const expiryInterval = reader.varint();
  const received: number[] = [];
  const receivedCount = reader.varint();
  if (receivedCount > identifiersMax) return undefined;
  for (let left = receivedCount; left > 0; left -= 1) received.push(reader.varint());
  const subscriptions: HandedSubscription[] = [];
  const count = reader.varint();
  if (count > subscriptionsMax) return undefined;
  for (let left = count; left > 0; left -= 1) subscriptions.push(readSubscription(reader));
  return { ...head, kind: 'state', expiryInterval, received, subscriptions };
}

function writeSubscription(writer: ByteWriter, one: HandedSubscription): void {
  const { qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = one;
  writer.byte(qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4));
  writer.text(one.topicFilter);
  writer.varint(subscriptionIdentifier ?? 0);
}

function readSubscription(reader: ByteReader): HandedSubscription {
  const flags = reader.byte();
  const topicFilter = reader.text();
  const identifier = reader.varint();
  return {
    topicFilter,
    qos: qosOf(flags),
    noLocal: (flags & 4) !== 0,
    retainAsPublished: (flags & 8) !== 0,
    retainHandling: qosOf(flags >> 4),
    subscriptionIdentifier: identifier === 0 ? undefined : identifier,
  };
}

function writeEntry(writer: ByteWriter, entry: HandedEntry): void {
  const { properties, group, subscriptionIdentifiers = [] } = entry;
  let flags: number = entry.qos;
  if (entry.retain) flags |= Flag.Retain;
  if (entry.publishedRetain) flags |= Flag.PublishedRetain;
  if (properties !== undefined) flags |= Flag.Properties;
  if (entry.expiresInMs >= 0) flags |= Flag.Expires;
  if (group !== undefined) flags |= Flag.Group;
  if (entry.isReleased) flags |= Flag.Released;
  writer.byte(flags);
  writer.byte(entry.publishedQoS);
  writer.varint(entry.packetIdentifier);
  writer.text(entry.publisher);
  if (entry.expiresInMs >= 0) writer.varint(Math.ceil(entry.expiresInMs));
  if (group !== undefined) {
    writer.text(group.group);
    writer.text(group.filter);
  }
  writer.varint(subscriptionIdentifiers.length);
  for (const identifier of subscriptionIdentifiers) writer.varint(identifier);
  if (properties !== undefined) writer.blob(properties);
  writer.blob(entry.topic);
  writer.blob(entry.payload);
}

function readEntry(reader: ByteReader): HandedEntry {
  const flags = reader.byte();
  const publishedQoS = qosOf(reader.byte());
  const packetIdentifier = reader.varint();
  const publisher = reader.text();
  const expiresInMs = (flags & Flag.Expires) === 0 ? -1 : reader.varint();
  const isShared = (flags & Flag.Group) !== 0;
  const group = isShared ? { group: reader.text(), filter: reader.text() } : undefined;
  const identifiers: number[] = [];
  const count = reader.varint();
  if (count > subscriptionsMax) throw new TruncatedRecord('too many identifiers');
  for (let left = count; left > 0; left -= 1) identifiers.push(reader.varint());
  const properties = (flags & Flag.Properties) === 0 ? undefined : reader.blob();
  if (packetIdentifier > identifiersMax) throw new TruncatedRecord('no Packet Identifier');
  return {
    ...{ publishedQoS, packetIdentifier, publisher, expiresInMs, group, properties },
    topic: reader.blob(),
    payload: reader.blob(),
    publishedRetain: (flags & Flag.PublishedRetain) !== 0,
    qos: qosOf(flags),
    retain: (flags & Flag.Retain) !== 0,
    subscriptionIdentifiers: identifiers.length === 0 ? undefined : identifiers,
    isReleased: (flags & Flag.Released) !== 0,
  };
}

function qosOf(flags: number): 0 | 1 | 2 {
  const qos = flags & 3;
  if (qos === 3) throw new TruncatedRecord('QoS 3');
  return qos as 0 | 1 | 2;
}
