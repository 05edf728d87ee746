import type { Site } from '../identity/mod.js';
import type { Classification, MatrixRow } from '../membership/mod.js';
import { adviceFor, answersOf, type Policies, type View } from '../netsplit/mod.js';
import { borderedTable } from './bordered-table.js';
import { absenceText, remediesFor } from './missing-member.js';

/** What one node knows of its cluster at a moment. */
interface ReportFacts {
  /** This node's own name and its view: every member that has not left. */
  readonly view: View;
  readonly policies: Policies;
  /** Whether a member is there, dead, or only cut off from here. */
  readonly classify: (site: Site) => Classification;
  /** Who sees whom, this node first. */
  readonly matrix: readonly MatrixRow[];
  /** Why client listeners are still closed after the start; empty once they may open. */
  readonly heldBack: string;
  /** In ms since the epoch. */
  readonly now: number;
}

/** A row for machines: a column's title to its value; null is not known. */
type ReportRow = Readonly<Record<string, string | boolean | null>>;

/** The cluster as one node sees it, in every form that is printed. */
export interface ClusterReport {
  /** Two columns, Node and Running, sorted by name; lines, each with its end. */
  readonly table: string;
  /** What is wrong and what to do; empty when all is well. Never `|`, nor the words of Running. */
  readonly sentences: readonly string[];
  readonly rows: readonly ReportRow[];
  /** Who sees whom; lines, each with its end. */
  readonly matrix: string;
  readonly matrixRows: readonly ReportRow[];
  /** 2: a member is missing. */
  readonly exitCode: 0 | 2;
}

/** Makes the report. Facts are not kept. */
export function reportOf(facts: ReportFacts): ClusterReport {
  const { view } = facts;
  const members = view.members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const sorted = { ...facts, view: { ...view, members } };
  const running = members.map(({ site, name, state }) => {
    return { name, isRunning: site === view.self || state !== 'down' };
  });
  return {
    table: borderedTable(
      ['Node', 'Running'],
      running.map(({ name, isRunning }) => [name, String(isRunning)]),
    ),
    sentences: sentencesOf(sorted),
    rows: running.map(({ name, isRunning }) => ({ Node: name, Running: isRunning })),
    ...matrixOf(sorted),
    exitCode: running.every(({ isRunning }) => isRunning) ? 0 : 2,
  };
}

function sentencesOf({ view, policies, classify, heldBack, now }: ReportFacts): string[] {
  const nameOf = namesOf(view);
  const missing = view.members
    .filter(({ site, state }) => site !== view.self && state === 'down')
    .map((member) => ({ member, classification: classify(member.site) }));
  const held = heldBack === '' ? [] : [`Clients are not served yet: ${heldBack}.`];
  const suspects = view.members
    .filter(({ site, state }) => site !== view.self && state === 'suspect')
    .map(
      ({ name }) => `Member ${name} is being looked for; until that is judged it counts as there.`,
    );
  if (missing.length === 0) {
    return [...held, ...suspects, ...adviceFor(view, policies).map((text) => `Note: ${text}`)];
  }
  const answers = answersOf(view, policies);
  return [
    ...held,
    ...missing.map((one) => absenceText(one, nameOf, now)),
    ...suspects,
    ...answers.map(({ sentence }) => sentence),
    ...remediesFor(missing, answers, view),
  ];
}

function matrixOf({ view, matrix }: ReportFacts): Pick<ClusterReport, 'matrix' | 'matrixRows'> {
  const nameOf = namesOf(view);
  const { members } = view;
  const seen = matrix.map(({ observer, words }) => ({
    observer,
    words: members.map(({ site }) => (site === observer ? 'self' : words?.get(site))),
  }));
  const titles = ['Seen by', ...members.map(({ name }) => name)];
  return {
    matrix: borderedTable(
      titles,
      seen.map(({ observer, words }) => [nameOf(observer), ...words.map((word) => word ?? '?')]),
    ),
    matrixRows: seen.map(({ observer, words }) => {
      const columns = members.map(({ name }, at): [string, string | null] => {
        return [name, words[at] ?? null];
      });
      return Object.fromEntries([['Seen by', nameOf(observer)], ...columns]);
    }),
  };
}

function namesOf({ members }: View): (site: Site) => string {
  const names = new Map(members.map(({ site, name }) => [site, name]));
  return (site) => names.get(site) ?? site;
}
