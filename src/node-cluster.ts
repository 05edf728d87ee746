import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Clock, Random } from './base/mod.js';
import { type Broker, clustered } from './broker/mod.js';
import { adviceFor, type Policies, type View } from './cluster/netsplit/mod.js';
import { type Cluster, type ClusterSettings, loadCluster } from './cluster/mod.js';
import type { Configuration, Options, PeerListenerConfiguration } from './config/mod.js';
import type { Turn } from './listeners/mod.js';
import type { Log } from './log/mod.js';
import { clusterSettingsOf, peerListenerOptionsOf, policiesOf } from './node-settings.js';
import {
  advertisedAddress,
  linkCrypto,
  listenProblem,
  parsePeerAddress,
  type PeerCounters,
  type PeerEnvironment,
  PeerError,
  PeerListener,
  type PeerListenerRow,
  peerAddressText,
  TcpTransport,
} from './peers/mod.js';
import type { Store } from './store/mod.js';

/** Milliseconds between ticks of the cluster: its deadlines are fractions of a second. */
const tickMs = 50;
/** Between two looks at `cluster.dns`, in ms. */
const dnsPauseMs = 30_000;

/** Who the data directory is, and which of its lives this is. */
export interface NodeIdentity {
  readonly site: string;
  /** Durable before it is used; 1 where nothing is. */
  readonly boot: number;
}

export interface NodeClusterParts {
  readonly configuration: Configuration;
  readonly identity: NodeIdentity;
  readonly log: Log;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly counters: PeerCounters;
  readonly broker: Broker;
  readonly store: Store;
  readonly random: Random;
  /** The data directory is an older copy: this node is to be started again above that boot. */
  outdated(highestBoot: number): void;
  /** Client listeners may open. Once. */
  gateOpened(): void;
}

/** A site of no data directory: it is forgotten with the process. */
export function passingIdentity(): NodeIdentity {
  return { site: randomBytes(16).toString('hex'), boot: 1 };
}

/**
 * This node as a member: sockets, timers and names around the {@link Cluster}, which decides. Made
 * before the broker loads its store; nothing is dialled or heard before `open`.
 */
export class NodeCluster {
  readonly cluster: Cluster;
  /** Where the others are told to dial this node. */
  readonly address: string;
  /** What an operator should know of how this node is reached. */
  readonly notes: readonly string[];
  readonly #parts: NodeClusterParts;
  readonly #listeners: readonly PeerListener[];
  readonly #transport: TcpTransport;
  readonly #seeds: readonly string[];
  #tick: NodeJS.Timeout | undefined;
  #dns: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** There were other members before this start, so nobody is awaited by the seeds. */
  readonly #hasMet: boolean;
  /** Of members whose port is not told: they have the one that others dial here. */
  readonly usualPort: number | undefined;

  private constructor(
    parts: NodeClusterParts,
    peerListeners: readonly PeerListenerConfiguration[],
    notes: readonly string[],
    hasMet: boolean,
  ) {
    this.#hasMet = hasMet;
    const { configuration, identity, log, clock, turn, counters, broker, store, random } = parts;
    const { options } = configuration;
    this.#parts = parts;
    const environment: PeerEnvironment = { clock, turn, counters, log };
    const { address, notes: more } = addressOf(options, peerListeners);
    this.address = address;
    this.notes = [...notes, ...more];
    const own = parsePeerAddress(address);
    this.usualPort = typeof own === 'string' ? undefined : own.port;
    const { clusterSeeds } = options;
    this.#seeds = clusterSeeds.map((seed) => seedOf('cluster.seeds', seed, this.usualPort));
    this.#listeners = peerListeners.map(
      (listener) =>
        new PeerListener(peerListenerOptionsOf(listener), environment, (connection, now) =>
          this.cluster.accept(connection, now),
        ),
    );
    const tls = this.#listeners.find((listener) => listener.tls !== undefined)?.tls;
    this.#transport = new TcpTransport(environment, { tls });
    const settings: ClusterSettings = { ...clusterSettingsOf(options), address };
    this.cluster = clustered(broker, {
      ...{ settings, store, random, log, crypto: linkCrypto, transport: this.#transport },
      site: identity.site,
      boot: { counter: identity.boot, nonce: randomBytes(8).toString('hex') },
      turnEndWanted: () => turn.schedule(),
      outdated: (highestBoot) => parts.outdated(highestBoot),
      startGateOpened: () => parts.gateOpened(),
      now: clock.now(),
    });
  }

  /**
   * Undefined where nothing makes this node a member: no cluster listener, and a data directory
   * that knows no other site. Throws {@link PeerError}.
   */
  static of(parts: NodeClusterParts): NodeCluster | undefined {
    const { configuration, identity, log, store } = parts;
    const { options, peerListeners } = configuration;
    const hasMet = loadCluster(store, identity.site).sites.length > 0;
    const isWanted = hasMet || options.clusterSeeds.length > 0 || options.clusterDns !== '';
    const usable: PeerListenerConfiguration[] = [];
    for (const listener of peerListeners) {
      const problem = listenProblem(listener, options.distributedCookie);
      if (problem === undefined) {
        usable.push(listener);
        continue;
      }
      // Who has a cluster would find this node dead; VerneMQ's own file just names the listener.
      if (isWanted) throw new PeerError('PEER_COOKIE', problem);
      log.error({}, `${problem}. This node serves alone.`);
    }
    if (usable.length > 0) return new NodeCluster(parts, usable, [], hasMet);
    if (!hasMet) {
      if (isWanted) {
        const text =
          'cluster.seeds and cluster.dns are without effect: set listener.vmq.default = ADDRESS:44053';
        log.warn({}, text);
      }
      return undefined;
    }
    const lonely =
      'No cluster listener: members that have to dial this node cannot. Set listener.vmq.default.';
    return new NodeCluster(parts, [], [lonely], hasMet);
  }

  /** Binds the cluster listeners and begins to look for the others. Throws {@link PeerError}. */
  async open(): Promise<readonly PeerListenerRow[]> {
    const { clock, turn, configuration } = this.#parts;
    for (const listener of this.#listeners) await listener.open();
    this.cluster.seeds(this.#seeds);
    if (configuration.options.clusterDns !== '') {
      void this.#lookUp();
      this.#dns = setInterval(() => void this.#lookUp(), dnsPauseMs);
    }
    const tick = (): void => {
      this.cluster.tick(clock.now());
      turn.schedule();
    };
    tick();
    this.#tick = setInterval(tick, tickMs);
    return this.#listeners.map((listener) => listener.show());
  }

  onTurnEnd(): void {
    if (this.#isClosed) return;
    this.cluster.onTurnEnd(this.#parts.clock.now());
  }

  /** Hosts of the other members that are there, for clients: a list of Server References. */
  get elsewhere(): string {
    const { cluster } = this;
    const others = cluster.members.filter(({ site }) => site !== cluster.site);
    const up = others.filter(({ site }) => cluster.stateOf(site) === 'up');
    return up.map(({ name }) => referenceOf(name)).join(' ');
  }

  /** What the settings mean for the day on which a member is lost, in sentences. */
  advice(): string[] {
    const { options } = this.#parts.configuration;
    const view: View = {
      self: this.cluster.site,
      members: this.cluster.members.map(({ site, name }) => ({
        ...{ site, name, downSince: undefined },
        state: this.cluster.stateOf(site),
      })),
      tiebreak: options.clusterTiebreak,
    };
    const policies = policiesOf(options);
    const { clusterExpectedMembers, clusterSeeds } = options;
    const founders = clusterExpectedMembers === 0 ? clusterSeeds.length : clusterExpectedMembers;
    const toCome = founders - view.members.length;
    if (this.#hasMet || toCome <= 0) return adviceFor(view, policies);
    // How many there will be decides what a majority means; their names are not known yet.
    const members = [...view.members, ...Array.from({ length: toCome }, strangerOf)];
    const served = Object.entries(policies).map(([one, policy]) => {
      return [one, policy === 'majority' ? 'on' : policy];
    });
    return adviceFor({ ...view, members }, Object.fromEntries(served) as Policies);
  }

  /** The others are told that this node stops, then everything is closed. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#tick);
    clearInterval(this.#dns);
    this.cluster.close(this.#parts.clock.now());
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.#transport.close();
  }

  /** A name that is not known at the moment leaves what was known. */
  async #lookUp(): Promise<void> {
    const { configuration, log } = this.#parts;
    const name = configuration.options.clusterDns;
    const to = parsePeerAddress(name, this.usualPort);
    if (typeof to === 'string') {
      log.repeated('error', 'dns', {}, `cluster.dns: ${to}`);
      return;
    }
    try {
      const found = await lookup(to.host, { all: true });
      const addresses = found.map(({ address }) => peerAddressText(address, to.port));
      this.cluster.seeds([...this.#seeds, ...addresses]);
    } catch (error) {
      log.repeated('warn', 'dns', { error }, `cluster.dns: ${name} cannot be looked up`);
    }
  }
}

function strangerOf(): View['members'][number] {
  return { site: '', name: '', state: 'down', downSince: undefined };
}

/** The host of NAME@HOST; the port is the one that the client knows. */
function referenceOf(name: string): string {
  const host = name.slice(name.indexOf('@') + 1);
  return host.includes(':') ? `[${host}]` : host;
}

/** As the cluster wants it: with its port. */
function seedOf(key: string, text: string, usualPort: number | undefined): string {
  const to = parsePeerAddress(text, usualPort);
  if (typeof to === 'string') throw new PeerError('PEER_SEED', `${key}: ${to}`);
  return peerAddressText(to.host, to.port);
}

/** Of the listener that the others dial: they speak TLS where this node does. */
function addressOf(
  options: Options,
  listeners: readonly PeerListenerConfiguration[],
): { readonly address: string; readonly notes: readonly string[] } {
  const secure = listeners.find(({ type }) => type === 'vmqs');
  const plain = listeners.find(({ type }) => type === 'vmq');
  const advertised = advertisedAddress({
    option: options.clusterAdvertisedAddress,
    nodeName: options.nodename,
    listenerPort: (secure ?? plain)?.port,
  });
  if ('problem' in advertised) throw new PeerError('PEER_ADDRESS', advertised.problem);
  const { address, isLoopback } = advertised;
  const notes: string[] = [];
  if (secure !== undefined && plain !== undefined) {
    notes.push(
      `Members with listener.vmqs dial TLS only: listener.vmq.${plain.name} is for those without.`,
    );
  }
  const isOpen = listeners.some(({ host }) => !host.startsWith('127.') && host !== '::1');
  if (isLoopback && isOpen) {
    const remedy = 'set nodename to NAME@HOST, or cluster.advertised_address';
    notes.push(`Other machines are told to dial ${address}: ${remedy}.`);
  }
  return { address, notes };
}
