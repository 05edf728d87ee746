import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import type { Stamp } from '../identity/mod.js';

/**
 * What a row says of its site. The two in the middle of a change wait for a majority of the members
 * before it to acknowledge the row; whoever is `joining` does not count yet, whoever is `leaving`
 * still does. Left is for ever: it beats every other row of the site, whatever their stamps.
 * A node says of itself that it is `founding` until it has met enough other founders; it counts.
 *
 *   joining ──▶ joined ──▶ leaving ──▶ left
 *   founding ─────▲
 */
export type MemberState = 'joining' | 'joined' | 'leaving' | 'left' | 'founding';

/** The value of a row of kind Member; its key is the site. */
export interface MemberRow {
  readonly state: MemberState;
  /** `NAME@HOST`, see {@link isNodeName}. */
  readonly name: string;
  /** `HOST:PORT` of its cluster listener. */
  readonly address: string;
  /** When it joined. */
  readonly joined: Stamp;
}

/** Their place is what is in the row. */
const states: readonly MemberState[] = ['joining', 'joined', 'leaving', 'left', 'founding'];

/** Characters of a node's name, and of an address: a host name has at most 253, a port five. */
const nameMax = 255;
const addressMax = 260;

/** Names stand in tables, log lines and reason strings: printable ASCII, no blank and no `|`. */
export function isNodeName(text: string): boolean {
  return text.length <= nameMax && /^[!-{}~]+$/.test(text);
}

function isAddress(text: string): boolean {
  return text.length <= addressMax && /^[!-{}~]+:[0-9]{1,5}$/.test(text);
}

export function writeMemberRow({ state, name, address, joined }: MemberRow): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(states.indexOf(state));
  writer.text(name);
  writer.text(address);
  writer.varint(joined);
  return writer.take();
}

/** Undefined: no member's row. What follows it is a newer version's. */
export function readMemberRow(bytes: Uint8Array): MemberRow | undefined {
  try {
    const reader = new ByteReader(bytes);
    const state = states[reader.byte()];
    const name = reader.text();
    const address = reader.text();
    const joined = reader.varint();
    if (state === undefined || !isNodeName(name) || !isAddress(address)) return undefined;
    return { state, name, address, joined };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
