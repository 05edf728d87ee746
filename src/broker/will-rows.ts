import { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter, TruncatedRecord } from '../base/mod.js';
import type { Site, Stamp, StampClock } from '../cluster/identity/mod.js';
import {
  keyBytesMax,
  type Row,
  RowKind,
  type Tables,
  valueBytesMax,
} from '../cluster/metadata/mod.js';
import { readSessionKey, sessionKey, type SessionName } from '../cluster/takeover/mod.js';
import { readWill, type Session, type SessionWill, writeWill } from '../session/mod.js';

/** Where rows of wills are told and found. */
export interface WillRowsCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly stamps: StampClock;
}

/** What a member tells the others of the will of a client, for the day on which it dies. */
export interface WillValue {
  readonly will: SessionWill;
  /** Of the session, in seconds: it ends the delay of the will. */
  readonly expiryInterval: number;
  /** Milliseconds since the epoch; 0: the client is connected. */
  readonly dueAt: number;
}

/** A will of a client of `site` that nobody has published, as far as is known. */
export interface OpenWill {
  readonly site: Site;
  readonly key: string;
  readonly name: SessionName;
  readonly stamp: Stamp;
  readonly value: WillValue;
}

/** U+0000 is in no site, mountpoint or Client Identifier. */
const separator = '\0';

/**
 * The key names the member too, so that the override of one member's will is not in the way of what
 * the one who wrote it says of the same client itself.
 */
export function willKey(site: Site, name: SessionName): string {
  return `${site}${separator}${sessionKey(name)}`;
}

/** The member in whose hands the will was; undefined: no key of ours. */
export function siteOfWill(key: string): Site | undefined {
  const at = key.indexOf(separator);
  return at < 0 ? undefined : key.slice(0, at);
}

/** The wills of this node's clients, told to the others, and what the others tell of theirs. */
export class WillRows {
  readonly #cluster: WillRowsCluster;

  constructor(cluster: WillRowsCluster) {
    this.#cluster = cluster;
  }

  /** A client has connected with a will, or (`stamp` is known) one from the store is pending. */
  put(session: Session, now: number): void {
    const { site, stamps } = this.#cluster;
    const key = willKey(site, session);
    const value = valueBytes(session);
    // Nobody else can publish what is too long for a row: it waits for its own node.
    if (value.length > valueBytesMax || Buffer.byteLength(key) > keyBytesMax) {
      this.withdraw(session);
      return;
    }
    if (session.willStamp === 0) {
      session.willStamp = Math.max(stamps.next(now), this.#latestStamp(key) + 1);
    }
    this.#cluster.tables.put(RowKind.Will, key, value, session.willStamp);
  }

  /** When it is due has changed. */
  update(session: Session): void {
    if (session.willStamp === 0) return;
    const { site, tables } = this.#cluster;
    const key = willKey(site, session);
    tables.put(RowKind.Will, key, valueBytes(session), session.willStamp);
  }

  /** There is no will any more. */
  withdraw(session: Session): Row | undefined {
    if (session.willStamp === 0) return undefined;
    session.willStamp = 0;
    const { site, tables } = this.#cluster;
    return tables.remove(RowKind.Will, willKey(site, session));
  }

  /** True when this node tells of a will of the client. */
  hasOwn(name: SessionName): boolean {
    const { site, tables } = this.#cluster;
    return tables.get(site, RowKind.Will, willKey(site, name)) !== undefined;
  }

  /** True when another member published it, or withdrew it because the client came there. */
  isSettled(session: Session): boolean {
    return session.willStamp !== 0 && this.isOverridden(session, session.willStamp);
  }

  /** The same of a will of this node whose row had `stamp`. */
  isOverridden(name: SessionName, stamp: Stamp): boolean {
    return this.#overrideOf(willKey(this.#cluster.site, name), stamp) !== undefined;
  }

  /** Undefined: the row says nothing, or it was settled. */
  open(row: Row): OpenWill | undefined {
    const { key, site, stamp } = row;
    if (row.value === undefined || siteOfWill(key) !== site) return undefined;
    if (this.#overrideOf(key, stamp) !== undefined) return undefined;
    const name = readSessionKey(key.slice(site.length + 1));
    const value = readValue(row.value);
    return name === undefined || value === undefined
      ? undefined
      : { site, key, name, stamp, value };
  }

  openOf(site: Site, key: string): OpenWill | undefined {
    const row = this.#cluster.tables.get(site, RowKind.Will, key);
    return row === undefined ? undefined : this.open(row);
  }

  /** It is this node's to publish, or nobody's. Returns the row that has to be durable first. */
  settle({ key, stamp }: OpenWill, now: number): Row {
    const { tables, stamps } = this.#cluster;
    return tables.override(RowKind.Will, key, Math.max(stamps.next(now), stamp + 1));
  }

  /** Of those who settled it, several if they did not see each other, one publishes it. */
  isOurs({ key, stamp }: OpenWill): boolean {
    return this.#overrideOf(key, stamp)?.site === this.#cluster.site;
  }

  /** The earliest that beats a will of `stamp`. */
  #overrideOf(key: string, stamp: Stamp): Row | undefined {
    let first: Row | undefined;
    for (const row of this.#cluster.tables.rowsOf(RowKind.Will, key)) {
      if (!row.isOverride || row.stamp <= stamp) continue;
      const isEarlier =
        first === undefined ||
        row.stamp < first.stamp ||
        (row.stamp === first.stamp && row.site < first.site);
      if (isEarlier) first = row;
    }
    return first;
  }

  #latestStamp(key: string): Stamp {
    const rows = this.#cluster.tables.rowsOf(RowKind.Will, key);
    return rows.reduce((latest, { stamp }) => Math.max(latest, stamp), 0);
  }
}

function valueBytes(session: Session): Uint8Array {
  const will = session.will as SessionWill;
  const writer = new ByteWriter(64 + will.topicName.length + will.payload.length);
  writer.varint(session.expiryInterval);
  writer.varint(Math.floor(session.willDueAt));
  writeWill(writer, will);
  return writer.take();
}

/** Undefined: not what a member says. Bytes behind it are a newer version's. */
function readValue(bytes: Uint8Array): WillValue | undefined {
  const reader = new ByteReader(bytes);
  try {
    const expiryInterval = reader.varint();
    const dueAt = reader.varint();
    const will = readWill(reader);
    return will.qos > 2 ? undefined : { will, expiryInterval, dueAt };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
