import type { Site } from '../identity/mod.js';

/** Rows, and the bytes that they took on the wire. */
export interface Amount {
  readonly rows: number;
  readonly bytes: number;
}

/** What happens to rows, for those who follow along: the log at its debug level. */
export interface ExchangeStory {
  /** `site` said what it has. */
  started(site: Site): void;
  /** What it has is in force here; `repaired` came from it meanwhile. */
  completed(site: Site, repaired: Amount): void;
  /** Changes of this node went out to so many members. */
  pushed(amount: Amount, members: number): void;
  /** What `site` had missed of the rows of `about`; `isSnapshot`: all of them. */
  answered(site: Site, about: Site, isSnapshot: boolean, amount: Amount): void;
  /** So many waited for `sites`, which are up, until it took too long. */
  gaveUp(count: number, sites: readonly Site[]): void;
}

/** Counts what comes or goes in pieces. */
export class Tally implements Amount {
  /** It began with the first row that there is. */
  readonly isWhole: boolean;
  rows = 0;
  bytes = 0;

  constructor(isWhole = false) {
    this.isWhole = isWhole;
  }

  add(rows: number, bytes: number): void {
    this.rows += rows;
    this.bytes += bytes;
  }
}
