import { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter, TruncatedRecord } from '../base/mod.js';
import type { BatchPart } from '../journal/mod.js';
import type { Store, StoreBatch, StoreTable } from '../store/mod.js';
import { type Boot, readBoot, readSite, type Site, type Stamp, writeBoot } from './identity/mod.js';
import type { FrameNumber } from './link/mod.js';
import type { RestoredSite, Row, RowKind } from './metadata/mod.js';

/** What a data directory knows of its cluster. */
export interface StoredCluster {
  readonly ownRows: readonly Row[];
  readonly sites: readonly RestoredSite[];
  /** What came from whom: see `PeerFlow.restore`. */
  readonly flows: readonly { readonly site: Site; readonly boot: number; record: Uint8Array }[];
  /** What was sent and not confirmed: see `PeerFlow.restoreSent`. By number. */
  readonly outbox: readonly { readonly site: Site; number: FrameNumber; body: Uint8Array }[];
  /** Stamps begin above this one. */
  readonly stamp: Stamp;
  /** When this node was started lately, in ms. */
  readonly starts: readonly number[];
  /** Records that could not be read. */
  readonly damaged: readonly string[];
}

/** What a batch holds is durable. */
export interface RowDiskOut {
  /** Own rows up to `number`. */
  ownDurable(number: number): void;
  /** The rows of another site, with what followed from them. */
  placeDurable(site: Site, boot: Boot, number: number): void;
  stampDurable(stamp: Stamp): void;
}

interface Change {
  readonly table: StoreTable;
  readonly key: Buffer;
  readonly value: Uint8Array | undefined;
}

interface Place {
  readonly site: Site;
  readonly boot: Boot;
  readonly number: number;
}

const stampKey = Buffer.from('cluster.stamp');
const startsKey = Buffer.from('cluster.starts');

/** Site, boot, sequence: in the order of numbers. */
const outboxKeyBytes = 28;

/** Starts that are read back: what is written are fewer. */
const startsMax = 64;

/** Keys of rows that are longer are cut, and a hash of all of it takes the place of the rest. */
const plainKeyMax = 400;
const overrideBit = 1;
const valueBit = 2;

/**
 * Writes rows, places, flows and the reserved stamp in the journal's batches, so that a number is
 * durable when its consequences are. Later changes of one key take the place of earlier ones.
 */
export class RowDisk implements BatchPart {
  readonly #out: RowDiskOut;
  #changes = new Map<string, Change>();
  #places = new Map<Site, Place>();
  #stamp: Stamp = 0;
  #ownNumber = 0;
  /** In the batch under way. */
  #writing: { changes: Map<string, Change>; places: Map<Site, Place>; stamp: Stamp; own: number };

  constructor(out: RowDiskOut) {
    this.#out = out;
    this.#writing = this.#take();
  }

  get isDirty(): boolean {
    return this.#changes.size > 0;
  }

  persist(row: Row): void {
    this.#put('row', rowKey(row.site, row.kind, row.key), rowBytes(row));
  }

  forget(site: Site, kind: RowKind, key: string): void {
    this.#put('row', rowKey(site, kind, key), undefined);
  }

  /** The own change with this number is among what was persisted. */
  own(number: number): void {
    this.#ownNumber = number;
  }

  place(site: Site, boot: Boot, number: number): void {
    const writer = new ByteWriter(32);
    writeBoot(writer, boot);
    writer.varint(number);
    this.#places.set(site, { site, boot, number });
    this.#put('place', Buffer.from(site, 'hex'), writer.take());
  }

  ended(site: Site): void {
    this.#places.delete(site);
    this.#put('place', Buffer.from(site, 'hex'), undefined);
  }

  flow(site: Site, boot: number, record: Uint8Array | undefined): void {
    const key = new ByteWriter(32);
    for (const byte of Buffer.from(site, 'hex')) key.byte(byte);
    key.varint(boot);
    this.#put('flow', key.take(), record);
  }

  /** A message on its way to `site`; `body` undefined: it has it, or it is kept otherwise. */
  sent(site: Site, { boot, sequence }: FrameNumber, body: Uint8Array | undefined): void {
    const key = Buffer.alloc(outboxKeyBytes);
    key.set(Buffer.from(site, 'hex'));
    key.writeUIntBE(boot, 16, 6);
    key.writeUIntBE(sequence, 22, 6);
    this.#put('outbox', key, body);
  }

  reserveStamp(stamp: Stamp): void {
    this.#stamp = stamp;
    this.#put('meta', stampKey, Buffer.from(String(stamp)));
  }

  /** When this node was started lately. */
  starts(times: readonly number[]): void {
    const writer = new ByteWriter(64);
    writer.varint(times.length);
    for (const time of times) writer.varint(Math.floor(time));
    this.#put('meta', startsKey, writer.take());
  }

  write(batch: StoreBatch, isWithheld: boolean): void {
    this.#writing = this.#take();
    const { changes } = this.#writing;
    for (const [name, change] of changes) {
      const { table, key, value } = change;
      if (isWithheld && value === undefined && table === 'outbox') {
        changes.delete(name);
        this.#changes.set(name, change);
      } else if (value === undefined) batch.remove(table, key);
      else batch.put(table, key, value);
    }
  }

  settled(isDurable: boolean): void {
    const { changes, places, stamp, own } = this.#writing;
    if (!isDurable) {
      this.#changes = new Map([...changes, ...this.#changes]);
      this.#places = new Map([...places, ...this.#places]);
      return;
    }
    if (own > 0) this.#out.ownDurable(own);
    for (const { site, boot, number } of places.values()) {
      this.#out.placeDurable(site, boot, number);
    }
    if (stamp > 0) this.#out.stampDurable(stamp);
  }

  #put(table: StoreTable, key: Buffer, value: Uint8Array | undefined): void {
    const name = `${table} ${key.toString('latin1')}`;
    this.#changes.delete(name);
    this.#changes.set(name, { table, key, value });
  }

  #take(): { changes: Map<string, Change>; places: Map<Site, Place>; stamp: Stamp; own: number } {
    const taken = {
      changes: this.#changes,
      places: this.#places,
      stamp: this.#stamp,
      own: this.#ownNumber,
    };
    this.#changes = new Map();
    this.#places = new Map();
    return taken;
  }
}

/** Everything that {@link RowDisk} wrote. `site` is this node's own. */
export function loadCluster(store: Store, site: Site): StoredCluster {
  const damaged: string[] = [];
  const rows = new Map<Site, Row[]>();
  for (const [key, value] of store.entries('row')) {
    const row = read(() => readRow(new ByteReader(value)));
    if (row === undefined) damaged.push(`row ${Buffer.from(key).toString('hex', 0, 20)}`);
    else (rows.get(row.site) ?? newList(rows, row.site)).push(row);
  }
  const sites: RestoredSite[] = [];
  for (const [key, value] of store.entries('place')) {
    const of = Buffer.from(key).toString('hex');
    const place = read(() => {
      const reader = new ByteReader(value);
      return { boot: readBoot(reader), number: reader.varint() };
    });
    if (place === undefined) damaged.push(`place ${of}`);
    else sites.push({ site: of, ...place, rows: rows.get(of) ?? [] });
  }
  const flows: { site: Site; boot: number; record: Uint8Array }[] = [];
  for (const [key, record] of store.entries('flow')) {
    const reader = new ByteReader(key);
    flows.push({ site: readSite(reader), boot: reader.varint(), record: Buffer.from(record) });
  }
  const outbox: { site: Site; number: FrameNumber; body: Uint8Array }[] = [];
  for (const [key, body] of store.entries('outbox')) {
    const bytes = Buffer.from(key);
    if (bytes.length !== outboxKeyBytes) continue;
    const number = { boot: bytes.readUIntBE(16, 6), sequence: bytes.readUIntBE(22, 6) };
    outbox.push({ site: bytes.toString('hex', 0, 16), number, body: Buffer.from(body) });
  }
  const stamp = Number(Buffer.from(store.get('meta', stampKey) ?? []).toString() || '0');
  const starts = readStarts(store.get('meta', startsKey));
  return { ownRows: rows.get(site) ?? [], sites, flows, outbox, stamp, starts, damaged };
}

function readStarts(bytes: Uint8Array | undefined): number[] {
  if (bytes === undefined) return [];
  const starts = read(() => {
    const reader = new ByteReader(bytes);
    const times: number[] = [];
    for (let left = Math.min(reader.varint(), startsMax); left > 0; left -= 1) {
      times.push(reader.varint());
    }
    return times;
  });
  return starts ?? [];
}

function newList(rows: Map<Site, Row[]>, site: Site): Row[] {
  const list: Row[] = [];
  rows.set(site, list);
  return list;
}

function rowBytes(row: Row): Buffer {
  const writer = new ByteWriter(64 + row.key.length + (row.value?.length ?? 0));
  for (const byte of Buffer.from(row.site, 'hex')) writer.byte(byte);
  writer.varint(row.number);
  writer.byte(row.kind);
  writer.text(row.key);
  writer.varint(row.stamp);
  writer.byte((row.isOverride ? overrideBit : 0) | (row.value === undefined ? 0 : valueBit));
  if (row.value !== undefined) writer.blob(row.value);
  return writer.take();
}

function readRow(reader: ByteReader): Row {
  const site = readSite(reader);
  const number = reader.varint();
  const kind = reader.byte() as RowKind;
  const key = reader.text();
  const stamp = reader.varint();
  const flags = reader.byte();
  const value = (flags & valueBit) === 0 ? undefined : reader.blob();
  return { site, number, kind, key, value, stamp, isOverride: (flags & overrideBit) !== 0 };
}

/** A key of the store has fewer bytes than a topic may. */
function rowKey(site: Site, kind: RowKind, key: string): Buffer {
  const bytes = Buffer.from(key, 'utf8');
  const head = Buffer.from([...Buffer.from(site, 'hex'), kind, bytes.length > plainKeyMax ? 1 : 0]);
  if (bytes.length <= plainKeyMax) return Buffer.concat([head, bytes]);
  const hash = Buffer.alloc(16);
  for (let lane = 0; lane < 4; lane += 1) hash.writeUInt32LE(hashOf(bytes, lane), lane * 4);
  return Buffer.concat([head, hash, bytes.subarray(0, plainKeyMax - hash.length)]);
}

/** FNV-1a from four beginnings: 128 bits, for keys that already agree in their first 384 bytes. */
function hashOf(bytes: Uint8Array, lane: number): number {
  let hash = Math.imul(0x811c9dc5 ^ lane, 0x9e3779b1);
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193 + 2 * lane);
  return hash >>> 0;
}

function read<Value>(body: () => Value): Value | undefined {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof TruncatedRecord)) throw error;
    return undefined;
  }
}
