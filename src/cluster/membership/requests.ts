import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { membersMax, readSite, type Site, type Stamp, writeSite } from '../identity/mod.js';
import { type MemberRow, readMemberRow, writeMemberRow } from './member-row.js';

/** What a coordinator asks the members to acknowledge. */
export interface Proposal {
  /** The member that carries it through; the rows are its. */
  readonly coordinator: Site;
  /** Tells an attempt from an earlier one of the same coordinator. */
  readonly id: Stamp;
  /** Of the last of its rows that are to be on disk before it is acknowledged. */
  readonly number: number;
  /** Sites whose rows are written: one, or two where a new site replaces a lost one. */
  readonly subjects: readonly Site[];
}

/** How a member is to be removed. */
export interface LeaveOptions {
  /** Without a majority, and even if not everything could be handed over. */
  readonly force: boolean;
  /** Its clients are closed at once; else they have until `timeoutMs` to go by themselves. */
  readonly kill: boolean;
  /** How long it may take to hand over what it holds, in ms. */
  readonly timeoutMs: number;
}

/** What a site that wants in says of itself, besides who it is. */
export interface JoinWish {
  /** It founds, and would be content with another founder. */
  readonly isFounding: boolean;
  /** Even where no majority can be asked. */
  readonly force: boolean;
  /** It takes itself for a member already, and only wants to be told of the others. */
  readonly isMember: boolean;
}

/** What one node asks another about membership. */
export type MembershipRequest =
  | { readonly kind: 'acknowledge'; readonly proposal: Proposal }
  /** To the member that leaves: bring what you hold to the others. Repeated until it is done. */
  | { readonly kind: 'handOver'; readonly kill: boolean }
  /** To the member that left: the others have what it held. */
  | { readonly kind: 'gone' }
  /** A new site, over an introduction. */
  | ({ readonly kind: 'join' } & JoinWish)
  /** An operator asked for it where it cannot be done. */
  | { readonly kind: 'leave'; readonly node: string; readonly options: LeaveOptions };

/** A member, as somebody who joins is told of it. */
export interface ListedMember {
  readonly site: Site;
  readonly stamp: Stamp;
  readonly row: MemberRow;
}

export type MembershipAnswer =
  | { readonly kind: 'acknowledged'; readonly id: Stamp }
  | { readonly kind: 'objected'; readonly id: Stamp; readonly sentence: string }
  | { readonly kind: 'handOver'; readonly isEmpty: boolean }
  /** The asking site is a member, with these. */
  | { readonly kind: 'welcome'; readonly members: readonly ListedMember[] }
  /** The end of a join that is refused, or of a leave that was asked for. */
  | { readonly kind: 'result'; readonly ok: boolean; readonly sentence: string };

/** First byte of a request or answer; on the wire. Other rooms number theirs from 32 on. */
const requestKinds = ['acknowledge', 'handOver', 'join', 'leave', 'gone'] as const;
const answerKinds = ['acknowledged', 'objected', 'handOver', 'welcome', 'result'] as const;

const subjectsMax = 2;

/** Characters of a sentence. */
const sentenceMax = 1000;

export function writeRequest(request: MembershipRequest): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(requestKinds.indexOf(request.kind));
  switch (request.kind) {
    case 'acknowledge': {
      const { coordinator, id, number, subjects } = request.proposal;
      writeSite(writer, coordinator);
      writer.varint(id);
      writer.varint(number);
      writer.varint(subjects.length);
      for (const subject of subjects) writeSite(writer, subject);
      break;
    }
    case 'handOver':
      writer.byte(Number(request.kill));
      break;
    case 'gone':
      break;
    case 'join':
      writer.byte(Number(request.isFounding));
      writer.byte(Number(request.force));
      writer.byte(Number(request.isMember));
      break;
    case 'leave': {
      const { force, kill, timeoutMs } = request.options;
      writer.text(request.node);
      writer.byte(Number(force));
      writer.byte(Number(kill));
      writer.varint(timeoutMs);
    }
  }
  return writer.take();
}

/** Undefined: none of this room, or not sound. What follows it is a newer version's. */
export function readRequest(bytes: Uint8Array): MembershipRequest | undefined {
  return read(bytes, (reader): MembershipRequest | undefined => {
    const kind = requestKinds[reader.byte()];
    switch (kind) {
      case 'acknowledge': {
        const coordinator = readSite(reader);
        const id = reader.varint();
        const number = reader.varint();
        const subjects = readList(reader, subjectsMax, () => readSite(reader));
        if (subjects === undefined || subjects.length === 0) return undefined;
        return { kind, proposal: { coordinator, id, number, subjects } };
      }
      case 'handOver':
        return { kind, kill: readFlag(reader) };
      case 'gone':
        return { kind };
      case 'join':
        return {
          kind,
          isFounding: readFlag(reader),
          force: readFlag(reader),
          isMember: readFlag(reader),
        };
      case 'leave': {
        const node = reader.text();
        const options = {
          force: readFlag(reader),
          kill: readFlag(reader),
          timeoutMs: reader.varint(),
        };
        return { kind, node, options };
      }
      case undefined:
      default:
        return undefined;
    }
  });
}

export function writeAnswer(answer: MembershipAnswer): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(answerKinds.indexOf(answer.kind));
  switch (answer.kind) {
    case 'acknowledged':
      writer.varint(answer.id);
      break;
    case 'objected':
      writer.varint(answer.id);
      writer.text(answer.sentence.slice(0, sentenceMax));
      break;
    case 'handOver':
      writer.byte(Number(answer.isEmpty));
      break;
    case 'welcome':
      writer.varint(answer.members.length);
      for (const { site, stamp, row } of answer.members) {
        writeSite(writer, site);
        writer.varint(stamp);
        writer.blob(writeMemberRow(row));
      }
      break;
    case 'result':
      writer.byte(Number(answer.ok));
      writer.text(answer.sentence.slice(0, sentenceMax));
  }
  return writer.take();
}

/** Undefined: none of this room, or not sound. What follows it is a newer version's. */
export function readAnswer(bytes: Uint8Array): MembershipAnswer | undefined {
  return read(bytes, (reader): MembershipAnswer | undefined => {
    const kind = answerKinds[reader.byte()];
    switch (kind) {
      case 'acknowledged':
        return { kind, id: reader.varint() };
      case 'objected':
        return { kind, id: reader.varint(), sentence: reader.text() };
      case 'handOver':
        return { kind, isEmpty: readFlag(reader) };
      case 'welcome': {
        const members = readList(reader, membersMax, () => readListed(reader));
        return members === undefined ? undefined : { kind, members };
      }
      case 'result':
        return { kind, ok: readFlag(reader), sentence: reader.text() };
      case undefined:
      default:
        return undefined;
    }
  });
}

function readListed(reader: ByteReader): ListedMember | undefined {
  const site = readSite(reader);
  const stamp = reader.varint();
  const row = readMemberRow(reader.blob());
  return row === undefined ? undefined : { site, stamp, row };
}

/** Undefined: too many, or one of them is not sound. */
function readList<Item>(
  reader: ByteReader,
  max: number,
  readItem: () => Item | undefined,
): Item[] | undefined {
  const count = reader.varint();
  if (count > max) return undefined;
  const items: Item[] = [];
  for (let left = count; left > 0; left -= 1) {
    const item = readItem();
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function readFlag(reader: ByteReader): boolean {
  return reader.byte() === 1;
}

function read<Value>(bytes: Uint8Array, body: (reader: ByteReader) => Value): Value | undefined {
  try {
    return body(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
