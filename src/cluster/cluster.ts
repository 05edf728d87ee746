import type { Gates } from '../session/mod.js';
import type { Store } from '../store/mod.js';
import { Exchange, type RowWaits } from './exchange/mod.js';
import { exchangeLog } from './exchange-log.js';
import type { Awaited } from './flow/mod.js';
import { type Boot, type Site, StampClock } from './identity/mod.js';
import {
  Acceptor,
  type LinkContext,
  LaneKind,
  type PeerConnection,
  type PeerConnectionHandler,
  type PeerFacts,
  type Refusal,
  RefusalCode,
} from './link/mod.js';
import { Belonging, type LeaveHost } from './belonging.js';
import type { ClusterHost, ClusterSettings, StartGateView } from './cluster-host.js';
import { Door } from './door.js';
import { Guests } from './guests.js';
import type { DetectedLane, LeaveOptions, Member, PeerState } from './membership/mod.js';
import type { Result } from './change-line.js';
import { type Row, RowKind, Tables, type TablesOut } from './metadata/mod.js';
import { Peer, type PeerOut } from './peer.js';
import { Presence, type PresenceView } from './presence.js';
import { judgeOf } from './judge.js';
import type { Policies } from './netsplit/mod.js';
import type { ClusterReport } from './report/mod.js';
import {
  readRouteKey,
  readRouteValue,
  type RouteName,
  routeKey,
  type RouteValue,
  routeValueBytes,
} from './routing/mod.js';
import type { Handover } from './takeover/mod.js';
import { hostOf, RefusalLog } from './refusal-log.js';
import { Traffic } from './traffic.js';
import { loadCluster, RowDisk, type StoredCluster } from './row-disk.js';

/** Protocol versions of the link that this code speaks. 2: a frame has one message or more. */
const versions = { min: 2, max: 2 } as const;

/** Between two looks at the clocks and at what the tables can let go of, in ms. */
const slowTickMs = 1000;

/**
 * This node's part in a cluster: who is a member, who is there, what each said, and messages to and
 * from them. It decides nothing about sessions and topics; `broker` does, and asks here.
 *
 * ```
 *  transport ─▶ Acceptor, PeerLink ─▶ FailureDetector ─▶ Netsplit ─▶ gates of clients
 *                    │                     ▲ words
 *                    ├─ heartbeats ─▶ Views, ClockCheck
 *                    ├─ rows ──▶ Exchange ─▶ Tables ─▶ routes                 RowDisk ─▶ journal
 *                    ├─ requests, Member rows ─▶ Belonging ─▶ who is a member, may clients come
 *                    └─ messages ─▶ PeerFlow, Traffic ─▶ host.arrived
 * ```
 */
export class Cluster implements PeerOut, TablesOut {
  readonly site: Site;
  readonly tables: Tables;
  readonly stamps: StampClock;
  /** For who waits until all members know what clients here want. */
  readonly routeWaits: RowWaits;
  /** Messages to and from the other members. */
  readonly traffic: Traffic;
  readonly #presence: Presence;
  readonly #boot: Boot;
  readonly #settings: ClusterSettings;
  readonly #host: ClusterHost;
  readonly #disk: RowDisk;
  readonly #belonging: Belonging;
  readonly #door: Door;
  readonly #refusals: RefusalLog;
  readonly #guests = new Guests({
    isLinked: (of) => this.#peers.get(of)?.link.isReady === true,
    isHere: (of) => this.#peers.has(of),
    come: ({ site: of, nodeName: name, address }) => this.#link({ site: of, name, address }),
    go: (of) => this.#removePeer(of),
  });
  readonly #exchange: Exchange;
  readonly #acceptor: Acceptor;
  readonly #context: LinkContext;
  readonly #peers = new Map<Site, Peer>();
  /** Sites that left while this node runs may return as guests: their numbers go on. */
  readonly #numbersOfGone = new Map<Site, number>();
  /** Sites about which a Member row changed: the belonging looks at them. */
  readonly #memberRows = new Set<Site>();
  /** Told to the journal once it is durable with what it stands for. */
  #lastOwn = 0;
  #slowTickAt = 0;
  #now: number;

  /** Everything that `store` knows is loaded; nothing is dialled before the first tick. */
  constructor(
    site: Site,
    boot: Boot,
    settings: ClusterSettings,
    store: Store,
    host: ClusterHost,
    now: number,
  ) {
    this.site = site;
    this.#boot = boot;
    this.#settings = settings;
    this.#host = host;
    this.#now = now;
    const stored = loadCluster(store, site);
    for (const record of stored.damaged) host.log.warn({ record }, 'a cluster record is damaged');
    this.stamps = new StampClock(stored.stamp);
    this.#disk = new RowDisk({
      ownDurable: (number) => this.tables.durable(site, boot, number),
      placeDurable: (of, its, number) => this.tables.durable(of, its, number),
      stampDurable: (stamp) => this.stamps.reserved(stamp),
    });
    this.traffic = new Traffic(this.#peers, this.#disk, stored.outbox, host);
    this.#presence = new Presence(site, settings, this.stamps, {
      ...{ log: host.log, silent: (of, why, when) => this.#reset(of, why, when) },
      up: (of, when) => this.#onUp(of, when),
      down: (of, reason, when) => this.#onDown(of, reason, when),
      netsplitDetected: () => host.netsplitDetected(),
      ...{ netsplitResolved: () => host.netsplitResolved(), wayTo: (of) => this.#wayTo(of) },
    });
    this.#refusals = new RefusalLog(host.log);
    this.#door = new Door(this.#presence.netsplit, host.log);
    const { nodeName, address, clusterName, cookie } = settings;
    this.#context = {
      local: { site, boot, nodeName, address, clusterName, cookie, versions },
      crypto: host.crypto,
      judge: judgeOf({
        members: () => this.#belonging.members,
        linkOf: (of) => this.#peers.get(of)?.link,
        bootOf: (of) => this.tables.position(of)?.boot,
        strangerDialled: (from) => this.#belonging.strangerDialled(from),
        returned: (peer, when) => this.#guests.returned(peer, when),
      }),
    };
    this.#acceptor = new Acceptor(this.#context, {
      accepted: (lane, peer, when) => {
        const link = this.#peers.get(peer.site)?.link;
        if (peer.lane === LaneKind.Introduction) this.#belonging.introduced(lane, peer, when);
        else if (link !== undefined) link.adopt(lane, peer, when);
        // It left while it proved who it is.
        else lane.close();
      },
      refused: (refusal, from, when) => this.#noteRefused(refusal, hostOf(from), when),
      gaveUp: (reason, from) => host.log.debug({ from }, `cluster connection given up: ${reason}`),
    });
    this.tables = new Tables(site, boot, stored.ownRows, this);
    for (const restored of stored.sites) this.tables.restore(restored);
    this.#belonging = this.#newBelonging(stored);
    this.#belonging.start(now);
    for (const { site: of } of stored.sites) if (!this.#peers.has(of)) this.tables.expel(of);
    this.traffic.restore(stored.flows);
    this.#exchange = new Exchange(site, this.tables, host.random, {
      faulty: (of, reason, when) => this.#reset(of, reason, when),
      caughtUp: (of, when) => this.#presence.rowsExchanged(of, when),
      story: exchangeLog(host, (of) => this.#nameOf(of)),
      isUp: (of) => this.stateOf(of) === 'up',
      turnEndWanted: () => host.turnEndWanted(),
    });
    this.routeWaits = this.#exchange.waits;
    host.journal.addPart(this.#disk);
  }

  /** What clients may do now. */
  get gates(): Gates {
    return this.#door;
  }

  /** Members that have not left, this node included, by name. */
  get members(): readonly Member[] {
    return this.#belonging.members.counting;
  }

  /** Whether client listeners may open; `host.startGateOpened` is called when they may. */
  get startGate(): StartGateView {
    const { isOpen, reason } = this.#belonging.startup;
    return { isOpen, reason };
  }

  /** Who gives away what this node holds before it leaves. Without one a live node cannot leave. */
  set leaveHost(host: LeaveHost) {
    this.#belonging.leaveHost = host;
  }

  stateOf(site: Site): PeerState {
    return this.#presence.stateOf(site);
  }

  /** Who is there, and how their clocks go. */
  get presence(): PresenceView {
    return this.#presence;
  }

  /** What clients are answered from now on while a member is missing. */
  setPolicies(policies: Policies, now: number): void {
    this.#presence.netsplit.onPolicies(policies, now);
  }

  /** What `cluster show` says. */
  report(now: number): ClusterReport {
    return this.#presence.report(this.#belonging.news, now);
  }

  /**
   * What `cluster.seeds` says, or the addresses of `cluster.dns` whenever they are looked up:
   * `host:port` each, its own may be among them. Only a first start goes by them.
   */
  seeds(addresses: readonly string[]): void {
    this.#belonging.startup.seeds(addresses);
  }

  /**
   * Into the cluster of the node at `address` (`host:port`). `done` is called once, within 20 s;
   * `force`: even if its members there are no majority.
   */
  join(address: string, force: boolean, now: number, done: (result: Result) => void): void {
    this.#belonging.join(address, force, done, now);
  }

  /**
   * Removes the member that is called `node`, or has that address; it may be this one. `done` is
   * called once.
   */
  leave(node: string, options: LeaveOptions, now: number, done: (result: Result) => void): void {
    this.#belonging.leave(node, options, done, now);
  }

  /** A connection to the cluster listener. Its events go to the handler that is returned. */
  accept(connection: PeerConnection, now: number): PeerConnectionHandler {
    return this.#acceptor.accept(connection, now);
  }

  /** About every 50 ms. */
  tick(now: number): void {
    this.#now = now;
    this.#acceptor.tick(now);
    for (const { link } of this.#peers.values()) link.tick(now);
    this.traffic.tick(now);
    this.#presence.tick(now);
    this.#exchange.tick(now);
    this.#belonging.tick(now);
    if (now < this.#slowTickAt) return;
    this.#slowTickAt = now + slowTickMs;
    this.#presence.checkClock(now);
    this.#guests.tick(now);
    this.tables.tick(now, this.#exchange.vectorsOf(this.#peers.keys()));
    const bound = this.stamps.toReserve(now);
    if (bound !== undefined) this.#disk.reserveStamp(bound);
  }

  /** Once per turn of the event loop, after sockets were read. */
  onTurnEnd(now: number): void {
    this.#now = now;
    this.#belonging.onTurnEnd(now);
    this.#presence.polled(now);
    this.#exchange.onTurnEnd(now);
    this.#host.rowsApplied(now);
    this.traffic.onTurnEnd(now);
  }

  /** The node stops. */
  close(now: number): void {
    this.#acceptor.closeAll();
    this.#belonging.close();
    // What was sent in this turn still goes.
    this.traffic.onTurnEnd(now);
    for (const { link } of this.#peers.values()) link.end('this node stops', now);
  }

  /** What subscribers here want changed. */
  setRoute(name: RouteName, value: RouteValue | undefined): void {
    const key = routeKey(name);
    if (value === undefined) this.tables.remove(RowKind.Route, key);
    else {
      const stamp = this.stamps.next(this.#now);
      this.tables.put(RowKind.Route, key, routeValueBytes(value), stamp);
    }
  }

  /** Something of a session, until `site` owns it. False: it is not taken. */
  handOver(site: Site, handover: Handover, awaited: Awaited | undefined): boolean {
    return this.traffic.handOver(site, handover, awaited, this.#now);
  }

  // PeerOut

  laneOpened(peer: Peer, lane: DetectedLane, now: number): void {
    this.#presence.laneOpened(peer.site, lane, now);
    // Not only when both are open: the peer, for whom they may be, begins with its vector.
    if (lane === 'control') this.#exchange.opened(peer.site, peer);
  }

  laneClosed(peer: Peer, lane: DetectedLane, reason: string, now: number): void {
    this.#host.log.debug({ peer: peer.name, lane }, `cluster link is down: ${reason}`);
    this.#presence.laneClosed(peer.site, lane, reason, now);
    if (lane === 'control') this.#exchange.closed(peer.site);
  }

  linked(peer: Peer, facts: PeerFacts): void {
    this.#host.log.debug({ peer: peer.name, boot: facts.boot.counter }, 'cluster link is up');
  }

  alive(peer: Peer, lane: DetectedLane, now: number): void {
    this.#presence.alive(peer.site, lane, now);
  }

  heartbeat(peer: Peer, bytes: Uint8Array, now: number): void {
    const { roundTripMs } = peer.link;
    if (this.#presence.heartbeat(peer.site, bytes, roundTripMs, now)) return;
    this.faulty(peer, 'a heartbeat of the peer ends early', now);
  }

  heartbeatBody(): Uint8Array {
    return this.#presence.heartbeatBody(this.#peers.keys(), this.#now);
  }

  rows({ site }: Peer, type: number, body: Uint8Array, now: number): void {
    this.#exchange.onFrame(site, type, body, now);
    this.#host.rowsApplied(now);
    this.#host.turnEndWanted();
  }

  asked({ site }: Peer, type: number, body: Uint8Array, now: number): void {
    this.#belonging.onFrame(site, type, body, now);
    this.#host.turnEndWanted();
  }

  drained({ site }: Peer): void {
    this.#exchange.drained(site);
  }

  faulty({ site }: Peer, reason: string, now: number): void {
    this.#reset(site, reason, now);
  }

  refused(peer: Peer, refusal: Refusal): void {
    this.#noteRefused(refusal, peer.address, this.#now);
    this.#belonging.refused(refusal);
  }

  /** A copy whose original lives does not take its place: that one is up, and not told to. */
  #noteRefused(refusal: Refusal, from: string, now: number): void {
    this.#refusals.note(refusal, from, now);
    const { code, by, peer, highestBoot } = refusal;
    // After a single start since the backup, this one has the number of that start.
    const isOlder = code === RefusalCode.StaleBoot || code === RefusalCode.Clone;
    if (!isOlder || by !== 'peer' || peer?.site === this.site) return;
    const isAlone = this.members.every(
      ({ site }) => this.stateOf(site) !== 'up' || site === this.site,
    );
    if (highestBoot >= this.#boot.counter && isAlone) this.#host.outdated(highestBoot);
  }

  // TablesOut

  changed(
    kind: RowKind,
    key: string,
    site: Site,
    _before: Row | undefined,
    after: Row | undefined,
  ): void {
    if (kind === RowKind.Member) this.#memberRows.add(key);
    if (kind === RowKind.Retain) this.#host.retainedRowChanged(key);
    if (kind === RowKind.Route && site !== this.site) {
      const name = readRouteKey(key);
      const value = after?.value === undefined ? undefined : readRouteValue(after.value);
      if (name !== undefined) this.#host.routeChanged(name, site, value);
    }
    if (kind >= RowKind.Session && kind <= RowKind.Will) {
      this.#host.sessionRowChanged(kind, key, site, after);
    }
    this.#host.turnEndWanted();
  }

  diverged(site: Site): void {
    this.#host.log.warn({ site }, 'rows of a member differ at an equal number: asked for anew');
    this.#host.diverged(site);
  }

  persist(_site: Site, row: Row): void {
    this.#disk.persist(row);
    if (row.site !== this.site) return;
    this.#own(row.number);
    // Others are told of it once it is durable: soon.
    this.#host.journal.wait(this.traffic);
  }

  forget(site: Site, kind: RowKind, key: string): void {
    this.#disk.forget(site, kind, key);
    if (site === this.site) this.#own(this.tables.lastNumber);
  }

  place(site: Site, boot: Boot, number: number): void {
    this.#disk.place(site, boot, number);
  }

  ended(site: Site): void {
    this.#disk.ended(site);
  }

  #own(number: number): void {
    this.#lastOwn = Math.max(this.#lastOwn, number);
    this.#disk.own(this.#lastOwn);
  }

  #newBelonging(stored: StoredCluster): Belonging {
    const { site, tables, stamps } = this;
    const { transport, random, log } = this.#host;
    return new Belonging(
      {
        ...{ site, tables, stamps, transport, random, log, memberRows: this.#memberRows },
        presence: this.#presence,
        disk: this.#disk,
        peers: this.#peers,
        context: this.#context,
      },
      this.#settings,
      stored.starts,
      {
        joined: (member) => this.#addPeer(member),
        changed: ({ site: of, name, address }) => this.#peers.get(of)?.rename(name, address),
        left: (of) => this.#removePeer(of),
        opened: (when) => {
          this.#presence.opened(when);
          this.#host.startGateOpened(when);
        },
        ended: (when) => {
          for (const { link } of this.#peers.values()) link.end('this node has left', when);
        },
        door: (reason) => {
          if (reason === undefined) this.#door.open();
          else this.#door.close(reason);
        },
        turnedAway: (refusal, from, when) => this.#noteRefused(refusal, from, when),
        shut: (reason) => this.#door.shut(reason),
      },
      this.#now,
    );
  }

  #addPeer(member: Pick<Member, 'site' | 'name' | 'address'>): void {
    this.tables.admit(member.site);
    this.tables.mask(member.site, true);
    this.#link(member);
  }

  #link({ site, name, address }: Pick<Member, 'site' | 'name' | 'address'>): void {
    const { transport, random } = this.#host;
    const { unsentMax, ackTimeoutMs } = this.#settings;
    const boot = this.#boot;
    const options = { site, name, address, boot, transport, random, unsentMax, ackTimeoutMs };
    this.#presence.add(site, this.#now);
    const peer = new Peer(options, this.#context, this, this.traffic);
    peer.flow.beginAt(this.#numbersOfGone.get(site) ?? 1);
    this.#peers.set(site, peer);
  }

  #wayTo(site: Site): string {
    return this.#peers.get(site)?.wayTo ?? '';
  }

  #removePeer(site: Site): void {
    const peer = this.#peers.get(site);
    peer?.link.end('it left the cluster', this.#now);
    if (peer !== undefined) this.#numbersOfGone.set(site, peer.flow.nextSequence);
    this.#peers.delete(site);
    this.#presence.remove(site);
    this.tables.expel(site);
  }

  #onUp(site: Site, now: number): void {
    this.tables.mask(site, false);
    this.#host.memberUp(site, now);
    this.#belonging.memberUp(site, now);
  }

  #onDown(site: Site, reason: string, now: number): void {
    this.tables.mask(site, true);
    this.#belonging.memberDown(site);
    const peer = this.#peers.get(site);
    peer?.link.reset(reason, now);
    peer?.flow.giveUp(now);
  }

  #reset(site: Site, reason: string, now: number): void {
    this.#host.log.warn({ member: this.#nameOf(site) }, `cluster link is reset: ${reason}`);
    this.#peers.get(site)?.link.reset(reason, now);
  }

  #nameOf(site: Site): string {
    if (site === this.site) return this.#settings.nodeName;
    return this.#peers.get(site)?.name ?? site;
  }
}
