import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { readSite, type Site, type Stamp, writeSite } from '../identity/mod.js';

/** What a coordinator asks the members to acknowledge. */
export interface Proposal {
  /** The member that carries it through; the rows are its. */
  readonly coordinator: Site;
  /** Tells an attempt from an earlier one of the same coordinator. */
  readonly id: Stamp;
  /** Sites whose rows are written: one, or two where a new site replaces a lost one. */
  readonly subjects: readonly Site[];
}

const subjectsMax = 2;

export function writeProposal({ coordinator, id, subjects }: Proposal): Uint8Array {
  const writer = new ByteWriter();
  writeSite(writer, coordinator);
  writer.varint(id);
  writer.varint(subjects.length);
  for (const subject of subjects) writeSite(writer, subject);
  return writer.take();
}

/** Undefined: no proposal. What follows it is a newer version's. */
export function readProposal(bytes: Uint8Array): Proposal | undefined {
  try {
    const reader = new ByteReader(bytes);
    const coordinator = readSite(reader);
    const id = reader.varint();
    const count = reader.varint();
    if (count < 1 || count > subjectsMax) return undefined;
    const subjects: Site[] = [];
    for (let left = count; left > 0; left -= 1) subjects.push(readSite(reader));
    return { coordinator, id, subjects };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
