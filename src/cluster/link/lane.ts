import { assert } from '../../base/mod.js';
import { type FrameError, FrameReader, type FrameSink } from './frame-reader.js';
import {
  frameHeader,
  FrameType,
  handshakeFrames,
  laneFrames,
  sizeOf,
  writeFrame,
} from './frames.js';
import {
  type DialPlan,
  Handshake,
  type LinkCrypto,
  type LinkJudge,
  type LocalNode,
  type PeerFacts,
} from './handshake.js';
import { readHeartbeat, writeHeartbeat } from './heartbeat.js';
import type { Refusal } from './refusal.js';
import { RoundTrip } from './round-trip.js';
import type { PeerConnection, PeerConnectionHandler, Transport } from './transport.js';

/** What every connection to another node needs. */
export interface LinkContext {
  /** Its boot may be raised while the node runs; what is said from then on says so. */
  readonly local: LocalNode;
  readonly crypto: LinkCrypto;
  readonly judge: LinkJudge;
}

/** Events of one lane. After `refused` or `closed` nothing comes, and its connection is closed. */
export interface LaneOut {
  ready(lane: Lane, peer: PeerFacts, now: number): void;
  refused(lane: Lane, refusal: Refusal, now: number): void;
  /** Bytes came, whatever they are. Only of a lane that is ready. */
  alive(lane: Lane, now: number): void;
  /** `body` is valid until the method returns. */
  frame(lane: Lane, type: number, body: Uint8Array, now: number): void;
  /** By the other end, the network, or for a fault of the other end; `reason` is for people. */
  closed(lane: Lane, reason: string, now: number): void;
}

/** A connect that neither succeeds nor fails is given up; the handshake has its own deadline. */
const connectTimeoutMs = 5000;

/** Larger bodies are handed to the transport as they are, not copied behind their header. */
const copiedMax = 8192;

type State =
  | { readonly name: 'connecting'; readonly plan: DialPlan; readonly deadline: number }
  | { readonly name: 'proving'; readonly handshake: Handshake }
  | { readonly name: 'open'; readonly peer: PeerFacts }
  | { readonly name: 'closed' };

/**
 * One connection to another node, from its first byte to its last.
 *
 *   connecting ──▶ proving ──▶ open ──▶ closed       (an accepted one begins with proving)
 */
export class Lane implements PeerConnectionHandler, FrameSink {
  readonly #context: LinkContext;
  readonly #reader: FrameReader = new FrameReader(handshakeFrames);
  readonly #roundTrip: RoundTrip = new RoundTrip();
  #out: LaneOut;
  /** Set by {@link dial} and {@link accept}, before anything is done with a lane. */
  #connection: PeerConnection | undefined = undefined;
  #state: State;
  #heard: { readonly sentAt: number; readonly at: number } | undefined = undefined;
  #clockOffsetMs: number | undefined = undefined;
  #lastAliveAt = 0;

  private constructor(context: LinkContext, state: State, out: LaneOut) {
    this.#context = context;
    this.#state = state;
    this.#out = out;
  }

  static dial(
    transport: Transport,
    address: string,
    plan: DialPlan,
    context: LinkContext,
    out: LaneOut,
    now: number,
  ): Lane {
    const deadline = now + connectTimeoutMs;
    const lane = new Lane(context, { name: 'connecting', plan, deadline }, out);
    lane.#connection = transport.dial(address, lane);
    return lane;
  }

  /** `connection` is open; its events go to the lane. */
  static accept(connection: PeerConnection, context: LinkContext, out: LaneOut, now: number): Lane {
    const lane = new Lane(context, { name: 'closed' }, out);
    lane.#connection = connection;
    lane.#state = { name: 'proving', handshake: lane.#newHandshake(connection, now) };
    return lane;
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  /** Who is there, while it is open. */
  get peer(): PeerFacts | undefined {
    return this.#state.name === 'open' ? this.#state.peer : undefined;
  }

  get remoteAddress(): string {
    return this.#connection?.remoteAddress ?? '';
  }

  get unsentBytes(): number {
    return this.#connection?.unsentBytes ?? 0;
  }

  /** In ms; undefined before heartbeats went both ways. */
  get roundTripMs(): number | undefined {
    return this.#roundTrip.smoothedMs;
  }

  /** How far the peer's clock is ahead of ours, in ms, as its last heartbeat said. */
  get clockOffsetMs(): number | undefined {
    return this.#clockOffsetMs;
  }

  /** When the last bytes came; when it became ready, before any. */
  get lastAliveAt(): number {
    return this.#lastAliveAt;
  }

  /** Events go to `out` from now on. */
  handTo(out: LaneOut): void {
    this.#out = out;
  }

  /** Deadlines of what is not open yet. */
  tick(now: number): void {
    const state = this.#state;
    if (state.name === 'proving') state.handshake.tick(now);
    if (state.name === 'connecting' && now >= state.deadline) {
      this.#end('the connection was not made within 5 seconds', now);
    }
  }

  /**
   * Sends one frame with a body of `parts`. Large parts become the transport's and must not change.
   * The lane is open.
   */
  sendFrame(type: FrameType, ...parts: Uint8Array[]): void {
    assert(this.isOpen && this.#connection !== undefined, 'a frame for a lane that is not open');
    const size = sizeOf(parts);
    if (size <= copiedMax) {
      this.#connection.send(writeFrame(type, ...parts));
      return;
    }
    this.#connection.send(frameHeader(type, size));
    for (const part of parts) if (part.length > 0) this.#connection.send(part);
  }

  /** `body` is the composition's. */
  sendHeartbeat(body: Uint8Array, now: number): void {
    const echo = this.#heard?.sentAt;
    const heldMs = this.#heard === undefined ? 0 : now - this.#heard.at;
    this.sendFrame(FrameType.Heartbeat, writeHeartbeat({ sentAt: now, echo, heldMs, body }));
  }

  /** For good, and without an event. Idempotent. */
  close(): void {
    if (this.#state.name === 'closed') return;
    this.#state = { name: 'closed' };
    this.#connection?.close();
  }

  onOpened(now: number): void {
    const state = this.#state;
    if (state.name !== 'connecting' || this.#connection === undefined) return;
    const handshake = this.#newHandshake(this.#connection, now);
    this.#state = { name: 'proving', handshake };
    handshake.dial(state.plan);
  }

  onBytes(bytes: Uint8Array, now: number): void {
    if (this.#state.name === 'closed') return;
    if (this.isOpen) this.#noteAlive(now);
    const error = this.#reader.read(bytes, this, now);
    if (error !== undefined) this.#onFrameError(error, now);
  }

  onClosed(reason: string, now: number): void {
    if (this.#state.name === 'closed') return;
    this.#state = { name: 'closed' };
    this.#out.closed(this, reason, now);
  }

  /** Of the reader; false ends its reading. */
  onFrame(type: number, body: Uint8Array, now: number): boolean {
    const state = this.#state;
    if (state.name === 'proving') {
      state.handshake.onFrame(type, body, now);
    } else if (type === FrameType.Heartbeat) {
      this.#onHeartbeat(body, now);
    } else {
      this.#out.frame(this, type, body, now);
    }
    return !this.isClosed;
  }

  #onHeartbeat(bytes: Uint8Array, now: number): void {
    const heartbeat = readHeartbeat(bytes);
    if (heartbeat === undefined) return this.#end('a heartbeat of the peer ends early', now);
    const { sentAt, echo, heldMs, body } = heartbeat;
    this.#heard = { sentAt, at: now };
    if (echo !== undefined) this.#roundTrip.sample(now - echo - heldMs);
    this.#clockOffsetMs = sentAt + (this.roundTripMs ?? 0) / 2 - now;
    this.#out.frame(this, FrameType.Heartbeat, body, now);
  }

  #onFrameError(error: FrameError, now: number): void {
    const state = this.#state;
    if (state.name === 'proving') state.handshake.onFrameError(error, now);
    else if (state.name === 'open') this.#end(`the peer broke the protocol: ${error.reason}`, now);
  }

  #noteAlive(now: number): void {
    this.#lastAliveAt = now;
    this.#out.alive(this, now);
  }

  #newHandshake(connection: PeerConnection, now: number): Handshake {
    const { local, judge, crypto: linkCrypto } = this.#context;
    const out = {
      send: (frame: Uint8Array) => connection.send(frame),
      ready: (peer: PeerFacts, at: number) => this.#onReady(peer, at),
      refused: (refusal: Refusal, at: number) => {
        this.close();
        this.#out.refused(this, refusal, at);
      },
    };
    return new Handshake(local, linkCrypto, judge, connection.exporter, out, now);
  }

  #onReady(peer: PeerFacts, now: number): void {
    this.#reader.allowed = laneFrames[peer.lane];
    this.#state = { name: 'open', peer };
    this.#lastAliveAt = now;
    this.#out.ready(this, peer, now);
  }

  #end(reason: string, now: number): void {
    this.close();
    this.#out.closed(this, reason, now);
  }
}
