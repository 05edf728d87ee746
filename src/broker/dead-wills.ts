import type { Site } from '../cluster/identity/mod.js';
import { type Row, RowKind } from '../cluster/metadata/mod.js';
import type { SessionName } from '../cluster/takeover/mod.js';
import {
  type ClientLog,
  neverExpires,
  type Session,
  type Settings,
  type SessionWill,
} from '../session/mod.js';
import type { Bequest, SurvivorsCluster } from './dead-members.js';
import { type OpenWill, siteOfWill, willKey, type WillRows } from './will-rows.js';
import type { Act, ToldFirst } from './told-first.js';
import type { SharedWills, TakenWill } from './wills.js';

export interface DeadWillsHost {
  readonly log: ClientLog;
  settings(): Settings;
  /** Clients may publish at present. */
  mayPublish(): boolean;
  publish(name: SessionName, will: SessionWill, now: number): void;
  /** Another member settled a will of this node: nothing, if it is none. */
  settled(name: SessionName): void;
}

/** Wills of a member that leaves that are settled in one step. */
const releasedMax = 200;
/** Clients that came while it was open whether their old member is dead. */
const arrivalsMax = 10_000;
/**
 * After a start, wills from before it wait so long, in ms: survivors who were about to publish them
 * hear meanwhile that this node is back, and it hears which they have settled.
 */
const restoredPauseMs = 2000;

/** A client is here whose will may be in the hands of a member that cannot be reached. */
interface Arrival {
  readonly site: Site;
  readonly isResumed: boolean;
}

/**
 * Wills of clients whose member is dead (design 5.7): the survivors publish them, each will one of
 * them, if they are a majority and nobody hears that member.
 *
 * ```
 *  dead for long enough, its own delay is over ─▶ override row ─▶ known to all ─▶ published
 *  its client connects here ─▶ withdrawn, or published at once, as on a single node
 * ```
 */
export class DeadWills implements SharedWills, Bequest {
  readonly kind: RowKind = RowKind.Will;
  readonly rows: WillRows;
  readonly #cluster: SurvivorsCluster;
  readonly #host: DeadWillsHost;
  readonly #arrivals = new Map<string, Arrival>();
  readonly #told: ToldFirst;
  /** Own wills of which another member said in this turn that it has seen to them. */
  readonly #settled = new Set<string>();
  #openedAt: number | undefined = undefined;

  constructor(cluster: SurvivorsCluster, rows: WillRows, told: ToldFirst, host: DeadWillsHost) {
    this.#cluster = cluster;
    this.rows = rows;
    this.#told = told;
    this.#host = host;
  }

  tellFirst(session: Session, act: Act, now: number): void {
    const number = this.rows.withdraw(session)?.number ?? 0;
    this.#told.add(willKey(this.#cluster.site, session), number, false, act, now);
  }

  mayPublish(isRestored: boolean, now: number): boolean {
    if (this.#openedAt === undefined) return false;
    if (!isRestored || this.#cluster.members.length === 1) return true;
    if (now < this.#openedAt + restoredPauseMs) return false;
    const { deadNodeWills } = this.#host.settings();
    return deadNodeWills !== 'majority' || !this.#cluster.presence.isMajorityElsewhere;
  }

  clientWent(name: SessionName, now: number): void {
    if (this.#told.size > 0) this.#told.doNow(willKey(this.#cluster.site, name), now);
  }

  clientCame(name: SessionName, isResumed: boolean, now: number): boolean {
    let isSent = false;
    for (const { site } of this.#cluster.members) {
      if (this.#told.size > 0 && this.#told.hurry(willKey(site, name))) isSent = true;
      // One that is up publishes the will itself, when it sees that its client has gone.
      if (site === this.#cluster.site || this.#cluster.stateOf(site) === 'up') continue;
      const key = willKey(site, name);
      const open = this.rows.openOf(site, key);
      if (open === undefined) continue;
      if (this.#cluster.presence.deadSince(site, now) !== undefined) {
        if (this.#replace(open, isResumed, now)) isSent = true;
      } else if (this.#arrivals.size < arrivalsMax) this.#arrivals.set(key, { site, isResumed });
    }
    return isSent;
  }

  takeOver(site: Site, name: SessionName, now: number): TakenWill | undefined {
    const open = this.rows.openOf(site, willKey(site, name));
    if (open === undefined) return undefined;
    this.rows.settle(open, now);
    const { will, expiryInterval, dueAt } = open.value;
    const delayMs = Math.min(will.delaySeconds, expiryInterval) * 1000;
    const offsetMs = this.#cluster.presence.clockOffsetOf(site) ?? 0;
    return { will, dueAt: dueAt === 0 ? now + delayMs : dueAt - offsetMs };
  }

  /** `site` is dead and about to be no member any more. True: nothing is left of it to publish. */
  release(site: Site, now: number): boolean {
    if (this.#host.settings().deadNodeWills === 'off') return true;
    const rows = this.#cluster.tables.cursor(RowKind.Will);
    const released: OpenWill[] = [];
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      const open = row.site === site ? this.rows.open(row) : undefined;
      if (open !== undefined) released.push(open);
      if (released.length === releasedMax) break;
    }
    for (const open of released) this.#fire(open, false, now);
    return released.length < releasedMax;
  }

  /** Somebody says something else of a will. Writes no row. */
  rowChanged(key: string, after: Row | undefined): void {
    if (after?.isOverride !== true) return;
    const { site } = this.#cluster;
    if (siteOfWill(key) !== site) {
      // Whoever is the first to say so publishes it: what nobody knows of yet was not said.
      if (after.site !== site && this.#told.isUntold(key)) this.#told.cancel(key);
    } else this.#settled.add(key);
  }

  onTurnEnd(): void {
    for (const key of this.#settled) {
      const [, mountpoint = '', clientIdentifier = ''] = key.split('\0');
      this.#host.settled({ mountpoint, clientIdentifier });
    }
    this.#settled.clear();
  }

  /** A few times a second. */
  tick(now: number): void {
    if (this.#cluster.startGate.isOpen) this.#openedAt ??= now;
    for (const [key, arrival] of this.#arrivals) this.#settleArrival(key, arrival, now);
  }

  // Bequest

  isAllowed(): boolean {
    const { deadNodeWills } = this.#host.settings();
    if (deadNodeWills === 'off' || !this.#cluster.startGate.isOpen) return false;
    if (deadNodeWills === 'majority' && !this.#cluster.presence.hasMajority) return false;
    return this.#host.mayPublish();
  }

  dueOf(row: Row, since: number): number | undefined {
    const open = this.rows.open(row);
    if (open === undefined) return undefined;
    const { deadNodeWillDelayMs } = this.#host.settings();
    const offsetMs = this.#cluster.presence.clockOffsetOf(row.site) ?? 0;
    return dueOf(open, since, deadNodeWillDelayMs, offsetMs);
  }

  settle(row: Row, now: number): void {
    const open = this.rows.open(row);
    if (open !== undefined) this.#fire(open, false, now);
  }

  #fire(open: OpenWill, isUrgent: boolean, now: number): void {
    const { number } = this.rows.settle(open, now);
    const act = (_isUrgent: boolean, when: number): boolean => {
      if (!this.rows.isOurs(open)) return true;
      if (!this.isAllowed()) return false;
      this.#host.publish(open.name, open.value.will, when);
      return true;
    };
    this.#told.add(open.key, number, isUrgent, act, now);
    const { clientIdentifier: client, mountpoint } = open.name;
    const member = this.#cluster.members.find(({ site }) => site === open.site)?.name;
    this.#host.log.debug({ client, mountpoint, member }, 'will of a client of a dead member');
  }

  #settleArrival(key: string, { site, isResumed }: Arrival, now: number): void {
    const isUp = this.#cluster.stateOf(site) === 'up';
    const open = isUp ? undefined : this.rows.openOf(site, key);
    if (open === undefined) this.#arrivals.delete(key);
    else if (this.#cluster.presence.deadSince(site, now) !== undefined) {
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
    if (!this.isAllowed()) return false;
    this.#fire(open, true, now);
    return true;
  }
}

/** The client counts as gone once its member has been dead for `deadDelayMs`; then its delay. */
function dueOf({ value }: OpenWill, since: number, deadDelayMs: number, offsetMs: number): number {
  const { will, expiryInterval, dueAt } = value;
  const afterDelay = deadDelayMs + will.delaySeconds * 1000;
  // What the other member's clock said is believed within what the will allows.
  const dueAfter = dueAt - offsetMs - since;
  if (dueAt > 0) return since + Math.min(Math.max(dueAfter, deadDelayMs), afterDelay);
  const expiresAfter =
    expiryInterval === neverExpires ? Number.POSITIVE_INFINITY : expiryInterval * 1000;
  return since + Math.max(deadDelayMs, Math.min(afterDelay, expiresAfter));
}
