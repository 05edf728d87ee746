import { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { type Boot, readBoot, readSite, type Site, writeBoot, writeSite } from '../identity/mod.js';
import { LaneKind } from './frames.js';
import type { VersionRange } from './refusal.js';

/**
 * What the dialling node says first.
 *
 * Versions: each side speaks a range, the acceptor takes the highest that both speak. So that any
 * two versions can find that out, Hello and Challenge may only grow at their ends, and what follows
 * the fields that a reader knows is ignored (but covered by the proofs). The same holds for Proof
 * and Welcome of one version; Refused never changes.
 */
export interface Hello {
  readonly versions: VersionRange;
  readonly lane: LaneKind;
  /** The proofs cover the exporter of a TLS session. */
  readonly isTlsBound: boolean;
  readonly site: Site;
  readonly boot: Boot;
  /** Random, one for both lanes of a link: 32 hexadecimal digits. */
  readonly linkId: string;
  readonly nonce: Uint8Array;
  readonly clusterName: string;
  readonly nodeName: string;
  /** Where the node can be dialled, `host:port`. */
  readonly address: string;
}

/** What the accepting node answers: as little as the proofs need, for it may be to a stranger. */
export interface Challenge {
  readonly version: number;
  readonly site: Site;
  readonly boot: Boot;
  readonly nonce: Uint8Array;
}

/** Distinguishes a Hello from whatever else may come to an open port. */
const magic: Uint8Array = Buffer.from('NMQ\0', 'latin1');

export const nonceBytes = 32;
export const macBytes = 32;

/** Characters; a host name has 253. */
const nameMax = 300;

const lanes: readonly number[] = Object.values(LaneKind);

export function writeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter();
  writeFixed(writer, magic);
  writer.varint(hello.versions.min);
  writer.varint(hello.versions.max);
  writer.byte(hello.lane);
  writer.byte(hello.isTlsBound ? 1 : 0);
  writeSite(writer, hello.site);
  writeBoot(writer, hello.boot);
  writeSite(writer, hello.linkId);
  writeFixed(writer, hello.nonce);
  writer.text(hello.clusterName);
  writer.text(hello.nodeName);
  writer.text(hello.address);
  return writer.take();
}

/** Undefined when the fields are there and one is not what it may be. Throws `TruncatedRecord`. */
export function readHello(body: Uint8Array): Hello | undefined {
  const reader = new ByteReader(body);
  if (!magic.every((byte) => reader.byte() === byte)) return undefined;
  const versions = { min: reader.varint(), max: reader.varint() };
  const lane = reader.byte();
  const isTlsBound = (reader.byte() & 1) === 1;
  const hello: Hello = {
    versions,
    lane: lane as LaneKind,
    isTlsBound,
    site: readSite(reader),
    boot: readBoot(reader),
    linkId: readSite(reader),
    nonce: readFixed(reader, nonceBytes),
    clusterName: reader.text(),
    nodeName: reader.text(),
    address: reader.text(),
  };
  const isSound = lanes.includes(lane) && versions.min <= versions.max && versions.min > 0;
  return isSound && isName(hello.nodeName) && isName(hello.address) ? hello : undefined;
}

export function writeChallenge(challenge: Challenge): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(challenge.version);
  writeSite(writer, challenge.site);
  writeBoot(writer, challenge.boot);
  writeFixed(writer, challenge.nonce);
  return writer.take();
}

/** Throws `TruncatedRecord`. */
export function readChallenge(body: Uint8Array): Challenge {
  const reader = new ByteReader(body);
  const version = reader.varint();
  const site = readSite(reader);
  const boot = readBoot(reader);
  return { version, site, boot, nonce: readFixed(reader, nonceBytes) };
}

/** What a proof says besides; it is covered by the proof. */
export interface Statement {
  /** Counter of the highest boot of the *other* site that is known here; 0: never heard of it. */
  readonly highestBoot: number;
  /** Of the accepting node only, which names itself only to someone who proved himself. */
  readonly acceptor: { readonly nodeName: string; readonly address: string } | undefined;
}

export function writeStatement({ highestBoot, acceptor }: Statement): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(highestBoot);
  if (acceptor !== undefined) {
    writer.text(acceptor.nodeName);
    writer.text(acceptor.address);
  }
  return writer.take();
}

/** The body of a Proof in two: the mac, and what it covers besides the transcript. */
export function splitProof(
  body: Uint8Array,
): { readonly mac: Uint8Array; readonly statement: Uint8Array } | undefined {
  if (body.length < macBytes) return undefined;
  return { mac: body.subarray(0, macBytes), statement: body.subarray(macBytes) };
}

/** Undefined when the names are none. Throws `TruncatedRecord`. */
export function readStatement(bytes: Uint8Array, ofAcceptor: boolean): Statement | undefined {
  const reader = new ByteReader(bytes);
  const highestBoot = reader.varint();
  if (!ofAcceptor) return { highestBoot, acceptor: undefined };
  const acceptor = { nodeName: reader.text(), address: reader.text() };
  const isSound = isName(acceptor.nodeName) && isName(acceptor.address);
  return isSound ? { highestBoot, acceptor } : undefined;
}

/** Node names and addresses stand in logs and on pages: no blanks, no control characters. */
function isName(text: string): boolean {
  return text.length > 0 && text.length <= nameMax && !/[\p{C}\p{Z}]/u.test(text);
}

function writeFixed(writer: ByteWriter, bytes: Uint8Array): void {
  for (const byte of bytes) writer.byte(byte);
}

function readFixed(reader: ByteReader, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    if (reader.isAtEnd) throw new TruncatedRecord('record ends early');
    bytes[at] = reader.byte();
  }
  return bytes;
}
