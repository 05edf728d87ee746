import { Buffer } from 'node:buffer';
import { assert } from '../../base/mod.js';

/** Which connection of a link; on the wire in Hello. */
export const LaneKind = {
  /** Heartbeats, requests, small rows: nothing on it is long, so nothing on it waits. */
  Control: 0,
  /** Publishes, remnants, large rows, catch-up. */
  Data: 1,
  /** A node that knows only an address: says who it is, asks, and closes. Belongs to no link. */
  Introduction: 2,
} as const;
export type LaneKind = (typeof LaneKind)[keyof typeof LaneKind];

/** Set in the type of a frame that a receiver who does not know it may skip. */
export const optionalBit = 0x80;

/**
 * What a frame is. The bodies of Hello to Heartbeat are this room's, and so are those of Confirm
 * and Floor and the number at the front of Publish and Remnant; the others are bytes to it.
 */
export const FrameType = {
  Hello: 1,
  Challenge: 2,
  Proof: 3,
  Welcome: 4,
  Refused: 5,
  Heartbeat: 8,
  Rows: 16,
  Vector: 17,
  AskRows: 18,
  Request: 19,
  Response: 20,
  AskApplied: 21,
  Applied: 22,
  Publish: 32,
  Confirm: 33,
  Remnant: 34,
  Mark: 35,
  BulkRows: 36,
  Floor: 37,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const kibibyte = 1024;

/** Longest frame of the handshake: whoever sends it has proved nothing yet. */
export const helloMax: number = 2 * kibibyte;

/** Rows of one control frame; larger ones take the data lane. */
export const rowsMax: number = 16 * kibibyte;

/** One chunk of catch-up. */
export const bulkChunkMax: number = 64 * kibibyte;

/** The largest MQTT packet: a Remaining Length of four bytes, and the fixed header. */
const packetMax = 268_435_455 + 5;

/** What goes around a message: whose it is, for whom, its number. */
const envelopeMax = 64 * kibibyte;

/** Room for what goes around rows: site, boot, interval. */
const intervalMax = kibibyte;

/**
 * A chunk of catch-up has one row at least, and a row may be as long as a retained message; it is
 * one frame for the reason that a publish is.
 */
const bulkRowsMax = 17 * kibibyte * kibibyte;

/** A boot and two numbers. */
const appliedMax = 64;

/**
 * Bytes that a body may have, by type. A publish is one frame however long it is: cutting it would
 * save the receiver no memory, since it must be put together before anything is done with it, and
 * nothing waits behind it that has a deadline (any byte counts as life).
 */
const bodyMax: Readonly<Record<FrameType, number>> = {
  [FrameType.Hello]: helloMax,
  [FrameType.Challenge]: helloMax,
  [FrameType.Proof]: helloMax,
  [FrameType.Welcome]: helloMax,
  [FrameType.Refused]: helloMax,
  [FrameType.Heartbeat]: 8 * kibibyte,
  [FrameType.Rows]: rowsMax + intervalMax,
  [FrameType.Vector]: 16 * kibibyte,
  [FrameType.AskRows]: 16 * kibibyte,
  [FrameType.Request]: 64 * kibibyte,
  [FrameType.Response]: 64 * kibibyte,
  [FrameType.AskApplied]: appliedMax,
  [FrameType.Applied]: appliedMax,
  [FrameType.Publish]: packetMax + envelopeMax,
  [FrameType.Confirm]: 16 * kibibyte,
  [FrameType.Remnant]: packetMax + envelopeMax,
  [FrameType.Mark]: kibibyte,
  [FrameType.BulkRows]: bulkRowsMax + intervalMax,
  [FrameType.Floor]: 64 * kibibyte,
};

/** An optional frame that is skipped is not kept, so it may be as long as any. */
export const skippedMax: number = packetMax + envelopeMax;

/** What may come at a moment: types, each with its cap, and whether others may be skipped. */
export interface FrameTable {
  /** Bytes of the body, by type; absent: not allowed. */
  readonly caps: ReadonlyMap<number, number>;
  readonly skipsOptional: boolean;
}

function table(types: readonly FrameType[], skipsOptional: boolean): FrameTable {
  return { caps: new Map(types.map((type) => [type, bodyMax[type]])), skipsOptional };
}

const { Hello, Challenge, Proof, Welcome, Refused, Heartbeat } = FrameType;
const { Rows, Vector, AskRows, Request, Response, AskApplied, Applied } = FrameType;
const { Publish, Confirm, Remnant, Mark, BulkRows, Floor } = FrameType;

/** Before a peer has proved itself, nothing else is read and nothing is skipped. */
export const handshakeFrames: FrameTable = table(
  [Hello, Challenge, Proof, Welcome, Refused],
  false,
);

/** Afterwards, by {@link LaneKind}. */
export const laneFrames: Readonly<Record<LaneKind, FrameTable>> = {
  [LaneKind.Control]: table(
    [Heartbeat, Rows, Vector, AskRows, Request, Response, AskApplied, Applied],
    true,
  ),
  [LaneKind.Data]: table([Heartbeat, Publish, Confirm, Remnant, Mark, BulkRows, Floor], true),
  [LaneKind.Introduction]: table([Heartbeat, Request, Response], true),
};

/** Bytes of the length: a varint, five suffice for every cap. */
export const lengthBytesMax = 5;

/** Sum of the lengths. */
export function sizeOf(parts: readonly Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/**
 * A frame with a body of `parts`, copied. Our own mistake, and so an assertion, when the body is
 * longer than its type may be: the other end would close the connection.
 */
export function writeFrame(type: FrameType, ...parts: Uint8Array[]): Uint8Array {
  const size = sizeOf(parts);
  const lengthBytes = lengthBytesOf(size + 1);
  const frame = Buffer.allocUnsafe(lengthBytes + 1 + size);
  writeHeader(frame, type, size);
  let at = lengthBytes + 1;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** The front of a frame whose body of `size` bytes is sent behind it without being copied. */
export function frameHeader(type: FrameType, size: number): Uint8Array {
  const header = Buffer.allocUnsafe(lengthBytesOf(size + 1) + 1);
  writeHeader(header, type, size);
  return header;
}

/** The length as ByteWriter's varint, which counts the type too, and the type. */
function writeHeader(to: Uint8Array, type: FrameType, size: number): void {
  assert(size <= bodyMax[type], 'a frame is longer than its type may be');
  let rest = size + 1;
  let at = 0;
  for (; rest >= 0x80; at += 1) {
    to[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  to[at] = rest;
  to[at + 1] = type;
}

function lengthBytesOf(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; count += 1) rest = Math.floor(rest / 0x80);
  return count;
}
