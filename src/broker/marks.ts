import type { Site } from '../cluster/identity/mod.js';
import type { MovesCluster } from './moves-host.js';
import { type Claim, nameOf, type SessionClaims } from './session-claims.js';

/**
 * Marks that this node sends. A mark says: what I send for this session is for you from here on, or
 * is not. It goes out before any message that a claim changes the way of: to the new owner, which
 * took nothing from here until then, and to whoever had the session before, which takes nothing
 * from here after it. The last mark on a link is what holds.
 */
export class Marks {
  readonly #cluster: MovesCluster;
  readonly #claims: SessionClaims;
  /** Sessions that some member's row says it has, though another member does. */
  readonly #contested = new Set<string>();

  constructor(cluster: MovesCluster, claims: SessionClaims) {
    this.#cluster = cluster;
    this.#claims = claims;
  }

  /** The session moves, or has moved: everybody who has something of it is told whose it is. */
  tell(key: string, owner: Claim): void {
    const losers = this.#claims.losersOf(key, owner.site);
    if (losers.length > 0) this.#contested.add(key);
    if (owner.value.isFetching) return;
    if (losers.length > 0 || owner.value.movingFrom !== undefined)
      this.send(key, owner.site, owner);
    for (const site of losers) this.send(key, site, owner);
  }

  /** Who is down is told when it is up. */
  send(key: string, site: Site, owner: Claim): void {
    if (site === this.#cluster.site || this.#cluster.stateOf(site) === 'down') return;
    const isYours = site === owner.site;
    const mark = { ...nameOf(key), born: owner.value.born, kind: 'mark', isYours } as const;
    this.#cluster.handOver(site, mark, undefined);
  }

  /** At start: somebody who does not have the session says that he does. */
  contested(key: string): void {
    this.#contested.add(key);
  }

  /** Before anything else is sent there: it still has the routes of what it lost meanwhile. */
  memberUp(site: Site): void {
    for (const key of this.#contested) {
      const owner = this.#claims.ownerOf(key);
      const losers = owner === undefined ? [] : this.#claims.losersOf(key, owner.site);
      if (owner === undefined || losers.length === 0) {
        this.#contested.delete(key);
        continue;
      }
      const isInvolved = owner.site === site || losers.includes(site);
      if (isInvolved && !owner.value.isFetching) this.send(key, site, owner);
    }
  }

  /** Sessions of which everybody says the same are forgotten. */
  review(key: string): void {
    const owner = this.#claims.ownerOf(key);
    if (owner === undefined || this.#claims.losersOf(key, owner.site).length === 0) {
      this.#contested.delete(key);
    }
  }
}
