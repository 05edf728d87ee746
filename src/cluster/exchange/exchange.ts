import type { Random } from '../../base/mod.js';
import type { Site } from '../identity/mod.js';
import { FrameType } from '../link/mod.js';
import { RowKind, type Tables, type Vector } from '../metadata/mod.js';
import { AppliedAnswers } from './applied-answers.js';
import { type ExchangeOut, type ExchangePeer, RowExchange } from './row-exchange.js';
import { RowWaits, type RowWaitsOut } from './row-waits.js';

/** All that members say to each other about rows, over one link each. */
export class Exchange {
  readonly #rows: RowExchange;
  /** For who waits until subscriptions here are in force everywhere. */
  readonly waits: RowWaits;
  readonly #answers: AppliedAnswers;
  readonly #out: ExchangeOut;

  constructor(self: Site, tables: Tables, random: Random, out: ExchangeOut & RowWaitsOut) {
    this.#rows = new RowExchange(tables, random, out);
    this.waits = new RowWaits(
      self,
      tables,
      [RowKind.Route, RowKind.Subscription, RowKind.Will],
      out,
    );
    this.#answers = new AppliedAnswers(self, tables, RowKind.Retain);
    this.#out = out;
  }

  opened(site: Site, port: ExchangePeer): void {
    this.waits.opened(site, port);
    this.#answers.opened(site, port);
    this.#rows.opened(site, port);
  }

  closed(site: Site): void {
    this.#rows.closed(site);
    this.waits.closed(site);
    this.#answers.closed(site);
  }

  /** The last vectors of members; undefined of one that is not linked or has not sent any. */
  vectorsOf(sites: Iterable<Site>): ReadonlyMap<Site, Vector | undefined> {
    const vectors = new Map<Site, Vector | undefined>();
    for (const site of sites) vectors.set(site, this.#rows.vectorOf(site));
    return vectors;
  }

  /** A lane of `site` takes frames again. */
  drained(site: Site): void {
    this.#rows.drained(site);
  }

  /** A frame that is about rows. */
  onFrame(site: Site, type: number, body: Uint8Array, now: number): void {
    switch (type) {
      case FrameType.Vector:
        this.#rows.onVector(site, body, now);
        return;
      case FrameType.AskRows:
        this.#rows.onAsk(site, body, now);
        return;
      case FrameType.AskApplied:
        if (!this.#answers.onAsk(site, body)) this.#malformed(site, now);
        return;
      case FrameType.Applied:
        if (!this.waits.onAnswer(site, body)) this.#malformed(site, now);
        return;
      default:
        this.#rows.onRows(site, body, now);
        this.#answers.review();
    }
  }

  onTurnEnd(now: number): void {
    this.#rows.onTurnEnd(now);
    this.#answers.review();
    this.waits.onTurnEnd(now);
  }

  tick(now: number): void {
    this.#rows.tick(now);
    this.waits.tick(now);
  }

  #malformed(site: Site, now: number): void {
    this.#out.faulty(site, 'what it says of applied rows is malformed', now);
  }
}
