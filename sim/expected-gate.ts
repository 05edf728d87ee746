import type { Cluster, ClusterSettings } from '../src/cluster/mod.js';
import type { GateOperation } from './history.js';

/** Who joins while clients are served counts as reachable for so long (ms), or until it was up. */
const newcomerMs = 5000;

/**
 * Whether a member has to let an operation through, by whom it sees: written anew from the design
 * (5.8), so that the table of the core is checked and not believed.
 */
export class ExpectedGate {
  readonly #cluster: Cluster;
  readonly #settings: Pick<ClusterSettings, 'policies' | 'tiebreak'>;
  readonly #now: () => number;
  /** By member, until when it is excused; 0: it is not. */
  readonly #excused = new Map<string, number>();

  constructor(
    cluster: Cluster,
    settings: Pick<ClusterSettings, 'policies' | 'tiebreak'>,
    now: () => number,
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#now = now;
  }

  mustAllow(operation: GateOperation): boolean {
    const { members } = this.#cluster;
    const { policies, tiebreak } = this.#settings;
    const here = members.filter(({ site }) => this.#counts(site));
    if (here.length === members.length) return true;
    const policy = policies[operation];
    if (policy !== 'majority') return policy === 'on';
    const holdsTiebreak = here.some(({ name }) => name === tiebreak);
    const surplus = here.length - (members.length - here.length);
    return surplus > 0 || (surplus === 0 && holdsTiebreak);
  }

  #counts(site: string): boolean {
    const { startGate } = this.#cluster;
    const state = site === this.#cluster.site ? 'up' : this.#cluster.stateOf(site);
    let until = this.#excused.get(site);
    if (until === undefined) until = startGate.isOpen ? this.#now() + newcomerMs : 0;
    if (state === 'up') until = 0;
    this.#excused.set(site, until);
    return state !== 'down' || this.#now() < until;
  }
}
