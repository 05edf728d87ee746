import { TimerWheel } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import type { PresenceView } from '../cluster/mod.js';
import type { Row, RowKind, Tables } from '../cluster/metadata/mod.js';

/** The cluster, as far as the dead go. */
export interface SurvivorsCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly members: readonly { readonly site: Site; readonly name: string }[];
  readonly presence: PresenceView;
  readonly startGate: { readonly isOpen: boolean };
  stateOf(site: Site): string;
}

/** What survivors do about one kind of rows of a dead member. */
export interface Bequest {
  readonly kind: RowKind;
  /** At present; else what is due waits. */
  isAllowed(): boolean;
  /** When something is to be done, in ms; undefined: never. `since`: when it died. */
  dueOf(row: Row, since: number): number | undefined;
  /** It is due, and this node is the one to do it. */
  settle(row: Row, now: number): void;
}

/** Rows that are looked at in one turn, of each dead member and kind. */
const walkMax = 250;
/** Of those that are due, how many are seen to. */
const settledMax = 50;
/** What is another survivor's to do is looked at again after so long, in ms. */
const againMs = 2000;

/** What is left of one kind of one member that has been dead for long enough. */
interface Estate {
  readonly bequest: Bequest;
  walk: { next(): Row | undefined } | undefined;
  /** Since the last tick. */
  came: Row[];
  /** By key. */
  readonly due: TimerWheel<string>;
  /** Keys that are due; at most as many as there are rows. */
  ready: string[];
}

interface Dead {
  readonly since: number;
  readonly estates: readonly Estate[];
}

/**
 * Members that are dead as far as can be known, and what the survivors have to do about their rows.
 *
 * ```
 *  unseen for cluster.dead_node_will_delay ─▶ walk over its rows ─▶ each when it is due
 *     ─▶ by the one that a hash chooses; if that one dies first, by the next
 * ```
 */
export class DeadMembers {
  readonly #cluster: SurvivorsCluster;
  readonly #delayMs: () => number;
  readonly #bequests: readonly Bequest[];
  readonly #dead = new Map<Site, Dead>();
  readonly #turnEndWanted: () => void;

  constructor(
    cluster: SurvivorsCluster,
    delayMs: () => number,
    bequests: readonly Bequest[],
    turnEndWanted: () => void,
  ) {
    this.#cluster = cluster;
    this.#turnEndWanted = turnEndWanted;
    this.#delayMs = delayMs;
    this.#bequests = bequests;
  }

  /** A dead member's rows may still come, from somebody who has more of them. */
  rowChanged(kind: RowKind, site: Site, after: Row | undefined): void {
    const dead = after === undefined ? undefined : this.#dead.get(site);
    const estate = dead?.estates.find(({ bequest }) => bequest.kind === kind);
    estate?.came.push(after as Row);
  }

  /** A few times a second. */
  tick(now: number): void {
    const { members, site: self } = this.#cluster;
    for (const { site } of members) if (site !== self) this.#review(site, now);
    for (const [site, { estates, since }] of this.#dead) {
      if (!members.some((member) => member.site === site)) this.#dead.delete(site);
      for (const estate of estates) {
        const { due, ready, came } = estate;
        estate.came = [];
        for (const row of came) schedule(estate, row, since);
        due.expire(now, (key) => ready.push(key));
      }
    }
    if (this.#dead.size > 0) this.#turnEndWanted();
  }

  /** Goes on with what there is to do. */
  onTurnEnd(now: number): void {
    let isMore = false;
    for (const [site, dead] of this.#dead) {
      for (const estate of dead.estates) {
        if (!estate.bequest.isAllowed()) continue;
        walk(estate, site, dead.since);
        if (estate.ready.length > 0) this.#settle(site, dead.since, estate, now);
        if (estate.walk !== undefined || estate.ready.length > 0) isMore = true;
      }
    }
    if (isMore) this.#turnEndWanted();
  }

  #review(site: Site, now: number): void {
    const since = this.#cluster.presence.deadSince(site, now);
    if (since === undefined || now < since + this.#delayMs()) {
      this.#dead.delete(site);
      return;
    }
    if (this.#dead.has(site)) return;
    const estates = this.#bequests.map((bequest) => ({
      bequest,
      walk: this.#cluster.tables.cursor(bequest.kind),
      came: [],
      due: new TimerWheel<string>(),
      ready: [],
    }));
    this.#dead.set(site, { since, estates });
  }

  #settle(site: Site, since: number, estate: Estate, now: number): void {
    const { ready } = estate;
    for (const key of ready.slice(0, settledMax)) this.#due(site, since, estate, key, now);
    estate.ready = ready.slice(settledMax);
  }

  #due(site: Site, since: number, { bequest, due }: Estate, key: string, now: number): void {
    const row = this.#cluster.tables.get(site, bequest.kind, key);
    if (row === undefined || bequest.dueOf(row, since) === undefined) return;
    if (this.#isChosen(key)) bequest.settle(row, now);
    else due.set(key, now + againMs);
  }

  /** Rendezvous: all that see the same members choose the same. */
  #isChosen(key: string): boolean {
    const { members, site: self } = this.#cluster;
    const own = weightOf(self, key);
    return members.every(({ site }) => {
      if (site === self || this.#cluster.stateOf(site) !== 'up') return true;
      const weight = weightOf(site, key);
      return weight < own || (weight === own && site < self);
    });
  }
}

function walk(estate: Estate, site: Site, since: number): void {
  for (let left = walkMax; left > 0 && estate.walk !== undefined; left -= 1) {
    const row = estate.walk.next();
    if (row === undefined) estate.walk = undefined;
    else if (row.site === site) schedule(estate, row, since);
  }
}

function schedule({ bequest, due }: Estate, row: Row, since: number): void {
  const at = bequest.dueOf(row, since);
  if (at !== undefined) due.set(row.key, at);
}

/** FNV-1a, mixed: near keys and sites differ in all bits. */
function weightOf(site: Site, key: string): number {
  let hash = 0x811c9dc5;
  for (const text of [site, key]) {
    for (let at = 0; at < text.length; at += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
