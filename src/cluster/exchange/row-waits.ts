import type { Site } from '../identity/mod.js';
import { FrameType, LaneKind } from '../link/mod.js';
import { hasReached, type RowKind, type Tables } from '../metadata/mod.js';
import { decodeMark, encodeMark, MarkQueue } from './applied.js';
import type { ExchangePeer } from './row-exchange.js';
import type { ExchangeStory } from './story.js';

/** Who waits until what this node said is in force at the others. */
export interface RowWaiter {
  /** No client whose answer is late: it asks again itself. */
  readonly isPatient?: true;
  /** It is, or it took too long. Once. `ticket`: always 0. */
  settle(ticket: number, now: number): void;
}

export interface RowWaitsOut {
  /** Others are not waited for. */
  isUp(site: Site): boolean;
  turnEndWanted(): void;
  readonly story: ExchangeStory;
}

/** All that began to wait in one turn. */
interface Wait {
  readonly id: number;
  /** Own rows up to this one are to be in force. */
  readonly number: number;
  readonly deadline: number;
  readonly waiters: readonly RowWaiter[];
}

interface Peer {
  readonly port: ExchangePeer;
  asked: number;
  /** Answers whose own number has not been reached here. */
  readonly answers: MarkQueue;
  /** What it has answered, and what it had said itself by then is known here. */
  reached: number;
}

/** Nobody waits longer, in ms. Ticks are 50 ms apart, and a client is to have its answer in 1 s. */
const waitMaxMs = 940;

/**
 * Finds out when rows of this node are in force at every member that is up, and rows that those had
 * written by then are in force here. The next question is sent only behind the rows that it is
 * about, on the same lane, so that it is mostly answered at once.
 *
 * ```
 *  add ─▶ (turn's end) wait 7, number 120 ─▶ 120 is committed and pushed ─▶ AskApplied 7, 120
 *  Applied 7, their number 58 ─▶ their 58 is in force here ─▶ all that are up so far? settle
 * ```
 *
 * A SUBACK that waits for this promises two things: a message that is published anywhere from now
 * on is routed here, and what was retained anywhere before is found in the rows here.
 */
export class RowWaits {
  readonly #self: Site;
  readonly #tables: Tables;
  readonly #kinds: readonly RowKind[];
  readonly #out: RowWaitsOut;
  readonly #peers = new Map<Site, Peer>();
  #gathered: RowWaiter[] = [];
  /** In ascending order of ids and numbers; at most one for each turn of {@link waitMaxMs}. */
  readonly #waits: Wait[] = [];
  #lastId = 0;
  /** The last wait whose rows were pushed. */
  #pushed: Pick<Wait, 'id' | 'number'> = { id: 0, number: 0 };

  /** `kinds`: rows that are waited for. */
  constructor(self: Site, tables: Tables, kinds: readonly RowKind[], out: RowWaitsOut) {
    this.#self = self;
    this.#tables = tables;
    this.#kinds = kinds;
    this.#out = out;
  }

  /**
   * `waiter` waits until the changes of this turn, and all earlier ones, are in force at every
   * member that is up, and what those had said before is here; a second at most. False: nobody is
   * up.
   */
  add(waiter: RowWaiter): boolean {
    if (!this.#hasListeners()) return false;
    if (this.#gathered.length === 0) this.#out.turnEndWanted();
    this.#gathered.push(waiter);
    return true;
  }

  /** The link to `site` opened. */
  opened(site: Site, port: ExchangePeer): void {
    this.#peers.set(site, { port, asked: 0, answers: new MarkQueue(), reached: 0 });
  }

  closed(site: Site): void {
    this.#peers.delete(site);
  }

  /** False: it is not what a member sends. */
  onAnswer(site: Site, body: Uint8Array): boolean {
    const mark = decodeMark(body);
    const peer = this.#peers.get(site);
    if (mark === undefined || peer === undefined) return mark !== undefined;
    if (mark.id > peer.asked) return false;
    peer.answers.add(mark);
    return true;
  }

  /** After own rows were pushed. */
  onTurnEnd(now: number): void {
    if (this.#gathered.length > 0) this.#begin(now);
    if (this.#waits.length === 0) return;
    this.#ask();
    this.#settle(now);
  }

  tick(now: number): void {
    let count = 0;
    let late: Wait | undefined;
    while ((this.#waits[0]?.deadline ?? Number.POSITIVE_INFINITY) <= now) {
      late = this.#waits.shift() as Wait;
      for (const waiter of late.waiters) {
        if (waiter.isPatient !== true) count += 1;
        waiter.settle(0, now);
      }
    }
    if (late === undefined || count === 0) return;
    const { id } = late;
    const missing = [...this.#peers].filter(
      ([site, { reached }]) => reached < id && this.#out.isUp(site),
    );
    this.#out.story.gaveUp(
      count,
      missing.map(([site]) => site),
    );
  }

  #hasListeners(): boolean {
    for (const site of this.#peers.keys()) if (this.#out.isUp(site)) return true;
    return false;
  }

  #begin(now: number): void {
    const waiters = this.#gathered;
    this.#gathered = [];
    const number = Math.max(...this.#kinds.map((kind) => this.#tables.lastNumberOf(kind)));
    this.#lastId += 1;
    this.#waits.push({ id: this.#lastId, number, deadline: now + waitMaxMs, waiters });
  }

  /** About the latest rows that were pushed: the answer is one for all before them. */
  #ask(): void {
    const own = this.#tables.position(this.#self);
    if (own === undefined) return;
    const first = this.#waits[0]?.id ?? 0;
    for (let at = Math.max(0, this.#pushed.id + 1 - first); at < this.#waits.length; at += 1) {
      const wait = this.#waits[at] as Wait;
      if (wait.number > own.number) break;
      this.#pushed = wait;
    }
    const { id, number } = this.#pushed;
    if (id < first) return;
    for (const peer of this.#peers.values()) {
      if (peer.asked >= id) continue;
      const body = encodeMark({ id, boot: own.boot, number });
      if (peer.port.send(LaneKind.Control, FrameType.AskApplied, body)) peer.asked = id;
    }
  }

  #settle(now: number): void {
    let upTo = this.#pushed.id;
    for (const [site, peer] of this.#peers) {
      if (!peer.answers.isEmpty) {
        const position = this.#tables.position(site);
        const reached = peer.answers.takeReached(({ boot, number }) =>
          hasReached(position, boot, number),
        );
        peer.reached = Math.max(peer.reached, reached);
      }
      if (peer.reached < upTo && this.#out.isUp(site)) upTo = peer.reached;
    }
    while ((this.#waits[0]?.id ?? Number.POSITIVE_INFINITY) <= upTo) {
      for (const waiter of this.#waits.shift()?.waiters ?? []) waiter.settle(0, now);
    }
  }
}
