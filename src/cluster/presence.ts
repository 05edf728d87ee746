import type { ClientLog } from '../session/mod.js';
import type { Site, StampClock } from './identity/mod.js';
import { heartbeatIntervalMs } from './link/mod.js';
import {
  type Classification,
  ClockCheck,
  type DetectedLane,
  FailureDetector,
  type PeerState,
  readHeartbeatBody,
  Views,
  writeHeartbeatBody,
} from './membership/mod.js';
import { Netsplit, type Policies, type View } from './netsplit/mod.js';
import { type ClusterReport, type MembershipNews, reportOf } from './report/mod.js';

export interface PresenceSettings {
  readonly policies: Policies;
  /** `cluster.tiebreak`; '' for none. */
  readonly tiebreak: string;
  readonly reconnectGraceMs: number;
  readonly failureTimeoutMs: number;
  readonly maxClockSkewMs: number;
}

export interface PresenceOut {
  readonly log: ClientLog;
  up(site: Site, now: number): void;
  /** Its link is of no more use. */
  down(site: Site, reason: string, now: number): void;
  /** Likewise, of a member that is down. */
  silent(site: Site, reason: string, now: number): void;
  netsplitDetected(): void;
  netsplitResolved(): void;
  /** Why there is no link to it, in a sentence; empty when that is not known. */
  wayTo(site: Site): string;
}

/** A new member is looked for so long, in ms, before clients are refused for its want. */
const newcomerMs = 5000;

/** Who counts. */
export interface Named {
  readonly site: Site;
  readonly name: string;
}

/** What others than the cluster itself may want to know of who is there. */
export interface PresenceView {
  /**
   * When anybody here last heard of a member that is dead as far as can be known, in ms; undefined:
   * it is not, or somebody hears it.
   */
  deadSince(site: Site, now: number): number | undefined;
  /** More than half of the members are together here, or half of them with the tiebreak. */
  readonly hasMajority: boolean;
  /**
   * By how much, in ms, the clock of a member is ahead of this node's, or was when it was last
   * heard of; undefined: it was never. 0 for this node.
   */
  clockOffsetOf(site: Site): number | undefined;
  /** Those that are missing may be a majority without this node. */
  readonly isMajorityElsewhere: boolean;
}

/** Which members are there, what they say of each other and of the time, and what follows. */
export class Presence implements PresenceView {
  readonly netsplit: Netsplit;
  readonly #self: Site;
  readonly #settings: PresenceSettings;
  readonly #stamps: StampClock;
  readonly #out: PresenceOut;
  readonly #detector: FailureDetector;
  readonly #views: Views;
  readonly #clocks: ClockCheck;
  #members: readonly Named[] = [];
  /** Until the node serves clients, what is missing is a start and no split. */
  #isHeld = true;
  /** Joined a moment ago and not reached yet: until when that means nothing. */
  readonly #newcomers = new Map<Site, number>();

  constructor(self: Site, settings: PresenceSettings, stamps: StampClock, out: PresenceOut) {
    this.#self = self;
    this.#settings = settings;
    this.#stamps = stamps;
    this.#out = out;
    this.netsplit = netsplitOf(settings.policies, out);
    this.#views = new Views(self);
    this.#clocks = new ClockCheck(settings.maxClockSkewMs, {
      clockAlarm: (offsetMs) => this.#onClockAlarm(offsetMs),
      clockRecovered: () => {
        stamps.offsetMs = 0;
        out.log.info({}, 'the clock of this node agrees with those of its peers again');
      },
    });
    const { reconnectGraceMs, failureTimeoutMs } = settings;
    this.#detector = new FailureDetector(
      { heartbeatIntervalMs, reconnectGraceMs, failureTimeoutMs },
      {
        up: (site, now) => this.#onUp(site, now),
        suspect: (site, reason, now) => {
          out.log.info({ member: this.#nameOf(site), reason }, 'member is suspect');
          this.review(now);
        },
        down: (site, reason, now) => this.#onDown(site, reason, now),
        silent: (site, reason, now) => out.silent(site, reason, now),
      },
    );
  }

  stateOf(site: Site): PeerState {
    if (site === this.#self) return 'up';
    return this.#detector.statusOf(site)?.state ?? 'down';
  }

  /** Whether a member is dead or only cut off from here. */
  classify(site: Site, now: number): Classification {
    if (site === this.#self) return { kind: 'up' };
    const own = this.#detector.statusOf(site) ?? { state: 'down', since: 0 };
    return this.#views.classify(site, own, now);
  }

  deadSince(site: Site, now: number): number | undefined {
    const silentSince = site === this.#self ? undefined : this.#detector.silentSince(site);
    if (silentSince === undefined || this.classify(site, now).kind !== 'dead') return undefined;
    return Math.max(silentSince, this.#views.seenAt(site));
  }

  clockOffsetOf(site: Site): number | undefined {
    return site === this.#self ? 0 : this.#views.clockOffsetOf(site);
  }

  get hasMajority(): boolean {
    return this.netsplit.standing.hasMajority;
  }

  get isMajorityElsewhere(): boolean {
    const { reachable, total, isHalf, hasMajority } = this.netsplit.standing;
    if (isHalf) return !hasMajority && this.#settings.tiebreak !== '';
    return reachable * 2 < total;
  }

  add(site: Site, now: number): void {
    this.#detector.addPeer(site, now);
    if (!this.#isHeld) this.#newcomers.set(site, now + newcomerMs);
  }

  remove(site: Site): void {
    this.#detector.removePeer(site);
    this.#newcomers.delete(site);
    this.#views.forget(site);
  }

  /** These are the members, this node among them. */
  membersChanged(members: readonly Named[], now: number): void {
    this.#members = members;
    this.review(now);
  }

  laneOpened(site: Site, lane: DetectedLane, now: number): void {
    this.#detector.onLaneOpened(site, lane, now);
  }

  laneClosed(site: Site, lane: DetectedLane, reason: string, now: number): void {
    this.#detector.onLaneClosed(site, lane, reason, now);
  }

  alive(site: Site, lane: DetectedLane, now: number): void {
    this.#detector.onAlive(site, lane, now);
  }

  rowsExchanged(site: Site, now: number): void {
    this.#detector.onRowsExchanged(site, now);
  }

  /** False: it is not what a member says. */
  heartbeat(site: Site, bytes: Uint8Array, roundTripMs: number | undefined, now: number): boolean {
    const body = readHeartbeatBody(bytes);
    if (body === undefined) return false;
    this.#stamps.observe(body.stamp, now, this.#settings.maxClockSkewMs);
    const word = this.#views.onHeartbeat(site, body, roundTripMs, now);
    if (word !== undefined) {
      this.#detector.onHeartbeat(site, word, body.clock, roundTripMs, now);
    }
    return true;
  }

  heartbeatBody(peers: Iterable<Site>, now: number): Uint8Array {
    const words = new Map<Site, PeerState>();
    for (const site of peers) words.set(site, this.#detector.wordOn(site, now));
    return writeHeartbeatBody({ clock: now, stamp: this.#stamps.last, words });
  }

  /** Clients are served from now on, so it matters who is there. */
  opened(now: number): void {
    this.#isHeld = false;
    this.review(now);
  }

  tick(now: number): void {
    this.#detector.tick(now);
    const late = [...this.#newcomers].filter(([, until]) => now >= until).map(([site]) => site);
    for (const site of late) {
      this.#newcomers.delete(site);
      const text = `member joined, and could not be reached since: ${this.#out.wayTo(site)}`;
      this.#out.log.warn({ member: this.#nameOf(site) }, text);
    }
    if (late.length > 0) this.review(now);
  }

  /** About once a second. */
  checkClock(now: number): void {
    this.#clocks.check(this.#views.clockOffsets(now), now);
  }

  /** Sockets were read. */
  polled(now: number): void {
    this.#detector.onPolled(now);
  }

  /** Who is there may be others than before. */
  review(now: number): void {
    if (!this.#isHeld) this.netsplit.onView(this.#view(), now);
  }

  /** A member that was not up yet, in its first seconds or this node's. */
  isAwaited(site: Site): boolean {
    return this.#newcomers.has(site) || (this.#isHeld && this.stateOf(site) !== 'up');
  }

  /** For `cluster show`. */
  report(news: MembershipNews, now: number): ClusterReport {
    const view = this.#view();
    const sites = view.members.map(({ site }) => site);
    const words = new Map(sites.map((site) => [site, this.stateOf(site)]));
    return reportOf({
      ...{ view, news, now },
      policies: this.netsplit.policies,
      classify: (site) => this.classify(site, now),
      wayTo: (site) => this.#out.wayTo(site),
      matrix: this.#views.matrix(words, sites, now),
    });
  }

  #view(): View {
    const members = this.#members.map(({ site, name }) => {
      const state = this.#newcomers.has(site) ? 'suspect' : this.stateOf(site);
      const since = this.#detector.statusOf(site)?.since;
      return { site, name, state, downSince: state === 'down' ? since : undefined };
    });
    return { self: this.#self, members, tiebreak: this.#settings.tiebreak };
  }

  #onUp(site: Site, now: number): void {
    this.#out.log.info({ member: this.#nameOf(site) }, 'member is up');
    this.#newcomers.delete(site);
    this.#out.up(site, now);
    this.review(now);
  }

  #onDown(site: Site, reason: string, now: number): void {
    this.#views.forget(site);
    this.#out.log.warn({ member: this.#nameOf(site) }, `member is down: ${reason}`);
    this.#out.down(site, reason, now);
    this.review(now);
  }

  #onClockAlarm(offsetMs: number): void {
    this.#stamps.offsetMs = offsetMs;
    const seconds = Math.round(Math.abs(offsetMs) / 1000);
    const side = offsetMs > 0 ? 'behind' : 'ahead of';
    const text = `the clock of this node is ${seconds} s ${side} those of its peers; rows are stamped by theirs. Set it right.`;
    this.#out.log.warn({ offsetMs }, text);
  }

  #nameOf(site: Site): string {
    return this.#members.find((member) => member.site === site)?.name ?? site;
  }
}

function netsplitOf(policies: Policies, out: PresenceOut): Netsplit {
  const { log } = out;
  return new Netsplit(policies, {
    detected: (sentence) => {
      out.netsplitDetected();
      log.warn({}, sentence);
    },
    resolved: (sentence) => {
      out.netsplitResolved();
      log.info({}, sentence);
    },
    changed: (sentence) => log.warn({}, sentence),
    refusing: (_operation, line) => log.warn({}, line),
  });
}
