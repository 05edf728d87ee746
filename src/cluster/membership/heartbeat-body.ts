import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { membersMax, readSite, type Site, type Stamp, writeSite } from '../identity/mod.js';
import type { PeerState } from './failure-detector.js';

/** What a node says in every heartbeat, beside what the link measures with it. */
export interface HeartbeatBody {
  /** The sender's clock, uncorrected, in ms since the epoch. */
  readonly clock: number;
  /** The last stamp that it knows. */
  readonly stamp: Stamp;
  /** What it hears of every other member. At most `membersMax`. */
  readonly words: ReadonlyMap<Site, PeerState>;
}

/** Their place is what is on the wire. */
const states: readonly PeerState[] = ['up', 'suspect', 'down'];

/** 17 bytes a member and 16 more; grows only at its end, so that every version reads it. */
export function writeHeartbeatBody({ clock, stamp, words }: HeartbeatBody): Uint8Array {
  const writer = new ByteWriter(32 + 17 * words.size);
  writer.varint(Math.floor(clock));
  writer.varint(stamp);
  writer.varint(words.size);
  for (const [site, word] of words) {
    writeSite(writer, site);
    writer.byte(states.indexOf(word));
  }
  return writer.take();
}

/** Undefined: not what a member says. A word of a newer version counts as none. */
export function readHeartbeatBody(bytes: Uint8Array): HeartbeatBody | undefined {
  try {
    const reader = new ByteReader(bytes);
    const clock = reader.varint();
    const stamp = reader.varint();
    const count = reader.varint();
    if (count > membersMax) return undefined;
    const words = new Map<Site, PeerState>();
    for (let left = count; left > 0; left -= 1) {
      const site = readSite(reader);
      const word = states[reader.byte()];
      if (word !== undefined) words.set(site, word);
    }
    return { clock, stamp, words };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
