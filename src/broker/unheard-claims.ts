import type { Site } from '../cluster/identity/mod.js';

/**
 * Sessions of this node that members claimed, too, whose rows do not count yet: the members are not
 * up. A session may be claimed by several, and each one's rows count from another moment on.
 */
export class UnheardClaims {
  /** Of each member at most the sessions of this node. */
  readonly #keys = new Map<Site, Set<string>>();

  add(key: string, site: Site): void {
    const keys = this.#keys.get(site);
    if (keys === undefined) this.#keys.set(site, new Set([key]));
    else keys.add(key);
  }

  /** Those that `site` claimed: it is up. */
  take(site: Site): Iterable<string> {
    const keys = this.#keys.get(site);
    this.#keys.delete(site);
    return keys ?? [];
  }
}
