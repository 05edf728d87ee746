import type { Site } from '../identity/mod.js';
import type { Classification, MatrixRow, PendingChange } from '../membership/mod.js';
import { adviceFor, answersOf, type Policies, type View } from '../netsplit/mod.js';
import { borderedTable } from './bordered-table.js';
import { absenceText, remediesFor } from './missing-member.js';

/** What is going on with membership, on one node. */
export interface MembershipNews {
  /** Why client listeners are still closed after the start; empty once they may open. */
  readonly heldBack: string;
  /** This node is no member any more, for ever. */
  readonly hasLeft: boolean;
  /** Joins and leaves that are not in force yet. */
  readonly changes: readonly PendingChange[];
}

/** What one node knows of its cluster at a moment. */
interface ReportFacts {
  /** This node's own name and its view: every member that has not left. */
  readonly view: View;
  readonly policies: Policies;
  /** Whether a member is there, dead, or only cut off from here. */
  readonly classify: (site: Site) => Classification;
  /** Why there is no link to a missing member, in a sentence; empty when it is not known. */
  readonly wayTo: (site: Site) => string;
  /** Who sees whom, this node first. */
  readonly matrix: readonly MatrixRow[];
  readonly news: MembershipNews;
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
  /** 2: a member is missing, or this node is none any more. */
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
    exitCode: !facts.news.hasLeft && running.every(({ isRunning }) => isRunning) ? 0 : 2,
  };
}

function sentencesOf({
  view,
  policies,
  classify,
  wayTo,
  news,
  matrix,
  now,
}: ReportFacts): string[] {
  const { heldBack, hasLeft } = news;
  if (hasLeft) return hasLeftTexts(heldBack);
  const nameOf = namesOf(view);
  const missing = view.members
    .filter(({ site, state }) => site !== view.self && state === 'down')
    .map((member) => ({ member, classification: classify(member.site) }));
  const isHeld = heldBack !== '';
  const held = isHeld ? [`Clients are not served yet: ${heldBack}.`] : [];
  held.push(...news.changes.map((change) => changeText(change, view)));
  const wanted = view.members
    .filter(({ site, state }) => site !== view.self && state === 'suspect')
    .map(({ name }) => name);
  const suspects =
    wanted.length === 0
      ? []
      : [`Looked for at the moment: ${wanted.join(', ')}. For some seconds that counts as there.`];
  suspects.push(...cutPairTexts(view, matrix));
  if (missing.length === 0) {
    return [...held, ...suspects, ...adviceFor(view, policies).map((text) => `Note: ${text}`)];
  }
  // While no port is open there is nothing that clients get.
  const answers = isHeld ? [] : answersOf(view, policies);
  return [
    ...held,
    ...missing.map((one) => `${absenceText(one, nameOf, now)} ${wayTo(one.member.site)}`.trimEnd()),
    ...suspects,
    ...answers.map(({ sentence }) => sentence),
    ...remediesFor(missing, answers, view),
  ];
}

/** What a node says that is no member any more. */
function hasLeftTexts(reason: string): string[] {
  return [
    `This node serves nobody, for it is no member any more: ${reason}.`,
    'What to do: stop it. It can join again when it is started with an empty data directory.',
  ];
}

function changeText({ name, state, coordinator }: PendingChange, { members }: View): string {
  const by = members.find(({ site }) => site === coordinator);
  const who = by?.name ?? coordinator;
  const what = state === 'joining' ? `Node ${name} is joining` : `Member ${name} is leaving`;
  if (by?.state === 'down') {
    return `${what}, but ${who}, which carries that out, is missing: it will take that back, or another member repeats it.`;
  }
  const moves = state === 'joining' ? '' : ': its sessions and messages move to other members';
  return `${what}, carried out by ${who}${moves}.`;
}

/** Pairs of members that are up from here and say of each other that they are not. */
function cutPairTexts({ self, members }: View, matrix: readonly MatrixRow[]): string[] {
  const words = new Map(matrix.map(({ observer, words: seen }) => [observer, seen]));
  const others = members.filter(({ site, state }) => site !== self && state === 'up');
  const isDown = (from: Site, to: Site): boolean => words.get(from)?.get(to) === 'down';
  return others.flatMap((one, at) =>
    others
      .slice(at + 1)
      .filter(({ site }) => isDown(one.site, site) && isDown(site, one.site))
      .map(
        ({ name }) =>
          `Members ${one.name} and ${name} do not reach each other, though this node reaches both. Between their clients only messages for persistent sessions wait, the rest is lost: repair the network between them.`,
      ),
  );
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
