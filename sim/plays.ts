import type { ClusterSettings } from '../src/cluster/mod.js';
import { Chances } from './chance.js';
import { clusterCore } from './cluster-core.js';
import { scriptCalled } from './scripts/all.js';
import { nodeNames, type SimulationOptions } from './simulation.js';

type Policies = ClusterSettings['policies'];

const members = 3;

/** A run of a cluster: a script by its name, or a seed. Throws when there is no such script. */
export function playOf(
  play: string | number,
  isTold: boolean,
  nodes: number = members,
): SimulationOptions {
  const names = nodeNames(nodes);
  const script = typeof play === 'string' ? scriptCalled(play) : undefined;
  const settings = typeof play === 'number' ? { policies: policiesOf(play) } : script?.settings;
  const factory = clusterCore(names, { settings: settings ?? {} });
  const seed = typeof play === 'number' ? play : 1;
  // What is written down shows one thing, which no known fault excuses.
  const isStrict = script !== undefined;
  return { seed, nodes, factory, isCluster: true, isTold, script, isStrict };
}

/** What a cluster of this seed does while a member is missing; mostly what is recommended. */
function policiesOf(seed: number): Policies {
  const chance = new Chances(seed).of('policies');
  const one = (): Policies['connect'] => chance.pick(['off', 'on', 'majority', 'majority']);
  const all = (policy: Policies['connect']): Policies => ({
    ...{ connect: policy, publish: policy, subscribe: policy, unsubscribe: policy },
  });
  const mixed = { connect: one(), publish: one(), subscribe: one(), unsubscribe: one() };
  return chance.weighted([
    [4, all('majority')],
    [2, all('on')],
    [1, all('off')],
    [3, mixed],
  ]);
}
