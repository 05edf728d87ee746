import type { Random } from '../base/mod.js';
import type { ClientLog } from '../session/mod.js';
import type { Introductions } from './introductions.js';
import { majorityOf, StartGate, type StartMember } from './membership/mod.js';
import type { MemberLedger } from './member-ledger.js';

export interface StartupSettings {
  /** `HOST:PORT` of this node. */
  readonly address: string;
  /**
   * `cluster.seeds` or `cluster.dns` is set, so a first start waits for others;
   * `cluster.expected_members`, 0: as many as there are addresses, this node among them, but two
   * at least, for a name may not have been told of the others yet.
   */
  readonly founding: { readonly expectedMembers: number } | undefined;
  /** `cluster.start_wait`, in ms. */
  readonly startWaitMs: number;
}

export interface StartupOut {
  readonly log: ClientLog;
  /** Clients may be served. Once. */
  opened(now: number): void;
  /** Addresses of members that are down, and that this node waits for to be dialled by. */
  silentDiallers(): readonly string[];
  /** A member says that this node has left. */
  toldLeft(): void;
}

/** Between two introductions to members that do not dial, in ms; shortened by up to a half. */
const knockMs = 30_000;

/** The same, in ms, when somebody was there who takes this node for a member. */
const strangerPauseMs = 5000;
const strangersMax = 8;

/** Between two tries of the seeds, in ms; each is shortened by up to a half. */
const seekMs = 1000;

/** Between two lines about founders that are missing, in ms. */
const linePauseMs = 60_000;

/** What is to be known at a start: who the founders are, and when clients may come. */
export class Startup {
  readonly #settings: StartupSettings;
  readonly #ledger: MemberLedger;
  readonly #introductions: Introductions;
  readonly #random: Random;
  readonly #out: StartupOut;
  readonly #gate: StartGate;
  #seeds: readonly string[] | undefined;
  /** Addresses that lead back to this node. */
  readonly #own = new Set<string>();
  /** Being asked. */
  readonly #asked = new Set<string>();
  /** What each seed answered last. */
  readonly #answers = new Map<string, string>();
  /** They dialled this node as a member, and it knows nothing of that. */
  readonly #strangers = new Set<string>();
  /** Members were told that this node is here. */
  #knockAt = 0;
  #knockedAt = 0;
  #leftText: string | undefined;
  #hasEnded = false;
  #seekAt = 0;
  #lineAt: number | undefined;
  #reason = 'this node is starting';

  /** `starts`: when it was started lately, this time included. */
  constructor(
    settings: StartupSettings,
    starts: readonly number[],
    ledger: MemberLedger,
    introductions: Introductions,
    random: Random,
    out: StartupOut,
  ) {
    this.#settings = settings;
    this.#ledger = ledger;
    this.#introductions = introductions;
    this.#random = random;
    this.#out = out;
    this.#gate = new StartGate(
      { startWaitMs: settings.startWaitMs, starts },
      {
        open: (sentences, now) => {
          for (const sentence of sentences) out.log.warn({}, sentence);
          this.#reason = '';
          out.opened(now);
        },
        waiting: (sentence) => {
          this.#reason = sentence;
          out.log.info({}, sentence);
        },
      },
    );
    this.#own.add(settings.address);
  }

  get isOpen(): boolean {
    return this.#gate.isOpen;
  }

  /** Why it is not open yet; empty when it is. */
  get reason(): string {
    return this.#reason;
  }

  /** This node is no member any more, for ever. */
  get hasLeft(): boolean {
    return this.#leftText !== undefined || this.#ledger.hasSelfLeft;
  }

  /** What a first start has to go by. */
  seeds(addresses: readonly string[]): void {
    this.#seeds = [...new Set(addresses)];
    this.#seekAt = 0;
  }

  /** Whoever is at `address` may know more of this node than it does itself. */
  knockAt(address: string): void {
    if (this.#strangers.size < strangersMax) this.#strangers.add(address);
    this.#knockAt = Math.min(this.#knockAt, this.#knockedAt + strangerPauseMs);
  }

  /** `others`: the members but this one. */
  tick(others: readonly StartMember[], now: number): void {
    const ledger = this.#ledger;
    if (this.#hasEnded) return;
    if (now >= this.#knockAt && !ledger.isFounding) this.#knock(others, now);
    if (ledger.hasSelfLeft || this.#gate.isOpen || this.#leftText !== undefined) return;
    if (ledger.isFounding) {
      this.#found(now);
      if (ledger.isFounding) return;
      this.#out.log.info({}, `cluster founded: ${this.#names()}`);
    }
    this.#gate.onPrepared(now);
    this.#gate.tick(others, now);
  }

  /** Undefined while no other node is known of. */
  get #expected(): number | undefined {
    const expected = this.#settings.founding?.expectedMembers ?? 0;
    if (expected > 0) return expected;
    const others = (this.#seeds ?? []).filter((address) => !this.#own.has(address)).length;
    return others === 0 ? undefined : others + 1;
  }

  #found(now: number): void {
    const expected = this.#expected;
    const met = this.#ledger.members.counting.length;
    if (expected !== undefined && met * 2 > expected) return this.#ledger.endFounding(now);
    this.#reason =
      expected === undefined
        ? 'waiting for founders: cluster.seeds and cluster.dns name no other node; where this one is to be a cluster of its own, set cluster.expected_members = 1'
        : `waiting for founders: ${met} met, ${majorityOf(expected)} of ${expected} needed${this.#saidText()}`;
    if (now >= this.#seekAt) this.#seek(now);
    this.#lineAt ??= now + this.#settings.startWaitMs;
    if (now < this.#lineAt) return;
    this.#lineAt = now + linePauseMs;
    this.#out.log.warn({}, `clients are not served yet, ${this.#reason}`);
  }

  /** What came of those that were asked. */
  #saidText(): string {
    const said = [...this.#answers.values()];
    return said.length === 0 ? '' : ` (${said.join('; ')})`;
  }

  #seek(now: number): void {
    this.#seekAt = now + seekMs * (1 - this.#random.next() / 2);
    for (const address of this.#seeds ?? []) {
      if (this.#own.has(address) || this.#asked.has(address)) continue;
      this.#asked.add(address);
      const wish = { isFounding: true, force: false, isMember: false };
      this.#introductions.dial(
        address,
        wish,
        ({ ok, text, isSelf }) => {
          this.#asked.delete(address);
          if (isSelf) this.#own.add(address);
          if (ok || isSelf) this.#answers.delete(address);
          else this.#answers.set(address, text);
        },
        now,
      );
    }
  }

  /**
   * Of two members the one with the lower site dials. One that does not, for it knows another
   * address or knows that this node has left, is reached by an introduction; and if its address is
   * another one too, perhaps by a seed.
   */
  #knock(others: readonly StartMember[], now: number): void {
    this.#knockedAt = now;
    this.#knockAt = now + knockMs * (1 - this.#random.next() / 2);
    const addresses = new Set([...this.#out.silentDiallers(), ...this.#strangers]);
    if (others.some(({ state }) => state === 'missing')) {
      for (const seed of this.#seeds ?? []) if (!this.#own.has(seed)) addresses.add(seed);
    }
    this.#strangers.clear();
    for (const address of addresses) {
      if (this.#asked.has(address)) continue;
      this.#asked.add(address);
      this.#introductions.dial(
        address,
        { isFounding: false, force: false, isMember: true },
        ({ hasLeft, isSelf, text }) => {
          this.#asked.delete(address);
          if (isSelf) this.#own.add(address);
          if (hasLeft) this.toldLeft(text);
        },
        now,
      );
    }
  }

  /** A member says that this node has left. */
  toldLeft(text: string): void {
    if (this.#leftText !== undefined) return;
    this.#leftText = text;
    this.#reason = text;
    this.#out.log.warn({}, text);
    this.#out.toldLeft();
  }

  /** Nothing is looked for any more: this node is no member, and has nothing for the others. */
  end(text: string): void {
    this.#hasEnded = true;
    this.#leftText = text;
    this.#reason = text;
  }

  #names(): string {
    return this.#ledger.members.counting.map(({ name }) => name).join(', ');
  }
}
