/** Many seeds of one node, and proof that they see what they look for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brokerCore } from '../../sim/broker-core.js';
import type { CoreFactory } from '../../sim/core.js';
import { missingFaults } from '../../sim/fault-classes.js';
import { countLines, failureLines } from '../../sim/report.js';
import { type Outcome, simulate } from '../../sim/simulation.js';
import { brokenCores } from './broken-cores.js';

const firstSeed = 1;
const seeds = 250;
/** Within so many seeds every broken node must be caught. */
const seedsToCatch = 60;

function play(seed: number, factory: CoreFactory, isTold = false): Outcome {
  return simulate({ seed, factory, nodes: 1, isCluster: false, isTold });
}

/** A failure says how to play it again, and how it came to it. */
function assertGood(outcome: Outcome): void {
  if (outcome.violations.length === 0) return;
  const told = play(outcome.seed, brokerCore(), true);
  assert.fail(failureLines(told, 'of this tree', false).join('\n'));
}

describe('one node', () => {
  it('keeps its promises whatever happens to it, its disk, its clock and its clients', (test) => {
    const counts = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const outcome = play(seed, brokerCore());
      assertGood(outcome);
      for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    }
    for (const line of countLines(counts)) test.diagnostic(line);
    assert.deepEqual(missingFaults(counts, false), [], 'every class of faults was seen to occur');
  });

  it('is played again event by event from its seed, with its story or without', () => {
    const once = play(7, brokerCore());
    const again = play(7, brokerCore(), true);
    assert.equal(again.digest, once.digest);
    assert.deepEqual(again.counts, once.counts);
    assert.notEqual(play(8, brokerCore()).digest, once.digest);
    const lines = failureLines(again, 'abc', true);
    assert.match(lines[0] ?? '', /^--- seed 7, commit abc: 0 violations$/);
    assert.ok(lines.length > 100, 'the story is told');
  });

  it('keeps its promises when several nodes that know nothing of each other run at once', () => {
    const outcome = simulate({
      ...{ seed: 3, factory: brokerCore(), nodes: 3 },
      ...{ isCluster: false, isTold: false },
    });
    assert.deepEqual(outcome.violations, []);
  });
});

describe('a node is caught that', () => {
  for (const { what, factory, rules } of brokenCores) {
    it(what, (test) => {
      for (let seed = firstSeed; seed < firstSeed + seedsToCatch; seed += 1) {
        const { violations } = play(seed, factory);
        const caught = violations.find(({ rule }) => rules.test(rule));
        if (caught === undefined) continue;
        test.diagnostic(`seed ${seed}: ${caught.rule}: ${caught.what.split('\n')[0]}`);
        return;
      }
      assert.fail('no seed caught it');
    });
  }
});
