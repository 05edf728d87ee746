/**
 * npm run sim -- [--seeds N] [--seed S] [--nodes N] [--hours H] [--story] [--strict]
 * npm run sim -- --script NAME [--story]
 * npm run sim -- --variant NAME [--script NAME | --seed S] [--story]
 *
 * Runs seeds one after another; more than one node are a cluster. The first that fails is played
 * again with its story told, and ends the program with code 1; the same seed on the same commit
 * always fails in the same way. `--hours` goes on for so long. `--story` tells of runs that do not
 * fail, too; `--strict` excuses nothing (known-faults.ts). `--script` plays what is written down in
 * scripts/; `--variant` breaks the core first, as variants.ts says, and fails if nobody sees it.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { brokerCore } from './broker-core.js';
import { clusterCore } from './cluster-core.js';
import { playVariant } from './play-variant.js';
import { playOf } from './plays.js';
import { countLines, failureLines } from './report.js';
import { nodeNames, type Outcome, simulate } from './simulation.js';
import { variantCalled } from './variants.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    hours: { type: 'string' },
    script: { type: 'string' },
    variant: { type: 'string' },
    story: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
});

if (values.variant !== undefined) process.exitCode = await breakOne(values.variant);
else if (values.script !== undefined) process.exitCode = playScript(values.script);
else process.exitCode = main();

function main(): number {
  const first = numberOf('seed', values.seed ?? String(Date.now() % 1_000_000_000));
  const seeds = numberOf('seeds', values.seeds ?? (values.seed === undefined ? '1000' : '1'));
  const until = values.hours === undefined ? 0 : Date.now() + Number(values.hours) * 3_600_000;
  const counts = new Map<string, number>();
  const startedAt = Date.now();
  let runs = 0;
  let excused = 0;
  for (let seed = first; until > 0 ? Date.now() < until : runs < seeds; seed += 1) {
    const outcome = play(seed, values.story);
    runs += 1;
    if (outcome.excused.length > 0) excused += 1;
    for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (values.story) print(failureLines(outcome, commit(), true));
    if (outcome.violations.length === 0) continue;
    print(failureLines(play(seed, true), commit(), false));
    return 1;
  }
  print(countLines(counts));
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (excused > 0) print([`${excused} runs met only faults of sim/known-faults.ts`]);
  print([`${runs} runs from seed ${first}, none failed, ${seconds} s, commit ${commit()}`]);
  return 0;
}

function playScript(name: string): number {
  const outcome = simulate(playOf(name, true));
  const { length } = outcome.violations;
  if (length > 0 || values.story) print(failureLines(outcome, commit(), values.story));
  print([`${name}: ${length} violations`]);
  return length === 0 ? 0 : 1;
}

async function breakOne(name: string): Promise<number> {
  const variant = variantCalled(name);
  const seed = values.seed === undefined ? undefined : numberOf('seed', values.seed);
  const chosen = values.script ?? seed ?? variant.seenIn;
  const outcome = await playVariant(variant, chosen, true);
  print(failureLines(outcome, commit(), values.story));
  const isCaught = outcome.violations.length > 0;
  print([`${name} (${variant.what}): ${isCaught ? 'caught' : 'NOT CAUGHT'} by ${chosen}`]);
  return isCaught ? 0 : 1;
}

function play(seed: number, isTold: boolean): Outcome {
  const nodes = numberOf('nodes', values.nodes);
  const isCluster = nodes > 1;
  const factory = isCluster ? clusterCore(nodeNames(nodes)) : brokerCore();
  return simulate({ seed, nodes, factory, isCluster, isTold, isStrict: values.strict });
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    process.stderr.write(`--${name} takes a number, not ${text}\n`);
    process.exit(2);
  }
  return number;
}

function commit(): string {
  try {
    const options = { stdio: 'pipe' } as const;
    return execFileSync('git', ['describe', '--always', '--dirty'], options).toString().trim();
  } catch {
    return 'unknown';
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
