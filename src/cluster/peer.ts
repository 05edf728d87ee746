import type { Random } from '../base/mod.js';
import type { ExchangePeer } from './exchange/mod.js';
import { type Arrived, type Arriving, PeerFlow, type PeerFlowOut } from './flow/mod.js';
import type { Boot, Site } from './identity/mod.js';
import {
  type FrameNumber,
  FrameType,
  LaneKind,
  type LinkContext,
  type LinkLane,
  type PeerFacts,
  PeerLink,
  type PeerLinkOut,
  type Refusal,
  type Transport,
} from './link/mod.js';
import type { DetectedLane } from './membership/mod.js';

/** What one other member does, as the node that it is a member with takes it. */
export interface PeerOut {
  laneOpened(peer: Peer, lane: DetectedLane, now: number): void;
  laneClosed(peer: Peer, lane: DetectedLane, reason: string, now: number): void;
  /** Both lanes are open. */
  linked(peer: Peer, facts: PeerFacts, now: number): void;
  alive(peer: Peer, lane: DetectedLane, now: number): void;
  heartbeat(peer: Peer, body: Uint8Array, now: number): void;
  heartbeatBody(): Uint8Array;
  /** Vectors, rows, and questions and answers about them. */
  rows(peer: Peer, type: number, body: Uint8Array, now: number): void;
  /** A request, or the answer to one. */
  asked(peer: Peer, type: number, body: Uint8Array, now: number): void;
  drained(peer: Peer): void;
  /** It sent what no member sends. */
  faulty(peer: Peer, reason: string, now: number): void;
  refused(peer: Peer, refusal: Refusal, now: number): void;
}

/** What becomes of messages. */
export interface PeerMessages {
  opened(site: Site, body: Uint8Array, start: number): Arriving;
  handedOver(site: Site, body: Uint8Array, now: number): Arrived;
  recordChanged(site: Site, boot: number): void;
  sentChanged(site: Site, number: FrameNumber, body: Uint8Array | undefined): void;
  readonly ticket: number;
  batchAwaited(): void;
  unsent(count: number, bytes: number): void;
}

export interface PeerOptions {
  readonly site: Site;
  readonly name: string;
  readonly address: string;
  readonly boot: Boot;
  readonly transport: Transport;
  readonly random: Random;
  readonly unsentMax: Readonly<Record<LinkLane, number>>;
  readonly ackTimeoutMs: number;
}

/** One other member: its link, and the messages to and from it. */
export class Peer implements PeerLinkOut, ExchangePeer, PeerFlowOut {
  readonly site: Site;
  name: string;
  readonly link: PeerLink;
  readonly flow: PeerFlow;
  readonly #out: PeerOut;
  readonly #messages: PeerMessages;
  readonly #local: LinkContext['local'];
  #address: string;
  /** What came of the last attempt to dial it; empty once it was reached. */
  #trouble = '';

  constructor(options: PeerOptions, context: LinkContext, out: PeerOut, messages: PeerMessages) {
    this.site = options.site;
    this.name = options.name;
    this.#address = options.address;
    this.#out = out;
    this.#messages = messages;
    this.#local = context.local;
    this.link = new PeerLink(options, context, this);
    this.flow = new PeerFlow(options.site, options.boot, options.ackTimeoutMs, this);
  }

  get address(): string {
    return this.#address;
  }

  /** For people, while there is no link: what keeps it from being made, as far as is known. */
  get wayTo(): string {
    if (this.link.isReady) return '';
    if (this.#local.site > this.site) {
      return `It is the one that dials, and reaches this node at ${this.#local.address} if it can.`;
    }
    return this.#trouble === '' ? '' : `This node dials it at ${this.#address}: ${this.#trouble}.`;
  }

  /** Its row changed. */
  rename(name: string, address: string): void {
    this.name = name;
    this.#address = address;
    this.link.setAddress(address);
  }

  // ExchangePeer

  send(lane: LinkLane, type: FrameType, ...parts: Uint8Array[]): boolean {
    // What was sent before goes before.
    if (lane === LaneKind.Data) this.flow.flush();
    return this.link.send(lane, type, ...parts);
  }

  // PeerFlowOut

  transmit(type: FrameType, ...parts: Uint8Array[]): boolean {
    return this.link.send(LaneKind.Data, type, ...parts);
  }

  opened(site: Site, body: Uint8Array, start: number): Arriving {
    return this.#messages.opened(site, body, start);
  }

  handedOver(site: Site, body: Uint8Array, now: number): Arrived {
    return this.#messages.handedOver(site, body, now);
  }

  recordChanged(site: Site, boot: number): void {
    this.#messages.recordChanged(site, boot);
  }

  sentChanged(site: Site, number: FrameNumber, body: Uint8Array | undefined): void {
    this.#messages.sentChanged(site, number, body);
  }

  get ticket(): number {
    return this.#messages.ticket;
  }

  batchAwaited(): void {
    this.#messages.batchAwaited();
  }

  unsent(count: number, bytes: number): void {
    this.#messages.unsent(count, bytes);
  }

  // PeerLinkOut

  laneOpened(lane: LinkLane, _facts: PeerFacts, now: number): void {
    this.#out.laneOpened(this, nameOf(lane), now);
    if (lane === LaneKind.Data) this.flow.laneOpened();
  }

  laneClosed(lane: LinkLane, reason: string, now: number): void {
    if (lane === LaneKind.Data) this.flow.laneClosed();
    this.#out.laneClosed(this, nameOf(lane), reason, now);
  }

  ready(facts: PeerFacts, now: number): void {
    this.#trouble = '';
    this.#out.linked(this, facts, now);
  }

  lost(): void {
    // What closed said so lane by lane.
  }

  alive(lane: LinkLane, now: number): void {
    this.#out.alive(this, nameOf(lane), now);
  }

  frame(lane: LinkLane, type: number, body: Uint8Array, now: number): void {
    switch (type) {
      case FrameType.Heartbeat:
        this.#out.heartbeat(this, body, now);
        return;
      case FrameType.Vector:
      case FrameType.AskRows:
      case FrameType.Rows:
      case FrameType.BulkRows:
      case FrameType.AskApplied:
      case FrameType.Applied:
        this.#out.rows(this, type, body, now);
        return;
      case FrameType.Request:
      case FrameType.Response:
        this.#out.asked(this, type, body, now);
        return;
      default: {
        const fault = lane === LaneKind.Data ? this.flow.onFrame(type, body, now) : undefined;
        if (fault !== undefined) this.#out.faulty(this, fault, now);
      }
    }
  }

  drained(lane: LinkLane, _now: number): void {
    if (lane === LaneKind.Data) this.flow.flush();
    this.#out.drained(this);
  }

  heartbeatBody(): Uint8Array {
    return this.#out.heartbeatBody();
  }

  refused(refusal: Refusal, now: number): void {
    this.#trouble = refusal.sentence;
    this.#out.refused(this, refusal, now);
  }

  /** Dialled again and again while it is down, which was said once: `cluster show` says why. */
  unreachable(reason: string): void {
    const isNamed = reason.startsWith(`${this.#address} `);
    this.#trouble = isNamed ? reason.slice(this.#address.length + 1) : reason;
  }
}

function nameOf(lane: LinkLane): DetectedLane {
  return lane === LaneKind.Control ? 'control' : 'data';
}
