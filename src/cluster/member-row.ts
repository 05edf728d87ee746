import { ByteReader, ByteWriter, TruncatedRecord } from '../base/mod.js';

/** What a Member row says; its key is the site. */
export interface MemberValue {
  readonly name: string;
  /** `host:port` of its cluster listener. */
  readonly address: string;
  /** False: it has left, for ever. */
  readonly isMember: boolean;
}

export function memberBytes({ name, address, isMember }: MemberValue): Uint8Array {
  const writer = new ByteWriter(64);
  writer.byte(isMember ? 1 : 0);
  writer.text(name);
  writer.text(address);
  return writer.take();
}

/** Undefined: not what a member writes. Bytes behind it are a newer version's. */
export function readMember(bytes: Uint8Array): MemberValue | undefined {
  try {
    const reader = new ByteReader(bytes);
    const isMember = reader.byte() === 1;
    return { isMember, name: reader.text(), address: reader.text() };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
