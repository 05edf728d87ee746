import { clusterCore } from './cluster-core.js';
import { scriptCalled } from './scripts/all.js';
import { nodeNames, type SimulationOptions } from './simulation.js';

const nodes = 3;

/** A run of three members: a script by its name, or a seed. Throws when there is no such script. */
export function playOf(play: string | number, isTold: boolean): SimulationOptions {
  const names = nodeNames(nodes);
  const script = typeof play === 'string' ? scriptCalled(play) : undefined;
  const factory = clusterCore(names, { settings: script?.settings ?? {} });
  const seed = typeof play === 'number' ? play : 1;
  return { seed, nodes, factory, isCluster: true, isTold, script };
}
