import type { Violation } from './history.js';
import type { Outcome } from './simulation.js';
import { formatLine, type StoryLine } from './story.js';

/** Lines of a story that are printed at most: its end says more than its beginning. */
const linesMax = 600;
const violationsMax = 20;

/**
 * What went wrong in a run, and how it came to that: every fault, everything that nodes and clients
 * did that has to do with what was violated. `isWhole`: the whole story.
 */
export function failureLines(outcome: Outcome, commit: string, isWhole: boolean): string[] {
  const { seed, nodes, script, violations, story, simulatedMs } = outcome;
  const shown = isWhole ? story.lines : story.lines.filter(relevantTo(violations));
  const left = Math.max(0, shown.length - linesMax);
  return [
    `--- ${script ?? `seed ${seed}`}, commit ${commit}: ${violations.length} violations`,
    ...(left > 0 && !isWhole ? [`(${left} earlier lines)`] : []),
    ...shown.slice(isWhole ? 0 : left).map(formatLine),
    `${(simulatedMs / 1000).toFixed(4).padStart(10)}  the run ends`,
    ...violations.slice(0, violationsMax).map(({ rule, what }) => `VIOLATED: ${rule}: ${what}`),
    `To replay: npm run sim -- ${script === undefined ? `--nodes ${nodes} --seed ${seed}` : `--script ${script}`}`,
  ];
}

/** Faults, nodes, and what names one of the things that the first violations are about. */
function relevantTo(violations: readonly Violation[]): (line: StoryLine) => boolean {
  const about = new Set(violations.slice(0, 3).flatMap((violation) => violation.about));
  const messages = [...about].filter((word) => word.startsWith('#'));
  const pattern = new RegExp(`(?:${messages.join('|') || '(?!)'})(?![0-9])`);
  return ({ who, what }) => {
    if (who === 'fault' || who === 'run' || who.startsWith('node')) return true;
    if (pattern.test(what)) return true;
    return about.has(who) && /connect|CONNACK|SUB|lost/.test(what);
  };
}

/** Counts of everything that was counted, by name. */
export function countLines(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([what, count]) => `${String(count).padStart(9)}  ${what}`);
}
