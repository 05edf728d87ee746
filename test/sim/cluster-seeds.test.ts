/** Many seeds of a cluster of three, over all cores. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missingFaults } from '../../sim/fault-classes.js';
import { countLines, failureLines } from '../../sim/report.js';
import { optionsOf, playSeeds, seedsFrom, type SeedResult } from '../../sim/seed-pool.js';
import { simulate } from '../../sim/simulation.js';

const firstSeed = 1;
const seeds = 250;
const nodes = 3;

/** A failure says how to play it again, and how it came to it. */
function storyOf({ seed }: SeedResult): string {
  const told = simulate(optionsOf({ seed, nodes, isStrict: false }, true));
  return failureLines(told, 'of this tree', false).join('\n');
}

describe('a cluster of three', () => {
  it(`keeps its promises in ${seeds} runs with faults of all classes, from seed ${firstSeed} on`, async (test) => {
    const next = seedsFrom(firstSeed, seeds, nodes, false);
    const { runs, excused, failed, counts } = await playSeeds(next);
    for (const line of countLines(counts)) test.diagnostic(line);
    if (excused > 0) test.diagnostic(`${excused} runs met only faults of sim/known-faults.ts`);
    if (failed[0] !== undefined) {
      const others = failed.map(({ seed }) => seed).join(' ');
      assert.fail(`${failed.length} of ${runs} failed: ${others}\n${storyOf(failed[0])}`);
    }
    assert.equal(runs, seeds);
    assert.deepEqual(missingFaults(counts, true), [], 'every class of faults was seen to occur');
  });
});
