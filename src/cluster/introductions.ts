import type { ClientLog } from '../session/mod.js';
import {
  FrameType,
  Lane,
  LaneKind,
  type LaneOut,
  type LinkContext,
  type PeerFacts,
  type Refusal,
  RefusalCode,
  type Transport,
} from './link/mod.js';
import {
  type JoinWish,
  type ListedMember,
  type MembershipAnswer,
  readAnswer,
  readRequest,
  writeAnswer,
  writeRequest,
} from './membership/mod.js';
import type { Result } from './change-line.js';

export interface IntroductionsOut {
  readonly log: ClientLog;
  /** A site that may be no member wants in. `answer` is called once, now or later. */
  asked(
    peer: PeerFacts,
    wish: JoinWish,
    answer: (answer: MembershipAnswer, now: number) => void,
    now: number,
  ): void;
  /** This node is in, with these. */
  welcomed(by: PeerFacts, members: readonly ListedMember[], now: number): void;
  /** Whoever is at `address` does not want to hear it, or is not wanted. */
  turnedAway(refusal: Refusal, address: string, now: number): void;
}

/** How a dialled introduction ended. */
export interface Outcome extends Result {
  /** The address leads back to this node. */
  readonly isSelf: boolean;
  /** A member said that this site has left. */
  readonly hasLeft: boolean;
}

/** From dialling to the answer, in ms; a change of members may take some of it. */
const patienceMs = 20_000;

/** Introductions that are under way, of each direction. The oldest goes when there are more. */
const introductionsMax = 64;

/** A link id belongs to a pair of lanes; an introduction has none. */
const noLink = '00'.repeat(16);

interface Dialled {
  readonly address: string;
  readonly wish: JoinWish;
  readonly done: (outcome: Outcome, now: number) => void;
  readonly deadline: number;
  peer: PeerFacts | undefined;
  isAsked: boolean;
}

/**
 * Connections between this node and an address, or a node that is not a member: says who it is,
 * asks to come in, hears the answer, closes. Of those dialled one at a time asks, so that a node
 * with many seeds does not set them against each other.
 */
export class Introductions {
  readonly #context: LinkContext;
  readonly #transport: Transport;
  readonly #out: IntroductionsOut;
  readonly #dialled = new Map<Lane, Dialled>();
  /** With their deadlines. */
  readonly #accepted = new Map<Lane, number>();

  constructor(context: LinkContext, transport: Transport, out: IntroductionsOut) {
    this.#context = context;
    this.#transport = transport;
    this.#out = out;
  }

  /** `done` is called once. */
  dial(
    address: string,
    wish: JoinWish,
    done: (outcome: Outcome, now: number) => void,
    now: number,
  ): void {
    if (this.#dialled.size >= introductionsMax) {
      const text = `${address} was not dialled: too many introductions are under way`;
      return done({ ok: false, isSelf: false, hasLeft: false, text }, now);
    }
    const plan = { lane: LaneKind.Introduction, linkId: noLink, site: undefined };
    const out: LaneOut = {
      ready: (of, peer, when) => this.#onReady(of, peer, when),
      refused: (of, refusal, when) => this.#onRefused(of, refusal, when),
      alive() {},
      frame: (of, type, body, when) => this.#onAnswer(of, type, body, when),
      closed: (of, reason, when) => this.#onClosed(of, reason, when),
    };
    const lane = Lane.dial(this.#transport, address, plan, this.#context, out, now);
    const deadline = now + patienceMs;
    const dialled = { address, wish, done, deadline, peer: undefined, isAsked: false };
    this.#dialled.set(lane, dialled);
  }

  /** Somebody who knows the cookie dialled this node for an introduction. */
  accept(lane: Lane, peer: PeerFacts, now: number): void {
    const [oldest] = this.#accepted.keys();
    if (this.#accepted.size >= introductionsMax && oldest !== undefined) this.#drop(oldest);
    this.#accepted.set(lane, now + patienceMs);
    lane.handTo({
      ready() {},
      refused() {},
      alive() {},
      frame: (of, type, body, when) => this.#onRequest(of, peer, type, body, when),
      closed: (of) => this.#accepted.delete(of),
    });
  }

  tick(now: number): void {
    for (const [lane, deadline] of this.#accepted) if (now >= deadline) this.#drop(lane);
    for (const [lane, { deadline }] of this.#dialled) {
      lane.tick(now);
      if (now >= deadline) this.#onClosed(lane, 'no answer came', now);
    }
    this.#askNext();
  }

  close(): void {
    for (const lane of [...this.#accepted.keys(), ...this.#dialled.keys()]) lane.close();
    this.#accepted.clear();
    this.#dialled.clear();
  }

  #drop(lane: Lane): void {
    lane.close();
    this.#accepted.delete(lane);
  }

  #onReady(lane: Lane, peer: PeerFacts, _now: number): void {
    const dialled = this.#dialled.get(lane);
    if (dialled === undefined) return lane.close();
    dialled.peer = peer;
    this.#askNext();
  }

  #askNext(): void {
    const all = [...this.#dialled];
    if (all.some(([, { isAsked }]) => isAsked)) return;
    const next = all.find(([, { peer }]) => peer !== undefined);
    if (next === undefined) return;
    const [lane, dialled] = next;
    dialled.isAsked = true;
    lane.sendFrame(FrameType.Request, writeRequest({ kind: 'join', ...dialled.wish }));
  }

  #onRefused(lane: Lane, refusal: Refusal, now: number): void {
    const { code, sentence, by, peer } = refusal;
    const address = this.#dialled.get(lane)?.address ?? '';
    const isSelf = code === RefusalCode.SelfConnection;
    const hasLeft = code === RefusalCode.LeftSite && by === 'peer' && peer?.isProved === true;
    const text = `${address} refused: ${sentence}`;
    this.#finish(lane, { ok: false, text, isSelf, hasLeft }, now);
    this.#out.turnedAway(refusal, address, now);
  }

  #onClosed(lane: Lane, reason: string, now: number): void {
    const dialled = this.#dialled.get(lane);
    const doubt =
      dialled?.isAsked === true ? '; it may have been done nevertheless: repeat it' : '';
    const { address = '' } = dialled ?? {};
    // Why it could not be dialled begins with the address already.
    const told = reason.startsWith(address) ? reason : `${address}: ${reason}`;
    this.#end(lane, false, `${told}${doubt}`, now);
  }

  #onAnswer(lane: Lane, type: number, body: Uint8Array, now: number): void {
    const dialled = this.#dialled.get(lane);
    if (type !== FrameType.Response || dialled?.peer === undefined) return;
    const answer = readAnswer(body);
    if (answer?.kind === 'welcome') {
      this.#out.welcomed(dialled.peer, answer.members, now);
      const names = answer.members.map(({ row }) => row.name).join(', ');
      return this.#end(lane, true, `this node is in the cluster of ${names}`, now);
    }
    if (answer?.kind === 'result') return this.#end(lane, answer.ok, answer.sentence, now);
    this.#end(lane, false, `${dialled.address} answered what no member answers`, now);
  }

  #end(lane: Lane, ok: boolean, text: string, now: number): void {
    this.#finish(lane, { ok, text, isSelf: false, hasLeft: false }, now);
  }

  #finish(lane: Lane, outcome: Outcome, now: number): void {
    const dialled = this.#dialled.get(lane);
    this.#dialled.delete(lane);
    lane.close();
    dialled?.done(outcome, now);
    this.#askNext();
  }

  #onRequest(lane: Lane, peer: PeerFacts, type: number, body: Uint8Array, now: number): void {
    if (type !== FrameType.Request) return;
    const request = readRequest(body);
    if (request?.kind !== 'join') {
      const sentence = 'an introduction asks to join and nothing else';
      lane.sendFrame(FrameType.Response, writeAnswer({ kind: 'result', ok: false, sentence }));
      return;
    }
    const { isFounding, force, isMember } = request;
    const answer = (said: MembershipAnswer): void => {
      if (lane.isOpen) lane.sendFrame(FrameType.Response, writeAnswer(said));
    };
    this.#out.asked(peer, { isFounding, force, isMember }, answer, now);
  }
}
