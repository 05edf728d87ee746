import { TimerWheel } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import type { Survivors } from '../cluster/mod.js';
import { type Row, RowKind, type Tables } from '../cluster/metadata/mod.js';
import type { SessionName } from '../cluster/takeover/mod.js';
import { type ClientLog, neverExpires, type Settings, type SessionWill } from '../session/mod.js';
import { type OpenWill, siteOfWill, willKey, type WillRows } from './will-rows.js';
import type { SharedWills } from './wills.js';

/** The cluster, as far as wills go. */
export interface WillsCluster {
  readonly site: Site;
  readonly tables: Tables;
  readonly members: readonly { readonly site: Site; readonly name: string }[];
  readonly survivors: Survivors;
  readonly startGate: { readonly isOpen: boolean };
  stateOf(site: Site): string;
}

export interface DeadWillsHost {
  readonly log: ClientLog;
  settings(): Settings;
  /** Clients may publish at present. */
  mayPublish(): boolean;
  publish(name: SessionName, will: SessionWill, now: number): void;
  /** Another member settled a will of this node: nothing, if it is none. */
  settled(name: SessionName): void;
  turnEndWanted(): void;
}

/** Rows that are looked at in one tick, of each dead member. */
const walkMax = 1000;
/** Wills that are published in one turn. */
const perTurnMax = 200;
/** A will that is another survivor's to publish is looked at again after so long, in ms. */
const againMs = 2000;
/** Clients that came while it was open whether their old member is dead. */
const arrivalsMax = 10_000;
/**
 * After a start, wills from before it wait so long, in ms: survivors who were about to publish them
 * hear meanwhile that this node is back, and it hears which they have settled.
 */
const restoredPauseMs = 2000;

/** A member that has been dead for long enough. */
interface Dead {
  readonly site: Site;
  readonly since: number;
  walk: { next(): Row | undefined } | undefined;
  readonly due: TimerWheel<string>;
}

/** A client is here whose will may be in the hands of a member that cannot be reached. */
interface Arrival {
  readonly site: Site;
  readonly isResumed: boolean;
}

/** A will that is published once `number` is durable. */
interface Firing {
  readonly open: OpenWill;
  readonly number: number;
}

/**
 * Wills of clients whose member is dead (design 5.7): the survivors publish them, each will one of
 * them, if they are a majority and nobody hears that member.
 *
 * ```
 *  unseen for dead_node_will_delay ─▶ walk over its rows ─▶ each when its own delay is over
 *     ─▶ chosen by hash? ─▶ override row ─▶ durable ─▶ published
 *  its client connects here ─▶ withdrawn, or published at once, as on a single node
 * ```
 */
export class DeadWills implements SharedWills {
  readonly rows: WillRows;
  readonly #cluster: WillsCluster;
  readonly #host: DeadWillsHost;
  readonly #dead = new Map<Site, Dead>();
  readonly #arrivals = new Map<string, Arrival>();
  #firing: Firing[] = [];
  #openedAt: number | undefined = undefined;

  constructor(cluster: WillsCluster, rows: WillRows, host: DeadWillsHost) {
    this.#cluster = cluster;
    this.rows = rows;
    this.#host = host;
  }

  mayPublish(isRestored: boolean, now: number): boolean {
    if (this.#openedAt === undefined) return false;
    if (!isRestored || this.#cluster.members.length === 1) return true;
    if (now < this.#openedAt + restoredPauseMs) return false;
    const { deadNodeWills } = this.#host.settings();
    return deadNodeWills !== 'majority' || !this.#cluster.survivors.isMajorityElsewhere;
  }

  clientCame(name: SessionName, isResumed: boolean, now: number): boolean {
    let isSent = false;
    for (const { site } of this.#cluster.members) {
      // One that is up publishes the will itself, when it sees that its client has gone.
      if (site === this.#cluster.site || this.#cluster.stateOf(site) === 'up') continue;
      const key = willKey(site, name);
      const open = this.rows.openOf(site, key);
      if (open === undefined) continue;
      if (this.#cluster.survivors.deadSince(site, now) !== undefined) {
        if (this.#replace(open, isResumed, now)) isSent = true;
      } else if (this.#arrivals.size < arrivalsMax) this.#arrivals.set(key, { site, isResumed });
    }
    return isSent;
  }

  rowChanged(key: string, site: Site, after: Row | undefined): void {
    const of = siteOfWill(key);
    if (after === undefined) return;
    if (of === this.#cluster.site && after.isOverride) {
      const [, mountpoint = '', clientIdentifier = ''] = key.split('\0');
      this.#host.settled({ mountpoint, clientIdentifier });
    }
    const dead = of === site ? this.#dead.get(site) : undefined;
    if (dead !== undefined) this.#schedule(dead, after);
  }

  /** A few times a second. */
  tick(now: number): void {
    const { members, site: self, startGate } = this.#cluster;
    if (startGate.isOpen) this.#openedAt ??= now;
    for (const { site } of members) if (site !== self) this.#review(site, now);
    for (const site of this.#dead.keys()) {
      if (!members.some((member) => member.site === site)) this.#dead.delete(site);
    }
    for (const [key, arrival] of this.#arrivals) this.#settleArrival(key, arrival, now);
    if (this.#dead.size === 0 || !this.#isAllowed()) return;
    for (const dead of this.#dead.values()) {
      this.#step(dead);
      dead.due.expire(now, (key) => this.#due(dead, key, now));
    }
  }

  /** Publishes what may be by now. */
  onTurnEnd(now: number): void {
    if (this.#firing.length === 0) return;
    const { tables, site } = this.#cluster;
    const durable = tables.position(site)?.number ?? 0;
    const isReady = ({ number }: Firing): boolean => number <= durable;
    const ready = this.#firing.filter(isReady).slice(0, perTurnMax);
    if (ready.length === 0) return;
    const taken = new Set(ready);
    this.#firing = this.#firing.filter((firing) => !taken.has(firing));
    for (const { open } of ready) {
      if (this.rows.isOurs(open)) this.#host.publish(open.name, open.value.will, now);
    }
    if (this.#firing.some(isReady)) this.#host.turnEndWanted();
  }

  #review(site: Site, now: number): void {
    const since = this.#cluster.survivors.deadSince(site, now);
    const { deadNodeWillDelayMs } = this.#host.settings();
    if (since === undefined || now < since + deadNodeWillDelayMs) {
      this.#dead.delete(site);
      return;
    }
    if (this.#dead.has(site)) return;
    const walk = this.#cluster.tables.cursor(RowKind.Will);
    this.#dead.set(site, { site, since, walk, due: new TimerWheel() });
  }

  #isAllowed(): boolean {
    const { deadNodeWills } = this.#host.settings();
    if (deadNodeWills === 'off' || !this.#cluster.startGate.isOpen) return false;
    if (deadNodeWills === 'majority' && !this.#cluster.survivors.hasMajority) return false;
    return this.#host.mayPublish();
  }

  #step(dead: Dead): void {
    for (let left = walkMax; left > 0 && dead.walk !== undefined; left -= 1) {
      const row = dead.walk.next();
      if (row === undefined) dead.walk = undefined;
      else if (row.site === dead.site) this.#schedule(dead, row);
    }
  }

  #schedule(dead: Dead, row: Row): void {
    const open = this.rows.open(row);
    if (open === undefined) return;
    const { deadNodeWillDelayMs } = this.#host.settings();
    dead.due.set(open.key, dueOf(open, dead.since, deadNodeWillDelayMs));
  }

  #due(dead: Dead, key: string, now: number): void {
    const open = this.rows.openOf(dead.site, key);
    if (open === undefined) return;
    if (this.#isChosen(key)) this.#fire(open, now);
    // If the one that is chosen dies first, another one is.
    else dead.due.set(key, now + againMs);
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

  #fire(open: OpenWill, now: number): void {
    const { number } = this.rows.settle(open, now);
    this.#firing.push({ open, number });
    const { clientIdentifier: client, mountpoint } = open.name;
    const member = this.#cluster.members.find(({ site }) => site === open.site)?.name;
    this.#host.log.debug({ client, mountpoint, member }, 'will of a client of a dead member');
    this.#host.turnEndWanted();
  }

  #settleArrival(key: string, { site, isResumed }: Arrival, now: number): void {
    const isUp = this.#cluster.stateOf(site) === 'up';
    const open = isUp ? undefined : this.rows.openOf(site, key);
    if (open === undefined) this.#arrivals.delete(key);
    else if (this.#cluster.survivors.deadSince(site, now) !== undefined) {
      this.#arrivals.delete(key);
      this.#replace(open, isResumed, now);
    }
  }

  /**
   * The client has another connection, here. The old one's will is withdrawn if its delay had a
   * session to come back to [MQTT5-3.1.3-9], else published before it is too late to be true.
   */
  #replace(open: OpenWill, isResumed: boolean, now: number): boolean {
    const { will, expiryInterval } = open.value;
    const { suppressWillOnTakeover } = this.#host.settings();
    const isInTime = isResumed && Math.min(will.delaySeconds, expiryInterval) > 0;
    if (isInTime || suppressWillOnTakeover) {
      this.rows.settle(open, now);
      return false;
    }
    if (!this.#isAllowed()) return false;
    this.#fire(open, now);
    return true;
  }
}

/** The client counts as gone once its member has been dead for `deadDelayMs`; then its delay. */
function dueOf({ value }: OpenWill, since: number, deadDelayMs: number): number {
  const { will, expiryInterval, dueAt } = value;
  const afterDelay = deadDelayMs + will.delaySeconds * 1000;
  // What the other member's clock said is believed within what the will allows.
  if (dueAt > 0) return since + Math.min(Math.max(dueAt - since, deadDelayMs), afterDelay);
  const expiresAfter =
    expiryInterval === neverExpires ? Number.POSITIVE_INFINITY : expiryInterval * 1000;
  return since + Math.max(deadDelayMs, Math.min(afterDelay, expiresAfter));
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
