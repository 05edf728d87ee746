import type { AuthChain, ListenerFacts } from '../auth/mod.js';
import { type Clock, type Random, TimerWheel } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import type { Envelope, RouteName, RouteValue } from '../cluster/routing/mod.js';
import { Journal, type LoadReport, StoreLoader } from '../journal/mod.js';
import type { Metrics } from '../metrics/mod.js';
import { type QoS, ReasonCode } from '../packet/mod.js';
import { type Entry, Message, Publication } from '../queue/mod.js';
import {
  Client,
  type ClientHost,
  type ClientLink,
  type ClientLog,
  type ClientPort,
  type Confirmation,
  type DropReason,
  type Gates,
  type LinkHandler,
  openGates,
  type PublishOutcome,
  type Receiver,
  type Registration,
  type Session,
  type SessionHost,
  type Settings,
  type Subscription,
} from '../session/mod.js';
import { type Store, type StoreFailure } from '../store/mod.js';
import type { Redirection } from './forwarder.js';
import { LocalRoutes, type RouteOut } from './local-routes.js';
import { Realm, type TopicRecord } from './realm.js';
import { type MatchedBody, RemoteIntake } from './remote-intake.js';
import type { SharedGroup } from './shared-group.js';
import { needsStore, type RemoteRouter, Router } from './router.js';
import { RetainedMessages } from './retained-messages.js';
import type { RetainedCluster, RetainedRows } from './retained-rows.js';
import type { MovesCluster } from './moves-host.js';
import { SessionMoves } from './session-moves.js';
import { SessionRegistry } from './session-registry.js';
import { SubscriptionTable } from './subscription-table.js';
import { type SurvivingCluster, Survivorship } from './survivorship.js';

/** Unsent bytes of all connections together from which on each may have only a little. */
const unsentBytesMax = 512 * 1024 * 1024;
const tightWriteBufferBytes = 64 * 1024;

/** What the node around the core does for it. */
export interface BrokerHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ClientLog;
  readonly auth: AuthChain;
  /** `Broker.onTurnEnd` should be called when this turn ends, whatever else happens in it. */
  turnEndWanted(): void;
  /** A CONNECT was refused for its credentials. */
  loginFailed(peerHost: string): void;
  /** Messages are being dropped: counted here, logged as a rate there. */
  messageDropped(clientIdentifier: string, topicName: string, reason: DropReason): void;
  storeFailed(failure: StoreFailure): void;
  storeRecovered(): void;
}

/** A message that the embedding program or the node itself publishes. */
export interface OwnPublish {
  readonly mountpoint?: string;
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
}

/**
 * One node's core: sessions, routing, retained messages, the journal. Runs to completion on every
 * event; the edge calls `accept`, `onTurnEnd` and `tick`, in this order of frequency.
 */
export class Broker implements ClientHost, SessionHost {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly durability: Journal;
  readonly log: ClientLog;
  readonly publication: Publication = new Publication();
  readonly writeBufferLimit: { bytes: number };
  settings: Settings;
  gates: Gates = openGates;
  readonly #host: BrokerHost;
  readonly #store: Store;
  readonly #router: Router;
  readonly #registry: SessionRegistry;
  readonly #table: SubscriptionTable;
  readonly #routes = new LocalRoutes();
  readonly #remoteIntake: RemoteIntake;
  readonly #realms = new Map<string, Realm>();
  readonly #retained: RetainedMessages;
  readonly #deadlines = new TimerWheel<ClientPort>();
  readonly #clients = new Map<ClientPort, Client>();
  /** One chain per listener that names its own back ends. */
  readonly #chains = new WeakMap<ListenerFacts, AuthChain>();
  readonly #backlogged = new Set<ClientPort>();
  readonly #outcome: PublishOutcome = {
    matched: false,
    ticket: 0,
    confirmation: undefined,
    refused: 0,
    reason: undefined,
  };
  /** Undefined: a node without a cluster. */
  #moves: SessionMoves | undefined;
  #survivorship: Survivorship | undefined;

  constructor(settings: Settings, metrics: Metrics, store: Store, host: BrokerHost) {
    this.settings = settings;
    this.writeBufferLimit = { bytes: settings.maxWriteBufferBytes };
    this.clock = host.clock;
    this.metrics = metrics;
    this.log = host.log;
    this.#host = host;
    this.#store = store;
    this.durability = new Journal(store, host.clock, {
      storeFailed: (failure) => host.storeFailed(failure),
      storeRecovered: () => host.storeRecovered(),
      commitWanted: () => host.turnEndWanted(),
      backlogCleared: (now) => this.#onBacklogCleared(now),
    });
    this.#retained = new RetainedMessages({
      ...{ metrics, log: host.log, durability: this.durability, realms: this.#realms },
      settings: () => this.settings,
      realm: (mountpoint) => this.#realm(mountpoint),
    });
    this.#router = new Router(metrics, host.random);
    this.#remoteIntake = new RemoteIntake({
      publication: this.publication,
      durability: this.durability,
      router: this.#router,
      realm: (mountpoint) => this.#realm(mountpoint),
      retainedPassed: (topic, stamp, from) => this.#retained.passed(topic, stamp, from),
    });
    this.#table = new SubscriptionTable(this.durability, this.#routes);
    this.#registry = new SessionRegistry({
      settings: () => this.settings,
      metrics,
      journal: this.durability,
      clock: host.clock,
      log: host.log,
      sessionHost: this,
      table: this.#table,
      realm: (mountpoint) => this.#realm(mountpoint),
      mayPublish: (override) => this.gates.refusal('publish', override) === undefined,
      publishMessage: (realm, message, now) => this.#publishMessage(realm, message, now),
      reroute: (realm, entries, now) => this.#reroute(realm, entries, now),
    });
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  get sessionCount(): number {
    return this.#registry.sessionCount;
  }

  get subscriptionCount(): number {
    return this.#table.count;
  }

  get retainedCount(): number {
    return this.#retained.count;
  }

  get retainedBytes(): number {
    return this.#retained.bytes;
  }

  /** Before the first client: everything that the store has. */
  load(now: number): LoadReport {
    const loader = new StoreLoader(this.#store);
    this.#retained.load(loader.retained(), now);
    for (const loaded of loader.sessions()) this.#registry.load(loaded, now);
    const removals = this.#store.newBatch();
    const report = loader.finish(removals);
    this.durability.resumeNumbers(report.lastNumber);
    if (removals.size > 0) this.durability.commitRemovals(removals);
    // Before rows that must be on disk first: others are to know them when this node is there.
    this.#routes.flush();
    this.#registry.resume(now);
    this.#router.remote?.resume(now);
    return report;
  }

  /**
   * This node is one of several: publications go to other members too, and they are told what
   * clients here want. Before the first client.
   */
  joinCluster(remote: RemoteRouter, out: RouteOut): void {
    this.#router.remote = remote;
    this.#routes.connect(out);
  }

  /** What is retained is the same on all members. Before it is loaded. */
  shareRetained(cluster: RetainedCluster): RetainedRows {
    return this.#retained.share(cluster);
  }

  /** The sessions of this node and of the other members are one. Before they are loaded. */
  shareSessions(cluster: MovesCluster): SessionMoves {
    const moves = new SessionMoves(cluster, this.#registry, {
      log: this.log,
      durability: this.durability,
      turnEndWanted: () => this.#host.turnEndWanted(),
      settings: () => this.settings,
      dropped: (clientIdentifier, message) => {
        this.metrics.queueMessageDrop += 1;
        this.#host.messageDropped(clientIdentifier, message.topicName, 'queue_full');
      },
    });
    this.#moves = moves;
    this.#registry.watch = moves;
    return moves;
  }

  /** What a node leaves behind when it dies is seen to by the others. Before anything is loaded. */
  shareSurvivorship(cluster: SurvivingCluster): Survivorship {
    this.#survivorship = new Survivorship(cluster, this.#registry, {
      log: this.log,
      durability: this.durability,
      settings: () => this.settings,
      mayPublish: () => this.gates.refusal('publish', undefined) === undefined,
      turnEndWanted: () => this.#host.turnEndWanted(),
    });
    return this.#survivorship;
  }

  /** Member `site` has subscribers of a filter, or (`value` undefined) none any more. */
  setRemoteRoute(
    { mountpoint, group, filter }: RouteName,
    site: Site,
    value: RouteValue | undefined,
  ): void {
    this.#table.setRemote(this.#realm(mountpoint), filter, group, site, value);
  }

  /** A message of a shared subscription that a member elsewhere could not take. */
  redirect({ group, mountpoint, message, isLast }: Redirection, now: number): void {
    message.isOurs = true;
    const current = this.groupOf(mountpoint, group.group, group.filter) ?? group;
    const { sharedSubscriptionPolicy: policy } = this.settings;
    const publication = new Publication();
    publication.fromMessage(message);
    if (isLast) this.#router.keepForGroup(publication, current, policy, now);
    else this.#router.routeToGroup(publication, current, mountpoint, policy, now);
  }

  groupOf(mountpoint: string, group: string, filter: string): SharedGroup | undefined {
    return this.#realm(mountpoint).existingFilter(filter)?.local?.groups?.get(group);
  }

  /** A message that was sent to another member, which has not said that it has it. */
  matchBody(envelope: Envelope, packet: Uint8Array, now: number): MatchedBody {
    return this.#remoteIntake.matchSent(envelope, packet, now);
  }

  /** Messages that another member sent: for subscribers here, and no further. */
  openRemote(from: Site, body: Uint8Array, start: number): RemoteIntake {
    return this.#remoteIntake.open(from, body, start);
  }

  /** A connection was accepted. */
  accept(link: ClientLink, now: number): LinkHandler {
    const client = new Client(link, this, now);
    this.#clients.set(client, client);
    return client;
  }

  /** Once per turn of the event loop, before output is flushed. */
  onTurnEnd(): void {
    this.#routes.flush();
    this.#retained.onTurnEnd(this.clock.now());
    this.#moves?.onTurnEnd(this.clock.now());
    this.#survivorship?.onTurnEnd(this.clock.now());
    this.durability.commit(false);
  }

  /** A few times a second: deadlines, wills, expiry, what has gathered for the store. */
  tick(now: number): void {
    this.#deadlines.expire(now, (client) => client.onDeadline(now));
    this.#registry.tick(now);
    this.#moves?.tick(now);
    this.#survivorship?.tick(now);
    this.durability.commit(true);
    this.#retained.tick(now);
  }

  /**
   * What all connections together have unsent. Beyond the bound each may have little, so that slow
   * subscribers fill their bounded queues and not the memory.
   */
  relieve(unsentBytes: number): void {
    const isTight = unsentBytes > unsentBytesMax;
    const { maxWriteBufferBytes } = this.settings;
    this.writeBufferLimit.bytes = isTight
      ? Math.min(tightWriteBufferBytes, maxWriteBufferBytes)
      : maxWriteBufferBytes;
  }

  /** Wills are about to go out, as soon as the other members know of it. */
  get isTelling(): boolean {
    return this.#survivorship?.isTelling ?? false;
  }

  /** This node stops: they go out in this turn. */
  hurry(): void {
    this.#survivorship?.hurry();
  }

  /** Wills of a dead member that is about to be none. True: there were no more of them. */
  releaseWills(site: Site, now: number): boolean {
    return this.#survivorship?.release(site, now) ?? true;
  }

  /** Everyone is told to go (v5: 0x8B Server shutting down). */
  disconnectAll(reasonCode: number, reason: string, now: number): void {
    for (const client of [...this.#clients.values()]) client.disconnect(reasonCode, reason, now);
  }

  /** Publishes as the broker: not authorised, not gated, may go to $-topics. */
  publishOwn(publish: OwnPublish, now: number): void {
    const { topicName, payload, qos = 0, retain = false, mountpoint = '' } = publish;
    const topic = Buffer.from(topicName, 'utf8');
    const message = new Message(topicName, topic, payload, undefined, qos, retain, 0, '');
    message.isOurs = true;
    this.#publishMessage(this.#realm(mountpoint), message, now);
  }

  // ClientHost

  authOf(listener: ListenerFacts): AuthChain {
    let chain = this.#chains.get(listener);
    if (chain === undefined) {
      chain = this.#host.auth.restrictedTo(listener.authPlugins, listener.authzPlugins);
      this.#chains.set(listener, chain);
    }
    return chain;
  }

  newClientIdentifier(mountpoint: string): string {
    const { sessions } = this.#realm(mountpoint);
    for (;;) {
      const part = (): string => this.#host.random.below(2 ** 32).toString(36);
      const identifier = `auto-${part()}-${part()}${part()}`;
      if (!sessions.has(identifier)) return identifier;
    }
  }

  setDeadline(client: ClientPort, deadlineMs: number): void {
    this.#deadlines.set(client, deadlineMs);
  }

  clearDeadline(client: ClientPort): void {
    this.#deadlines.clear(client);
  }

  clientClosed(client: ClientPort): void {
    this.#deadlines.clear(client);
    this.#clients.delete(client);
    this.#backlogged.delete(client);
  }

  register(registration: Registration, now: number): void {
    this.#registry.register(registration, now);
  }

  knownTopic(mountpoint: string, name: string): TopicRecord | undefined {
    return this.#realms.get(mountpoint)?.knownTopic(name);
  }

  topic(mountpoint: string, name: string): TopicRecord {
    return this.#realm(mountpoint).topic(name);
  }

  publish(topic: TopicRecord, publisher: Session, now: number): PublishOutcome {
    const { publication, durability } = this;
    const outcome = this.#outcome;
    outcome.matched = false;
    outcome.ticket = 0;
    outcome.confirmation = undefined;
    outcome.refused = 0;
    outcome.reason = undefined;
    publication.isReceiveStateKept = publication.qos === 2 && publisher.persistent;
    if (publication.qos > 0 && durability.refusing && this.#mustStore(topic)) {
      outcome.refused = ReasonCode.QuotaExceeded;
      outcome.reason = 'the message could not be stored';
      return outcome;
    }
    const before = durability.changeCount;
    // So that there is a batch to wait for, whatever becomes of the message.
    if (publication.isReceiveStateKept) durability.stateChanged(publisher);
    if (publication.retain) {
      if (!this.#retained.retain(topic, publication.message(), now)) {
        outcome.refused = ReasonCode.QuotaExceeded;
        outcome.reason = 'retain_max_messages or retain_max_bytes is reached';
        return outcome;
      }
      publication.retainStamp = this.#retained.rowStamp;
    }
    const policy = publisher.limits.sharedSubscriptionPolicy;
    outcome.matched = this.#router.route(publication, topic, publisher, policy, now);
    if (durability.changeCount !== before) outcome.ticket = durability.ticket;
    outcome.confirmation = this.#router.remote?.takeConfirmation();
    if (outcome.confirmation?.isRefused === true) {
      outcome.refused = ReasonCode.QuotaExceeded;
      outcome.reason = 'another member could not be brought the message';
    }
    return outcome;
  }

  subscribe(session: Session, subscription: Subscription): boolean {
    this.#moves?.subscribed(session, subscription, this.clock.now());
    return this.#table.subscribe(this.#realm(session.mountpoint), session, subscription);
  }

  confirmSubscribed(): Confirmation | undefined {
    return this.#router.remote?.confirmSubscribed();
  }

  get retainedMark(): number {
    return this.#retained.mark;
  }

  sendRetained(session: Session, subscription: Subscription, since: number, now: number): void {
    this.#retained.send(session, subscription, since, now);
  }

  unsubscribe(session: Session, topicFilter: string): boolean {
    this.#moves?.unsubscribed(session, topicFilter);
    return this.#table.unsubscribe(this.#realm(session.mountpoint), session, topicFilter);
  }

  connectionEnded(session: Session, discardWill: boolean, now: number): void {
    this.#registry.connectionEnded(session, discardWill, now);
  }

  loginFailed(peerHost: string): void {
    this.#host.loginFailed(peerHost);
  }

  get isBacklogged(): boolean {
    return this.durability.isBacklogged;
  }

  waitForBacklog(client: ClientPort): void {
    this.#backlogged.add(client);
  }

  // SessionHost

  messageDropped(session: Receiver, message: Message, reason: DropReason): void {
    if (reason === 'expired') this.metrics.queueMessageExpired += 1;
    else this.metrics.queueMessageDrop += 1;
    this.#host.messageDropped(session.clientIdentifier, message.topicName, reason);
  }

  #realm(mountpoint: string): Realm {
    let realm = this.#realms.get(mountpoint);
    if (realm === undefined) {
      realm = new Realm(mountpoint);
      this.#realms.set(mountpoint, realm);
    }
    return realm;
  }

  #onBacklogCleared(now: number): void {
    const waiting = [...this.#backlogged];
    this.#backlogged.clear();
    for (const client of waiting) client.onBacklogCleared(now);
  }

  #mustStore(topic: TopicRecord): boolean {
    const { publication } = this;
    const { retain, isReceiveStateKept } = publication;
    return (
      retain || isReceiveStateKept || needsStore(topic.realm.matchesOf(topic), publication.qos)
    );
  }

  #publishMessage(realm: Realm, message: Message, now: number): void {
    const topic = realm.topic(message.topicName);
    this.publication.fromMessage(message);
    if (message.retain && this.#retained.retain(topic, message, now)) {
      this.publication.retainStamp = this.#retained.rowStamp;
    }
    const { sharedSubscriptionPolicy } = this.settings;
    // A will counts as its client's own message [MQTT5-3.8.3-3].
    const publisher = realm.sessions.get(message.publisher);
    this.#router.route(this.publication, topic, publisher, sharedSubscriptionPolicy, now);
  }

  #reroute(realm: Realm, entries: readonly Entry[], now: number): void {
    const { sharedSubscriptionPolicy } = this.settings;
    for (const entry of entries) this.#router.reroute(entry, realm, sharedSubscriptionPolicy, now);
  }
}
