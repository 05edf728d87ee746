import { Buffer } from 'node:buffer';
import { assert, type Random } from '../../base/mod.js';
import { type Boot, compareBoots, type Site } from '../identity/mod.js';
import { type FrameType, LaneKind } from './frames.js';
import type { PeerFacts } from './handshake.js';
import { Lane, type LaneOut, type LinkContext } from './lane.js';
import { type Objection, objections, type Refusal, RefusalCode } from './refusal.js';
import { RetryPause } from './retry-pause.js';
import type { Transport } from './transport.js';

/** The lanes of a link, by what is on them. */
export type LinkLane = typeof LaneKind.Control | typeof LaneKind.Data;

/** Events of one link. */
export interface PeerLinkOut {
  laneOpened(lane: LinkLane, peer: PeerFacts, now: number): void;
  laneClosed(lane: LinkLane, reason: string, now: number): void;
  /** Both lanes are open, for one boot of the peer. */
  ready(peer: PeerFacts, now: number): void;
  /** They no longer are; after `laneClosed`. */
  lost(reason: string, now: number): void;
  /** Bytes came, whatever they are: a sign of life. */
  alive(lane: LinkLane, now: number): void;
  /** `body` is valid until the method returns; a heartbeat's is what the composition wrote. */
  frame(lane: LinkLane, type: number, body: Uint8Array, now: number): void;
  /** A lane that was congested takes frames again. */
  drained(lane: LinkLane, now: number): void;
  /** What the next heartbeat says. */
  heartbeatBody(): Uint8Array;
  /** A connection that this side dialled was refused, by either side. */
  refused(refusal: Refusal, now: number): void;
  /** The address could not be reached, or the connection broke in its handshake. */
  unreachable(reason: string, now: number): void;
}

export interface PeerLinkOptions {
  readonly site: Site;
  /** Where the peer is dialled, `host:port`; see {@link PeerLink.setAddress}. */
  readonly address: string;
  readonly transport: Transport;
  readonly random: Random;
  /**
   * Bytes that a lane may hold for a kernel that does not take them; one frame may exceed it.
   * Higher: a slow peer takes more memory before frames are refused to it and its messages are
   * parked on disk. Lower: a fast peer far away is not kept busy.
   */
  readonly unsentMax: Readonly<Record<LinkLane, number>>;
}

export const heartbeatIntervalMs = 500;

/** A link that holds for as long is no longer held against the peer when it breaks. */
const steadyMs = 5000;

/** A process whose bytes came within this time lives: three heartbeats would have been due. */
const livingMs = 1500;

const lanesOfLink: readonly LinkLane[] = [LaneKind.Control, LaneKind.Data];

/** One of the two connections, or the want of it. */
interface Slot {
  lane: Lane | undefined;
  /** Set while `lane` is open. */
  peer: PeerFacts | undefined;
  heartbeatAt: number;
  isCongested: boolean;
}

function emptySlot(): Slot {
  return { lane: undefined, peer: undefined, heartbeatAt: 0, isCongested: false };
}

/** Refusals that may be over in a moment: they are tried again like a connection that failed. */
const passing: ReadonlySet<number> = new Set([
  RefusalCode.Timeout,
  RefusalCode.SecondProcess,
  RefusalCode.TooMany,
  // The row that makes it a member may be on its way to the other side.
  RefusalCode.Stranger,
]);

const linkIdBytes = 16;

/**
 * The pair of lanes between this node and one peer.
 *
 * Of the two the one with the lower site dials, and goes on trying: at once after a link that held,
 * then with growing pauses, slowly after a refusal. The other one takes what comes. A lane that
 * breaks is replaced alone, under the same link id; a lane with another link id, or of another boot
 * of the peer, replaces the whole link at once, for whoever proved himself now is there now, and
 * the old connection may be a corpse.
 *
 * That a peer is silent is not judged here: the composition calls {@link reset}.
 */
export class PeerLink implements LaneOut {
  readonly #site: Site;
  readonly #dials: boolean;
  readonly #context: LinkContext;
  readonly #transport: Transport;
  readonly #unsentMax: Readonly<Record<LinkLane, number>>;
  readonly #out: PeerLinkOut;
  readonly #retry: RetryPause;
  readonly #slots: Readonly<Record<LinkLane, Slot>> = {
    [LaneKind.Control]: emptySlot(),
    [LaneKind.Data]: emptySlot(),
  };
  #address: string;
  /** Of the dialling side: shared by the lanes of one link. */
  #linkId = '';
  /** Since when both lanes are open; undefined: they are not. */
  #readySince: number | undefined = undefined;
  #isEnded = false;

  constructor(options: PeerLinkOptions, context: LinkContext, out: PeerLinkOut) {
    assert(options.site !== context.local.site, 'a link to this node itself');
    this.#site = options.site;
    this.#dials = context.local.site < options.site;
    this.#address = options.address;
    this.#transport = options.transport;
    this.#unsentMax = options.unsentMax;
    this.#retry = new RetryPause(options.random);
    this.#context = context;
    this.#out = out;
  }

  /** Both lanes are open. */
  get isReady(): boolean {
    return this.#readySince !== undefined;
  }

  /** Who is at the other end of the lanes that are open. */
  get peer(): PeerFacts | undefined {
    return this.#slots[LaneKind.Control].peer ?? this.#slots[LaneKind.Data].peer;
  }

  /** In ms, of the control lane, for bulk falsifies the other; undefined when not known. */
  get roundTripMs(): number | undefined {
    return this.#slots[LaneKind.Control].lane?.roundTripMs;
  }

  /** How far the peer's clock is ahead of ours, in ms; wrong by half a round trip at most. */
  get clockOffsetMs(): number | undefined {
    return this.#slots[LaneKind.Control].lane?.clockOffsetMs;
  }

  /** A frame for it would not be taken: the lane is not open, or has too many bytes unsent. */
  isCongested(kind: LinkLane): boolean {
    const { lane, peer } = this.#slots[kind];
    return lane === undefined || peer === undefined || lane.unsentBytes >= this.#unsentMax[kind];
  }

  /**
   * Sends a frame with a body of `parts`, which become the transport's and must not change. False:
   * it was not taken, see {@link isCongested}.
   */
  send(kind: LinkLane, type: FrameType, ...parts: Uint8Array[]): boolean {
    const slot = this.#slots[kind];
    if (this.isCongested(kind)) {
      slot.isCongested = slot.peer !== undefined;
      return false;
    }
    slot.lane?.sendFrame(type, ...parts);
    return true;
  }

  /** Where the peer is to be dialled from now on. */
  setAddress(address: string): void {
    if (address === this.#address) return;
    this.#address = address;
    this.dialSoon();
  }

  /** What stood in the way is gone: the next tick dials. */
  dialSoon(): void {
    this.#retry.end();
  }

  /**
   * What this link says to a process of its site that proved itself, beside the composition: while
   * a process of another boot lives, it is one too many.
   */
  objectionTo(boot: Boot, now: number): Objection | undefined {
    for (const kind of lanesOfLink) {
      const { lane, peer } = this.#slots[kind];
      if (lane === undefined || peer === undefined) continue;
      if (compareBoots(peer.boot, boot) === 0) continue;
      if (now - lane.lastAliveAt < livingMs) return objections.secondProcess;
    }
    return undefined;
  }

  /** A lane of this peer came in and is open. */
  adopt(lane: Lane, peer: PeerFacts, now: number): void {
    assert(peer.site === this.#site, 'a lane of another site');
    lane.handTo(this);
    if (this.#isEnded) return lane.close();
    this.ready(lane, peer, now);
  }

  /** Retries, heartbeats, deadlines. */
  tick(now: number): void {
    if (this.#isEnded) return;
    for (const kind of lanesOfLink) this.#slots[kind].lane?.tick(now);
    for (const kind of lanesOfLink) this.#tickOpen(kind, now);
    const since = this.#readySince;
    if (since !== undefined && now - since >= steadyMs) this.#retry.onSteady();
    if (this.#dials && this.#retry.isOver(now)) this.#dialMissing(now);
  }

  /**
   * Gives up the connections, such as they are, and dials anew if dialling is this side's: behind a
   * silence there may be a dead connection. `lost` follows if the link was ready.
   */
  reset(reason: string, now: number): void {
    for (const kind of lanesOfLink) this.#drop(kind, reason, now);
  }

  /** For good: the peer is no member any more, or this node stops. */
  end(reason: string, now: number): void {
    this.#isEnded = true;
    this.reset(reason, now);
  }

  /** Of a lane: it is open, dialled or adopted. */
  ready(lane: Lane, peer: PeerFacts, now: number): void {
    assert(peer.lane !== LaneKind.Introduction, 'an introduction is no lane of a link');
    this.#dropOlder(lane, peer, peer.lane, now);
    if (this.#isEnded) return lane.close();
    const slot = this.#slots[peer.lane];
    slot.lane = lane;
    slot.peer = peer;
    slot.heartbeatAt = now;
    this.#out.laneOpened(peer.lane, peer, now);
    this.#tickOpen(peer.lane, now);
    if (!lanesOfLink.every((kind) => this.#slots[kind].peer !== undefined)) return;
    this.#readySince = now;
    this.#out.ready(peer, now);
  }

  /** Of a lane that this side dialled. */
  refused(lane: Lane, refusal: Refusal, now: number): void {
    const kind = this.#kindOf(lane);
    if (kind !== undefined) this.#slots[kind].lane = undefined;
    if (!passing.has(refusal.code)) this.#retry.onRefused(now);
    this.#out.refused(refusal, now);
  }

  /** Of a lane. */
  alive(lane: Lane, now: number): void {
    const kind = this.#kindOf(lane);
    if (kind !== undefined) this.#out.alive(kind, now);
  }

  /** Of a lane. */
  frame(lane: Lane, type: number, body: Uint8Array, now: number): void {
    const kind = this.#kindOf(lane);
    if (kind !== undefined) this.#out.frame(kind, type, body, now);
  }

  /** Of a lane. */
  closed(lane: Lane, reason: string, now: number): void {
    const kind = this.#kindOf(lane);
    if (kind === undefined) return;
    const slot = this.#slots[kind];
    if (slot.peer !== undefined) return this.#lose(kind, reason, now);
    slot.lane = undefined;
    this.#out.unreachable(reason, now);
  }

  #kindOf(lane: Lane): LinkLane | undefined {
    if (this.#slots[LaneKind.Data].lane === lane) return LaneKind.Data;
    return this.#slots[LaneKind.Control].lane === lane ? LaneKind.Control : undefined;
  }

  /** What `lane` takes the place of. */
  #dropOlder(lane: Lane, { linkId, boot }: PeerFacts, itsKind: LinkLane, now: number): void {
    for (const kind of lanesOfLink) {
      const slot = this.#slots[kind];
      const known = slot.peer;
      const isSame = known?.linkId === linkId && compareBoots(known.boot, boot) === 0;
      if (known !== undefined && !isSame) this.#drop(kind, 'replaced by a newer link', now);
      const isOlder = kind === itsKind && slot.lane !== undefined && slot.lane !== lane;
      if (isOlder) this.#drop(kind, 'replaced by a newer connection', now);
    }
  }

  #drop(kind: LinkLane, reason: string, now: number): void {
    const slot = this.#slots[kind];
    slot.lane?.close();
    if (slot.peer !== undefined) this.#lose(kind, reason, now);
    slot.lane = undefined;
  }

  /** An open lane is no more. */
  #lose(kind: LinkLane, reason: string, now: number): void {
    const slot = this.#slots[kind];
    slot.lane = undefined;
    slot.peer = undefined;
    slot.isCongested = false;
    const wasReady = this.isReady;
    this.#readySince = undefined;
    this.#out.laneClosed(kind, reason, now);
    if (wasReady) this.#out.lost(reason, now);
  }

  #tickOpen(kind: LinkLane, now: number): void {
    const slot = this.#slots[kind];
    if (slot.isCongested && !this.isCongested(kind)) {
      slot.isCongested = false;
      this.#out.drained(kind, now);
    }
    // While bytes wait to be sent, those are the sign of life, and a heartbeat would come late.
    if (now < slot.heartbeatAt || this.isCongested(kind)) return;
    const next = slot.heartbeatAt + heartbeatIntervalMs;
    slot.heartbeatAt = next > now ? next : now + heartbeatIntervalMs;
    slot.lane?.sendHeartbeat(this.#out.heartbeatBody(), now);
  }

  #dialMissing(now: number): void {
    const missing = lanesOfLink.filter((kind) => this.#slots[kind].lane === undefined);
    if (missing.length === 0) return;
    if (missing.length === lanesOfLink.length) this.#linkId = this.#newLinkId();
    this.#retry.onDial(now);
    for (const kind of missing) {
      const plan = { lane: kind, linkId: this.#linkId, site: this.#site };
      const context = this.#context;
      const transport = this.#transport;
      this.#slots[kind].lane = Lane.dial(transport, this.#address, plan, context, this, now);
    }
  }

  #newLinkId(): string {
    return Buffer.from(this.#context.crypto.random(linkIdBytes)).toString('hex');
  }
}
