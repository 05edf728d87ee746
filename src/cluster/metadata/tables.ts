import { assert } from '../../base/mod.js';
import { type Boot, isLater, membersMax, type Site, type Stamp } from '../identity/mod.js';
import { RowCursor } from './cursor.js';
import { decodeInterval, type Interval, type MalformedRows } from './interval.js';
import type { TablesOut } from './out.js';
import { Overrides } from './overrides.js';
import { OwnRows } from './own-rows.js';
import { type Ask, isOtherState, type Position, type Vector } from './position.js';
import { type Applied, Replica } from './replica.js';
import { type Row, RowKind, SmallValues } from './rows.js';

/** Deletions that are forgotten in one tick, of each site. */
const forgottenMax = 1000;

/** Overrides that are looked at in one tick. */
const overridesMax = 200;

/** What the disk had of another site: see {@link TablesOut.place}. */
export interface RestoredSite {
  readonly site: Site;
  readonly boot: Boot;
  readonly number: number;
  readonly rows: readonly Row[];
}

/**
 * The rows of all members as this node knows them: one writer for each, the site itself. Calls that
 * take intervals do at most as much work as one interval has rows; the rest is done by
 * {@link step}.
 */
export class Tables {
  readonly #site: Site;
  readonly #out: TablesOut;
  readonly #own: OwnRows;
  readonly #overrides = new Overrides();
  readonly #values = new SmallValues();
  readonly #replicas = new Map<Site, Replica>();
  /** Sites that left and whose rows are being ended. */
  #leaving: Replica[] = [];

  /** `rows`: this site's own, from disk. */
  constructor(site: Site, boot: Boot, rows: readonly Row[], out: TablesOut) {
    this.#site = site;
    this.#out = out;
    this.#own = new OwnRows(site, boot, byNumber(rows), out);
    for (const row of rows) {
      if (row.isOverride) this.#overrides.add(row);
    }
  }

  /** `site` is a member: its rows are taken from now on. */
  admit(site: Site): void {
    if (site === this.#site || this.#replicas.has(site)) return;
    assert(this.#replicas.size + 1 < membersMax, 'more members than a cluster may have');
    this.#replicas.set(site, new Replica(site, this.#out));
  }

  /** Another member's rows from disk, before anything was heard of it. */
  restore({ site, boot, number, rows }: RestoredSite): void {
    this.admit(site);
    this.#replicas.get(site)?.restore(boot, number, byNumber(rows));
  }

  /** `site` has left, for ever: no lookup sees its rows any more, and {@link step} ends them. */
  expel(site: Site): void {
    const replica = this.#replicas.get(site);
    if (replica === undefined) return;
    this.#replicas.delete(site);
    replica.leave();
    this.#leaving.push(replica);
  }

  /** Of the last change of this site, sent or not. */
  get lastNumber(): number {
    return this.#own.lastNumber;
  }

  /** The same of the last change of a row of `kind`. */
  lastNumberOf(kind: RowKind): number {
    return this.#own.lastNumberOf(kind);
  }

  /** `value` must not be changed afterwards. Returns the row, whose number others confirm. */
  put(kind: RowKind, key: string, value: Uint8Array, stamp: Stamp): Row {
    return this.#write(kind, key, this.#values.keep(value), stamp, false);
  }

  /** Deletes this site's row, override or not. Undefined when there is none. */
  remove(kind: RowKind, key: string): Row | undefined {
    const row = this.#own.get(kind, key);
    if (row === undefined) return undefined;
    return this.#write(kind, key, undefined, row.stamp, false);
  }

  /** Deletes the key for all sites that have it with an earlier stamp, and for this one. */
  override(kind: RowKind, key: string, stamp: Stamp): Row {
    return this.#write(kind, key, undefined, stamp, true);
  }

  /**
   * What `site` said up to `number` in `boot` is committed here, with what follows from it: of this
   * site the changes that were told to the disk, of others what {@link TablesOut.place} named.
   */
  durable(site: Site, boot: Boot, number: number): void {
    if (site === this.#site) this.#own.durable(number);
    else this.#replicas.get(site)?.durable(boot, number);
  }

  /**
   * The next own changes that all members are to be sent, once per turn; called until it returns
   * undefined, so that what comes in pieces is whole.
   */
  pushable(bytesMax: number): Interval | undefined {
    return this.#own.pushable(bytesMax);
  }

  /** How far this node is, with itself too. A site of which it has no state is not in it. */
  vector(): Vector {
    const vector = new Map<Site, Position>([[this.#site, this.#own.position]]);
    for (const [site, replica] of this.#replicas) {
      const position = replica.position();
      if (position !== undefined) vector.set(site, position);
    }
    return vector;
  }

  /** How far this node is with one site. */
  position(site: Site): Position | undefined {
    return site === this.#site ? this.#own.position : this.#replicas.get(site)?.position();
  }

  /** True when nothing is missing here that a member with this vector can give. */
  hasReached(vector: Vector): boolean {
    for (const [site, theirs] of vector) {
      if (this.#replicas.get(site)?.hasReached(theirs) === false) return false;
    }
    return true;
  }

  /**
   * Compares with the vector of `peer`: what to ask it for, of every site. What was asked for and
   * has not come yet is asked for again, so whoever asks keeps one question open for each site.
   */
  missing(peer: Site, vector: Vector): Ask[] {
    const asks: Ask[] = [];
    for (const [site, theirs] of vector) {
      const replica = this.#replicas.get(site);
      if (replica === undefined) {
        if (site === this.#site && isOtherState(this.#own.position, theirs)) {
          this.#out.diverged(site);
        }
        continue;
      }
      if (peer === site) replica.raiseFloor(theirs.boot, theirs.floor);
      if (replica.doubts(theirs)) {
        this.#out.diverged(site);
        // The owner is right. Of two others one gives way, or they would change places for ever.
        if (peer === site || peer > this.#site) replica.distrust();
      }
      const ask = replica.missing(theirs);
      if (ask !== undefined) asks.push(ask);
    }
    return asks;
  }

  /** A piece of what `ask` lacks, of about `bytesMax` bytes, but of one row at least. */
  interval(ask: Ask, bytesMax: number): Interval | undefined {
    if (ask.site === this.#site) return this.#own.interval(ask, bytesMax);
    return this.#replicas.get(ask.site)?.interval(ask, bytesMax);
  }

  decode(bytes: Uint8Array): Interval | MalformedRows {
    return decodeInterval(bytes, this.#values);
  }

  apply(interval: Interval, now: number): Applied {
    return this.#replicas.get(interval.site)?.apply(interval, now) ?? { outcome: 'known' };
  }

  /** A member went down or came up: its clean sessions count no more, or again. */
  mask(site: Site, isMasked: boolean): void {
    const replica = this.#replicas.get(site);
    if (replica !== undefined) replica.isMasked = isMasked;
  }

  isMasked(site: Site): boolean {
    return this.#replicas.get(site)?.isMasked ?? false;
  }

  /** The live row, or override, of a key at a site. */
  get(site: Site, kind: RowKind, key: string): Row | undefined {
    if (site === this.#site) return this.#own.get(kind, key);
    return this.#replicas.get(site)?.get(kind, key);
  }

  /**
   * The row that counts: of all sites the one with the latest stamp. Undefined: there is none, or
   * an override is later.
   */
  winner(kind: RowKind, key: string): Row | undefined {
    let latest = this.#own.get(kind, key);
    for (const replica of this.#replicas.values()) {
      if (kind === RowKind.CleanSession && replica.isMasked) continue;
      const row = replica.get(kind, key);
      if (row !== undefined && (latest === undefined || isAfter(row, latest))) latest = row;
    }
    return latest?.isOverride === true ? undefined : latest;
  }

  /** True for the row that counts for its key. Rows are made anew for each who asks. */
  wins({ kind, key, site, number }: Row): boolean {
    const winner = this.winner(kind, key);
    return winner?.site === site && winner.number === number;
  }

  /** The rows of all sites for a key: masked ones and overrides too. */
  rowsOf(kind: RowKind, key: string): Row[] {
    const rows: Row[] = [];
    const own = this.#own.get(kind, key);
    if (own !== undefined) rows.push(own);
    for (const replica of this.#replicas.values()) {
      const row = replica.get(kind, key);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  /** Walks over the rows of all sites, masked ones and overrides too. */
  cursor(kind: RowKind): RowCursor {
    return new RowCursor(kind, this.#own, this.#replicas.values());
  }

  /** Goes on with what could not be done at once, by about `rowsMax` rows. True: there is more. */
  step(rowsMax: number): boolean {
    const busy = [...this.#replicas.values()].filter(({ isBusy }) => isBusy);
    const [replica] = busy;
    if (replica !== undefined) {
      const isMore = replica.step(rowsMax);
      return isMore || busy.length > 1 || this.#leaving.length > 0;
    }
    const [leaving] = this.#leaving;
    if (leaving === undefined) return false;
    if (leaving.step(rowsMax)) return true;
    this.#leaving.shift();
    this.#out.ended(leaving.site);
    return this.#leaving.length > 0;
  }

  /**
   * Lets go of what is no longer needed. `others`: the last vector of every other member that has
   * not left; undefined of one that has not sent any.
   */
  tick(now: number, others: ReadonlyMap<Site, Vector | undefined>): void {
    this.#own.tick(now, forgottenMax);
    for (const replica of this.#replicas.values()) replica.tick(now, forgottenMax);
    if (this.#overrides.isEmpty) return;
    const droppable = this.#overrides.droppable(
      this.#site,
      this.vector(),
      others,
      overridesMax,
      (override) => this.#isNeeded(override),
    );
    for (const { kind, key } of droppable) this.remove(kind, key);
  }

  /** True while a row is known that it beats, in force or about to be. */
  #isNeeded(override: Row): boolean {
    const isBeaten = (row: Row | undefined): boolean =>
      row !== undefined && !row.isOverride && isAfter(override, row);
    for (const replica of this.#replicas.values()) {
      if (isBeaten(replica.get(override.kind, override.key))) return true;
      if (isBeaten(replica.comingRow(override.kind, override.key))) return true;
    }
    return false;
  }

  #write(
    kind: RowKind,
    key: string,
    value: Uint8Array | undefined,
    stamp: Stamp,
    isOverride: boolean,
  ): Row {
    const before = this.#own.get(kind, key);
    if (before?.isOverride === true) this.#overrides.delete(before);
    const row = this.#own.write(kind, key, value, stamp, isOverride);
    if (isOverride) this.#overrides.add(row);
    return row;
  }
}

function isAfter(row: Row, other: Row): boolean {
  return isLater(row.stamp, row.site, other.stamp, other.site);
}

function byNumber(rows: readonly Row[]): Row[] {
  return [...rows].sort((one, other) => one.number - other.number);
}
