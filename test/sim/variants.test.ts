/** Proof that the checkers see what they look for: cores that break one promise each are caught. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { playVariant } from '../../sim/play-variant.js';
import { failureLines } from '../../sim/report.js';
import { playOf } from '../../sim/plays.js';
import { scripts } from '../../sim/scripts/all.js';
import { simulate } from '../../sim/simulation.js';
import { variants } from '../../sim/variants.js';

const pagePath = 'docs/simulator.md';
const listsBegin = '<!-- lists: made by test/sim/variants.test.ts -->';
const listsEnd = '<!-- end of lists -->';
const plays = new Set(variants.map(({ seenIn }) => seenIn));

describe('the core as it is', () => {
  for (const play of [...scripts.map(({ name }) => name), ...plays].filter(isFirst)) {
    it(`keeps its promises in ${nameOf(play)}`, () => {
      const outcome = simulate(playOf(play, false));
      if (outcome.violations.length === 0) return;
      const told = simulate(playOf(play, true));
      assert.fail(failureLines(told, 'of this tree', false).join('\n'));
    });
  }
});

describe('a core is caught that breaks a promise:', () => {
  for (const variant of variants) {
    it(`${variant.name} (${nameOf(variant.seenIn)}: ${variant.rule})`, async () => {
      const { violations } = await playVariant(variant, variant.seenIn, false);
      const rules = [...new Set(violations.map(({ rule }) => rule))];
      assert.ok(rules.includes(variant.rule), `violated: ${rules.join('; ') || 'nothing'}`);
    });
  }
});

describe('docs/simulator.md', () => {
  it('lists scripts and variants as they are', () => {
    const page = readFileSync(pagePath, 'utf8');
    const [head, tail] = [page.split(listsBegin)[0], page.split(listsEnd)[1]];
    assert.ok(head !== undefined && tail !== undefined, 'the page has a place for the lists');
    const current = `${head}${listsBegin}\n\n${lists()}\n\n${listsEnd}${tail}`;
    if (process.env.UPDATE_DOCS !== undefined) writeFileSync(pagePath, current);
    else assert.equal(page, current, 'UPDATE_DOCS=1 npm test -- sim/variants');
  });
});

function lists(): string {
  return [
    '| variant | what it does wrong | seen in | rule that is violated |',
    '|---|---|---|---|',
    ...variants.map(
      ({ name, what, seenIn, rule }) => `| ${name} | ${what} | ${nameOf(seenIn)} | ${rule} |`,
    ),
    '',
    '| script | what happens |',
    '|---|---|',
    ...scripts.map(({ name, what }) => `| \`${name}\` | ${what} |`),
  ].join('\n');
}

function nameOf(play: string | number): string {
  return typeof play === 'number' ? `seed ${play}` : `\`${play}\``;
}

function isFirst<One>(one: One, index: number, all: readonly One[]): boolean {
  return all.indexOf(one) === index;
}
