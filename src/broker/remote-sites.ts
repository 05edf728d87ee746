import type { Site } from '../cluster/identity/mod.js';

/** Members with subscribers of a filter, and whether persistent ones are among them. */
export type RemoteSites = ReadonlyMap<Site, boolean>;

/** Sets that are remembered; beyond it each filter has one of its own. */
const rememberedMax = 4096;

/**
 * Gives filters with the same members one set. There may be a million filters of other members,
 * and few different sets: a map of its own would cost each more than its row does.
 */
export class SharedSites {
  readonly #sets = new Map<string, RemoteSites>();

  /** `sites` with what `site` says now; `hasPersistent` undefined: nothing any more. */
  with(
    sites: RemoteSites | undefined,
    site: Site,
    hasPersistent: boolean | undefined,
  ): RemoteSites | undefined {
    if (sites?.get(site) === hasPersistent) return sites;
    const changed = new Map(sites);
    if (hasPersistent === undefined) changed.delete(site);
    else changed.set(site, hasPersistent);
    if (changed.size === 0) return undefined;
    let name = '';
    for (const [each, has] of changed) name += `${each}${has ? '+' : '-'}`;
    const known = this.#sets.get(name);
    if (known !== undefined) return known;
    if (this.#sets.size < rememberedMax) this.#sets.set(name, changed);
    return changed;
  }
}
