import { isLater, type Site, type Stamp } from '../identity/mod.js';
import type { MemberRow } from './member-row.js';
import type { Classification } from './views.js';

/** A site that joined and has not left, running or not. */
export interface Member {
  readonly site: Site;
  readonly name: string;
  readonly address: string;
  readonly joined: Stamp;
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

/** Sites that ever were members: their rows stay, so a cluster that has had more takes no new one. */
export const sitesMax = 4096;

interface Said {
  readonly row: MemberRow;
  readonly stamp: Stamp;
}

/**
 * The list of members, from the rows that all sites wrote. Several sites may have a row of one
 * member: the member itself, and those that carried it in or out.
 */
export class Members {
  /** subject → writer → what it said. */
  readonly #said: Map<Site, Map<Site, Said>> = new Map();
  #counting: readonly Member[] | undefined = undefined;
  #version = 0;

  /** Rises whenever anything may be otherwise. */
  get version(): number {
    return this.#version;
  }

  /** Sites with a row, those that left included. */
  get sitesKnown(): number {
    return this.#said.size;
  }

  /** `writer` has this row of `subject` now; undefined: it has none any more. */
  onRow(subject: Site, writer: Site, row: MemberRow | undefined, stamp: Stamp): void {
    this.#version += 1;
    this.#counting = undefined;
    let said = this.#said.get(subject);
    if (said === undefined) this.#said.set(subject, (said = new Map()));
    if (row === undefined) said.delete(writer);
    else said.set(writer, { row, stamp });
    if (said.size === 0) this.#said.delete(subject);
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
    const said = this.#said.get(site);
    return said !== undefined && [...said.values()].some(({ row }) => row.state === 'left');
  }

  /** Changes that are not in force yet, the earliest first. */
  get pending(): readonly PendingChange[] {
    const found: PendingChange[] = [];
    for (const [subject, said] of this.#said) {
      if (this.hasLeft(subject)) continue;
      const counts = this.memberOf(subject) !== undefined;
      for (const [coordinator, { row, stamp }] of said) {
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
      let latest: Said | undefined;
      let by = '';
      let hasLeft = false;
      for (const [writer, one] of said) {
        if (one.row.state === 'left') hasLeft = true;
        if (one.row.state !== 'joined' && one.row.state !== 'leaving') continue;
        if (latest !== undefined && !isLater(one.stamp, writer, latest.stamp, by)) continue;
        latest = one;
        by = writer;
      }
      if (hasLeft || latest === undefined) continue;
      const { name, address, joined } = latest.row;
      counting.push({ site, name, address, joined });
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
  /** It has the name and address of a member that nobody sees: that one leaves in the same change. */
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
    const sentence = `the member ${name} at ${address} is still seen, and only one process may be it: stop the other one, or give this node a nodename and address of its own`;
    return { kind: 'refused', sentence };
  }
  const sentence =
    namesake === undefined
      ? `the address ${address} belongs to member ${neighbour?.name ?? ''}: give this node an address of its own, or remove that member with vmq-admin cluster leave node=${neighbour?.name ?? ''}`
      : `the name ${name} belongs to the member at ${namesake.address}: give this node another nodename, or remove that member with vmq-admin cluster leave node=${name}`;
  return { kind: 'refused', sentence };
}
