/**
 * npm run sim -- [--seeds N] [--seed S] [--nodes N] [--hours H] [--story] [--strict]
 * npm run sim -- --script NAME [--story]
 * npm run sim -- --variant NAME [--script NAME | --seed S] [--story]
 *
 * Runs seeds, as many at once as there are cores; more than one node are a cluster. The first that
 * fails is played again with its story told, and ends the program with code 1; the same seed on the
 * same commit always fails in the same way. In many runs every class of faults has to occur.
 * `--hours` goes on for so long. `--story` tells of runs that do not fail, too; `--strict` excuses
 * nothing (known-faults.ts). `--script` plays what is written down in scripts/; `--variant` breaks
 * the core first, as variants.ts says, and fails if nobody sees it.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { missingFaults } from './fault-classes.js';
import { playVariant } from './play-variant.js';
import { playOf } from './plays.js';
import { countLines, failureLines } from './report.js';
import { optionsOf, playSeeds, seedsFrom } from './seed-pool.js';
import { simulate } from './simulation.js';
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

/** In fewer runs a class of faults may be missing by chance. */
const seedsToSeeAll = 300;

if (values.variant !== undefined) process.exitCode = await breakOne(values.variant);
else if (values.script !== undefined) process.exitCode = playScript(values.script);
else process.exitCode = await main();

/** All cores play, unless the stories are wanted; the first seed that fails is told. */
async function main(): Promise<number> {
  const first = numberOf('seed', values.seed ?? String(Date.now() % 1_000_000_000));
  const seeds = numberOf('seeds', values.seeds ?? (values.seed === undefined ? '1000' : '1'));
  const nodes = numberOf('nodes', values.nodes);
  const startedAt = Date.now();
  if (values.story) {
    for (let seed = first; seed < first + seeds; seed += 1) tell({ seed, nodes }, true);
  }
  const until = values.hours === undefined ? 0 : startedAt + Number(values.hours) * 3_600_000;
  const next = seedsFrom(first, until > 0 ? Number.POSITIVE_INFINITY : seeds, nodes, values.strict);
  const { runs, excused, failed, counts } = await playSeeds((soFar) =>
    soFar > 0 || (until > 0 && Date.now() >= until) ? undefined : next(),
  );
  if (failed[0] !== undefined) {
    tell({ seed: failed[0].seed, nodes }, false);
    return 1;
  }
  print(countLines(counts));
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (excused > 0) print([`${excused} runs met only faults of sim/known-faults.ts`]);
  const missing = runs < seedsToSeeAll ? [] : missingFaults(counts, nodes > 1);
  if (missing.length > 0) print([`never seen to occur: ${missing.join(', ')}`]);
  print([`${runs} runs from seed ${first}, none failed, ${seconds} s, commit ${commit()}`]);
  return missing.length === 0 ? 0 : 1;
}

function tell(task: { seed: number; nodes: number }, isWhole: boolean): void {
  const outcome = simulate(optionsOf({ ...task, isStrict: values.strict }, true));
  print(failureLines(outcome, commit(), isWhole));
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
