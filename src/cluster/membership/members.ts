import { isLater, type Site, type Stamp } from '../identity/mod.js';
import { type MemberRow, readMemberRow } from './member-row.js';
import type { Classification } from './views.js';

/** A site that joined and has not left, running or not. */
export interface Member {
  readonly site: Site;
  readonly name: string;
  readonly address: string;
  readonly joined: Stamp;
  /** Of the row that says so. */
  readonly stamp: Stamp;
}

/** A join or leave that is not in force yet. */
export interface PendingChange {
  readonly subject: Site;
  readonly name: string;
  readonly state: 'joining' | 'leaving';
  /** The site whose row it is: it carries the change through. */
  readonly coordinator: Site;
  readonly stamp: Stamp;
}

/** Sites that ever were members: their rows stay, so after so many no new one is taken in. */
export const sitesMax = 4096;

/** What one site wrote about another, as the tables have it. */
export interface WrittenRow {
  readonly site: Site;
  readonly stamp: Stamp;
  readonly value: Uint8Array | undefined;
}

interface Said {
  readonly writer: Site;
  readonly row: MemberRow;
  readonly stamp: Stamp;
}

/**
 * The list of members, from the rows that all sites wrote. Several sites have a row of one member:
 * the member itself, those that carried it in or out, and all others, who repeat what is in force
 * so that it outlives whoever wrote it first.
 */
export class Members {
  /** By subject. */
  readonly #said: Map<Site, readonly Said[]> = new Map();
  /** Kept even when the rows that said so are gone with their writers. */
  readonly #left: Set<Site> = new Set();
  #counting: readonly Member[] | undefined = undefined;

  /** Sites that were ever heard of, those that left included. */
  get sitesKnown(): number {
    return new Set([...this.#said.keys(), ...this.#left]).size;
  }

  /** These are all rows about `subject` now. */
  onRows(subject: Site, rows: readonly WrittenRow[]): void {
    this.#counting = undefined;
    const said: Said[] = [];
    for (const { site: writer, stamp, value } of rows) {
      const row = value === undefined ? undefined : readMemberRow(value);
      if (row === undefined) continue;
      said.push({ writer, row, stamp });
      if (row.state === 'left') this.#left.add(subject);
    }
    if (said.length === 0) this.#said.delete(subject);
    else this.#said.set(subject, said);
  }

  /** What `writer` says of `subject`. */
  rowOf(subject: Site, writer: Site): MemberRow | undefined {
    return this.#said.get(subject)?.find((said) => said.writer === writer)?.row;
  }

  /** Those that count for majorities, by name. */
  get counting(): readonly Member[] {
    this.#counting ??= this.#count();
    return this.#counting;
  }

  /** The member `site`, if it counts. */
  memberOf(site: Site): Member | undefined {
    return this.counting.find((member) => member.site === site);
  }

  /** The member that an operator means: by name, or by address. */
  memberNamed(text: string): Member | undefined {
    const { counting } = this;
    return (
      counting.find(({ name }) => name === text) ?? counting.find(({ address }) => address === text)
    );
  }

  /** It left, and may never come back; its node needs a new data directory. */
  hasLeft(site: Site): boolean {
    return this.#left.has(site);
  }

  /** Every site that left, with what its last row said. */
  get left(): readonly { readonly site: Site; readonly row: MemberRow }[] {
    const found: { site: Site; row: MemberRow }[] = [];
    for (const site of this.#left) {
      const row = this.#said.get(site)?.find((said) => said.row.state === 'left')?.row;
      if (row !== undefined) found.push({ site, row });
    }
    return found;
  }

  /** Changes that are not in force yet, the earliest first. */
  get pending(): readonly PendingChange[] {
    const found: PendingChange[] = [];
    for (const [subject, said] of this.#said) {
      if (this.hasLeft(subject)) continue;
      const counts = this.memberOf(subject) !== undefined;
      for (const { writer: coordinator, row, stamp } of said) {
        const { state, name } = row;
        if (state !== 'leaving' && (state !== 'joining' || counts)) continue;
        found.push({ subject, name, state, coordinator, stamp });
      }
    }
    return found.sort((one, other) =>
      isLater(one.stamp, one.coordinator, other.stamp, other.coordinator) ? 1 : -1,
    );
  }

  #count(): readonly Member[] {
    const counting: Member[] = [];
    for (const [site, said] of this.#said) {
      if (this.#left.has(site)) continue;
      let latest: Said | undefined;
      for (const one of said) {
        if (one.row.state === 'joining') continue;
        if (latest === undefined || isLater(one.stamp, one.writer, latest.stamp, latest.writer)) {
          latest = one;
        }
      }
      if (latest === undefined) continue;
      const { name, address, joined } = latest.row;
      counting.push({ site, name, address, joined, stamp: latest.stamp });
    }
    return counting.sort((one, other) => {
      if (one.name !== other.name) return one.name < other.name ? -1 : 1;
      return one.site < other.site ? -1 : 1;
    });
  }
}

/** Members that are more than half of `total`. */
export function majorityOf(total: number): number {
  return Math.floor(total / 2) + 1;
}

/**
 * Whether `present` are a majority of `members`, or exactly half with the node that is called
 * `tiebreak` (empty: nobody).
 */
export function isMajority(
  present: ReadonlySet<Site>,
  members: readonly Member[],
  tiebreak: string,
): boolean {
  const here = members.filter(({ site }) => present.has(site));
  if (here.length * 2 !== members.length) return here.length >= majorityOf(members.length);
  return here.some(({ name }) => name === tiebreak);
}

/** How a site that nobody knows may come in. */
export type Admission =
  | { readonly kind: 'new' }
  /** It has the name and address of a member that nobody sees, which leaves in the same change. */
  | { readonly kind: 'replaces'; readonly member: Member }
  | { readonly kind: 'refused'; readonly sentence: string };

/** What is to be done with a new site of this name and address. */
export function admissionOf(
  { name, address }: { readonly name: string; readonly address: string },
  members: readonly Member[],
  classify: (site: Site) => Classification,
): Admission {
  const namesake = members.find((member) => member.name === name);
  const neighbour = members.find((member) => member.address === address);
  if (namesake === undefined && neighbour === undefined) return { kind: 'new' };
  if (namesake !== undefined && namesake === neighbour) {
    if (classify(namesake.site).kind === 'dead') return { kind: 'replaces', member: namesake };
    const sentence = `the member ${name} at ${address} was seen a moment ago, and only one process may be it: stop the other one, or give this node a nodename and address of its own`;
    return { kind: 'refused', sentence };
  }
  const sentence =
    namesake === undefined
      ? `the address ${address} belongs to member ${neighbour?.name ?? ''}: give this node an address of its own, or remove that member with vmq-admin cluster leave node=${neighbour?.name ?? ''}`
      : `the name ${name} belongs to the member at ${namesake.address}: give this node another nodename, or remove that member with vmq-admin cluster leave node=${name}`;
  return { kind: 'refused', sentence };
}
