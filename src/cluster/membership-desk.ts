import type { ClientLog } from '../session/mod.js';
import type { Site, Stamp } from './identity/mod.js';
import {
  Change,
  type ChangeRequest,
  type Classification,
  type JoinWish,
  type LeaveOptions,
  type MembershipAnswer,
  type MembershipRequest,
  type PeerState,
  type Proposal,
  underWay,
} from './membership/mod.js';
import { ChangeLine, changePatienceMs, type Result, type WantedChange } from './change-line.js';
import type { MemberLedger, Newcomer } from './member-ledger.js';

/** What membership needs of the tables, of the peers and of the node. */
export interface DeskOut {
  readonly log: ClientLog;
  nextStamp(now: number): Stamp;
  /** Rows of `coordinator`, or of this node, are on disk here up to `number`. */
  isDurable(coordinator: Site, number: number): boolean;
  stateOf(site: Site): PeerState;
  /** A member that was not up yet, in its first seconds or this node's. */
  isAwaited(site: Site): boolean;
  classify(site: Site, now: number): Classification;
  /** On the control lane. False: not taken, it is to be asked again. */
  request(site: Site, request: MembershipRequest): boolean;
  answer(site: Site, answer: MembershipAnswer): void;
  /** The rest of what a dead member said is taken over. False: that is not finished. */
  adopt(site: Site): boolean;
  /** Takes over what a live member that leaves has of sessions whose clients are gone. */
  adoptIdle(site: Site): void;
  /** This node is to hand over what it holds (again and again), or to serve again. */
  leaving(kill: boolean): boolean;
  stay(): void;
}

export interface DeskSettings {
  readonly self: Site;
  /** `cluster.tiebreak`; '' for none. */
  readonly tiebreak: string;
}

/** Between two questions that were not answered, in ms. */
const askAgainMs = 1000;

/** A coordinator that says no more that this node is to hand over has given it up, in ms. */
const forgottenMs = 5000;

/** What a dead member said may take so long to be taken over, in ms. */
const adoptMs = 15_000;

/** What a member that was asked to carry out a leaving may take beyond it, in ms. */
const relayMs = 15_000;

/** After a change that another one was in the way of, in ms; and how much later each member is. */
const againMs = 200;
const apartMs = 400;
/** So many members have pauses of their own. */
const placesApart = 8;

/** Lines with the same text are an hour's worth of repetition: said once in this time, in ms. */
const linePauseMs = 60_000;

/** A request that another member carries out. */
interface Relayed {
  readonly to: Site;
  readonly deadline: number;
  readonly done: (result: Result) => void;
}

interface Asked {
  readonly proposal: Proposal;
  readonly from: Site;
}

/** Carries changes of the members through: this node's own, and its part in those of others. */
export class MembershipDesk {
  readonly #settings: DeskSettings;
  readonly #ledger: MemberLedger;
  readonly #out: DeskOut;
  readonly #change: Change;
  readonly #line = new ChangeLine();
  /** Why a change was last put back. */
  #lastBusy: string = underWay('it is about to begin');
  /** The change under way. */
  #current: WantedChange | undefined;
  /** It has ended, and is told once this node's rows about it are on disk. */
  #ended: Result | undefined;
  #lastNumber = 0;
  /** Whose voices are to be asked for, with what; and this node's own. */
  #toAsk = new Map<Site, Proposal>();
  /** Questions of others whose rows are not durable here yet. */
  readonly #asked = new Map<Site, Asked>();
  /** The member whose belongings are being taken over. */
  #leaver: { readonly site: Site; kill: boolean; askAt: number } | undefined;
  /** Where an operator's request was passed on to. */
  #relayed: Relayed | undefined;
  /** When this node was last asked to hand over; undefined: it stays. */
  #handingOverAt: number | undefined;
  #said = { text: '', until: 0 };
  #now = 0;

  constructor(settings: DeskSettings, ledger: MemberLedger, out: DeskOut) {
    this.#ledger = ledger;
    this.#settings = settings;
    this.#out = out;
    const { self, tiebreak } = settings;
    const context = {
      ...{ self, members: ledger.members, tiebreak },
      isReachable: (site: Site) => site === self || out.stateOf(site) !== 'down',
      isAwaited: (site: Site) => out.isAwaited(site),
      classify: (site: Site) => out.classify(site, this.#now),
    };
    this.#change = new Change(context, {
      write: (rows, now) => {
        this.#lastNumber = ledger.write(rows, now);
        return this.#lastNumber;
      },
      ask: (member, proposal) => void this.#toAsk.set(member, proposal),
      handOver: (site) => {
        this.#leaver = { site, kill: this.#current?.options.kill ?? false, askAt: 0 };
      },
      done: (text, now) => this.#finish({ ok: true, text }, now),
      refused: (text, now, isBusy) => {
        if (!isBusy || !this.#putBack(text, now)) this.#finish({ ok: false, text }, now);
      },
    });
  }

  /** The ledger has started. */
  start(now: number): void {
    this.#now = now;
    this.#change.onStart(now);
  }

  /** At the end of a turn. */
  review(now: number): void {
    this.#now = now;
    this.#ledger.review(now);
    this.#ask(now);
    this.#answerDurable();
    this.#tellEnd(now);
    this.#beginNext(now);
  }

  tick(now: number): void {
    this.#now = now;
    this.#change.tick(now);
    this.#ask(now);
    this.#answerDurable();
    this.#tellEnd(now);
    this.#beginNext(now);
    this.#tickLeaver(now);
    if (this.#relayed !== undefined && now >= this.#relayed.deadline) this.#loseRelayed();
    if (this.#handingOverAt !== undefined && now - this.#handingOverAt > forgottenMs) {
      this.#handingOverAt = undefined;
      if (!this.#ledger.hasSelfLeft) this.#out.stay();
    }
  }

  memberUp(site: Site, now: number): void {
    this.#change.onMemberUp(site, now);
  }

  /** A site of that name and address, which knows the cookie, wants in. */
  join(
    who: Newcomer,
    { isFounding, force, isMember }: JoinWish,
    done: (result: Result, now: number) => void,
    now: number,
  ): void {
    this.#now = now;
    const ledger = this.#ledger;
    if (ledger.members.memberOf(who.site) !== undefined) {
      ledger.move(who, now);
      return done({ ok: true, text: `${who.name} is a member already` }, now);
    }
    if (isMember) {
      const text = `${who.name} is no member here: join it with vmq-admin cluster join`;
      return done({ ok: false, text }, now);
    }
    if (isFounding && ledger.isFounding) {
      const objection = ledger.meet(who, now);
      const text = objection ?? `${who.name} is a founder`;
      return done({ ok: objection === undefined, text }, now);
    }
    this.#begin({ kind: 'join', ...who }, { force, kill: false, timeoutMs: adoptMs }, done, now);
  }

  /** `node`: a name or an address. Somebody else carries out this node's own leaving. */
  leave(node: string, options: LeaveOptions, done: (result: Result) => void, now: number): void {
    this.#now = now;
    const { self } = this.#settings;
    const { members } = this.#ledger;
    const other = members.counting.find(
      ({ site }) => site !== self && this.#out.stateOf(site) === 'up',
    )?.site;
    const isSelf = members.memberNamed(node)?.site === self;
    if (!isSelf || other === undefined)
      return this.#begin({ kind: 'leave', node }, options, done, now);
    if (this.#relayed !== undefined) return done(relayedAlready);
    if (!this.#out.request(other, { kind: 'leave', node, options })) return done(notPassedOn);
    this.#relayed = { to: other, done, deadline: now + options.timeoutMs + relayMs };
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
      case 'gone':
        this.#onGone(now);
        return;
      case 'join':
        this.#out.answer(from, { kind: 'welcome', members: this.#ledger.list() });
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
    if (this.#relayed?.to === site) this.#loseRelayed();
  }

  #loseRelayed(): void {
    const relayed = this.#relayed;
    this.#relayed = undefined;
    const text = 'the member that carries it out does not answer: see cluster show, and repeat it';
    relayed?.done({ ok: false, text });
  }

  #begin(
    request: ChangeRequest,
    options: LeaveOptions,
    done: (result: Result, now: number) => void,
    now: number,
  ): void {
    if (this.#ledger.hasSelfLeft) return done(hasLeft, now);
    if (this.#ledger.isFounding) {
      const text = 'this node still waits for other founders (cluster.seeds): repeat it later';
      return done({ ok: false, text }, now);
    }
    const deadline = now + changePatienceMs;
    if (!this.#line.add({ request, options, done, deadline })) return done(this.#busy(), now);
    this.#beginNext(now);
  }

  #beginNext(now: number): void {
    for (const { done } of this.#line.takeImpatient(now)) done(this.#busy(), now);
    if (this.#current !== undefined || this.#ledger.hasSelfLeft) return;
    const next = this.#line.take(now);
    if (next === undefined) return;
    this.#current = next;
    const { force, timeoutMs: handOverMs } = next.options;
    const id = this.#out.nextStamp(now);
    this.#change.begin(next.request, { force, handOverMs, id }, now);
  }

  /** Another member's change was in the way of the current one. False: it was for too long. */
  #putBack(sentence: string, now: number): boolean {
    this.#lastBusy = sentence;
    const current = this.#current;
    const { self } = this.#settings;
    const place = this.#ledger.members.counting.filter(({ site }) => site < self).length;
    const pauseMs = againMs + (place % placesApart) * apartMs;
    if (current === undefined || !this.#line.putBack(current, pauseMs, now)) return false;
    this.#current = undefined;
    this.#toAsk.clear();
    return true;
  }

  #busy(): Result {
    const own = this.#change.underWay;
    return { ok: false, text: own === undefined ? this.#lastBusy : underWay(own) };
  }

  #finish(result: Result, now: number): void {
    this.#leaver = undefined;
    this.#toAsk.clear();
    this.#tell(result, now);
    this.#ended = result;
    this.review(now);
  }

  /** Whoever wants in asks again and again: what it is told is worth a line once in a while. */
  #tell({ ok, text }: Result, now: number): void {
    const isNew = text !== this.#said.text || now >= this.#said.until;
    if (!isNew) return;
    this.#said = { text, until: now + linePauseMs };
    this.#out.log[ok ? 'info' : 'warn']({}, `cluster members: ${text}`);
  }

  /** Nobody is told of what a crash could still undo. */
  #tellEnd(now: number): void {
    const result = this.#ended;
    if (result === undefined || !this.#out.isDurable(this.#settings.self, this.#lastNumber)) return;
    const done = this.#current?.done;
    this.#ended = undefined;
    this.#current = undefined;
    done?.(result, now);
  }

  /** The others say that this node has left: they have what it held. */
  #onGone(now: number): void {
    this.#ledger.leaveSelf(now);
    const text = `this node has left: stop it, and start it with an empty data directory to join again`;
    this.#relayed?.done({ ok: true, text });
    this.#relayed = undefined;
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
    this.#out.adoptIdle(site);
    this.#out.request(site, { kind: 'handOver', kill });
  }

  #handedOver(now: number): void {
    const leaver = this.#leaver?.site;
    this.#leaver = undefined;
    // Before its link ends with its membership.
    if (leaver !== undefined) this.#out.request(leaver, { kind: 'gone' });
    this.#change.onHandedOver(now);
  }
}

const hasLeft: Result = {
  ok: false,
  text: 'this node has left the cluster: start it with an empty data directory to join again',
};

const relayedAlready: Result = {
  ok: false,
  text: 'this node is about to leave already: see cluster show',
};

const notPassedOn: Result = {
  ok: false,
  text: 'no other member takes a request at the moment: see cluster show, and try again',
};
