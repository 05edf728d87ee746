import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { readSite, type Site, type Stamp, writeSite } from '../identity/mod.js';

/** Whose session it is: the key of its rows. */
export interface SessionName {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
}

/**
 * What the owner of a session tells the others of it. The row's stamp is the claim: it stays while
 * the owner does, whatever else changes.
 */
export interface SessionValue {
  /** When the session was made: what belongs to an older one is discarded. */
  readonly born: Stamp;
  /** Seconds; in force once the connection has ended. */
  readonly expiryInterval: number;
  /** Milliseconds since the epoch; 0: connected. */
  readonly disconnectedAt: number;
  /** Part of the Packet Identifiers that the owner takes new ones from; see {@link rangesMax}. */
  readonly range: number;
  /** Who had it before and hands it over; undefined: nothing is expected from anybody. */
  readonly movingFrom: Site | undefined;
  /** Its subscriptions are not here yet: those of `movingFrom` are in force. */
  readonly isFetching: boolean;
}

/**
 * Packet Identifiers are taken from one of so many parts, the next one whenever a session goes on
 * without its in-flight state: the client may still hold identifiers of the last.
 */
export const rangesMax = 8;

/** U+0000 is in no mountpoint, Client Identifier or filter [MQTT5-1.5.4-2]. */
const separator = '\0';

const Flag = { Moving: 1, Fetching: 2 } as const;

export function sessionKey({ mountpoint, clientIdentifier }: SessionName): string {
  return `${mountpoint}${separator}${clientIdentifier}`;
}

/** Undefined: no key of ours. */
export function readSessionKey(key: string): SessionName | undefined {
  const [mountpoint, clientIdentifier, more] = key.split(separator);
  if (mountpoint === undefined || clientIdentifier === undefined) return undefined;
  return more === undefined ? { mountpoint, clientIdentifier } : undefined;
}

export function sessionValueBytes(value: SessionValue): Uint8Array {
  const writer = new ByteWriter(48);
  const moving = value.movingFrom === undefined ? 0 : Flag.Moving;
  writer.byte(moving | (value.isFetching ? Flag.Fetching : 0));
  writer.varint(value.born);
  writer.varint(value.expiryInterval);
  writer.varint(Math.floor(value.disconnectedAt));
  writer.byte(value.range);
  if (value.movingFrom !== undefined) writeSite(writer, value.movingFrom);
  return writer.take();
}

/** Undefined: no value of ours. Bytes behind it are a newer version's. */
export function readSessionValue(bytes: Uint8Array): SessionValue | undefined {
  const reader = new ByteReader(bytes);
  try {
    const flags = reader.byte();
    return {
      born: reader.varint(),
      expiryInterval: reader.varint(),
      disconnectedAt: reader.varint(),
      range: reader.byte() % rangesMax,
      movingFrom: (flags & Flag.Moving) === 0 ? undefined : readSite(reader),
      isFetching: (flags & Flag.Fetching) !== 0,
    };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

/** Key of a subscription of a persistent session; `topicFilter` as the client sent it. */
export function subscriptionKey(session: string, topicFilter: string): string {
  return `${session}${separator}${topicFilter}`;
}

/** Undefined: no key of ours. */
export function readSubscriptionKey(
  key: string,
): { readonly session: string; readonly topicFilter: string } | undefined {
  const [mountpoint, clientIdentifier, topicFilter, more] = key.split(separator);
  if (mountpoint === undefined || clientIdentifier === undefined) return undefined;
  if (topicFilter === undefined || topicFilter === '' || more !== undefined) return undefined;
  return { session: sessionKey({ mountpoint, clientIdentifier }), topicFilter };
}

/** True when the session has ended, though nobody may have said so. */
export function isExpired(value: SessionValue, never: number, now: number): boolean {
  if (value.disconnectedAt === 0 || value.expiryInterval === never) return false;
  return value.disconnectedAt + value.expiryInterval * 1000 <= now;
}
