import type { ByteReader, ByteWriter } from '../../base/mod.js';
import { TruncatedRecord } from '../../base/mod.js';

/**
 * 128 random bits that a data directory gets when it is made, as 32 lower-case hexadecimal digits
 * (16 bytes on the wire). Comparing the texts compares the bits.
 */
export type Site = string;

/** One life of a site's process. */
export interface Boot {
  /** Durable, rises by one with every start; 0 is before the first. */
  readonly counter: number;
  /** 64 random bits, 16 hexadecimal digits: tells a copied data directory from its original. */
  readonly nonce: string;
}

/** Members of one cluster, those that are down included: every one keeps a table of every other. */
export const membersMax = 64;

const siteBytes = 16;
const nonceBytes = 8;

/** 0: the same boot, or one counter with two nonces, which is not an order but a clone. */
export function compareBoots(one: Boot, other: Boot): number {
  return one.counter - other.counter;
}

export function writeSite(writer: ByteWriter, site: Site): void {
  writeHex(writer, site);
}

/** Throws `TruncatedRecord` like the reader itself. */
export function readSite(reader: ByteReader): Site {
  return readHex(reader, siteBytes);
}

export function writeBoot(writer: ByteWriter, boot: Boot): void {
  writer.varint(boot.counter);
  writeHex(writer, boot.nonce);
}

/** Throws `TruncatedRecord` like the reader itself. */
export function readBoot(reader: ByteReader): Boot {
  return { counter: reader.varint(), nonce: readHex(reader, nonceBytes) };
}

function writeHex(writer: ByteWriter, digits: string): void {
  for (let at = 0; at < digits.length; at += 2) {
    writer.byte(Number.parseInt(digits.slice(at, at + 2), 16));
  }
}

function readHex(reader: ByteReader, count: number): string {
  let digits = '';
  for (let at = 0; at < count; at += 1) {
    if (reader.isAtEnd) throw new TruncatedRecord('record ends early');
    digits += reader.byte().toString(16).padStart(2, '0');
  }
  return digits;
}
