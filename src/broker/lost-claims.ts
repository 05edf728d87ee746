/** Rows of a session that went are kept this long, in ms, after all members could know of it. */
const keptMs = 60_000;
/** Sessions that are forgotten in one tick. */
const forgottenMax = 500;

interface LostClaim {
  /** Of which subscription rows may be left. */
  readonly filters: Set<string>;
  readonly since: number;
}

/**
 * Sessions that other members have now, and whose rows are still here. They win nothing, but who
 * has not heard of the new owner yet would find nobody without them, and begin the session anew;
 * and what the new owner subscribes to is in them until it has fetched the session.
 */
export class LostClaims {
  /** By session, in the order in which they were lost. */
  readonly #lost = new Map<string, LostClaim>();
  /** Since when all members are reachable. */
  #wholeSince: number | undefined;

  add(key: string, filters: Iterable<string>, now: number): void {
    const known = this.#lost.get(key);
    if (known === undefined) this.#lost.set(key, { filters: new Set(filters), since: now });
    else for (const filter of filters) known.filters.add(filter);
  }

  has(key: string): boolean {
    return this.#lost.has(key);
  }

  /** Filters of which subscription rows may be left; undefined: the session is none of these. */
  take(key: string): ReadonlySet<string> | undefined {
    const filters = this.#lost.get(key)?.filters;
    this.#lost.delete(key);
    return filters;
  }

  /** Sessions of which everybody knows who has them. */
  due(isWhole: boolean, now: number): string[] {
    if (!isWhole) {
      this.#wholeSince = undefined;
      return [];
    }
    this.#wholeSince ??= now;
    const keys: string[] = [];
    for (const [key, { since }] of this.#lost) {
      if (keys.length === forgottenMax || now - Math.max(since, this.#wholeSince) < keptMs) break;
      keys.push(key);
    }
    return keys;
  }
}
