import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import {
  type Boot,
  compareBoots,
  membersMax,
  readBoot,
  readSite,
  type Site,
  writeBoot,
  writeSite,
} from '../identity/mod.js';
import { malformed, type MalformedRows } from './interval.js';

/** How far a node is with the rows of one site. */
export interface Position {
  readonly boot: Boot;
  readonly number: number;
  /** What of it is on disk, with its consequences. At most `number`. */
  readonly durable: number;
  readonly floor: number;
  /** Sum mod 2⁶⁴ of the hashes of the live rows at `number`, as two unsigned halves. */
  readonly sumHigh: number;
  readonly sumLow: number;
  /** No rows of kinds that end with the boot: what a restarted node remembers of others. */
  readonly isPartial: boolean;
}

/** How far a node is with every site: the digest that members compare. */
export type Vector = ReadonlyMap<Site, Position>;

/** What to ask a peer for: rows of `site` above `from`. */
export interface Ask {
  readonly site: Site;
  readonly boot: Boot;
  readonly from: number;
  /**
   * All deletions up to this one have been applied: above `from` within a snapshot that began when
   * its sender had reached it. A peer whose floor is higher begins a snapshot anew.
   */
  readonly base: number;
}

/** True when who is at `position` has all that is meant by `boot` and `number`. */
export function hasReached(position: Position | undefined, boot: Boot, number: number): boolean {
  if (position === undefined) return false;
  const order = compareBoots(position.boot, boot);
  return order > 0 || (order === 0 && position.number >= number);
}

/** True for the same boot, not for a clone's that counts alike. */
export function isSameBoot(one: Boot, other: Boot): boolean {
  return one.counter === other.counter && one.nonce === other.nonce;
}

/** True when two have come equally far and yet do not have the same: somebody's fault. */
export function isOtherState(ours: Position, theirs: Position): boolean {
  if (!isSameBoot(ours.boot, theirs.boot) || ours.number !== theirs.number) return false;
  if (ours.isPartial !== theirs.isPartial) return false;
  return ours.sumHigh !== theirs.sumHigh || ours.sumLow !== theirs.sumLow;
}

export function encodeVector(vector: Vector): Uint8Array {
  const writer = new ByteWriter(64 * vector.size + 8);
  writer.varint(vector.size);
  for (const [site, position] of vector) {
    writeSite(writer, site);
    writeBoot(writer, position.boot);
    writer.byte(position.isPartial ? 1 : 0);
    writer.varint(position.number);
    writer.varint(position.durable);
    writer.varint(position.floor);
    writer.varint(position.sumHigh);
    writer.varint(position.sumLow);
  }
  return writer.take();
}

export function decodeVector(bytes: Uint8Array): Vector | MalformedRows {
  return decodeList(bytes, (reader, count) => {
    const vector = new Map<Site, Position>();
    for (let left = count; left > 0; left -= 1) {
      const site = readSite(reader);
      const position = {
        boot: readBoot(reader),
        isPartial: reader.byte() !== 0,
        number: reader.varint(),
        durable: reader.varint(),
        floor: reader.varint(),
        sumHigh: reader.varint(),
        sumLow: reader.varint(),
      };
      const { number, durable, floor } = position;
      if (durable > number || floor > number) return malformed('a position beyond its number');
      vector.set(site, position);
    }
    return vector;
  });
}

export function encodeAsks(asks: readonly Ask[]): Uint8Array {
  const writer = new ByteWriter(64 * asks.length + 8);
  writer.varint(asks.length);
  for (const ask of asks) {
    writeSite(writer, ask.site);
    writeBoot(writer, ask.boot);
    writer.varint(ask.from);
    writer.varint(ask.base);
  }
  return writer.take();
}

export function decodeAsks(bytes: Uint8Array): Ask[] | MalformedRows {
  return decodeList(bytes, (reader, count) => {
    const asks: Ask[] = [];
    for (let left = count; left > 0; left -= 1) {
      asks.push({
        site: readSite(reader),
        boot: readBoot(reader),
        from: reader.varint(),
        base: reader.varint(),
      });
    }
    return asks;
  });
}

/** At most one entry for each member. */
function decodeList<T>(
  bytes: Uint8Array,
  read: (reader: ByteReader, count: number) => T | MalformedRows,
): T | MalformedRows {
  try {
    const reader = new ByteReader(bytes);
    const count = reader.varint();
    if (count > membersMax) return malformed(`${count} sites`);
    const list = read(reader, count);
    return reader.isAtEnd ? list : malformed('bytes behind a list of sites');
  } catch (error) {
    if (error instanceof TruncatedRecord) return malformed(error.message);
    throw error;
  }
}
