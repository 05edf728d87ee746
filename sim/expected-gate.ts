import type { Cluster, ClusterSettings } from '../src/cluster/mod.js';
import type { GateOperation } from './history.js';

/**
 * Whether a member has to let an operation through, by whom it sees: written anew from the design
 * (5.8), so that the table of the core is checked and not believed.
 */
export function mustAllow(
  cluster: Cluster,
  { policies, tiebreak }: Pick<ClusterSettings, 'policies' | 'tiebreak'>,
  operation: GateOperation,
): boolean {
  const { members, site } = cluster;
  const here = members.filter((one) => one.site === site || cluster.stateOf(one.site) !== 'down');
  if (here.length === members.length) return true;
  const policy = policies[operation];
  if (policy !== 'majority') return policy === 'on';
  const holdsTiebreak = here.some(({ name }) => name === tiebreak);
  const surplus = here.length - (members.length - here.length);
  return surplus > 0 || (surplus === 0 && holdsTiebreak);
}
