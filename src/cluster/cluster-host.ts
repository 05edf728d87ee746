import type { Random } from '../base/mod.js';
import type { Journal } from '../journal/mod.js';
import type { ClientLog } from '../session/mod.js';
import type { BelongingSettings } from './belonging.js';
import type { Arrived, Arriving } from './flow/mod.js';
import type { Site } from './identity/mod.js';
import type { LinkCrypto, LinkLane, Transport } from './link/mod.js';
import type { Row, RowKind } from './metadata/mod.js';
import type { PresenceSettings } from './presence.js';
import type { RouteName, RouteValue } from './routing/mod.js';
import type { Handover } from './takeover/mod.js';

export interface ClusterSettings extends PresenceSettings, BelongingSettings {
  readonly clusterName: string;
  readonly cookie: Uint8Array;
  /** Bytes that a lane may hold for a kernel that does not take them. */
  readonly unsentMax: Readonly<Record<LinkLane, number>>;
  /** `cluster.ack_timeout`: after so long a message for another member is owned here. */
  readonly ackTimeoutMs: number;
}

/** What the node does for the cluster. */
export interface ClusterHost {
  readonly random: Random;
  readonly crypto: LinkCrypto;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly log: ClientLog;
  turnEndWanted(): void;
  /** Member `site` has subscribers of a filter, or (`value` undefined) none any more. */
  routeChanged(name: RouteName, site: Site, value: RouteValue | undefined): void;
  /**
   * A frame came of messages of another member, for subscribers here: an envelope and packets, in
   * `body` from `start` on, which may be kept until the event of the link is over.
   */
  opened(site: Site, body: Uint8Array, start: number): Arriving;
  /** Something of a session that other members have, or had. */
  handedOver(site: Site, handover: Handover, now: number): Arrived;
  /** What member `site` (this one too) says of a session, or of a subscription or will of one. */
  sessionRowChanged(kind: RowKind, key: string, site: Site, after: Row | undefined): void;
  /** Rows came into force: messages that come and go from now on go by them. */
  rowsApplied(now: number): void;
  /** `site` can be reached. Before anything is sent there by what is known now. */
  memberUp(site: Site, now: number): void;
  /** Some member, this one too, says something else of what is retained under `key`. */
  retainedRowChanged(key: string): void;
  netsplitDetected(): void;
  netsplitResolved(): void;
  /** Messages at QoS 0 were lost: the member that they were for cannot be sent to. */
  dropped(count: number, bytes: number): void;
  /** So many clients had their SUBACK before every member that is up knew of it. */
  readonly waitsEnded: (count: number) => void;
  /** Equal numbers with other rows: a fault of ours. */
  diverged(site: Site): void;
  /** The others know a later life of this site: it is to be started again, above that one. */
  outdated(highestBoot: number): void;
  /** Clients may be served. Once. */
  startGateOpened(now: number): void;
}

/** Whether clients may be served yet. */
export interface StartGateView {
  readonly isOpen: boolean;
  /** For people: what is waited for; empty once it is open. */
  readonly reason: string;
}
