import type { Site } from '../cluster/identity/mod.js';
import { type Row, RowKind } from '../cluster/metadata/mod.js';
import type { ClientLog, Settings } from '../session/mod.js';
import { DeadMembers, type SurvivorsCluster } from './dead-members.js';
import { DeadSessions } from './dead-sessions.js';
import { DeadWills } from './dead-wills.js';
import { keyOf } from './session-claims.js';
import type { SessionRegistry } from './session-registry.js';
import { type Batches, type ToldCluster, ToldFirst } from './told-first.js';
import { WillRows, type WillRowsCluster } from './will-rows.js';

export interface SurvivorshipHost {
  readonly log: ClientLog;
  readonly durability: Batches;
  settings(): Settings;
  /** Clients may publish at present. */
  mayPublish(): boolean;
  turnEndWanted(): void;
}

/** The cluster, as far as its members survive each other. */
export type SurvivingCluster = SurvivorsCluster & WillRowsCluster & ToldCluster;

/** What this node does for clients of members that are dead, and they for its own. */
export class Survivorship {
  readonly #members: DeadMembers;
  readonly #wills: DeadWills;
  readonly #told: ToldFirst;

  constructor(cluster: SurvivingCluster, registry: SessionRegistry, host: SurvivorshipHost) {
    const { wills } = registry;
    this.#told = new ToldFirst(cluster, host.durability, () => host.turnEndWanted());
    this.#wills = new DeadWills(cluster, new WillRows(cluster), this.#told, {
      log: host.log,
      settings: () => host.settings(),
      mayPublish: () => host.mayPublish(),
      publish: (name, will, now) => wills.publish(name, will, now),
      settled: (name) => {
        wills.settled(registry.sessionOf(name.mountpoint, name.clientIdentifier), keyOf(name));
      },
    });
    wills.shared = this.#wills;
    const delayMs = (): number => host.settings().deadNodeWillDelayMs;
    const sessions = new DeadSessions(cluster, { log: host.log, delayMs });
    this.#members = new DeadMembers(cluster, delayMs, [this.#wills, sessions], () =>
      host.turnEndWanted(),
    );
  }

  /** Member `site` says something else. */
  rowChanged(kind: RowKind, key: string, site: Site, after: Row | undefined): void {
    if (kind === RowKind.Will) this.#wills.rowChanged(key, after);
    this.#members.rowChanged(kind, site, after);
  }

  /** `site` is dead and about to be no member any more: a part of its wills. True: that was all. */
  release(site: Site, now: number): boolean {
    return this.#wills.release(site, now);
  }

  /** A few times a second. */
  tick(now: number): void {
    this.#wills.tick(now);
    this.#members.tick(now);
  }

  /** Something is about to be done, once the others know of it. */
  get isTelling(): boolean {
    return this.#told.size > 0;
  }

  /** This node stops: they need not know of it. */
  hurry(): void {
    this.#told.hurryAll();
  }

  onTurnEnd(now: number): void {
    this.#members.onTurnEnd(now);
    this.#wills.onTurnEnd();
    this.#told.onTurnEnd(now);
  }
}
