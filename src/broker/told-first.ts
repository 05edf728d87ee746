import type { Site } from '../cluster/identity/mod.js';
import type { Tables } from '../cluster/metadata/mod.js';

interface Waiter {
  readonly isPatient: true;
  /** All know it, or it took too long. */
  settle(ticket: number, now: number): void;
}

/** The cluster, as far as others are told of what is about to be done. */
export interface ToldCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly members: readonly { readonly site: Site }[];
  /** False: nobody is up, and `settle` is not called. */
  readonly routeWaits: { add(waiter: Waiter): boolean };
  stateOf(site: Site): string;
}

/** The journal, as far as it numbers batches. */
export interface Batches {
  readonly ticket: number;
  readonly durable: number;
}

/** Whoever is asked for longer than this, in ms, has not answered: the wait was given up. */
const answeredMs = 900;
/** Between two tries of what cannot be done yet, in ms. */
const againMs = 1000;
/** Deeds that are done in one turn. */
const perTurnMax = 100;

const none: readonly Deed[] = [];

/** False: not now. `isUrgent`: the client is here again. */
export type Act = (isUrgent: boolean, now: number) => boolean;

/**
 * Who is suspect knows nothing and may be gone: unless most are here, that is waited for. Alone are
 * those who are left when all others are down.
 */
type Standing = 'fit' | 'doubtful' | 'alone';

interface Deed {
  readonly key: string;
  /** Of the own row that speaks of it. */
  readonly number: number;
  readonly act: Act;
  /** Batch with what was changed along with it; undefined until the end of that turn. */
  ticket: number | undefined;
  /** Not before, in ms. */
  at: number;
  /** Alone: nobody was up who could have been asked. */
  state: 'alone' | 'asking' | 'told';
  /** It may not wait for the others. */
  isUrgent: boolean;
}

/**
 * What is done at most once in the cluster: first a row says so, and the disk does, then all who
 * are up know the row, then it is done. Whoever is cut off meanwhile finds the row when it is back,
 * or has not done it; whoever ends meanwhile has not, and does not either when it is back.
 */
export class ToldFirst {
  readonly #cluster: ToldCluster;
  readonly #durability: Batches;
  readonly #turnEndWanted: () => void;
  /** In the order in which they were added; at most as many as there are wills. */
  readonly #deeds = new Set<Deed>();
  /** The same by their keys: the wills of a dead member are thousands at once. */
  readonly #byKey = new Map<string, readonly Deed[]>();

  constructor(cluster: ToldCluster, durability: Batches, turnEndWanted: () => void) {
    this.#cluster = cluster;
    this.#durability = durability;
    this.#turnEndWanted = turnEndWanted;
  }

  get size(): number {
    return this.#deeds.size;
  }

  /**
   * `act` is called when the own row `number`, written in this turn, is known; again every second
   * while it returns false. `isUrgent`: when the row is durable, whoever knows it.
   */
  add(key: string, number: number, isUrgent: boolean, act: Act, now: number): void {
    const deed: Deed = { key, number, act, ticket: undefined, at: now, isUrgent, state: 'alone' };
    this.#deeds.add(deed);
    this.#byKey.set(key, [...this.#of(key), deed]);
    this.#turnEndWanted();
    if (!isUrgent) this.#ask(deed, now);
  }

  /** The client is here: what is about to be done for `key` comes before what it does itself. */
  hurry(key: string): boolean {
    const deeds = this.#of(key);
    for (const deed of deeds) {
      deed.isUrgent = true;
      deed.at = 0;
    }
    if (deeds.length > 0) this.#turnEndWanted();
    return deeds.length > 0;
  }

  /** As {@link hurry}, and what others may know is done before this returns, durable or not. */
  doNow(key: string, now: number): void {
    if (!this.hurry(key)) return;
    const durable = this.#durable();
    for (const deed of this.#of(key)) {
      if (deed.number <= durable && deed.act(true, now)) this.#drop(deed);
    }
  }

  /** There is no time left: all is done as soon as it is durable. */
  hurryAll(): void {
    for (const deed of this.#deeds) deed.isUrgent = true;
    this.#turnEndWanted();
  }

  /** Somebody else does it. */
  cancel(key: string): void {
    for (const deed of this.#of(key)) this.#drop(deed);
  }

  /** True when what is about to be done for `key` is not known to anybody else yet. */
  isUntold(key: string): boolean {
    const deeds = this.#of(key);
    if (deeds.length === 0) return false;
    const durable = this.#durable();
    return deeds.some(({ number }) => number > durable);
  }

  onTurnEnd(now: number): void {
    if (this.#deeds.size === 0) return;
    const durable = this.#durable();
    const standing = this.#standing();
    let done = 0;
    // What is done may lead to more, for the next turn.
    let left = this.#deeds.size;
    for (const deed of this.#deeds) {
      if (left === 0) break;
      left -= 1;
      deed.ticket ??= this.#durability.ticket;
      const isDurable = deed.number <= durable && deed.ticket <= this.#durability.durable;
      const isWanted = done < perTurnMax && isDurable && deed.at <= now;
      if (!isWanted || !this.#isReady(deed, standing, now)) continue;
      done += 1;
      deed.at = now + againMs;
      if (deed.act(deed.isUrgent, now)) this.#drop(deed);
    }
    if (done === perTurnMax) this.#turnEndWanted();
  }

  #of(key: string): readonly Deed[] {
    return this.#byKey.get(key) ?? none;
  }

  #drop(deed: Deed): void {
    this.#deeds.delete(deed);
    const others = this.#of(deed.key).filter((other) => other !== deed);
    if (others.length === 0) this.#byKey.delete(deed.key);
    else this.#byKey.set(deed.key, others);
  }

  #isReady(deed: Deed, standing: Standing, now: number): boolean {
    if (deed.isUrgent) return true;
    if (deed.state === 'told') return standing !== 'doubtful';
    if (deed.state === 'asking') return false;
    // Nobody was up: now nobody is there, or somebody has come.
    if (standing === 'alone') return true;
    this.#ask(deed, now);
    return false;
  }

  #ask(deed: Deed, now: number): void {
    const settle = (_ticket: number, when: number): void => {
      if (when - now >= answeredMs) this.#ask(deed, when);
      else deed.state = 'told';
      this.#turnEndWanted();
    };
    deed.state = this.#cluster.routeWaits.add({ isPatient: true, settle }) ? 'asking' : 'alone';
  }

  #standing(): Standing {
    const states = this.#cluster.members.map(({ site }) => this.#cluster.stateOf(site));
    const up = states.filter((state) => state === 'up').length;
    if (up * 2 <= states.length && states.includes('suspect')) return 'doubtful';
    return up === 1 ? 'alone' : 'fit';
  }

  #durable(): number {
    const { tables, site } = this.#cluster;
    return tables.position(site)?.number ?? 0;
  }
}
