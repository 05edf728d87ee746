import { assert } from '../base/mod.js';
import { membersMax, type Site, type Stamp } from './identity/mod.js';
import {
  type ListedMember,
  type Member,
  type MemberRow,
  Members,
  type RowToWrite,
  writeMemberRow,
  type WrittenRow,
} from './membership/mod.js';

/** Who wants in. */
export interface Newcomer {
  readonly site: Site;
  readonly name: string;
  readonly address: string;
}

export interface LedgerSettings {
  readonly self: Site;
  readonly name: string;
  readonly address: string;
  /** A first start waits for other founders. */
  readonly isFounder: boolean;
}

export interface LedgerOut {
  /** Of a row of this node about `subject`; undefined deletes it. Returns its number. */
  write(subject: Site, value: Uint8Array | undefined, stamp: Stamp): number;
  rowsOf(subject: Site): readonly WrittenRow[];
  nextStamp(now: number): Stamp;
  joined(member: Member): void;
  changed(member: Member): void;
  left(site: Site): void;
  membersChanged(members: readonly Member[], now: number): void;
  /** This node is no member any more, for ever. */
  selfLeft(now: number): void;
}

/** Rounds of rows that follow from rows; they end by themselves, after one or two. */
const roundsMax = 8;

/**
 * The Member rows: reads what all sites say, tells what became of it, and repeats in this node's
 * own rows what is in force, so that it outlives whoever said so first.
 */
export class MemberLedger {
  readonly members: Members = new Members();
  readonly #settings: LedgerSettings;
  readonly #out: LedgerOut;
  /** Members other than this node that were told of. */
  readonly #peers = new Map<Site, Member>();
  /** Sites about which rows changed; whoever reads the tables adds to them. */
  readonly #dirty: Set<Site>;
  #hasSelfLeft = false;

  constructor(settings: LedgerSettings, dirty: Set<Site>, out: LedgerOut) {
    this.#dirty = dirty;
    this.#settings = settings;
    this.#out = out;
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
    for (const subject of this.#dirty) this.members.onRows(subject, this.#out.rowsOf(subject));
    this.#dirty.add(self);
    if (this.members.hasLeft(self)) return;
    const own = this.members.rowOf(self, self);
    if (own !== undefined && own.name === name && own.address === address) return;
    const known = this.members.memberOf(self);
    const state = isFounder && known === undefined ? 'founding' : (own?.state ?? 'joined');
    this.#sayOfSelf(state, now);
  }

  /** Not from within the tables, which may be between two states. */
  review(now: number): void {
    for (let round = 0; this.#dirty.size > 0; round += 1) {
      assert(round < roundsMax, 'member rows go round in circles');
      for (const subject of this.#dirty) {
        this.members.onRows(subject, this.#out.rowsOf(subject));
      }
      this.#dirty.clear();
      this.#compare(now);
      this.#repeat(now);
      this.#out.membersChanged(this.members.counting, now);
    }
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

  /** What another founder, or a cluster that took this node in, says of its members. */
  adopt(listed: readonly ListedMember[], now: number): void {
    const { self } = this.#settings;
    for (const { site, stamp, row } of listed) {
      const isKnown = site === self || this.members.memberOf(site) !== undefined;
      if (!isKnown) this.#put(site, { ...row, state: 'joined' }, stamp);
    }
    if (this.isFounding && !listed.some(({ row }) => row.state === 'founding')) {
      this.endFounding(now);
    }
    this.review(now);
  }

  /** Enough founders have met, or a cluster took this one in. */
  endFounding(now: number): void {
    this.#sayOfSelf('joined', now);
    this.review(now);
  }

  /** The others say that this node has left: they have what it held. */
  leaveSelf(now: number): void {
    this.#sayOfSelf('left', now);
    this.review(now);
  }

  /** A founder met another. Undefined: they are of one cluster from now on; else why not. */
  meet({ site, name, address }: Newcomer, now: number): string | undefined {
    const { counting } = this.members;
    const namesake = counting.find((one) => one.name === name || one.address === address);
    if (namesake !== undefined) {
      return `another founder is called ${namesake.name} at ${namesake.address}: give each node a nodename and address of its own`;
    }
    const joined = this.#out.nextStamp(now);
    this.#put(site, { state: 'joined', name, address, joined }, joined);
    this.review(now);
    return undefined;
  }

  /** A member that the others could not reach says where it is now. */
  move({ site, name, address }: Newcomer, now: number): void {
    const { counting } = this.members;
    const known = this.members.memberOf(site);
    if (known === undefined || (known.name === name && known.address === address)) return;
    const isTaken = counting.some(
      (one) => one.site !== site && (one.name === name || one.address === address),
    );
    if (isTaken) return;
    const { joined } = known;
    this.#put(site, { state: 'joined', name, address, joined }, this.#out.nextStamp(now));
    this.review(now);
  }

  /** A site says itself that it is no member any more. */
  hearLeft(site: Site, now: number): void {
    const member = this.members.memberOf(site);
    if (member === undefined) return;
    const { name, address, joined } = member;
    this.#put(site, { state: 'left', name, address, joined }, this.#out.nextStamp(now));
    this.review(now);
  }

  /** Of a change. Returns the number of the last one; 0: none was written. */
  write(rows: readonly RowToWrite[], now: number): number {
    let number = 0;
    for (const { subject, row } of rows) {
      if (this.#isForEver(subject, row)) continue;
      const value = row === undefined ? undefined : writeMemberRow(row);
      number = this.#out.write(subject, value, this.#out.nextStamp(now));
      this.#dirty.add(subject);
    }
    return number;
  }

  #sayOfSelf(state: MemberRow['state'], now: number): void {
    const { self, name, address } = this.#settings;
    const stamp = this.#out.nextStamp(now);
    const joined = this.members.memberOf(self)?.joined ?? stamp;
    this.#put(self, { state, name, address, joined }, stamp);
  }

  /** That it left is never taken back, whoever has not heard of it. */
  #isForEver(subject: Site, row: MemberRow | undefined): boolean {
    return this.members.hasLeft(subject) && row?.state !== 'left';
  }

  #put(subject: Site, row: MemberRow, stamp: Stamp): void {
    if (this.#isForEver(subject, row)) return;
    this.#out.write(subject, writeMemberRow(row), stamp);
    this.#dirty.add(subject);
    this.members.onRows(subject, this.#out.rowsOf(subject));
  }

  /** What became of the others. */
  #compare(now: number): void {
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
    this.#out.selfLeft(now);
  }

  #repeat(now: number): void {
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
      this.#put(site, row, this.#out.nextStamp(now));
    }
  }
}
