import { isLater, type Site } from './identity/mod.js';
import { type MemberValue, readMember } from './member-row.js';
import type { Row } from './metadata/mod.js';

export interface RosterMember extends MemberValue {
  readonly site: Site;
}

/** What became of a member other than this node. */
export interface RosterOut {
  joined(member: RosterMember): void;
  changed(member: RosterMember): void;
  left(site: Site): void;
}

/** Who is a member, as all Member rows together say. Whoever left once stays away. */
export class Roster {
  readonly #self: Site;
  readonly #out: RosterOut;
  readonly #members = new Map<Site, RosterMember>();
  readonly #left = new Set<Site>();

  constructor(self: Site, out: RosterOut) {
    this.#self = self;
    this.#out = out;
  }

  get size(): number {
    return this.#members.size;
  }

  /** By name. */
  get members(): readonly RosterMember[] {
    return [...this.#members.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  get sites(): readonly Site[] {
    return [...this.#members.keys()];
  }

  has(site: Site): boolean {
    return this.#members.has(site);
  }

  hasLeft(site: Site): boolean {
    return this.#left.has(site);
  }

  /** `rows`: what all members say about `site` now. */
  changed(site: Site, rows: readonly Row[]): void {
    const values = rows.map((row) => ({ row, value: row.value && readMember(row.value) }));
    if (values.some(({ value }) => value?.isMember === false)) this.#left.add(site);
    if (this.#left.has(site)) {
      if (this.#members.delete(site) && site !== this.#self) this.#out.left(site);
      return;
    }
    let latest: { row: Row; value: MemberValue } | undefined;
    for (const { row, value } of values) {
      if (value === undefined) continue;
      const isFirst = latest === undefined;
      if (isFirst || isLater(row.stamp, row.site, latest?.row.stamp ?? 0, latest?.row.site ?? '')) {
        latest = { row, value };
      }
    }
    if (latest === undefined) return;
    const member: RosterMember = { site, ...latest.value };
    const known = this.#members.get(site);
    this.#members.set(site, member);
    if (site === this.#self) return;
    if (known === undefined) this.#out.joined(member);
    else if (known.name !== member.name || known.address !== member.address) {
      this.#out.changed(member);
    }
  }
}
