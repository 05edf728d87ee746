import { clusterCore } from './cluster-core.js';
import { scriptCalled } from './scripts/all.js';
import { nodeNames, type SimulationOptions } from './simulation.js';

const nodes = 3;

/** A run of three members: a script by its name, or a seed. Throws when there is no such script. */
export function playOf(play: string | number, isTold: boolean): SimulationOptions {
  const names = nodeNames(nodes);
  const ground = { nodes, factory: clusterCore(names), isCluster: true, isTold };
  if (typeof play === 'number') return { ...ground, seed: play };
  return { ...ground, seed: 1, script: scriptCalled(play) };
}
