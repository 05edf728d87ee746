import { assert } from '../base/mod.js';
import type { ClientLog } from '../session/mod.js';
import { membersMax, type Site, type Stamp } from './identity/mod.js';
import {
  Change,
  type ChangeRequest,
  type Classification,
  type LeaveOptions,
  type ListedMember,
  type Member,
  type MemberRow,
  Members,
  type MembershipAnswer,
  type MembershipRequest,
  type PeerState,
  type Proposal,
  type RowToWrite,
  writeMemberRow,
  type WrittenRow,
} from './membership/mod.js';

/** How an operator's request, or a new site's, ended. */
export interface Result {
  readonly ok: boolean;
  /** For people: what happened, or who is missing and what to do. */
  readonly text: string;
}

/** What membership needs of the tables, of the peers and of the node. */
export interface DeskOut {
  readonly log: ClientLog;
  /** Of a row of this node about `subject`; undefined deletes it. Returns its number. */
  write(subject: Site, value: Uint8Array | undefined, stamp: Stamp): number;
  rowsOf(subject: Site): readonly WrittenRow[];
  nextStamp(now: number): Stamp;
  /** Rows of `coordinator`, or of this node, are on disk here up to `number`. */
  isDurable(coordinator: Site, number: number): boolean;
  stateOf(site: Site): PeerState;
  classify(site: Site, now: number): Classification;
  /** On the control lane. False: not taken, it is to be asked again. */
  request(site: Site, request: MembershipRequest): boolean;
  answer(site: Site, answer: MembershipAnswer): void;
  /** The rest of what a dead member said is taken over. False: that is not finished. */
  adopt(site: Site): boolean;
  joined(member: Member): void;
  changed(member: Member): void;
  left(site: Site): void;
  membersChanged(members: readonly Member[], now: number): void;
  /** This node is to hand over what it holds (again and again), or to serve again. */
  leaving(kill: boolean): boolean;
  stay(): void;
  /** This node is no member any more, for ever. */
  selfLeft(now: number): void;
}

export interface DeskSettings {
  readonly self: Site;
  readonly name: string;
  readonly address: string;
  /** `cluster.tiebreak`; '' for none. */
  readonly tiebreak: string;
  /** A first start waits for other founders. */
  readonly isFounder: boolean;
}

/** Between two questions that were not answered, in ms. */
const askAgainMs = 1000;

/** A coordinator that says no more that this node is to hand over has given it up, in ms. */
const forgottenMs = 5000;

/** Rounds of rows that follow from rows; they end by themselves, after one or two. */
const roundsMax = 8;

interface Asked {
  readonly proposal: Proposal;
  readonly from: Site;
}

/** Who is a member: reads and writes Member rows, and carries changes through. */
export class MembershipDesk {
  readonly members: Members = new Members();
  readonly #settings: DeskSettings;
  readonly #out: DeskOut;
  readonly #change: Change;
  /** Members other than this node that were told of. */
  readonly #peers = new Map<Site, Member>();
  /** Sites about which rows changed; whoever reads the tables adds to them. */
  readonly #dirty: Set<Site>;
  /** Who waits for the change under way. */
  #done: ((result: Result, now: number) => void) | undefined;
  /** It has ended, and is told once this node's rows about it are on disk. */
  #ended: Result | undefined;
  #lastNumber = 0;
  /** Whose voices are to be asked for, with what; and this node's own. */
  #toAsk = new Map<Site, Proposal>();
  /** Questions of others whose rows are not durable here yet. */
  readonly #asked = new Map<Site, Asked>();
  /** The member whose belongings are being taken over. */
  #leaver: { readonly site: Site; kill: boolean; askAt: number } | undefined;
  #leaveOptions: LeaveOptions | undefined;
  /** Where an operator's request was passed on to. */
  #relayed: { readonly to: Site; readonly done: (result: Result) => void } | undefined;
  /** When this node was last asked to hand over; undefined: it stays. */
  #handingOverAt: number | undefined;
  #hasSelfLeft = false;
  #now = 0;

  constructor(settings: DeskSettings, dirty: Set<Site>, out: DeskOut) {
    this.#dirty = dirty;
    this.#settings = settings;
    this.#out = out;
    const { self, tiebreak } = settings;
    const context = {
      ...{ self, members: this.members, tiebreak },
      isReachable: (site: Site) => site === self || out.stateOf(site) !== 'down',
      classify: (site: Site) => out.classify(site, this.#now),
    };
    this.#change = new Change(context, {
      write: (rows, now) => this.#write(rows, now),
      ask: (member, proposal) => void this.#toAsk.set(member, proposal),
      handOver: (site) => {
        this.#leaver = { site, kill: this.#leaveOptions?.kill ?? false, askAt: 0 };
      },
      done: (text, now) => this.#finish({ ok: true, text }, now),
      refused: (text, now) => this.#finish({ ok: false, text }, now),
    });
  }

  get hasSelfLeft(): boolean {
    return this.#hasSelfLeft;
  }

  /** It waits for other founders: its own row says so. */
  get isFounding(): boolean {
    const { self } = this.#settings;
    return this.members.rowOf(self, self)?.state === 'founding';
  }

  /** The tables have what the disk had. A node that is nobody yet founds. */
  start(now: number): void {
    const { self, name, address, isFounder } = this.#settings;
    this.#now = now;
    for (const subject of this.#dirty) this.members.onRows(subject, this.#out.rowsOf(subject));
    const own = this.members.rowOf(self, self);
    const isElsewhere = own !== undefined && (own.name !== name || own.address !== address);
    if (!this.members.hasLeft(self) && (own === undefined || isElsewhere)) {
      const known = this.members.memberOf(self);
      const state = isFounder && known === undefined ? 'founding' : (own?.state ?? 'joined');
      const joined = known?.joined ?? this.#out.nextStamp(now);
      this.#put(self, { state, name, address, joined }, this.#out.nextStamp(now));
    }
    this.#change.onStart(now);
    this.#dirty.add(self);
    this.review(now);
  }

  /** Not from within the tables, which may be between two states. */
  review(now: number): void {
    this.#now = now;
    for (let round = 0; this.#dirty.size > 0; round += 1) {
      assert(round < roundsMax, 'member rows go round in circles');
      for (const subject of this.#dirty) {
        this.members.onRows(subject, this.#out.rowsOf(subject));
      }
      this.#dirty.clear();
      this.#compare();
      this.#repeat();
      this.#out.membersChanged(this.members.counting, now);
    }
    this.#ask(now);
    this.#answerDurable();
    this.#tellEnd(now);
  }

  tick(now: number): void {
    this.#now = now;
    this.#change.tick(now);
    this.#ask(now);
    this.#answerDurable();
    this.#tellEnd(now);
    this.#tickLeaver(now);
    if (this.#handingOverAt !== undefined && now - this.#handingOverAt > forgottenMs) {
      this.#handingOverAt = undefined;
      if (!this.#hasSelfLeft) this.#out.stay();
    }
  }

  memberUp(site: Site, now: number): void {
    this.#change.onMemberUp(site, now);
  }

  /** A site of that name and address, which knows the cookie, wants in. */
  join(
    who: { readonly site: Site; readonly name: string; readonly address: string },
    isFounding: boolean,
    force: boolean,
    done: (result: Result, now: number) => void,
    now: number,
  ): void {
    this.#now = now;
    if (isFounding && this.isFounding) return done(this.#meet(who, now), now);
    this.#begin({ kind: 'join', ...who }, { force, kill: false, timeoutMs: 0 }, done, now);
  }

  /** `node`: a name or an address. Somebody else carries out this node's own leaving. */
  leave(node: string, options: LeaveOptions, done: (result: Result) => void, now: number): void {
    this.#now = now;
    const { self } = this.#settings;
    const other = [...this.#peers.keys()].find((site) => this.#out.stateOf(site) === 'up');
    const isSelf = this.members.memberNamed(node)?.site === self;
    if (!isSelf || other === undefined)
      return this.#begin({ kind: 'leave', node }, options, done, now);
    if (this.#relayed !== undefined) return done(busy);
    if (!this.#out.request(other, { kind: 'leave', node, options })) return done(busy);
    this.#relayed = { to: other, done };
  }

  /** What another founder, or a cluster that took this node in, says of its members. */
  adoptList(listed: readonly ListedMember[], now: number): void {
    const { self } = this.#settings;
    for (const { site, stamp, row } of listed) {
      if (site !== self) this.#put(site, { ...row, state: 'joined' }, stamp);
    }
    if (this.isFounding && !listed.some(({ row }) => row.state === 'founding')) {
      this.endFounding(now);
    }
    this.review(now);
  }

  /** Enough founders have met, or a cluster took this one in. */
  endFounding(now: number): void {
    const { self, name, address } = this.#settings;
    const joined = this.members.memberOf(self)?.joined ?? 0;
    this.#put(self, { state: 'joined', name, address, joined }, this.#out.nextStamp(now));
    this.review(now);
  }

  /** The members, as somebody who joins is told of them. */
  list(): ListedMember[] {
    const { self } = this.#settings;
    return this.members.counting.slice(0, membersMax).map((member) => {
      const { site, name, address, joined, stamp } = member;
      const state = site === self && this.isFounding ? 'founding' : 'joined';
      return { site, stamp, row: { state, name, address, joined } };
    });
  }

  /** From a member, over its link. */
  onRequest(from: Site, request: MembershipRequest, now: number): void {
    this.#now = now;
    switch (request.kind) {
      case 'acknowledge':
        this.#asked.set(from, { proposal: request.proposal, from });
        this.#answerDurable();
        return;
      case 'handOver': {
        this.#handingOverAt = now;
        const isEmpty = this.#out.leaving(request.kill);
        this.#out.answer(from, { kind: 'handOver', isEmpty });
        return;
      }
      case 'leave': {
        const done = ({ ok, text: sentence }: Result): void =>
          this.#out.answer(from, { kind: 'result', ok, sentence });
        this.#begin({ kind: 'leave', node: request.node }, request.options, done, now);
        return;
      }
      case 'join':
        this.#out.answer(from, { kind: 'welcome', members: this.list() });
    }
  }

  /** From a member, over its link. */
  onAnswer(from: Site, answer: MembershipAnswer, now: number): void {
    this.#now = now;
    switch (answer.kind) {
      case 'acknowledged':
        this.#change.onAcknowledged(from, answer.id, now);
        return;
      case 'objected':
        this.#change.onObjected(from, answer.id, answer.sentence, now);
        return;
      case 'handOver':
        if (answer.isEmpty && this.#leaver?.site === from) this.#handedOver(now);
        return;
      case 'result':
        if (this.#relayed?.to !== from) return;
        this.#relayed.done({ ok: answer.ok, text: answer.sentence });
        this.#relayed = undefined;
        return;
      case 'welcome':
    }
  }

  /** The link to `site` is no more: what was passed on to it has no answer. */
  memberDown(site: Site): void {
    this.#asked.delete(site);
    if (this.#relayed?.to !== site) return;
    const text = 'the member that carries it out went away: see cluster show, and repeat it';
    this.#relayed.done({ ok: false, text });
    this.#relayed = undefined;
  }

  #begin(
    request: ChangeRequest,
    options: LeaveOptions,
    done: (result: Result, now: number) => void,
    now: number,
  ): void {
    if (this.#done !== undefined || this.#hasSelfLeft) return done(busy, now);
    if (this.isFounding) {
      const text = 'this node still waits for other founders (cluster.seeds): repeat it later';
      return done({ ok: false, text }, now);
    }
    this.#done = done;
    this.#leaveOptions = options;
    const id = this.#out.nextStamp(now);
    const { force, timeoutMs: handOverMs } = options;
    this.#change.begin(request, { force, handOverMs, id }, now);
  }

  #finish(result: Result, now: number): void {
    this.#leaver = undefined;
    this.#toAsk.clear();
    this.#out.log[result.ok ? 'info' : 'warn']({}, `cluster members: ${result.text}`);
    this.#ended = result;
    this.review(now);
  }

  /** Nobody is told of what a crash could still undo. */
  #tellEnd(now: number): void {
    const result = this.#ended;
    if (result === undefined || !this.#out.isDurable(this.#settings.self, this.#lastNumber)) return;
    const done = this.#done;
    this.#ended = undefined;
    this.#done = undefined;
    done?.(result, now);
  }

  /** Two founders are of one cluster from now on. */
  #meet(
    {
      site,
      name,
      address,
    }: { readonly site: Site; readonly name: string; readonly address: string },
    now: number,
  ): Result {
    const { members } = this;
    if (members.memberOf(site) !== undefined) return { ok: true, text: `${name} is known` };
    const namesake = members.counting.find((one) => one.name === name || one.address === address);
    if (namesake !== undefined) {
      const text = `another founder is called ${namesake.name} at ${namesake.address}: give each node a nodename and address of its own`;
      return { ok: false, text };
    }
    const joined = this.#out.nextStamp(now);
    this.#put(site, { state: 'joined', name, address, joined }, joined);
    this.review(now);
    return { ok: true, text: `${name} is a founder` };
  }

  #write(rows: readonly RowToWrite[], now: number): number {
    let number = 0;
    for (const { subject, row } of rows) {
      const value = row === undefined ? undefined : writeMemberRow(row);
      number = this.#out.write(subject, value, this.#out.nextStamp(now));
      this.#dirty.add(subject);
      this.#lastNumber = number;
    }
    return number;
  }

  #put(subject: Site, row: MemberRow, stamp: Stamp): void {
    this.#out.write(subject, writeMemberRow(row), stamp);
    this.#dirty.add(subject);
    this.members.onRows(subject, this.#out.rowsOf(subject));
  }

  /** What became of the others. */
  #compare(): void {
    const { self } = this.#settings;
    const { members } = this;
    for (const site of this.#peers.keys()) {
      if (members.memberOf(site) !== undefined) continue;
      this.#peers.delete(site);
      this.#out.left(site);
    }
    for (const member of members.counting) {
      const { site, name, address } = member;
      if (site === self) continue;
      const known = this.#peers.get(site);
      if (known === undefined && this.#peers.size + 1 >= membersMax) continue;
      this.#peers.set(site, member);
      if (known === undefined) this.#out.joined(member);
      else if (known.name !== name || known.address !== address) this.#out.changed(member);
    }
    if (!members.hasLeft(self) || this.#hasSelfLeft) return;
    this.#hasSelfLeft = true;
    this.#out.selfLeft(this.#now);
  }

  /** This node's own word for what is in force: it outlives whoever said so first. */
  #repeat(): void {
    const { self } = this.#settings;
    const { members } = this;
    if (this.#hasSelfLeft) return;
    for (const { site, name, address, joined, stamp } of members.counting) {
      if (site === self) continue;
      const own = members.rowOf(site, self);
      const isSaid = own?.name === name && own.address === address && own.joined === joined;
      if (!isSaid) this.#put(site, { state: 'joined', name, address, joined }, stamp);
    }
    for (const { site, row } of members.left) {
      if (members.rowOf(site, self)?.state === 'left') continue;
      this.#put(site, row, this.#out.nextStamp(this.#now));
    }
  }

  /** Puts the question to those that have not got it, and to this node's own disk. */
  #ask(now: number): void {
    const { self } = this.#settings;
    for (const [member, proposal] of this.#toAsk) {
      if (member === self) {
        if (!this.#out.isDurable(self, proposal.number)) continue;
        this.#toAsk.delete(member);
        this.#change.onAcknowledged(self, proposal.id, now);
      } else if (this.#out.request(member, { kind: 'acknowledge', proposal })) {
        this.#toAsk.delete(member);
      }
    }
  }

  #answerDurable(): void {
    for (const [from, { proposal }] of this.#asked) {
      const { coordinator, number, id } = proposal;
      if (coordinator !== from) {
        this.#asked.delete(from);
        continue;
      }
      const verdict = this.#change.judge(proposal);
      if (verdict.kind === 'wait') continue;
      if (verdict.kind === 'acknowledged' && !this.#out.isDurable(coordinator, number)) continue;
      this.#asked.delete(from);
      if (verdict.kind === 'acknowledged') this.#out.answer(from, { kind: 'acknowledged', id });
      else this.#out.answer(from, { kind: 'objected', id, sentence: verdict.sentence });
    }
  }

  #tickLeaver(now: number): void {
    const leaver = this.#leaver;
    if (leaver === undefined || now < leaver.askAt) return;
    const { site, kill } = leaver;
    if (this.#out.stateOf(site) === 'down') {
      if (this.#out.adopt(site)) this.#handedOver(now);
      return;
    }
    leaver.askAt = now + askAgainMs;
    this.#out.request(site, { kind: 'handOver', kill });
  }

  #handedOver(now: number): void {
    this.#leaver = undefined;
    this.#change.onHandedOver(now);
  }
}

const busy: Result = {
  ok: false,
  text: 'another change of the members is under way here: repeat this when it is done',
};
