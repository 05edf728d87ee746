import { type Row, RowKind } from '../cluster/metadata/mod.js';
import { readSessionValue } from '../cluster/takeover/mod.js';
import { type ClientLog, neverExpires } from '../session/mod.js';
import type { Bequest, SurvivorsCluster } from './dead-members.js';

export interface DeadSessionsHost {
  readonly log: ClientLog;
  /** `cluster.dead_node_will_delay` */
  delayMs(): number;
}

/**
 * Sessions that expire while their member is dead: one of the survivors says so, with an override
 * of the session's row, and until then everybody goes on keeping what is for it. So all agree, that
 * member too when it is back, whether anything was lost. A minority ends nothing.
 */
export class DeadSessions implements Bequest {
  readonly kind: RowKind = RowKind.Session;
  readonly #cluster: SurvivorsCluster;
  readonly #host: DeadSessionsHost;

  constructor(cluster: SurvivorsCluster, host: DeadSessionsHost) {
    this.#cluster = cluster;
    this.#host = host;
  }

  isAllowed(): boolean {
    return this.#cluster.startGate.isOpen && this.#cluster.presence.hasMajority;
  }

  /**
   * Whoever was connected is disconnected since the member was last heard of, and so is everybody
   * when its clock is not known.
   */
  dueOf(row: Row, since: number): number | undefined {
    const value = row.value === undefined ? undefined : readSessionValue(row.value);
    if (value === undefined || value.expiryInterval === neverExpires) return undefined;
    if (!this.#cluster.tables.wins(row)) return undefined;
    const offsetMs = this.#cluster.presence.clockOffsetOf(row.site);
    const isKnown = value.disconnectedAt > 0 && offsetMs !== undefined;
    const disconnectedAt = isKnown ? value.disconnectedAt - offsetMs : since;
    return Math.max(disconnectedAt + value.expiryInterval * 1000, since + this.#host.delayMs());
  }

  settle(row: Row): void {
    // Just above: a claim that is on its way from elsewhere is the later one.
    this.#cluster.tables.override(RowKind.Session, row.key, row.stamp + 1);
    const [mountpoint, client] = row.key.split('\0');
    const member = this.#cluster.members.find(({ site }) => site === row.site)?.name;
    this.#host.log.info({ client, mountpoint, member }, 'session expired; its member is dead');
  }
}
