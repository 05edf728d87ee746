import type { Random } from '../../base/mod.js';
import type { Site } from '../identity/mod.js';
import { bulkChunkMax, FrameType, LaneKind, type LinkLane, rowsMax } from '../link/mod.js';
import {
  type Ask,
  decodeAsks,
  decodeVector,
  encodeAsks,
  encodeInterval,
  encodeVector,
  type Interval,
  type Tables,
  type Vector,
} from '../metadata/mod.js';
import { type ExchangeStory, Tally } from './story.js';

/** The link to one member, as far as rows need it. */
export interface ExchangePeer {
  /** False: not taken, the lane has too much unsent; `drained` is called when that is over. */
  send(lane: LinkLane, type: FrameType, ...parts: Uint8Array[]): boolean;
}

export interface ExchangeOut {
  /** The member sent what no member sends: its link is to be reset. */
  faulty(site: Site, reason: string, now: number): void;
  /** Every row that the member announced when its link opened is in force here. */
  caughtUp(site: Site, now: number): void;
  readonly story: ExchangeStory;
}

/** Between two comparisons of vectors. */
const compareIntervalMs = 10_000;

/** A question that brought nothing for so long is asked again, perhaps of another member. */
const questionMs = 2000;

/** Rows that are brought into force in one turn, beyond those that came in it. */
const stepRowsMax = 1000;

/** Own changes go out in pieces of this size; what is cut smaller costs a frame more each. */
const pushBytesMax = rowsMax - 1024;

/** A row may be longer than a piece should be; such a piece takes the data lane. */
const bulkBytesMax = bulkChunkMax - 1024;

interface Peer {
  readonly port: ExchangePeer;
  /** What it announced when the link opened; undefined once that is in force here. */
  announced: Vector | undefined;
  /** Its latest vector. */
  vector: Vector | undefined;
  /** What it asked for and has not been sent yet, by the site of the rows. */
  readonly asked: Map<Site, Ask>;
  /** What it was sent of that so far. */
  readonly answers: Map<Site, Tally>;
  /** What it said it has and is not in force here yet, and what came from it meanwhile. */
  repair: { target: Vector; readonly came: Tally } | undefined;
  /** It missed something: it is told our vector as soon as its lane takes it. */
  owesVector: boolean;
}

interface Question {
  readonly peer: Site;
  readonly from: number;
  readonly at: number;
}

/** The rows of this node and of those that it has a link to come to be the same. */
export class RowExchange {
  readonly #tables: Tables;
  readonly #random: Random;
  readonly #out: ExchangeOut;
  readonly #peers = new Map<Site, Peer>();
  /** What was asked for, by the site of the rows. */
  readonly #questions = new Map<Site, Question>();
  #compareAt = 0;
  /** Members that were not compared with in this round. */
  #toCompare: Site[] = [];
  #askAgainAt = 0;

  constructor(tables: Tables, random: Random, out: ExchangeOut) {
    this.#tables = tables;
    this.#random = random;
    this.#out = out;
  }

  /** The link to `site` opened. */
  opened(site: Site, port: ExchangePeer): void {
    const peer: Peer = {
      port,
      announced: undefined,
      vector: undefined,
      asked: new Map(),
      answers: new Map(),
      repair: undefined,
      owesVector: true,
    };
    this.#peers.set(site, peer);
    this.#tell(peer);
  }

  closed(site: Site): void {
    this.#peers.delete(site);
    for (const [about, { peer }] of this.#questions) {
      if (peer === site) this.#questions.delete(about);
    }
    // What it told some and not others before it went, they hear from each other.
    for (const peer of this.#peers.values()) this.#tell(peer);
  }

  /** The last vector of a member that is linked; undefined: it has not come. */
  vectorOf(site: Site): Vector | undefined {
    return this.#peers.get(site)?.vector;
  }

  /** A lane of `site` takes frames again. */
  drained(site: Site): void {
    const peer = this.#peers.get(site);
    if (peer === undefined) return;
    this.#answer(site, peer);
    if (peer.owesVector) this.#tell(peer);
  }

  onVector(site: Site, body: Uint8Array, now: number): void {
    const peer = this.#peers.get(site);
    const vector = decodeVector(body);
    if (peer === undefined) return;
    if ('code' in vector) {
      this.#out.faulty(site, vector.reason, now);
      return;
    }
    const isFirst = peer.vector === undefined;
    peer.vector = vector;
    if (isFirst) peer.announced = vector;
    if (peer.repair === undefined) {
      peer.repair = { target: vector, came: new Tally() };
      this.#out.story.started(site);
    } else peer.repair.target = vector;
    this.#ask(site, peer, this.#tables.missing(site, vector), now);
    this.#checkCaughtUp(now);
  }

  onAsk(site: Site, body: Uint8Array, now: number): void {
    const peer = this.#peers.get(site);
    const asks = decodeAsks(body);
    if (peer === undefined) return;
    if ('code' in asks) {
      this.#out.faulty(site, asks.reason, now);
      return;
    }
    for (const ask of asks) peer.asked.set(ask.site, ask);
    this.#answer(site, peer);
  }

  onRows(site: Site, body: Uint8Array, now: number): void {
    const peer = this.#peers.get(site);
    const interval = this.#tables.decode(body);
    if (peer === undefined) return;
    if ('code' in interval) {
      this.#out.faulty(site, interval.reason, now);
      return;
    }
    peer.repair?.came.add(interval.rows.length, body.length);
    const applied = this.#tables.apply(interval, now);
    this.#questions.delete(interval.site);
    if (applied.outcome === 'gap') this.#ask(site, peer, [applied.ask], now);
    else if (interval.to >= interval.of) this.#askOthers(interval.site, now);
    this.#checkCaughtUp(now);
  }

  /** Sends what changed here, and goes on with what was asked for. */
  onTurnEnd(now: number): void {
    for (;;) {
      const interval = this.#tables.pushable(pushBytesMax);
      if (interval === undefined) break;
      this.#push(interval);
    }
    for (const [site, peer] of this.#peers) this.#answer(site, peer);
    if (this.#tables.step(stepRowsMax)) return;
    this.#checkCaughtUp(now);
  }

  tick(now: number): void {
    for (const peer of this.#peers.values()) if (peer.owesVector) this.#tell(peer);
    if (now >= this.#askAgainAt) {
      this.#askAgainAt = now + questionMs;
      for (const [site, peer] of this.#peers) {
        if (peer.announced === undefined) continue;
        this.#ask(site, peer, this.#tables.missing(site, peer.announced), now);
      }
    }
    if (now < this.#compareAt) return;
    this.#compareAt = now + compareIntervalMs;
    const peer = this.#nextPeer();
    if (peer !== undefined) this.#tell(peer);
  }

  /**
   * By chance, and each once before any comes again: overrides are kept until everybody's vector
   * has come twice, and one that is not picked for minutes keeps them all.
   */
  #nextPeer(): Peer | undefined {
    this.#toCompare = this.#toCompare.filter((site) => this.#peers.has(site));
    if (this.#toCompare.length === 0) this.#toCompare = [...this.#peers.keys()];
    const at = this.#random.below(Math.max(1, this.#toCompare.length));
    const [site = ''] = this.#toCompare.splice(at, 1);
    return this.#peers.get(site);
  }

  /** Something of what is asked for, or pushed, is still to be sent or to be brought into force. */
  get isBusy(): boolean {
    return [...this.#peers.values()].some(({ asked }) => asked.size > 0);
  }

  #tell(peer: Peer): void {
    const body = encodeVector(this.#tables.vector());
    peer.owesVector = !peer.port.send(LaneKind.Control, FrameType.Vector, body);
  }

  #push(interval: Interval): void {
    const body = encodeInterval(interval);
    for (const peer of this.#peers.values()) {
      if (!sendRows(peer, body)) peer.owesVector = true;
    }
    if (this.#peers.size === 0) return;
    this.#out.story.pushed({ rows: interval.rows.length, bytes: body.length }, this.#peers.size);
  }

  /** One piece for every question of `peer`, so that no turn is long and nobody waits. */
  #answer(site: Site, peer: Peer): void {
    for (const [about, ask] of peer.asked) {
      const interval = this.#tables.interval(ask, bulkBytesMax);
      if (interval === undefined) {
        peer.asked.delete(about);
        peer.answers.delete(about);
        continue;
      }
      const body = encodeInterval(interval);
      if (!sendRows(peer, body)) return;
      const sent = peer.answers.get(about) ?? new Tally(interval.from === 0);
      sent.add(interval.rows.length, body.length);
      if (interval.to < interval.of) {
        peer.asked.set(about, { ...ask, from: interval.to });
        peer.answers.set(about, sent);
        continue;
      }
      peer.asked.delete(about);
      peer.answers.delete(about);
      this.#out.story.answered(site, about, sent.isWhole, sent);
    }
  }

  #ask(site: Site, peer: Peer, asks: readonly Ask[], now: number): void {
    const fresh = asks.filter((ask) => {
      const open = this.#questions.get(ask.site);
      return open === undefined || now - open.at >= questionMs || open.from !== ask.from;
    });
    if (fresh.length === 0) return;
    if (!peer.port.send(LaneKind.Control, FrameType.AskRows, encodeAsks(fresh))) {
      peer.owesVector = true;
      return;
    }
    for (const ask of fresh) this.#questions.set(ask.site, { peer: site, from: ask.from, at: now });
  }

  /**
   * Of several who announced rows of `of` one was asked, and has answered. Who announced more is
   * asked now: its own vector may not come again for long, and until then it is not up.
   */
  #askOthers(of: Site, now: number): void {
    for (const [site, peer] of this.#peers) {
      const place = peer.announced?.get(of);
      if (place === undefined) continue;
      this.#ask(site, peer, this.#tables.missing(site, new Map([[of, place]])), now);
    }
  }

  #checkCaughtUp(now: number): void {
    for (const [site, peer] of this.#peers) {
      if (peer.repair !== undefined && this.#tables.hasReached(peer.repair.target)) {
        this.#out.story.completed(site, peer.repair.came);
        peer.repair = undefined;
      }
      if (peer.announced === undefined || !this.#tables.hasReached(peer.announced)) continue;
      peer.announced = undefined;
      this.#out.caughtUp(site, now);
    }
  }
}

/** Long pieces do not stand before heartbeats. */
function sendRows({ port }: Peer, body: Uint8Array): boolean {
  if (body.length <= rowsMax) return port.send(LaneKind.Control, FrameType.Rows, body);
  return port.send(LaneKind.Data, FrameType.BulkRows, body);
}
