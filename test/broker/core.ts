import assert from 'node:assert/strict';
import { AuthChain, type AuthBackend } from '../../src/auth/mod.js';
import { type Clock, SeededRandom } from '../../src/base/mod.js';
import { Broker } from '../../src/broker/mod.js';
import { Metrics } from '../../src/metrics/mod.js';
import { PacketWriter, type ProtocolVersion } from '../../src/packet/mod.js';
import type {
  ClientLink,
  DropReason,
  LinkHandler,
  ListenerFacts,
  PeerFacts,
  Settings,
} from '../../src/session/mod.js';
import { MemoryStore, type Store } from '../../src/store/mod.js';
import { connect, type ConnectOptions } from '../fixtures/client-packets.js';
import { type ServerPacket, ServerPacketReader } from '../fixtures/server-packets.js';

export const defaultSettings: Settings = {
  nodeName: 'NautilusMQ@127.0.0.1',
  allowAnonymous: true,
  maxClientIdSize: 100,
  maxSubscriptionsPerClient: 0,
  persistentClientExpiration: undefined,
  maxSessionExpiryInterval: undefined,
  maxLastWillDelay: undefined,
  maxInflightMessages: 20,
  maxOnlineMessages: 1000,
  maxOfflineMessages: 1000,
  overrideMaxOnlineMessages: false,
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

const listener: ListenerFacts = {
  type: 'tcp',
  name: 'test',
  address: '127.0.0.1',
  port: 1883,
  mountpoint: '',
  allowedProtocolVersions: [3, 4, 5, 131, 132],
  allowAnonymousOverride: false,
  authPlugins: [],
  authzPlugins: [],
  maxConnectionLifetime: 0,
};

export interface CoreOptions {
  readonly settings?: Partial<Settings>;
  readonly store?: Store;
  readonly backends?: readonly AuthBackend[];
  readonly startAt?: number;
}

/** A whole core with a clock that only the test moves, and links that are arrays. */
export class Core {
  readonly clock: Clock & { at: number };
  readonly broker: Broker;
  readonly metrics: Metrics = new Metrics();
  readonly drops: { clientIdentifier: string; topicName: string; reason: DropReason }[] = [];
  readonly log: string[] = [];
  readonly clients: TestClient[] = [];
  readonly loaded: ReturnType<Broker['load']>;

  constructor(options: CoreOptions = {}) {
    const clock = { at: options.startAt ?? 1_700_000_000_000, now: (): number => clock.at };
    this.clock = clock;
    const note = (_fields: object, message: string): void => {
      this.log.push(message);
    };
    const settings = { ...defaultSettings, ...options.settings };
    this.broker = new Broker(settings, this.metrics, options.store ?? new MemoryStore(), {
      clock,
      random: new SeededRandom(1),
      log: { info: note, warn: note, debug: note },
      auth: new AuthChain(options.backends ?? []),
      turnEndWanted: () => {},
      loginFailed: () => {},
      messageDropped: (clientIdentifier, topicName, reason) => {
        this.drops.push({ clientIdentifier, topicName, reason });
      },
      storeFailed: () => {},
      storeRecovered: () => {},
    });
    this.loaded = this.broker.load(clock.at);
  }

  /** A new connection that has sent nothing yet. */
  open(version: ProtocolVersion, facts: Partial<ListenerFacts & PeerFacts> = {}): TestClient {
    const client = new TestClient(this, version, facts);
    this.clients.push(client);
    return client;
  }

  /** A connection with its CONNACK, which must be a success. */
  connect(version: ProtocolVersion, options: ConnectOptions = {}): TestClient {
    const client = this.open(version);
    client.send(connect(version, options));
    const connack = client.take();
    assert.equal(connack?.kind, 'connack');
    assert.equal(connack.reasonCode, 0);
    return client;
  }

  /** Time passes in steps of a second, as the edge would tick. */
  advance(milliseconds: number): void {
    const end = this.clock.at + milliseconds;
    while (this.clock.at < end) {
      this.clock.at = Math.min(this.clock.at + 1000, end);
      this.broker.tick(this.clock.at);
      this.turn();
    }
  }

  /** The end of a turn: batches are committed, output is delivered, closed links report so. */
  turn(): void {
    this.broker.onTurnEnd();
    for (const client of this.clients) client.deliver();
  }
}

/** One connection as a test sees it. Packets from the broker gather in `received`. */
export class TestClient {
  readonly received: ServerPacket[] = [];
  /** How the broker closed it; undefined: it is open. */
  closed: 'flush' | 'abort' | undefined;
  /** Set by a test: bytes that the kernel does not take. */
  stuckBytes = 0;
  isReading = true;
  readonly #core: Core;
  readonly #handler: LinkHandler;
  readonly #writer = new PacketWriter();
  readonly #reader: ServerPacketReader;
  #wantsWritable = false;
  #isGone = false;
  #unread: Buffer[] = [];

  constructor(core: Core, version: ProtocolVersion, facts: Partial<ListenerFacts & PeerFacts>) {
    this.#core = core;
    this.#reader = new ServerPacketReader(version);
    const peer: PeerFacts = {
      host: '127.0.0.1',
      port: 50_000,
      identity: facts.identity,
      certificate: undefined,
      listener: { ...listener, ...facts },
    };
    const link: ClientLink = {
      peer,
      writer: this.#writer,
      bufferedBytes: 0,
      touch: () => {},
      pauseReading: () => {
        this.isReading = false;
      },
      resumeReading: () => {
        this.isReading = true;
      },
      close: (how) => {
        this.closed ??= how;
      },
      notifyWhenWritable: () => {
        this.#wantsWritable = true;
      },
    };
    Object.defineProperty(link, 'bufferedBytes', { get: () => this.stuckBytes });
    this.#handler = core.broker.accept(link, core.clock.at);
  }

  /** Bytes arrive; the turn ends. While reading is paused they wait, as in a socket. */
  send(...packets: Uint8Array[]): void {
    this.#unread.push(Buffer.concat(packets));
    this.#feed();
    this.#core.turn();
  }

  /** The client's end of the connection breaks without a DISCONNECT. */
  drop(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#handler.onClosed({ kind: 'peer' }, this.#core.clock.at);
    this.#core.turn();
  }

  /** The kernel takes everything that was stuck. */
  unstick(): void {
    this.stuckBytes = 0;
    if (this.#wantsWritable) {
      this.#wantsWritable = false;
      this.#handler.onWritable(this.#core.clock.at);
    }
    this.#core.turn();
  }

  /** The next packet, taken out of `received`. */
  take(): ServerPacket | undefined {
    return this.received.shift();
  }

  /** All packets so far, taken out. */
  takeAll(): ServerPacket[] {
    return this.received.splice(0);
  }

  /** All PUBLISH packets so far, taken out; others stay. */
  takePublishes(): Extract<ServerPacket, { kind: 'publish' }>[] {
    const all = this.received.splice(0);
    const publishes: Extract<ServerPacket, { kind: 'publish' }>[] = [];
    for (const packet of all) {
      if (packet.kind === 'publish') publishes.push(packet);
      else this.received.push(packet);
    }
    return publishes;
  }

  /** A chunk that was received is about to be reused. */
  settle(): void {
    this.#writer.settle();
  }

  /** Called at the end of a turn. */
  deliver(): void {
    this.#feed();
    const bytes = this.#writer.take();
    if (bytes.length > 0) this.received.push(...this.#reader.push(bytes));
    if (this.closed !== undefined && !this.#isGone) {
      this.#isGone = true;
      this.#handler.onClosed({ kind: 'local' }, this.#core.clock.at);
    }
  }

  #feed(): void {
    while (this.isReading && !this.#isGone && this.closed === undefined) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) return;
      // A copy that is destroyed afterwards: who keeps a view of it will be found out.
      const lent = Buffer.from(chunk);
      this.#handler.onBytes(lent, 0, lent.length, this.#core.clock.at);
      for (const client of this.#core.clients) client.settle();
      lent.fill(0xee);
    }
  }
}
