import { assert } from '../../base/mod.js';
import { membersMax } from '../identity/mod.js';
import { FrameType, writeFrame } from './frames.js';
import type { PeerFacts } from './handshake.js';
import { Lane, type LaneOut, type LinkContext } from './lane.js';
import { objections, type Refusal, writeRefused } from './refusal.js';
import type { PeerConnection, PeerConnectionHandler } from './transport.js';

/** Both lanes of every possible peer, twice. */
export const handshakesMax: number = membersMax * 4;

/** What becomes of connections that came in. Every one ends in exactly one of these. */
export interface AcceptorOut {
  /**
   * Somebody proved himself and was admitted. `lane` is for the {@link PeerLink} of `peer.site`, or
   * an introduction, and must be handed on before the method returns.
   */
  accepted(lane: Lane, peer: PeerFacts, now: number): void;
  refused(refusal: Refusal, remoteAddress: string, now: number): void;
  /** It ended before it came to anything. */
  gaveUp(reason: string, remoteAddress: string, now: number): void;
}

/**
 * Connections that came in and have not said who they are. A node that may be dialled by anybody
 * holds few of them, and not for long: the oldest goes when there are too many, for a member is
 * done within two round trips.
 */
export class Acceptor implements LaneOut {
  readonly #context: LinkContext;
  readonly #out: AcceptorOut;
  /** In the order in which they came. */
  readonly #lanes: Map<Lane, PeerConnection> = new Map();

  constructor(context: LinkContext, out: AcceptorOut) {
    this.#context = context;
    this.#out = out;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** `connection` is open. Its events go to the handler that is returned. */
  accept(connection: PeerConnection, now: number): PeerConnectionHandler {
    if (this.#lanes.size >= handshakesMax) this.#dropOldest(now);
    const lane = Lane.accept(connection, this.#context, this, now);
    this.#lanes.set(lane, connection);
    return lane;
  }

  tick(now: number): void {
    for (const lane of this.#lanes.keys()) lane.tick(now);
  }

  /** The node stops, or closes its listener. */
  closeAll(): void {
    for (const lane of this.#lanes.keys()) lane.close();
    this.#lanes.clear();
  }

  ready(lane: Lane, peer: PeerFacts, now: number): void {
    this.#lanes.delete(lane);
    this.#out.accepted(lane, peer, now);
  }

  refused(lane: Lane, refusal: Refusal, now: number): void {
    this.#lanes.delete(lane);
    this.#out.refused(refusal, lane.remoteAddress, now);
  }

  alive(): void {
    assert(false, 'a lane was accepted and not handed on');
  }

  frame(): void {
    assert(false, 'a lane was accepted and not handed on');
  }

  closed(lane: Lane, reason: string, now: number): void {
    this.#lanes.delete(lane);
    this.#out.gaveUp(reason, lane.remoteAddress, now);
  }

  #dropOldest(now: number): void {
    for (const [lane, connection] of this.#lanes) {
      const { code, sentence } = objections.tooMany;
      connection.send(writeFrame(FrameType.Refused, writeRefused(objections.tooMany)));
      lane.close();
      const refusal = { code, sentence, by: 'this node', peer: undefined, highestBoot: 0 } as const;
      this.refused(lane, refusal, now);
      return;
    }
  }
}
