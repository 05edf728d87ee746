import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { brokerCore } from './broker-core.js';
import { playOf } from './plays.js';
import { type Outcome, simulate, type SimulationOptions } from './simulation.js';

/** One run that a thread is to play. */
export interface SeedTask {
  readonly seed: number;
  readonly nodes: number;
  readonly isStrict: boolean;
}

/** What came of it, without its story: who wants that plays the seed again. */
export interface SeedResult extends Pick<Outcome, 'seed' | 'violations' | 'excused' | 'counts'> {
  readonly wallMs: number;
}

/** Many runs, all together. */
export interface SeedsResult {
  readonly runs: number;
  /** Runs that met a known fault, and nothing else. */
  readonly excused: number;
  /** By seed. */
  readonly failed: readonly SeedResult[];
  readonly counts: ReadonlyMap<string, number>;
}

/** How a seed is played: more than one node are a cluster. */
export function optionsOf({ seed, nodes, isStrict }: SeedTask, isTold: boolean): SimulationOptions {
  if (nodes > 1) return { ...playOf(seed, isTold, nodes), isStrict };
  return { seed, nodes, factory: brokerCore(), isCluster: false, isTold, isStrict };
}

export function playSeed(task: SeedTask): SeedResult {
  const startedAt = performance.now();
  const { seed, violations, excused, counts } = simulate(optionsOf(task, false));
  return { seed, violations, excused, counts, wallMs: performance.now() - startedAt };
}

/**
 * Plays the seeds that `next` gives until it gives none, on as many threads as there are cores;
 * `next` is told how many have failed so far.
 * Which thread plays a seed changes nothing about its run.
 */
export async function playSeeds(
  next: (failures: number) => SeedTask | undefined,
): Promise<SeedsResult> {
  const results: SeedResult[] = [];
  const threads = Array.from({ length: availableParallelism() }, () => playOn(next, results));
  await Promise.all(threads);
  const counts = new Map<string, number>();
  for (const { counts: ofRun } of results) {
    for (const [what, count] of ofRun) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  const failed = results.filter(({ violations }) => violations.length > 0);
  return {
    runs: results.length,
    excused: results.filter((one) => one.excused.length > 0 && !failed.includes(one)).length,
    failed: failed.sort((one, other) => one.seed - other.seed),
    counts,
  };
}

function playOn(
  next: (failures: number) => SeedTask | undefined,
  results: SeedResult[],
): Promise<void> {
  const worker = new Worker(new URL('./seed-thread.js', import.meta.url));
  return new Promise<void>((resolve, reject) => {
    const giveNext = (): void => {
      const task = next(results.filter(({ violations }) => violations.length > 0).length);
      if (task === undefined) void worker.terminate().then(() => resolve(), reject);
      else worker.postMessage(task);
    };
    worker.on('error', reject);
    worker.on('message', (result: SeedResult) => {
      results.push(result);
      giveNext();
    });
    giveNext();
  });
}

/** `count` seeds from `first` on. */
export function seedsFrom(
  first: number,
  count: number,
  nodes: number,
  isStrict: boolean,
): () => SeedTask | undefined {
  let given = 0;
  return () => {
    if (given >= count) return undefined;
    given += 1;
    return { seed: first + given - 1, nodes, isStrict };
  };
}
