import type { Random } from '../base/mod.js';
import type { ClientLog } from '../session/mod.js';
import { Adoption } from './adoption.js';
import type { Site, StampClock } from './identity/mod.js';
import { type IntroductionsOut, Introductions } from './introductions.js';
import {
  FrameType,
  type Lane,
  LaneKind,
  type LinkContext,
  type PeerFacts,
  type Refusal,
  RefusalCode,
  type Transport,
} from './link/mod.js';
import {
  type JoinWish,
  type LeaveOptions,
  type Member,
  type Members,
  type MembershipAnswer,
  readAnswer,
  readRequest,
  recentStarts,
  type StartMember,
  writeAnswer,
  writeRequest,
} from './membership/mod.js';
import { type LedgerOut, MemberLedger } from './member-ledger.js';
import type { Result } from './change-line.js';
import { type DeskOut, MembershipDesk } from './membership-desk.js';
import { RowKind, type Tables } from './metadata/mod.js';
import type { Peer } from './peer.js';
import type { Presence } from './presence.js';
import { type DrainHost, RemnantsDrain } from './remnants-drain.js';
import type { MembershipNews } from './report/mod.js';
import type { RowDisk } from './row-disk.js';
import { Startup, type StartupSettings } from './startup.js';

export interface BelongingSettings extends StartupSettings {
  readonly nodeName: string;
  readonly tiebreak: string;
}

/** What a node has to give away before it leaves. */
export interface LeaveHost {
  /** No session, no queue and no parked message is here any more. */
  isEmpty(): boolean;
  /** Of sessions that other members have, nothing is here any more. */
  isHandedOver(): boolean;
  /** Bring everything to the others; `kill`: without waiting for clients to go. Repeated. */
  drain(kill: boolean): void;
  /** It stays after all. */
  resume(): void;
  /**
   * Claims what the member `site`, which is being removed, has of persistent sessions: all of them
   * when it is dead, else those whose clients are gone. Called until it returns true.
   */
  adopt(site: Site, isDead: boolean): boolean;
}

/** What stands around it, of one node. */
export interface BelongingParts {
  readonly site: Site;
  /** Sites about which a Member row changed. */
  readonly memberRows: Set<Site>;
  readonly tables: Tables;
  readonly stamps: StampClock;
  readonly presence: Presence;
  readonly disk: RowDisk;
  readonly peers: ReadonlyMap<Site, Peer>;
  readonly context: LinkContext;
  readonly transport: Transport;
  readonly random: Random;
  readonly log: ClientLog;
}

export interface BelongingOut {
  joined(member: Member): void;
  changed(member: Member): void;
  left(site: Site): void;
  /** Clients may be served. Once. */
  opened(now: number): void;
  /** This node has left: its links are of no use any more. */
  ended(now: number): void;
  /** Another process has this node's identity, or had. */
  turnedAway(refusal: Refusal, address: string, now: number): void;
  /** No operation is allowed, for this reason and for ever. */
  shut(reason: string): void;
  /** Nobody may connect, for this reason; undefined: they may again. */
  door(reason: string | undefined): void;
}

/**
 * This node's place in the cluster: puts ledger, desk, introductions and the start together.
 *
 * ```
 *  Member rows ◀─▶ MemberLedger ◀─ MembershipDesk ◀─ requests of members
 *                      ▲                  ▲
 *  opened ◀── Startup ─┴─ Introductions ──┘ new sites
 * ```
 */
export class Belonging implements IntroductionsOut {
  readonly log: ClientLog;
  readonly #parts: BelongingParts;
  readonly #out: BelongingOut;
  readonly #name: string;
  readonly #ledger: MemberLedger;
  readonly #desk: MembershipDesk;
  readonly #introductions: Introductions;
  readonly #startup: Startup;
  #leaveHost: LeaveHost | undefined;
  #isDraining = false;
  /** This node was removed while it could not be asked, and still has something. */
  #rest: RemnantsDrain | undefined;
  #adoption: { readonly site: Site; readonly rows: Adoption } | undefined;

  /** `starts`: earlier ones, from disk. */
  constructor(
    parts: BelongingParts,
    settings: BelongingSettings,
    starts: readonly number[],
    out: BelongingOut,
    now: number,
  ) {
    const { site: self, context, transport, random, log, disk } = parts;
    const { nodeName: name, address, tiebreak } = settings;
    this.log = log;
    this.#parts = parts;
    this.#out = out;
    this.#name = name;
    const isFounder = settings.founding !== undefined;
    const ledgerSettings = { self, name, address, isFounder };
    this.#ledger = new MemberLedger(ledgerSettings, parts.memberRows, this.#ledgerOut());
    this.#desk = new MembershipDesk({ self, tiebreak }, this.#ledger, this.#deskOut());
    this.#introductions = new Introductions(context, transport, this);
    const recent = recentStarts(starts, now);
    disk.starts(recent);
    this.#startup = new Startup(settings, recent, this.#ledger, this.#introductions, random, {
      log,
      opened: (when) => out.opened(when),
      silentDiallers: () => this.#silentDiallers(),
      toldLeft: () => out.shut('this node has left the cluster'),
    });
  }

  get members(): Members {
    return this.#ledger.members;
  }

  get startup(): Startup {
    return this.#startup;
  }

  /** For `cluster show`. */
  get news(): MembershipNews {
    const { reason: heldBack, hasLeft } = this.#startup;
    return { heldBack, hasLeft, changes: hasLeft ? [] : this.members.pending };
  }

  set leaveHost(host: LeaveHost) {
    this.#leaveHost = host;
  }

  /** The tables have what the disk had. */
  start(now: number): void {
    this.#ledger.start(now);
    this.#desk.start(now);
    this.#ledger.review(now);
  }

  onTurnEnd(now: number): void {
    this.#desk.review(now);
  }

  tick(now: number): void {
    this.#introductions.tick(now);
    this.#desk.tick(now);
    this.#rest?.tick(now);
    this.#startup.tick(this.#others(), now);
  }

  close(): void {
    this.#introductions.close();
  }

  memberUp(site: Site, now: number): void {
    this.#desk.memberUp(site, now);
  }

  memberDown(site: Site): void {
    this.#desk.memberDown(site);
  }

  /** A node dialled this one as a member, and is none here: it may have taken this one in. */
  strangerDialled(address: string): void {
    if (this.members.counting.length === 1) this.#startup.knockAt(address);
  }

  /** A member does not let this node in. */
  refused({ code, by, peer, sentence }: Refusal): void {
    const isTold = code === RefusalCode.LeftSite && by === 'peer' && peer?.isProved === true;
    if (isTold) this.#startup.toldLeft(sentence);
  }

  introduced(lane: Lane, peer: PeerFacts, now: number): void {
    this.#introductions.accept(lane, peer, now);
  }

  /** Into the cluster of whoever is at `address`. */
  join(address: string, force: boolean, done: (result: Result) => void, now: number): void {
    if (this.#startup.hasLeft) {
      const text = 'this node has left its cluster: start it with an empty data directory';
      return done({ ok: false, text });
    }
    const { counting } = this.members;
    const others = counting.filter(({ site }) => site !== this.#parts.site);
    if (others.length > 0) {
      const text = `this node is in a cluster with ${others.map(({ name }) => name).join(', ')} already`;
      if (others.some((one) => one.address === address)) return done({ ok: true, text });
      const remedy = `to join another one, it must leave this one first (vmq-admin cluster leave node=${this.#name} -k) and be started with an empty data directory`;
      return done({ ok: false, text: `${text}: ${remedy}` });
    }
    const wish = { isFounding: this.#ledger.isFounding, force, isMember: false };
    this.#introductions.dial(address, wish, ({ ok, text }) => done({ ok, text }), now);
  }

  leave(node: string, options: LeaveOptions, done: (result: Result) => void, now: number): void {
    this.#desk.leave(node, options, done, now);
  }

  /** A frame of a member. False: not about membership. */
  onFrame(site: Site, type: number, body: Uint8Array, now: number): boolean {
    if (type === FrameType.Request) {
      const request = readRequest(body);
      if (request !== undefined) this.#desk.onRequest(site, request, now);
      return request !== undefined;
    }
    const answer = readAnswer(body);
    if (answer !== undefined) this.#desk.onAnswer(site, answer, now);
    return answer !== undefined;
  }

  // IntroductionsOut

  asked(
    { site, nodeName: name, address }: PeerFacts,
    wish: JoinWish,
    answer: (answer: MembershipAnswer, now: number) => void,
    now: number,
  ): void {
    const done = ({ ok, text: sentence }: Result, when: number): void => {
      if (ok) answer({ kind: 'welcome', members: this.#ledger.list() }, when);
      else answer({ kind: 'result', ok, sentence }, when);
    };
    if (wish.isMember && this.members.memberOf(site) === undefined) this.strangerDialled(address);
    this.#desk.join({ site, name, address }, wish, done, now);
  }

  welcomed(by: PeerFacts, members: Parameters<IntroductionsOut['welcomed']>[1], now: number): void {
    const isNew = this.members.memberOf(by.site) === undefined;
    if (isNew) this.log.info({ member: by.nodeName }, 'this node was taken in by a member');
    this.#ledger.adopt(members, now);
    if (members.every(({ site }) => site !== by.site)) this.#ledger.hearLeft(by.site, now);
    this.#ledger.move({ site: by.site, name: by.nodeName, address: by.address }, now);
  }

  /** Other reasons are told to whoever wanted the introduction. */
  turnedAway(refusal: Refusal, address: string, now: number): void {
    const { StaleBoot, Clone, SecondProcess } = RefusalCode;
    const isOfIdentity = [StaleBoot, Clone, SecondProcess].some((code) => code === refusal.code);
    if (isOfIdentity) this.#out.turnedAway(refusal, address, now);
  }

  #ledgerOut(): LedgerOut {
    const { site: self, tables, stamps, presence, log } = this.#parts;
    return {
      write: (subject, value, stamp) => {
        if (value === undefined) tables.remove(RowKind.Member, subject);
        else tables.put(RowKind.Member, subject, value, stamp);
        return tables.lastNumber;
      },
      rowsOf: (subject) => tables.rowsOf(RowKind.Member, subject),
      nextStamp: (now) => stamps.next(now),
      joined: (member) => {
        if (this.#startup.isOpen)
          log.info({ member: member.name }, 'member has joined the cluster');
        this.#out.joined(member);
      },
      changed: (member) => this.#out.changed(member),
      left: (site) => {
        const name = this.members.left.find((one) => one.site === site)?.row.name ?? site;
        if (this.#startup.isOpen) log.info({ member: name }, 'member has left the cluster');
        this.#out.left(site);
      },
      membersChanged: (members, now) => presence.membersChanged(members, now),
      selfLeft: (now) => {
        this.#out.shut('this node has left the cluster');
        log.warn({ site: self }, 'this node has left the cluster, and serves nobody any more');
        // One that was asked to go has handed everything over.
        if (this.#isDraining) this.#end('this node has left the cluster', now);
        else this.#rest = new RemnantsDrain(this.#drainHost(), now);
      },
    };
  }

  #deskOut(): DeskOut {
    const { tables, stamps, presence, peers, log } = this.#parts;
    return {
      log,
      nextStamp: (now) => stamps.next(now),
      isDurable: (coordinator, number) => {
        const position = tables.position(coordinator);
        return position !== undefined && position.durable >= number;
      },
      stateOf: (site) => presence.stateOf(site),
      isAwaited: (site) => presence.isAwaited(site),
      classify: (site, now) => presence.classify(site, now),
      request: (site, request) => {
        const link = peers.get(site)?.link;
        return link?.send(LaneKind.Control, FrameType.Request, writeRequest(request)) ?? false;
      },
      answer: (site, answer) => {
        const body = writeAnswer(answer);
        peers.get(site)?.link.send(LaneKind.Control, FrameType.Response, body);
      },
      adopt: (site) => this.#adopt(site),
      adoptIdle: (site) => this.#leaveHost?.adopt(site, false),
      leaving: (kill) => this.#drain(kill),
      stay: () => {
        log.warn({}, 'this node stays in the cluster: its leaving was given up');
        this.#isDraining = false;
        this.#out.door(undefined);
        this.#leaveHost?.resume();
      },
    };
  }

  #drainHost(): DrainHost {
    const { presence } = this.#parts;
    return {
      log: this.log,
      name: this.#name,
      isAnyUp: () => this.members.counting.some(({ site }) => presence.stateOf(site) === 'up'),
      isHandedOver: () => this.#leaveHost?.isHandedOver() === true && !this.#isFlowing,
      closeClients: () => this.#leaveHost?.drain(true),
      ended: (text, now) => this.#end(text, now),
    };
  }

  #end(text: string, now: number): void {
    this.#startup.end(text);
    this.#out.ended(now);
  }

  get #isFlowing(): boolean {
    return [...this.#parts.peers.values()].some(({ flow }) => flow.unconfirmedCount > 0);
  }

  #drain(kill: boolean): boolean {
    const host = this.#leaveHost;
    if (!this.#isDraining) {
      this.#isDraining = true;
      this.log.info({ kill }, 'this node is to leave the cluster: it hands over what it holds');
      this.#out.door('this node is about to leave the cluster: use another one');
    }
    host?.drain(kill);
    return host?.isEmpty() === true && !this.#isFlowing;
  }

  #adopt(site: Site): boolean {
    const { tables } = this.#parts;
    if (this.#adoption?.site !== site) this.#adoption = { site, rows: new Adoption(tables, site) };
    if (!this.#adoption.rows.step() || this.#leaveHost?.adopt(site, true) === false) return false;
    this.#adoption = undefined;
    return true;
  }

  #silentDiallers(): string[] {
    const { site: self, presence } = this.#parts;
    return this.members.counting
      .filter(({ site }) => site < self && presence.stateOf(site) === 'down')
      .map(({ address }) => address);
  }

  #others(): StartMember[] {
    const { site: self, presence, peers } = this.#parts;
    return this.members.counting
      .filter(({ site }) => site !== self)
      .map(({ site, name }) => {
        if (presence.stateOf(site) !== 'down') return { name, state: 'up' };
        return { name, state: peers.get(site)?.link.isReady === true ? 'linked' : 'missing' };
      });
  }
}
