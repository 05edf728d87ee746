import type { Site } from '../identity/mod.js';
import { hasReached, type Position, type Vector } from './position.js';
import type { Row } from './rows.js';

/**
 * Decides when overrides of this node may go. One may when no row is left anywhere that it would
 * have to beat, and nobody can still learn of one:
 *
 * ```
 *  1. every member has it on disk, with what follows from it: rows that it beats are deleted
 *  2. what every site had said by then, those deletions among it, is known to every member
 *  3. the overrides of that time, except those that beat a row that is known here, are dropped
 * ```
 *
 * Without 2 a member that hears of 3 first would see the beaten row come back to life.
 */
export class Overrides {
  /** By number. */
  readonly #rows = new Map<number, Row>();
  /** Overrides up to this number are the ones under way; 0: none are. */
  #upTo = 0;
  /** What step 2 waits for. */
  #known: Map<Site, Position> | undefined = undefined;
  #walk: Iterator<Row> | undefined = undefined;

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  add(row: Row): void {
    this.#rows.set(row.number, row);
  }

  delete(row: Row): void {
    this.#rows.delete(row.number);
  }

  /**
   * `others`: the last vector of each other member that has not left; undefined of one that has
   * not sent any. Looks at `max` overrides at most; returns those that may go.
   */
  droppable(
    own: Site,
    ours: Vector,
    others: ReadonlyMap<Site, Vector | undefined>,
    max: number,
    isNeeded: (row: Row) => boolean,
  ): Row[] {
    if (this.#upTo === 0) this.#upTo = ours.get(own)?.number ?? 0;
    if (this.#known === undefined) {
      if (!this.#isDurableEverywhere(own, ours, others)) return [];
      this.#known = join(ours, others);
    }
    if (this.#walk === undefined) {
      if (!isKnownEverywhere(this.#known, ours, others)) return [];
      this.#walk = this.#rows.values();
    }
    return this.#next(this.#walk, max, isNeeded);
  }

  #next(walk: Iterator<Row>, max: number, isNeeded: (row: Row) => boolean): Row[] {
    const dropped: Row[] = [];
    for (let seen = 0; seen < max; seen += 1) {
      const { value: row, done } = walk.next() as IteratorResult<Row, undefined>;
      if (done === true) {
        this.#rest();
        break;
      }
      if (row.number <= this.#upTo && !isNeeded(row)) dropped.push(row);
    }
    return dropped;
  }

  #isDurableEverywhere(
    own: Site,
    ours: Vector,
    others: ReadonlyMap<Site, Vector | undefined>,
  ): boolean {
    const boot = ours.get(own)?.boot;
    if (boot === undefined) return false;
    for (const vector of others.values()) {
      const position = vector?.get(own);
      if (!hasReached(position, boot, this.#upTo)) return false;
      if ((position?.durable ?? 0) < this.#upTo) return false;
    }
    return true;
  }

  #rest(): void {
    this.#upTo = 0;
    this.#known = undefined;
    this.#walk = undefined;
  }
}

/** The highest that anybody has of each site. */
function join(ours: Vector, others: ReadonlyMap<Site, Vector | undefined>): Map<Site, Position> {
  const known = new Map(ours);
  for (const vector of others.values()) {
    for (const [site, position] of vector ?? []) {
      const other = known.get(site);
      if (!hasReached(other, position.boot, position.number)) known.set(site, position);
    }
  }
  return known;
}

/** `known` may name sites that have left since: nobody has to know more of those. */
function isKnownEverywhere(
  known: ReadonlyMap<Site, Position>,
  ours: Vector,
  others: ReadonlyMap<Site, Vector | undefined>,
): boolean {
  for (const [site, { boot, number }] of known) {
    if (!ours.has(site)) continue;
    if (!hasReached(ours.get(site), boot, number)) return false;
    for (const vector of others.values()) {
      if (!hasReached(vector?.get(site), boot, number)) return false;
    }
  }
  return true;
}
