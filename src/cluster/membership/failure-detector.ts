/**
 * Whether a peer is there, from what its two connections do.
 *
 * There are three kinds of evidence, and each deserves another patience.
 *
 * A closed connection is loud, and usually the truth: the process died, and its kernel said so.
 * But over a WAN a middlebox also resets connections whose ends are both well, and those are back
 * within a few round trips. So the peer is suspect at once, which only means that nobody waits for
 * it, and down when it is not back after a grace that grows with the distance.
 *
 * Silence is quiet, and may be anything: a frozen process, a cut cable, a long queue. Heartbeats
 * come every half second on both lanes and any byte counts as life, so several in a row must be
 * missing. Each lane is judged by itself: bulk on one says nothing about the other, and a peer of
 * which one lane is dead cannot do its work.
 *
 * What the peer says about us is the third: bytes that arrive here prove nothing about the other
 * direction. When it does not hear us, neither side may count the other as there, or the two would
 * answer clients differently for as long as a one-way cut lasts. The word that each gives about
 * the other is only what it hears itself; were it what it concludes, both would wait for ever for
 * the other to begin.
 *
 * Against ourselves: a process that stood still finds, on waking, that everybody was silent. Node
 * runs timers before it reads sockets, so the first tick after a stall knows less than the bytes
 * that wait for it. Nobody is judged by a tick that is late, nor until what waited was read and one
 * more heartbeat could come. A node that is late all the time therefore judges nobody by silence;
 * it is not fit to.
 *
 * Against the network: a link that comes and goes would take the gates of all clients with it. Each
 * flap within a minute doubles the time that it must be steady before the peer is up again. A
 * suspect is reachable by the rules, so it may not stay one for ever either.
 */
import { assert } from '../../base/mod.js';
import { membersMax, type Site } from '../identity/mod.js';

export type DetectedLane = 'control' | 'data';

/** Suspect: its connection broke a moment ago. It counts as reachable, but nobody waits for it. */
export type PeerState = 'up' | 'suspect' | 'down';

/** Judgements, once per change. */
export interface FailureDetectorOut {
  up(site: Site, now: number): void;
  suspect(site: Site, reason: string, now: number): void;
  /** Its connections, if there are any, are of no use: they should be reset. */
  down(site: Site, reason: string, now: number): void;
  /** It is down, and a connection to it has gone silent: that is dead and should be reset. */
  silent(site: Site, reason: string, now: number): void;
}

/** All in ms. */
export interface DetectorSettings {
  /** Of the link's heartbeats, on each lane. */
  readonly heartbeatIntervalMs: number;
  /** `cluster.reconnect_grace`. Higher hides short breaks and delays the reaction to long ones. */
  readonly reconnectGraceMs: number;
  /** `cluster.failure_timeout`. Lower: a stalled or distant peer is taken for a dead one. */
  readonly failureTimeoutMs: number;
}

export interface PeerStatus {
  readonly state: PeerState;
  /** In ms. Of a peer that is down: when it was last heard of, or was first looked for. */
  readonly since: number;
  /** Why it is not up; empty while it is. */
  readonly reason: string;
}

/** How often, in ms, {@link FailureDetector.tick} is to be called at least. */
export const tickIntervalMs = 50;

/** A tick that is later than this, in ms, judges nobody. */
const lateMs = 250;

/** The grace after a closed connection, in round trips: to notice, to dial, to shake hands. */
const graceRoundTrips = 8;

/** How long, in ms, a link must be steady after the first flap of a minute, and after many. */
const steadyMinMs = 500;
const steadyMaxMs = 8000;
const flapWindowMs = 60_000;

/** Flaps that are remembered: more of them double nothing any more. */
const flapsMax = 5;

/**
 * A suspect that is not up again after this, in ms, is down: longer than any link must be steady.
 */
const suspectMaxMs = 10_000;

const lanes: readonly DetectedLane[] = ['control', 'data'];

interface LaneLife {
  isOpen: boolean;
  /** When the last bytes came, or it was opened. */
  lifeAt: number;
}

type State =
  | { readonly name: 'up'; readonly since: number }
  | {
      readonly name: 'suspect';
      readonly since: number;
      readonly reason: string;
      /** Of the connection that is missing; it does not count once both are back. */
      readonly graceUntil: number;
      readonly graceMs: number;
    }
  | { readonly name: 'down'; readonly since: number; readonly reason: string };

interface Peer {
  readonly site: Site;
  readonly lanes: Readonly<Record<DetectedLane, LaneLife>>;
  state: State;
  /** What it says that it hears of this node; and its clock then, for lanes overtake each other. */
  word: PeerState;
  wordAt: number;
  hasRows: boolean;
  /** Smoothed, in ms; outlives the connection that it was measured on. */
  roundTripMs: number;
  /** Since when both lanes are open and alive; undefined: they are not. */
  steadySince: number | undefined;
  /** The last few, oldest first. */
  flaps: number[];
}

type Punctuality =
  | { readonly name: 'punctual' }
  /** A tick was late; nothing was read since. */
  | { readonly name: 'late' }
  | { readonly name: 'catchingUp'; readonly until: number };

/** See the head of this file. Events of peers that were removed mean nothing and are dropped. */
export class FailureDetector {
  readonly #settings: DetectorSettings;
  readonly #out: FailureDetectorOut;
  readonly #peers: Map<Site, Peer> = new Map();
  #lastTickAt: number | undefined = undefined;
  #punctuality: Punctuality = { name: 'punctual' };

  constructor(settings: DetectorSettings, out: FailureDetectorOut) {
    this.#settings = settings;
    this.#out = out;
  }

  /** It is down until it shows itself, without an event. */
  addPeer(site: Site, now: number): void {
    if (this.#peers.has(site)) return;
    assert(this.#peers.size < membersMax, 'more peers than a cluster may have members');
    this.#peers.set(site, {
      site,
      lanes: { control: { isOpen: false, lifeAt: now }, data: { isOpen: false, lifeAt: now } },
      state: { name: 'down', since: now, reason: 'not reached since this node started' },
      word: 'down',
      wordAt: 0,
      hasRows: false,
      roundTripMs: 0,
      steadySince: undefined,
      flaps: [],
    });
  }

  /** It left. Without an event. */
  removePeer(site: Site): void {
    this.#peers.delete(site);
  }

  /** Undefined: not a peer. */
  statusOf(site: Site): PeerStatus | undefined {
    const state = this.#peers.get(site)?.state;
    if (state === undefined) return undefined;
    const reason = state.name === 'up' ? '' : state.reason;
    return { state: state.name, since: state.since, reason };
  }

  /**
   * When a peer that is down was last heard of, in ms; undefined: it is not down, or is connected
   * again and about to be there.
   */
  silentSince(site: Site): number | undefined {
    const peer = this.#peers.get(site);
    if (peer?.state.name !== 'down' || lanes.some((lane) => peer.lanes[lane].isOpen)) {
      return undefined;
    }
    return Math.max(...lanes.map((lane) => peer.lanes[lane].lifeAt));
  }

  /** What this node says in its heartbeats: what it hears of the peer, whatever the peer says. */
  wordOn(site: Site, now: number): PeerState {
    const peer = this.#peers.get(site);
    if (peer === undefined) return 'down';
    if (this.#isHeard(peer, now)) return 'up';
    return peer.state.name === 'down' ? 'down' : 'suspect';
  }

  onLaneOpened(site: Site, lane: DetectedLane, now: number): void {
    const peer = this.#peers.get(site);
    if (peer === undefined) return;
    peer.lanes[lane].isOpen = true;
    peer.lanes[lane].lifeAt = now;
  }

  /** `reason` is the link's. What was agreed on over the connection is to be agreed on anew. */
  onLaneClosed(site: Site, lane: DetectedLane, reason: string, now: number): void {
    const peer = this.#peers.get(site);
    if (peer === undefined || !peer.lanes[lane].isOpen) return;
    const wasWhole = isWhole(peer);
    peer.lanes[lane].isOpen = false;
    // Vectors go over the control connection, and are not sent again when the other one comes back.
    if (lane === 'control') peer.hasRows = false;
    peer.word = 'down';
    peer.wordAt = 0;
    if (wasWhole) this.#noteFlap(peer, now);
    const { state } = peer;
    if (state.name === 'down') return;
    const graceMs = Math.max(
      this.#settings.reconnectGraceMs,
      Math.ceil(graceRoundTrips * peer.roundTripMs),
    );
    if (state.name === 'suspect') {
      if (wasWhole) peer.state = { ...state, graceUntil: now + graceMs, graceMs };
      return;
    }
    const why = `its ${lane} connection closed: ${reason}`;
    peer.state = { name: 'suspect', since: now, reason: why, graceUntil: now + graceMs, graceMs };
    this.#out.suspect(site, why, now);
  }

  /** Bytes came, whatever they are. */
  onAlive(site: Site, lane: DetectedLane, now: number): void {
    const peer = this.#peers.get(site);
    if (peer !== undefined) peer.lanes[lane].lifeAt = now;
  }

  /**
   * A heartbeat of the peer, on either lane: `word` is what it says of this node (`down` when it
   * does not name it), `sentAt` its clock then.
   */
  onHeartbeat(
    site: Site,
    word: PeerState,
    sentAt: number,
    roundTripMs: number | undefined,
    now: number,
  ): void {
    const peer = this.#peers.get(site);
    if (peer === undefined) return;
    if (roundTripMs !== undefined) peer.roundTripMs = roundTripMs;
    if (sentAt < peer.wordAt) return;
    peer.word = word;
    peer.wordAt = sentAt;
    this.#review(peer, now);
  }

  /** Both sides have each other's rows up to what was announced when the link came up. */
  onRowsExchanged(site: Site, now: number): void {
    const peer = this.#peers.get(site);
    // Perhaps before the data connection is open: this is said once.
    if (peer === undefined || !peer.lanes.control.isOpen) return;
    peer.hasRows = true;
    this.#review(peer, now);
  }

  tick(now: number): void {
    const last = this.#lastTickAt;
    this.#lastTickAt = now;
    if (last !== undefined && now - last > tickIntervalMs + lateMs) {
      this.#punctuality = { name: 'late' };
    }
    const punctuality = this.#punctuality;
    if (punctuality.name === 'catchingUp' && now >= punctuality.until) {
      this.#punctuality = { name: 'punctual' };
    }
    for (const peer of this.#peers.values()) this.#review(peer, now);
  }

  /** Sockets were read: to be called after each tick's turn of the event loop. */
  onPolled(now: number): void {
    if (this.#punctuality.name !== 'late') return;
    this.#punctuality = { name: 'catchingUp', until: now + this.#settings.heartbeatIntervalMs };
  }

  #review(peer: Peer, now: number): void {
    if (this.#punctuality.name !== 'punctual') return;
    const { state } = peer;
    const silent = this.#silentLane(peer, now);
    if (!isWhole(peer) || silent !== undefined) peer.steadySince = undefined;
    else peer.steadySince ??= now;
    if (state.name === 'down') {
      // Nobody else would notice: TCP goes on trying for a quarter of an hour.
      if (silent !== undefined) this.#out.silent(peer.site, this.#silence(silent), now);
      else if (this.#isUsable(peer, now)) this.#up(peer, now);
      return;
    }
    if (silent !== undefined) {
      return this.#down(peer, peer.lanes[silent].lifeAt, this.#silence(silent), now);
    }
    if (isWhole(peer) && peer.word === 'down' && peer.wordAt > 0) {
      return this.#down(peer, now, 'it says that it does not hear this node', now);
    }
    if (state.name === 'up') return;
    if (this.#isUsable(peer, now)) return this.#up(peer, now);
    if (!isWhole(peer) && now >= state.graceUntil) {
      const reason = `not back within ${state.graceMs} ms: ${state.reason}`;
      return this.#down(peer, state.since, reason, now);
    }
    if (now >= state.since + suspectMaxMs) {
      const reason = `not steady again within ${suspectMaxMs / 1000} s: ${state.reason}`;
      this.#down(peer, state.since, reason, now);
    }
  }

  #silence(lane: DetectedLane): string {
    return `nothing came on its ${lane} connection for ${this.#settings.failureTimeoutMs} ms`;
  }

  #up(peer: Peer, now: number): void {
    peer.state = { name: 'up', since: now };
    this.#out.up(peer.site, now);
  }

  /** `since`: when it was last heard of. */
  #down(peer: Peer, since: number, reason: string, now: number): void {
    if (peer.state.name === 'up') this.#noteFlap(peer, now);
    peer.state = { name: 'down', since, reason };
    peer.steadySince = undefined;
    this.#out.down(peer.site, reason, now);
  }

  #isUsable(peer: Peer, now: number): boolean {
    return peer.word === 'up' && this.#isHeard(peer, now);
  }

  #isHeard(peer: Peer, now: number): boolean {
    const { steadySince } = peer;
    if (!isWhole(peer) || !peer.hasRows || steadySince === undefined) return false;
    return now - steadySince >= steadyNeededMs(peer, now);
  }

  #silentLane(peer: Peer, now: number): DetectedLane | undefined {
    const { failureTimeoutMs } = this.#settings;
    return lanes.find((lane) => {
      const { isOpen, lifeAt } = peer.lanes[lane];
      return isOpen && now - lifeAt >= failureTimeoutMs;
    });
  }

  #noteFlap(peer: Peer, now: number): void {
    peer.steadySince = undefined;
    if (peer.flaps.at(-1) === now) return;
    peer.flaps.push(now);
    if (peer.flaps.length > flapsMax) peer.flaps.shift();
  }
}

function isWhole(peer: Peer): boolean {
  return peer.lanes.control.isOpen && peer.lanes.data.isOpen;
}

/** The first link of all need not prove itself. */
function steadyNeededMs(peer: Peer, now: number): number {
  if (peer.flaps.length === 0) return 0;
  const recent = peer.flaps.filter((at) => now - at < flapWindowMs).length;
  return Math.min(steadyMaxMs, steadyMinMs * 2 ** Math.max(0, recent - 1));
}
