/**
 * cluster/link: what two members say to each other, from the first byte of a connection to frames
 * with numbers that arrive once. Owns frames, the handshake, the pair of lanes of a peer, numbering
 * and acknowledgement on the data lane; never opens a socket, never decides who is a member or
 * whether a peer is down, never reads the body of an application's frame.
 *
 * ```
 *                 ┌ control lane ─ heartbeats, requests, rows up to 16 KB ┐
 *  PeerLink ──────┤                                                       ├────── PeerLink
 *  (lower site,   └ data lane ──── publishes, remnants, bulk ─────────────┘   (higher site,
 *   dials)          DataSender: number, keep, resend ─▶ DataReceiver: new?     accepts)
 *                                         ◀─ Confirm: up to n, these too, not those
 * ```
 */
export { FrameReader, type FrameError, type FrameSink } from './frame-reader.js';
export {
  bulkChunkMax,
  type FrameTable,
  FrameType,
  handshakeFrames,
  helloMax,
  LaneKind,
  laneFrames,
  rowsMax,
  writeFrame,
} from './frames.js';
export {
  type DialPlan,
  Handshake,
  type HandshakeOut,
  handshakeTimeoutMs,
  type LinkCrypto,
  type LinkJudge,
  type LocalNode,
  type PeerFacts,
} from './handshake.js';
export {
  type ClaimedPeer,
  type Objection,
  type Refusal,
  RefusalCode,
  type VersionRange,
} from './refusal.js';
export { Acceptor, type AcceptorOut, handshakesMax } from './acceptor.js';
export { Lane, type LaneOut, type LinkContext } from './lane.js';
export {
  heartbeatIntervalMs,
  type LinkLane,
  PeerLink,
  type PeerLinkOptions,
  type PeerLinkOut,
} from './peer-link.js';
export type { PeerConnection, PeerConnectionHandler, Transport } from './transport.js';
export { type Arrival, DataReceiver, type DataReceiverOut } from './data-receiver.js';
export { DataSender, type DataSenderOut } from './data-sender.js';
export { bodySize, type FrameBody, joined, wholeBody } from './frame-body.js';
export { type FrameNumber, splitNumber, windowMax } from './numbering.js';
export type { NumberedType } from './unconfirmed.js';
