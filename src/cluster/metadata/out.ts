import type { Boot, Site } from '../identity/mod.js';
import type { Row, RowKind } from './rows.js';

/**
 * What the tables tell. None of these may call back into them. What one call says to disk belongs
 * into one transaction, and transactions keep their order.
 */
export interface TablesOut {
  /**
   * The row of a key at a site is another one, or gone. `after` may be an override: then the key is
   * deleted for all sites that have it with an earlier stamp.
   */
  changed(
    kind: RowKind,
    key: string,
    site: Site,
    before: Row | undefined,
    after: Row | undefined,
  ): void;
  /** Same number, other rows: a fault of ours, to be counted and shouted about. */
  diverged(site: Site): void;
  /** Write the row of `site`; it takes the place of the one with this kind and key. */
  persist(site: Site, row: Row): void;
  /** Delete the row of `site`. */
  forget(site: Site, kind: RowKind, key: string): void;
  /**
   * With what was written, the disk has what another site had said up to `number`; 0: a mixture,
   * until the next call. To be given to {@link Tables.restore}; once it is durable,
   * {@link Tables.durable} is called with it.
   */
  place(site: Site, boot: Boot, number: number): void;
  /** All rows of a site that left were forgotten; its place may be deleted too. */
  ended(site: Site): void;
}
