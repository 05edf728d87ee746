/** A value that `--format=json` can show. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** One row of a table for machines: column title to value. */
export type JsonRow = Readonly<Record<string, JsonValue>>;

/** The cluster as this node sees it now, in every form that `cluster show` prints. */
export interface ClusterView {
  /** The two-column table as VerneMQ's operators know it; lines, each with its line end. */
  readonly table: string;
  /**
   * What is wrong and what to do, one sentence or paragraph each; empty when nothing is. They hold
   * no `|` and not the words true or false, so that scripts that read the table keep working.
   */
  readonly sentences: readonly string[];
  /** The table's rows for machines. */
  readonly rows: readonly JsonRow[];
  /** Who sees whom, for people: lines, each with its line end. */
  readonly matrix: string;
  /** Who sees whom, for machines. */
  readonly matrixRows: readonly JsonRow[];
  /** What `--check` exits with: 0 when every member is there, 2 when one is missing. */
  readonly exitCode: 0 | 2;
}

/** What became of an action, in words for the operator. */
export interface ActionResult {
  readonly ok: boolean;
  readonly text: string;
}

/** The options of `cluster leave`. */
export interface LeaveOptions {
  /** Close the clients of the leaving node and move its sessions. */
  readonly kill: boolean;
  /** Milliseconds between two looks at what is still to be moved; at least 1000. */
  readonly intervalMs: number;
  /** Milliseconds that clients and members are waited for; at least 1000. */
  readonly timeoutMs: number;
  /** Leave although no majority of the members is reachable. */
  readonly force: boolean;
}

/** A line of `node status`: a metric's name (`num_online`) and its value. */
export type StatusRow = readonly [name: string, value: string | number];

/** An option of the configuration and its value, as they would be written in the file. */
export type OptionEntry = readonly [key: string, text: string];

/**
 * What the commands may ask of the node and do to it. Methods must settle within the command's
 * limit (`Command.limitMs`); one that rejects is answered as the node's fault and logged.
 */
export interface AdminNode {
  /** NAME@HOST. */
  readonly nodeName: string;
  readonly version: string;
  clusterView(): ClusterView;
  /** `address`: a node name, or HOST:PORT of a `listener.vmq`. */
  join(address: string): Promise<ActionResult>;
  /** `name`: the node name of a member, this one's too. */
  leave(name: string, options: LeaveOptions): Promise<ActionResult>;
  status(): readonly StatusRow[];
  /** Options of this node alone, until it is restarted: all of them, or none. */
  setOptions(entries: readonly OptionEntry[]): ActionResult;
  /** Values in force, in the order asked; no keys: of all options. `wrong`: sentences. */
  showOptions(
    keys: readonly string[],
  ): readonly OptionEntry[] | { readonly wrong: readonly string[] };
}
