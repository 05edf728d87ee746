import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { AdminError, AdminServer } from './admin/mod.js';
import { type AuthBackend, AuthChain } from './auth/mod.js';
import { openAclFile, type OpenedFile, openPasswordFile } from './auth/files/mod.js';
import { type Clock, keyTextHash, SeededRandom } from './base/mod.js';
import { Broker, type OwnPublish } from './broker/mod.js';
import type { Configuration } from './config/mod.js';
import { type ListenerRow, Listeners, Turn } from './listeners/mod.js';
import type { Log } from './log/mod.js';
import { Metrics } from './metrics/mod.js';
import { LiveOptions } from './live-options.js';
import { adminNodeOf } from './node-admin.js';
import { NodeCluster, type NodeIdentity, passingIdentity } from './node-cluster.js';
import { listenerOptionsOf, policiesOf, settingsOf } from './node-settings.js';
import { ReasonCode } from './packet/mod.js';
import type { PeerCounters, PeerListenerRow } from './peers/mod.js';
import { openLmdbStore } from './store/lmdb/mod.js';
import { MemoryStore, type Store } from './store/mod.js';
import { version } from './version.js';

/** Milliseconds between ticks of the core: deadlines are whole seconds, idle commits are sooner. */
const tickMs = 200;

// Strangers choose topics and filters: where these stand in memory they must not.
keyTextHash(randomInt(2 ** 32), randomInt(2 ** 32));

export interface NodeParts {
  readonly configuration: Configuration;
  readonly log: Log;
  /** Asked before the file back ends. */
  readonly backends?: readonly AuthBackend[];
  /** The site has had so many boots: this one is above. See {@link NodeParts.outdated}. */
  readonly bootAbove?: number;
  /**
   * The other members know a later life of this data directory, which is an older copy. To be
   * closed, and opened again with `bootAbove`. Perhaps more than once.
   */
  outdated?(highestBoot: number): void;
}

/** What the start found out, for who prints it. */
export interface StartReport {
  readonly sessions: number;
  readonly retained: number;
  readonly loadMs: number;
  /** What is open to whom, in sentences. */
  readonly access: readonly string[];
  /** Undefined: this node is alone. */
  readonly cluster: ClusterReport | undefined;
}

/** How the other members reach this node. */
interface ClusterReport {
  readonly listeners: readonly PeerListenerRow[];
  readonly address: string;
  /** Names of the members, this node among them. */
  readonly members: readonly string[];
  /** Why clients are not served yet; empty: they are. */
  readonly waitingFor: string;
  /** What an operator should know, in sentences. */
  readonly notes: readonly string[];
}

/** What is open now, and what the settings mean for the day on which a member is lost. */
export interface ServingReport {
  readonly listeners: readonly ListenerRow[];
  readonly advice: readonly string[];
}

/** A store, and whose it is. */
interface Opened {
  readonly store: Store;
  readonly identity: NodeIdentity;
  close(): Promise<void>;
}

/** Wall clock read at start plus monotonic time: never jumps back (design 5.1). */
function monotonicClock(): Clock {
  const startedAt = Date.now() - performance.now();
  return { now: () => startedAt + performance.now() };
}

/**
 * One running broker: the composition root. Wires store, core, listeners, files and timers; all
 * decisions are theirs.
 */
export class Node {
  readonly metrics: Metrics = new Metrics();
  readonly #options: LiveOptions;
  readonly #log: Log;
  readonly #clock: Clock = monotonicClock();
  readonly #turn: Turn;
  readonly #broker: Broker;
  readonly #listeners: Listeners;
  readonly #files: readonly OpenedFile[];
  readonly #closeStore: () => Promise<void>;
  /** Undefined: nothing makes this node a member, and it costs nothing. */
  readonly #cluster: NodeCluster | undefined;
  /** Resolves when clients may come, or the node is closed. */
  readonly #gate: Promise<void>;
  #openGate: () => void = () => {};
  #admin: AdminServer | undefined;
  #tick: NodeJS.Timeout | undefined;
  #nextSystemTopicsAt = 0;
  #closing: Promise<void> | undefined;
  #isStoreClosed = false;

  private constructor(parts: NodeParts, opened: Opened, files: readonly OpenedFile[]) {
    const { configuration, log } = parts;
    const { options } = configuration;
    const { store, identity } = opened;
    this.#options = new LiveOptions(configuration, {
      changed: (after, before) => this.#onOptions(after, before),
      said: (sentence) => log.info({}, sentence),
    });
    this.#log = log;
    this.#closeStore = () => opened.close();
    this.#files = files;
    this.#turn = new Turn(() => {
      if (this.#isStoreClosed) return;
      this.#broker.onTurnEnd();
      this.#cluster?.onTurnEnd();
    });
    const backends = [...(parts.backends ?? []), ...files.map((file) => file.backend)];
    const observed = this.#observed(store);
    const random = new SeededRandom(randomInt(2 ** 32));
    this.#broker = new Broker(settingsOf(configuration), this.metrics, observed, {
      clock: this.#clock,
      random,
      log,
      auth: new AuthChain(backends, (backend, hook, error) => {
        log.error({ backend, hook, error }, 'authentication back end failed: counts as a refusal');
      }),
      turnEndWanted: () => this.#turn.schedule(),
      loginFailed: (host) => this.#listeners.noteFailedLogin(host),
      messageDropped: (client, topic, reason) => {
        const message = `messages dropped: ${reason}`;
        log.repeated('warn', `drop ${reason} ${client}`, { client, topic }, message);
      },
      storeFailed: (failure) => {
        const message = `store refuses: ${failure.message} Messages that need it are refused.`;
        log.repeated('error', 'store', { code: failure.code }, message);
      },
      storeRecovered: () => log.info({}, 'store writes again: nothing is refused any more'),
    });
    this.#listeners = new Listeners({
      accept: (link, now) => this.#broker.accept(link, now),
      clock: this.#clock,
      log,
      turn: this.#turn,
      counters: this.#socketCounters(),
      limits: {
        maxPendingBytes: options.listenerMaxPendingBytes,
        maxConnectRate: options.maxConnectRate,
        maxFailedLogins: options.maxFailedLogins,
      },
    });
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
    this.#cluster = NodeCluster.of({
      ...{ configuration, identity, log, random, store: observed },
      ...{ clock: this.#clock, turn: this.#turn, broker: this.#broker },
      counters: this.#peerCounters(),
      outdated: (highestBoot) => parts.outdated?.(highestBoot),
      gateOpened: () => this.#openGate(),
    });
    if (this.#cluster === undefined) this.#openGate();
    this.#addGauges();
  }

  /**
   * Opens the store and loads it, then what other nodes and operators use; clients come with
   * {@link serve}. Throws an error with a stable `code` and a message of one line when something
   * stands in the way; nothing stays open then.
   */
  static async open(parts: NodeParts): Promise<{ node: Node; report: StartReport }> {
    const access: string[] = [parts.configuration.anonymousReason];
    const files = await openFiles(parts, access);
    let opened: Opened | undefined;
    let node: Node | undefined;
    try {
      opened = await openStore(parts);
      node = new Node(parts, opened, files);
      return { node, report: await node.#open(access) };
    } catch (error) {
      for (const file of files) file.close();
      if (node === undefined) await opened?.close();
      else await node.#release();
      throw error;
    }
  }

  /**
   * Opens the listeners for clients as soon as the cluster lets them come; a node that is alone
   * does at once. Throws as {@link open} does, and the node is still to be closed then. Undefined:
   * the node was closed before.
   */
  async serve(): Promise<ServingReport | undefined> {
    await this.#gate;
    if (this.#closing !== undefined) return undefined;
    const { options, listeners } = this.configuration;
    const rows = await this.#listeners.start(
      listeners.map((listener) => listenerOptionsOf(listener, options)),
    );
    return { listeners: rows, advice: this.#cluster?.advice() ?? [] };
  }

  /** In force: some options may change while it runs. */
  get configuration(): Configuration {
    return this.#options.configuration;
  }

  get listeners(): readonly ListenerRow[] {
    return this.#listeners.show();
  }

  /** Publishes as the broker itself: not authorised, any topic. */
  publish(message: OwnPublish): void {
    this.#broker.publishOwn(message, this.#clock.now());
    this.#turn.schedule();
  }

  /** Stops serving: v5 clients get DISCONNECT 0x8B, the store is written and closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(access: readonly string[]): Promise<StartReport> {
    const before = performance.now();
    const loaded = this.#broker.load(this.#clock.now());
    const loadMs = performance.now() - before;
    if (loaded.damaged.length > 0) {
      const sample = loaded.damaged.slice(0, 10);
      this.#log.error(
        { records: sample },
        `${loaded.damaged.length} records of the store are damaged`,
      );
    }
    this.#tick = setInterval(() => this.#onTick(), tickMs);
    const cluster = await this.#openCluster();
    await this.#openAdmin();
    return { sessions: loaded.sessions, retained: loaded.retained, loadMs, access, cluster };
  }

  async #openCluster(): Promise<ClusterReport | undefined> {
    const own = this.#cluster;
    if (own === undefined) return undefined;
    const listeners = await own.open();
    const { cluster, address, notes } = own;
    const members = cluster.members.map(({ name }) => name);
    const { isOpen, reason } = cluster.startGate;
    return { listeners, address, members, waitingFor: isOpen ? '' : reason, notes };
  }

  /** In the data directory, whose owner may use it. A node serves without it if it must. */
  async #openAdmin(): Promise<void> {
    const { options } = this.configuration;
    if (options.store === 'memory') return;
    const node = adminNodeOf({
      ...{ nodeName: options.nodename, version: version(), metrics: this.metrics },
      options: this.#options,
      ...{ cluster: this.#cluster?.cluster, usualPort: this.#cluster?.usualPort },
      now: () => this.#clock.now(),
      turnEndWanted: () => this.#turn.schedule(),
    });
    try {
      const { platformDataDir: directory } = options;
      this.#admin = await AdminServer.open({ directory, node, log: this.#log });
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      this.#log.error({ code: error.code }, `vmq-admin cannot be used: ${error.message}`);
    }
  }

  #onOptions(configuration: Configuration, before: Configuration): void {
    const { options } = configuration;
    this.#broker.settings = settingsOf(configuration);
    this.#cluster?.cluster.setPolicies(policiesOf(options), this.#clock.now());
    const { logConsoleLevel: level } = options;
    if (level !== before.options.logConsoleLevel) this.#log.setLevel(level);
    this.#turn.schedule();
  }

  async #close(): Promise<void> {
    this.#openGate();
    const others = this.#cluster?.elsewhere ?? '';
    const reason = 'the broker is shutting down';
    if (others === '') await this.#listeners.stop(ReasonCode.ServerShuttingDown, reason);
    else await this.#listeners.stop(ReasonCode.UseAnotherServer, reason, others);
    for (const file of this.#files) file.close();
    await this.#release();
  }

  /** Timers, links, the admin socket; then the store, with what is still to be written. */
  async #release(): Promise<void> {
    clearInterval(this.#tick);
    if (this.#cluster !== undefined) await this.#tellOthers();
    await Promise.all([this.#cluster?.close(), this.#admin?.close()]);
    await this.#settleStore();
    this.#isStoreClosed = true;
    await this.#closeStore();
  }

  /** What the end of the clients has changed: the other members hear of it once it is durable. */
  async #tellOthers(): Promise<void> {
    const { durability } = this.#broker;
    const { ticket } = durability;
    const deadline = Date.now() + 2000;
    const isTold = (): boolean => durability.durable >= ticket && !this.#broker.isTelling;
    while (!isTold() && Date.now() < deadline && !durability.refusing) {
      durability.commit(true);
      this.#turn.schedule();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#broker.hurry();
    this.#turn.schedule();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What is still to be written is written; a store that refuses is not waited for. */
  async #settleStore(): Promise<void> {
    const deadline = Date.now() + 5000;
    while (this.#broker.durability.isBusy && Date.now() < deadline) {
      this.#broker.durability.commit(true);
      if (this.#broker.durability.refusing) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #onTick(): void {
    const now = this.#clock.now();
    this.#broker.relieve(this.#listeners.unsentBytes());
    this.#broker.tick(now);
    this.#publishSystemTopics(now);
    this.#turn.schedule();
  }

  #publishSystemTopics(now: number): void {
    const {
      systreeEnabled,
      systreeInterval,
      systreeMountpoint,
      systreeQos,
      systreeRetain,
      nodename,
    } = this.configuration.options;
    if (!systreeEnabled || systreeInterval === 0 || now < this.#nextSystemTopicsAt) return;
    this.#nextSystemTopicsAt = now + systreeInterval;
    for (const [topicName, text] of this.metrics.sysTopics(nodename)) {
      const message: OwnPublish = {
        mountpoint: systreeMountpoint,
        topicName,
        payload: Buffer.from(text),
        qos: systreeQos as 0 | 1 | 2,
        retain: systreeRetain,
      };
      this.#broker.publishOwn(message, now);
    }
  }

  /** A commit that completes releases acknowledgements, which must be flushed. */
  #observed(store: Store): Store {
    const turn = this.#turn;
    return {
      kind: store.kind,
      get isFull() {
        return store.isFull;
      },
      get: (table, key) => store.get(table, key),
      entries: (table, from, to) => store.entries(table, from, to),
      newBatch: () => store.newBatch(),
      commit: (batch, done) => {
        store.commit(batch, (failure) => {
          done(failure);
          turn.schedule();
        });
      },
    };
  }

  #socketCounters(): ConstructorParameters<typeof Listeners>[0]['counters'] {
    const { metrics } = this;
    return {
      socketOpen: () => {
        metrics.socketOpen += 1;
      },
      socketClose: () => {
        metrics.socketClose += 1;
      },
      socketError: () => {
        metrics.socketError += 1;
      },
      bytesReceived: (count) => {
        metrics.bytesReceived += count;
      },
      bytesSent: (count) => {
        metrics.bytesSent += count;
      },
    };
  }

  #peerCounters(): PeerCounters {
    const { metrics } = this;
    return {
      bytesReceived: (count) => {
        metrics.clusterBytesReceived += count;
      },
      bytesSent: (count) => {
        metrics.clusterBytesSent += count;
      },
    };
  }

  #addGauges(): void {
    const { metrics } = this;
    const broker = this.#broker;
    const connections = (): { mqtt: number; websocket: number } =>
      this.#listeners.countConnections();
    metrics.gauge(
      'router_subscriptions',
      'Subscriptions in the routing table.',
      () => broker.subscriptionCount,
    );
    metrics.gauge('retain_messages', 'Retained messages.', () => broker.retainedCount);
    metrics.gauge('retain_memory', 'Bytes of retained messages.', () => broker.retainedBytes);
    metrics.gauge('queue_processes', 'Sessions, connected or not.', () => broker.sessionCount);
    metrics.gauge(
      'active_mqtt_connections',
      'Connections over TCP and TLS.',
      () => connections().mqtt,
    );
    metrics.gauge(
      'active_mqttws_connections',
      'Connections over WebSocket.',
      () => connections().websocket,
    );
    metrics.gauge('total_active_connections', 'All client connections.', () => {
      const { mqtt, websocket } = connections();
      return mqtt + websocket;
    });
  }
}

async function openStore({ configuration, log, bootAbove = 0 }: NodeParts): Promise<Opened> {
  const { options } = configuration;
  if (options.store === 'memory') {
    const identity = passingIdentity();
    return { store: new MemoryStore(), identity, close: () => Promise.resolve() };
  }
  return openLmdbStore({
    directory: options.platformDataDir,
    sync: options.storeSync,
    bootAbove,
    log: (text) => log.warn({}, text),
  });
}

/**
 * The file back ends that are switched on. A file that was named must exist in its back end's
 * opinion (it logs, and lets nobody in); a default path where nothing lies is left out, and said.
 */
async function openFiles(parts: NodeParts, access: string[]): Promise<OpenedFile[]> {
  const { configuration, log } = parts;
  const { options, explicit, allowAnonymous } = configuration;
  const files: OpenedFile[] = [];
  const passwords = options.vmqPasswdPasswordFile;
  if (
    options.pluginsVmqPasswd &&
    (isThere(passwords) || explicit.has('vmq_passwd.password_file'))
  ) {
    const reloadInterval = options.vmqPasswdPasswordReloadInterval;
    files.push(await openPasswordFile({ path: passwords, reloadInterval, log }));
    access.push(`Passwords: ${passwords}.`);
  } else if (!allowAnonymous && (parts.backends?.length ?? 0) === 0) {
    access.push(
      `No password file (${passwords}): nobody can log in. \`vmq-passwd -c ${passwords} USER\` makes one.`,
    );
  }
  const rules = options.vmqAclAclFile;
  if (options.pluginsVmqAcl && (isThere(rules) || explicit.has('vmq_acl.acl_file'))) {
    const reloadInterval = options.vmqAclAclReloadInterval;
    files.push(await openAclFile({ path: rules, reloadInterval, log }));
    access.push(`Topics are granted by ${rules}.`);
  } else {
    access.push(`No ACL file (${rules}): who may connect may use every topic.`);
  }
  return files;
}

function isThere(path: string): boolean {
  return path !== '' && existsSync(path);
}
