import type { Random } from '../base/mod.js';
import { type Arrived, RefusedBecause } from '../cluster/flow/mod.js';
import type { Boot, Site } from '../cluster/identity/mod.js';
import type { LinkCrypto, Transport } from '../cluster/link/mod.js';
import { RowKind } from '../cluster/metadata/mod.js';
import { Cluster, type ClusterSettings } from '../cluster/mod.js';
import type { ClientLog } from '../session/mod.js';
import type { Store } from '../store/mod.js';
import type { Broker } from './broker.js';
import { Forwarder } from './forwarder.js';
import type { RetainedRows } from './retained-rows.js';
import { Leaving } from './leaving.js';
import type { SessionMoves } from './session-moves.js';
import type { Survivorship } from './survivorship.js';

/** Nobody is reachable before this node is put together. */
const notYet: Arrived = { refused: RefusedBecause.NotOwner, ticket: 0 };

/** What a broker needs to be a member of a cluster. */
export interface MemberParts {
  readonly site: Site;
  /** Committed before this is called. */
  readonly boot: Boot;
  readonly settings: ClusterSettings;
  /** The broker's own. */
  readonly store: Store;
  readonly random: Random;
  readonly log: ClientLog;
  readonly transport: Transport;
  readonly crypto: LinkCrypto;
  turnEndWanted(): void;
  /** To be closed and started again with a boot above this one; see {@link ClusterHost}. */
  outdated(highestBoot: number): void;
  /** Client listeners may open. Once; see {@link Cluster.startGate}. */
  startGateOpened(now: number): void;
  readonly now: number;
}

/**
 * Makes `broker` a member: its publications go to other members, theirs come here, and its gates
 * are those of the cluster. Before the broker loads its store and takes its first client.
 */
export function clustered(broker: Broker, parts: MemberParts): Cluster {
  const { site, boot, settings, store, random, log, transport, now } = parts;
  const { metrics, durability } = broker;
  // Rows from the disk are told before there is anybody to tell.
  const late: {
    moves?: SessionMoves;
    retained?: RetainedRows;
    survivorship?: Survivorship;
  } = {};
  const cluster: Cluster = new Cluster(
    site,
    boot,
    settings,
    store,
    {
      ...{ random, transport, log },
      crypto: parts.crypto,
      journal: durability,
      turnEndWanted: () => parts.turnEndWanted(),
      routeChanged: (name, of, value) => broker.setRemoteRoute(name, of, value),
      opened: (from, body, start) => broker.openRemote(from, body, start),
      handedOver: (from, handover, when) => late.moves?.handedOver(from, handover, when) ?? notYet,
      sessionRowChanged: (kind, key, of, after) => {
        late.survivorship?.rowChanged(kind, key, of, after);
        if (kind !== RowKind.Will) late.moves?.rowChanged(kind, key, of, after);
      },
      rowsApplied: (when) => late.moves?.rowsApplied(when),
      memberUp: (of, when) => late.moves?.memberUp(of, when),
      retainedRowChanged: (key) => late.retained?.rowChanged(key),
      netsplitDetected: () => {
        metrics.netsplitDetected += 1;
      },
      netsplitResolved: () => {
        metrics.netsplitResolved += 1;
      },
      dropped: (count, bytes) => {
        metrics.queueMessageDrop += count;
        metrics.clusterBytesDropped += bytes;
      },
      waitsEnded: (count) => {
        metrics.clusterSubscribeTimeouts += count;
      },
      diverged: () => {
        metrics.clusterRowsDiverged += 1;
      },
      outdated: (highestBoot) => parts.outdated(highestBoot),
      startGateOpened: (when) => parts.startGateOpened(when),
    },
    now,
  );
  const forwarder = new Forwarder(broker, cluster);
  broker.gates = cluster.gates;
  broker.joinCluster(forwarder, forwarder);
  late.retained = broker.shareRetained(cluster);
  late.moves = broker.shareSessions(cluster);
  late.moves.restored(now);
  late.survivorship = broker.shareSurvivorship(cluster);
  forwarder.parking = late.moves.parking;
  cluster.leaveHost = new Leaving(broker, late.moves, cluster.tables);
  return cluster;
}
