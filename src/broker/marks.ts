import type { Site } from '../cluster/identity/mod.js';
import type { MovesCluster } from './moves-host.js';
import { type Claim, nameOf, type SessionClaims } from './session-claims.js';

/**
 * Marks that this node sends. A mark says: what I send for this session goes to whoever claimed it
 * with that stamp, from here on. It goes out before any message that the claim changes the way of,
 * to the new owner, which took nothing from here until then, and to whoever had the session before,
 * which takes nothing from here after it.
 */
export class Marks {
  readonly #cluster: MovesCluster;
  readonly #claims: SessionClaims;
  /** By member, sessions of which its rows say that it has them, though another member does. */
  readonly #surpassed = new Map<Site, Set<string>>();

  constructor(cluster: MovesCluster, claims: SessionClaims) {
    this.#cluster = cluster;
    this.#claims = claims;
  }

  /** Who is down is told when it is up. */
  send(key: string, site: Site, { stamp, value }: Claim): void {
    if (site === this.#cluster.site || this.#cluster.stateOf(site) === 'down') return;
    const mark = { ...nameOf(key), born: value.born, kind: 'mark', claim: stamp } as const;
    this.#cluster.handOver(site, mark, undefined);
  }

  /** To all who had the session before `owner`, and have not forgotten it. */
  toLosers(key: string, owner: Claim): void {
    for (const site of this.#claims.losersOf(key, owner.site)) {
      this.surpassed(key, site);
      if (!owner.value.isFetching) this.send(key, site, owner);
    }
  }

  /** `site` is not who has the session. */
  surpassed(key: string, site: Site): void {
    const keys = this.#surpassed.get(site);
    if (keys === undefined) this.#surpassed.set(site, new Set([key]));
    else keys.add(key);
  }

  /** Before anything else is sent there: it still has the routes of what it lost meanwhile. */
  memberUp(site: Site): void {
    for (const key of this.#surpassed.get(site) ?? []) {
      const owner = this.#claims.ownerOf(key);
      const isLoser = this.#claims.valueAt(site, key) !== undefined;
      if (owner === undefined || owner.site === site || !isLoser) this.gone(key, site);
      else if (!owner.value.isFetching) this.send(key, site, owner);
    }
  }

  /** `site` says nothing of the session any more, or has it again. */
  gone(key: string, site: Site): void {
    const keys = this.#surpassed.get(site);
    keys?.delete(key);
    if (keys?.size === 0) this.#surpassed.delete(site);
  }
}
