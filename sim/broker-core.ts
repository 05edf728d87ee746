import { AuthChain } from '../src/auth/mod.js';
import { Broker } from '../src/broker/mod.js';
import { Metrics } from '../src/metrics/mod.js';
import { ReasonCode } from '../src/packet/mod.js';
import type { Settings } from '../src/session/mod.js';
import type { Store } from '../src/store/mod.js';
import type { CoreFactory } from './core.js';

/** As shipped, but for what a simulation wants to see happen: no limit that drops. */
export const defaultSettings: Settings = {
  nodeName: 'NautilusMQ@sim',
  allowAnonymous: true,
  maxClientIdSize: 100,
  maxSubscriptionsPerClient: 0,
  persistentClientExpiration: undefined,
  maxSessionExpiryInterval: undefined,
  maxLastWillDelay: undefined,
  maxInflightMessages: 20,
  maxOnlineMessages: -1,
  overrideMaxOnlineMessages: false,
  maxOfflineMessages: -1,
  queueType: 'fifo',
  retryIntervalMs: 20_000,
  upgradeOutgoingQoS: false,
  maxMessageSize: 0,
  maxMessageRate: 0,
  topicMaxDepth: 10,
  receiveMaxClient: 65_535,
  receiveMaxBroker: 65_535,
  topicAliasMaxClient: 0,
  topicAliasMaxBroker: 0,
  sharedSubscriptionPolicy: 'prefer_local',
  suppressWillOnTakeover: false,
  deadNodeWills: 'majority',
  deadNodeWillDelayMs: 5000,
  outboxMaxBytes: 0,
  outboxFull: 'drop',
  connectTimeoutMs: 5000,
  maxKeepAlive: 0,
  retainAvailable: true,
  maximumQoS: 2,
  maxRetainedMessages: 0,
  maxRetainedBytes: 0,
  expireRetainCacheSeconds: 0,
  disconnectOnUnauthorizedPublishV3: false,
  refusedCloseAfterMs: 5000,
  maxWriteBufferBytes: 16 * 1024 * 1024,
};

export interface BrokerCoreOptions {
  readonly settings?: Partial<Settings>;
  /** Stands between the broker and its disk; for variants that are broken on purpose. */
  readonly store?: (store: Store) => Store;
}

/** Milliseconds between two ticks, as at the edge. */
const tickMs = 200;

/** A node that is a cluster of one. */
export function brokerCore(options: BrokerCoreOptions = {}): CoreFactory {
  return (environment) => {
    const { clock, random, name } = environment;
    const note = (fields: object, message: string): void => {
      environment.log('client' in fields ? `${message} (${String(fields.client)})` : message);
    };
    const settings = { ...defaultSettings, nodeName: `NautilusMQ@${name}`, ...options.settings };
    const store = options.store?.(environment.store) ?? environment.store;
    const broker = new Broker(settings, new Metrics(), store, {
      clock,
      random,
      log: { info: note, warn: note, debug: note },
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
    const loaded = broker.load(clock.now());
    if (loaded.damaged.length > 0) {
      throw new Error(`${name} found damaged records: ${loaded.damaged.join(', ')}`);
    }
    environment.openClients();
    return {
      tickMs,
      accept: (link, now) => broker.accept(link, now),
      tick: (now) => broker.tick(now),
      onTurnEnd: () => broker.onTurnEnd(),
      stop: (now) => {
        const reason = 'the broker is shutting down';
        broker.disconnectAll(ReasonCode.ServerShuttingDown, reason, now);
      },
      isBusy: () => {
        broker.durability.commit(true);
        return broker.durability.isBusy && !broker.durability.refusing;
      },
    };
  };
}
