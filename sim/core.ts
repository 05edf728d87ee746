import type { Clock, Random } from '../src/base/mod.js';
import type { AcceptLink, DropReason } from '../src/session/mod.js';
import type { Store } from '../src/store/mod.js';
import type { ClusterView } from './cluster-view.js';
import type { GateOperation } from './history.js';
import type { SimTransport } from './transport.js';

/** What a node gives to the core that it runs. All of it ends with the process. */
export interface CoreEnvironment {
  /** Of the node, and of its machine on the network. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly transport: SimTransport;
  /** How many times this node has started, this one included; not durable. */
  readonly starts: number;
  /** The loaded core takes clients from now on. */
  openClients(): void;
  turnEndWanted(): void;
  log(message: string): void;
  /** The store cannot own anything new from now on, or can again. */
  storeRefuses(isRefusing: boolean): void;
  /** Two members had different rows of a site at an equal number. */
  rowsDiverged(): void;
  messageDropped(clientIdentifier: string, topicName: string, reason: DropReason): void;
}

/** A whole core as the simulator drives it: today one broker, later a member of a cluster. */
export interface SimCore {
  readonly accept: AcceptLink;
  /** Milliseconds between two calls of `tick`. */
  readonly tickMs: number;
  tick(now: number): void;
  onTurnEnd(): void;
  /** The process is asked to end: clients are told, what is open is written. */
  stop(now: number): void;
  /** Something is still to be written. */
  isBusy(): boolean;
  /** Units of work done so far, for the bound on one turn; cores that do not count leave it out. */
  workUnits?(): number;
  /** What the policy lets through at this moment; without a cluster everything. */
  isAllowed?(operation: GateOperation): boolean;
  /** What this node believes of its cluster, for the checkers; undefined without a cluster. */
  view?(): ClusterView | undefined;
}

/** Starts a core: everything in its store is loaded when this returns. */
export type CoreFactory = (environment: CoreEnvironment) => SimCore;
