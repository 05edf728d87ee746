/** What the digest of one site's rows says: number reached and sum over the live rows. */
interface TableDigest {
  readonly number: number;
  readonly sum: bigint;
}

/**
 * What one node believes, as the checkers of the whole cluster compare it. The composition of the
 * cluster fills it in; the checkers only compare.
 */
export interface ClusterView {
  /** Of this node. */
  readonly site: string;
  /** Members that have not left. */
  readonly members: ReadonlySet<string>;
  /** Members that this node can reach, itself included. */
  readonly reachable: ReadonlySet<string>;
  /** Site → digest of the rows that this node has of it. */
  readonly tables: ReadonlyMap<string, TableDigest>;
  /** Client identifier → site that owns its session, as the rows say. */
  readonly owners: ReadonlyMap<string, string>;
  /** Client identifiers that are connected to this node right now. */
  readonly connected: ReadonlySet<string>;
  /** `filter` or `$share/group/filter` → sites with subscribers, as the rows say. */
  readonly routes: ReadonlyMap<string, ReadonlySet<string>>;
  /** Filters that sessions of this node hold. */
  readonly subscriptions: ReadonlySet<string>;
  /** Topic → payload of what is retained, as text. */
  readonly retained: ReadonlyMap<string, string>;
  /** Entries here for sessions that others own. */
  readonly remnants: number;
  readonly overrideRows: number;
}
