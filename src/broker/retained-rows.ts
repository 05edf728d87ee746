import { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter, TruncatedRecord } from '../base/mod.js';
import { isLater, type Site, type Stamp, type StampClock } from '../cluster/identity/mod.js';
import {
  keyBytesMax,
  type Row,
  RowKind,
  type Tables,
  valueBytesMax,
} from '../cluster/metadata/mod.js';
import type { QoS } from '../packet/mod.js';
import { Message } from '../queue/mod.js';
import { type Passed, PassedAhead } from './passed-ahead.js';

/** What retained messages need of the cluster. */
export interface RetainedCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly stamps: StampClock;
  readonly members: readonly { readonly site: Site }[];
  readonly presence: { clockOffsetOf(site: Site): number | undefined };
  stateOf(site: Site): string;
}

export interface RetainedRowsHost {
  /** What is retained here for a topic; undefined: nothing. */
  retainedFor(mountpoint: string, topicName: string): Message | undefined;
  /** Another message is retained for the topic, or (undefined) none any more. */
  retainedChanged(
    mountpoint: string,
    topicName: string,
    message: Message | undefined,
    passedAt: number,
  ): void;
  /** What is retained for the topic is delivered now to who has subscribed. */
  passedAgain(mountpoint: string, topicName: string, at: number): void;
  /** An acknowledgement may have to wait for what was written. */
  written(): void;
}

/** A message, as its row has it: its payload is not kept twice. */
export interface SetRow {
  readonly message: Message;
  readonly stamp: Stamp;
}

/** Under every stamp: what was retained before this node became a member. */
const oldStamp: Stamp = 1;

/** U+0000 is in no mountpoint and no topic. */
const separator = '\0';
const hasProperties = 8;
const hasExpiry = 16;
/** Around payload, publisher and properties. */
const overheadBytes = 32;

/**
 * Retained messages of a cluster: any member may set or clear one, and the latest stamp counts.
 *
 * ```
 *  set, clear ──▶ own row, override ──▶ others           (its record on disk is the row's)
 *  row of another ──▶ changed ──▶ (turn's end) settle ──▶ what is retained here
 *                                        └▶ a row of ours that lost is deleted
 * ```
 */
export class RetainedRows {
  readonly #cluster: RetainedCluster;
  readonly #host: RetainedRowsHost;
  #changed = new Set<string>();
  readonly #passed = new PassedAhead();

  constructor(cluster: RetainedCluster, host: RetainedRowsHost) {
    this.#cluster = cluster;
    this.#host = host;
  }

  /** `$SYS` is every node's own. */
  covers(topicName: string): boolean {
    return !topicName.startsWith('$SYS/');
  }

  /** False: it is longer than a row may be. */
  fits(mountpoint: string, { topic, payload, properties, publisher }: Message): boolean {
    const publisherBytes = Buffer.byteLength(publisher);
    const around = (properties?.length ?? 0) + publisherBytes + overheadBytes;
    if (payload.length + around > valueBytesMax) return false;
    return Buffer.byteLength(mountpoint) + 1 + topic.length <= keyBytesMax;
  }

  set(mountpoint: string, message: Message, now: number): SetRow {
    const key = rowKey(mountpoint, message.topicName);
    const row = this.#put(key, message, this.#nextStamp(this.#latest(key), now));
    this.#host.written();
    return { message: messageOf(message.topicName, row.value, 0) as Message, stamp: row.stamp };
  }

  /** Returns the stamp of the row that says so; 0: nothing was known to be cleared. */
  clear(mountpoint: string, topicName: string, now: number): Stamp {
    const key = rowKey(mountpoint, topicName);
    const latest = this.#latest(key);
    const isClear = latest === undefined || latest.isOverride;
    if (isClear && this.#isWhole()) return 0;
    const stamp = this.#nextStamp(latest, now);
    this.#cluster.tables.override(RowKind.Retain, key, stamp);
    this.#host.written();
    return stamp;
  }

  /**
   * The message has expired, here as everywhere. The row goes with who wrote it; while a member is
   * missing something older may come back with it, which must not rise again.
   */
  expired(mountpoint: string, topicName: string): void {
    const { tables, site } = this.#cluster;
    const key = rowKey(mountpoint, topicName);
    const own = tables.get(site, RowKind.Retain, key);
    if (own === undefined || own.isOverride) return;
    if (this.#isWhole()) tables.remove(RowKind.Retain, key);
    else tables.override(RowKind.Retain, key, own.stamp);
  }

  /**
   * What member `site` retains under `stamp` goes to subscribers here, at a moment `at`; its row
   * may have come, or is to come.
   */
  passed(mountpoint: string, topicName: string, passed: Passed): void {
    const key = rowKey(mountpoint, topicName);
    const latest = this.#latest(key);
    const { stamp, site, at } = passed;
    if (latest === undefined || isLater(stamp, site, latest.stamp, latest.site)) {
      this.#passed.note(key, passed);
    } else if (latest.stamp !== stamp || latest.site !== site) return;
    else if (this.#changed.has(key)) this.#passed.note(key, passed);
    else this.#host.passedAgain(mountpoint, topicName, at);
  }

  /** Something later than what is retained here was delivered after `since`. */
  hasPassed(mountpoint: string, topicName: string, since: number): boolean {
    return !this.#passed.isEmpty && this.#passed.isAhead(rowKey(mountpoint, topicName), since);
  }

  /** It was retained before this node was a member of anything; it fits. Before {@link load}. */
  adopt(mountpoint: string, message: Message): void {
    const key = rowKey(mountpoint, message.topicName);
    if (this.#latest(key) === undefined) this.#put(key, message, oldStamp);
  }

  /** At start: what the rows from disk say. */
  load(now: number): void {
    const cursor = this.#cluster.tables.cursor(RowKind.Retain);
    for (let row = cursor.next(); row !== undefined; row = cursor.next()) {
      this.#changed.add(row.key);
    }
    this.settle(now);
  }

  /** Some member, this one too, says something else. */
  rowChanged(key: string): void {
    this.#changed.add(key);
  }

  /** Once per turn: what changed comes into force. */
  settle(now: number): void {
    if (this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const key of changed) {
      const at = key.indexOf(separator);
      if (at >= 0) this.#settle(key, key.slice(0, at), key.slice(at + 1), now);
    }
  }

  #settle(key: string, mountpoint: string, topicName: string, now: number): void {
    const { tables, site } = this.#cluster;
    const latest = this.#latest(key);
    const passedAt = latest === undefined ? 0 : this.#passed.caughtUp(key, latest);
    const own = tables.get(site, RowKind.Retain, key);
    if (own !== undefined && latest?.site !== site) tables.remove(RowKind.Retain, key);
    const current = this.#host.retainedFor(mountpoint, topicName);
    const offsetMs = latest === undefined ? 0 : this.#cluster.presence.clockOffsetOf(latest.site);
    const message = messageOf(topicName, latest?.value, offsetMs ?? 0);
    if (message === undefined || message.isExpired(now)) {
      if (current !== undefined) this.#host.retainedChanged(mountpoint, topicName, undefined, 0);
    } else if (current === undefined || !isSameMemory(current.payload, message.payload)) {
      this.#host.retainedChanged(mountpoint, topicName, message, passedAt);
    } else if (passedAt > 0) this.#host.passedAgain(mountpoint, topicName, passedAt);
  }

  #put(key: string, message: Message, stamp: Stamp): Row {
    return this.#cluster.tables.put(RowKind.Retain, key, valueBytes(message), stamp);
  }

  #latest(key: string): Row | undefined {
    let latest: Row | undefined;
    for (const row of this.#cluster.tables.rowsOf(RowKind.Retain, key)) {
      if (latest === undefined || isLater(row.stamp, row.site, latest.stamp, latest.site)) {
        latest = row;
      }
    }
    return latest;
  }

  /**
   * Above what is known of the key. A wrong clock elsewhere moves this one stamp, not our clock.
   */
  #nextStamp(latest: Row | undefined, now: number): Stamp {
    return Math.max(this.#cluster.stamps.next(now), (latest?.stamp ?? 0) + 1);
  }

  #isWhole(): boolean {
    return this.#cluster.members.every(({ site }) => this.#cluster.stateOf(site) === 'up');
  }
}

function rowKey(mountpoint: string, topicName: string): string {
  return `${mountpoint}${separator}${topicName}`;
}

function valueBytes({ qos, publisher, properties, expiresAt, payload }: Message): Uint8Array {
  const writer = new ByteWriter(overheadBytes + (properties?.length ?? 0) + publisher.length);
  const optional =
    (properties === undefined ? 0 : hasProperties) + (expiresAt === 0 ? 0 : hasExpiry);
  writer.byte(qos | optional);
  writer.text(publisher);
  if (properties !== undefined) writer.blob(properties);
  if (expiresAt !== 0) writer.varint(Math.floor(expiresAt));
  const bytes = writer.takeBefore(payload.length);
  bytes.set(payload, bytes.length - payload.length);
  return bytes;
}

/**
 * The payload is a view of `value`. `offsetMs`: by how much the clock of who wrote it is ahead.
 * Undefined: nothing is retained, or not what a member says.
 */
function messageOf(
  topicName: string,
  value: Uint8Array | undefined,
  offsetMs: number,
): Message | undefined {
  if (value === undefined) return undefined;
  try {
    const reader = new ByteReader(value);
    const flags = reader.byte();
    if ((flags & 3) === 3) return undefined;
    const publisher = reader.text();
    const properties = (flags & hasProperties) === 0 ? undefined : reader.blob();
    const expiresAt = (flags & hasExpiry) === 0 ? 0 : Math.max(1, reader.varint() - offsetMs);
    const payload = reader.rest();
    if (payload.length === 0) return undefined;
    const topic = Buffer.from(topicName, 'utf8');
    const qos = (flags & 3) as QoS;
    return new Message(topicName, topic, payload, properties, qos, true, expiresAt, publisher);
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}

/** Messages made from one row have one payload. */
function isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
  return (
    one.buffer === other.buffer &&
    one.byteOffset === other.byteOffset &&
    one.length === other.length
  );
}
