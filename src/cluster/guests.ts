import type { Site } from './identity/mod.js';
import type { PeerFacts } from './link/mod.js';

export interface GuestsOut {
  isLinked(site: Site): boolean;
  /** Something takes its connections: a guest's, or a member's that is not gone yet. */
  isHere(site: Site): boolean;
  come(peer: PeerFacts): void;
  go(site: Site): void;
}

/** Sites that left and are here to hand over the rest; more of them come later. */
const guestsMax = 8;

/** Without a link for so long, in ms, a guest has gone. */
const goneMs = 30_000;

/**
 * Sites that were removed while they were dead, and are back: each has a link, so that it learns
 * who has its sessions and hands over what it holds for them. Its own rows count for nothing.
 */
export class Guests {
  readonly #out: GuestsOut;
  /** Site → until when it may be without a link. */
  readonly #until = new Map<Site, number>();

  constructor(out: GuestsOut) {
    this.#out = out;
  }

  /** It knows the cookie. False: there are too many. */
  returned(peer: PeerFacts, now: number): boolean {
    const isKnown = this.#until.has(peer.site);
    if (!isKnown && this.#until.size >= guestsMax) return false;
    // What a member had goes a moment after it is known that it left: that may be after this.
    if (!this.#out.isHere(peer.site)) this.#out.come(peer);
    this.#until.set(peer.site, now + goneMs);
    return true;
  }

  tick(now: number): void {
    for (const [site, until] of this.#until) {
      if (this.#out.isLinked(site)) this.#until.set(site, now + goneMs);
      else if (now >= until) {
        this.#until.delete(site);
        this.#out.go(site);
      }
    }
  }
}
