import { createHmac } from 'node:crypto';
import { AuthChain } from '../src/auth/mod.js';
import { Broker, clustered } from '../src/broker/mod.js';
import type { Cluster, ClusterSettings } from '../src/cluster/mod.js';
import { Metrics } from '../src/metrics/mod.js';
import { ReasonCode } from '../src/packet/mod.js';
import type { ClientLog } from '../src/session/mod.js';
import { defaultSettings } from './broker-core.js';
import { beliefsOf } from './cluster-beliefs.js';
import type { CoreEnvironment, CoreFactory, SimCore } from './core.js';
import { ExpectedGate } from './expected-gate.js';

/** Where members reach a node, behind its name. */
const peerPort = 44053;
const tickMs = 50;
/** The broker's own tick, in ticks of the cluster. */
const brokerEvery = 4;

/** A core whose cluster a test may look into. */
export interface ClusterSimCore extends SimCore {
  readonly cluster: Cluster;
  readonly broker: Broker;
}

/** The member that runs on the machine `name`. `life`: of its data directory. */
export function memberOn(
  name: string,
  life = '.',
): { readonly site: string; readonly name: string; readonly address: string } {
  const site = Buffer.from(name.padEnd(16, life)).toString('hex');
  return { site, name: `NautilusMQ@${name}`, address: `${name}:${peerPort}` };
}

const clusterDefaults: Omit<ClusterSettings, 'nodeName' | 'address'> = {
  clusterName: 'sim',
  cookie: Buffer.from('a cookie that only the simulator knows'),
  policies: { connect: 'majority', publish: 'majority', subscribe: 'majority', unsubscribe: 'off' },
  tiebreak: '',
  founding: undefined,
  startWaitMs: 2000,
  ackTimeoutMs: 20,
  reconnectGraceMs: 500,
  failureTimeoutMs: 2500,
  maxClockSkewMs: 60_000,
  unsentMax: { 0: 4 * 1024 * 1024, 1: 16 * 1024 * 1024 },
};

/** How the nodes of a simulated cluster differ from each other. */
export interface ClusterSimOptions {
  readonly settings?: Partial<ClusterSettings>;
  /** Of the data directory of a node; another one is another site. */
  readonly lifeOf?: (name: string) => string;
  /** Where the data directory was before: a node that moved to another machine. */
  readonly cameFrom?: string;
}

/** A node that founds a cluster with `seeds`, its own name among them; without any, alone. */
export function clusterCore(
  seeds: readonly string[],
  { settings = {}, lifeOf, cameFrom }: ClusterSimOptions = {},
): CoreFactory {
  return (environment): ClusterSimCore => {
    const { clock, name } = environment;
    const broker = brokerOf(environment);
    const founding = seeds.length === 0 ? undefined : { expectedMembers: seeds.length };
    const { site } = memberOn(cameFrom ?? name, lifeOf?.(name));
    const member = { ...memberOn(name), site };
    const inForce = { ...clusterDefaults, founding, ...settings };
    const cluster = clusterOf(environment, broker, member, inForce);
    const loaded = broker.load(clock.now());
    if (loaded.damaged.length > 0) {
      throw new Error(`${name} found damaged records: ${loaded.damaged.join(', ')}`);
    }
    cluster.seeds(seeds.map((seed) => memberOn(seed).address));
    environment.transport.listen(member.address, (connection, now) =>
      cluster.accept(connection, now),
    );
    return coreOf(environment, broker, cluster, inForce);
  };
}

function logOf(environment: CoreEnvironment): ClientLog {
  const note = (fields: object, message: string): void => {
    const member = 'member' in fields ? ` (${String(fields.member)})` : '';
    const client = 'client' in fields ? ` (client ${String(fields.client)})` : '';
    environment.log(`${message}${client}${member}`);
  };
  return { info: note, warn: note, debug: note };
}

/** Counts that are never to rise say so at once. */
class SimMetrics extends Metrics {
  constructor({ rowsDiverged }: CoreEnvironment) {
    super();
    Object.defineProperty(this, 'clusterRowsDiverged', { get: () => 0, set: rowsDiverged });
  }
}

function brokerOf(environment: CoreEnvironment): Broker {
  const { clock, random, name, store } = environment;
  const settings = { ...defaultSettings, nodeName: memberOn(name).name };
  return new Broker(settings, new SimMetrics(environment), store, {
    ...{ clock, random, log: logOf(environment) },
    auth: new AuthChain([]),
    turnEndWanted: () => environment.turnEndWanted(),
    loginFailed: () => {},
    messageDropped: (clientIdentifier, topicName, reason) =>
      environment.messageDropped(clientIdentifier, topicName, reason),
    storeFailed: ({ message }) => {
      environment.log(`store refuses: ${message}`);
      environment.storeRefuses(true);
    },
    storeRecovered: () => {
      environment.log('store writes again');
      environment.storeRefuses(false);
    },
  });
}

function clusterOf(
  environment: CoreEnvironment,
  broker: Broker,
  { site, name: nodeName, address }: ReturnType<typeof memberOn>,
  settings: Omit<ClusterSettings, 'nodeName' | 'address'>,
): Cluster {
  const { random, store, transport, clock } = environment;
  return clustered(broker, {
    ...{ site, store, random, transport, log: logOf(environment) },
    boot: { counter: environment.starts, nonce: '0'.repeat(16) },
    settings: { ...settings, nodeName, address },
    crypto: {
      hmac: (key, ...parts) => {
        const hmac = createHmac('sha256', key);
        for (const part of parts) hmac.update(part);
        return hmac.digest();
      },
      random: (count) => Buffer.from(Array.from({ length: count }, () => random.below(256))),
    },
    turnEndWanted: () => environment.turnEndWanted(),
    // Starts are counted outside of the data that may be restored.
    outdated: () => {},
    startGateOpened: () => environment.openClients(),
    now: clock.now(),
  });
}

function coreOf(
  environment: CoreEnvironment,
  broker: Broker,
  cluster: Cluster,
  settings: Pick<ClusterSettings, 'policies' | 'tiebreak'>,
): ClusterSimCore {
  const gate = new ExpectedGate(cluster, settings, () => environment.clock.now());
  let ticks = 0;
  let end: 'none' | 'wanted' | 'done' = 'none';
  return {
    ...{ cluster, broker, tickMs },
    accept: (link, now) => broker.accept(link, now),
    isAllowed: (operation) => gate.mustAllow(operation),
    view: () => beliefsOf(cluster),
    tick: (now) => {
      cluster.tick(now);
      ticks += 1;
      if (ticks % brokerEvery === 0) broker.tick(now);
      environment.turnEndWanted();
    },
    onTurnEnd: () => {
      broker.onTurnEnd();
      cluster.onTurnEnd(environment.clock.now());
    },
    stop: (now) => {
      broker.disconnectAll(ReasonCode.ServerShuttingDown, 'the broker is shutting down', now);
      end = 'wanted';
    },
    isBusy: () => {
      broker.durability.commit(true);
      const isWriting = broker.durability.isBusy && !broker.durability.refusing;
      if (isWriting || broker.isTelling) return true;
      if (end !== 'wanted') return false;
      // The others have been told what is durable.
      cluster.onTurnEnd(environment.clock.now());
      cluster.close(environment.clock.now());
      end = 'done';
      return true;
    },
  };
}
