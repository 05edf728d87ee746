/**
 * Which normative statements of the two specifications are cited in src/ and which are tested.
 *
 * A statement is cited by its id in a comment or a string, as `[MQTT5-3.1.2-24]`. It is tested when
 * a test's title holds the id, when a test compares with it, or when a packet vector does.
 * `[MQTT5-3.3.1-5..8]` names four.
 */
import { readSource } from './source.js';
import { files, isSource, lines, type TextFile } from './tree.js';

export interface Statement {
  /** `MQTT5-3.1.2-24`; `MQTT3-…` is MQTT 3.1.1. */
  readonly id: string;
  readonly section: string;
  /** Whom it binds; `receiver` is whoever receives the packet, so a server too. */
  readonly binds: 'server' | 'client' | 'both' | 'receiver';
  /** What it asks, in our words. */
  readonly text: string;
}

export interface Covered {
  readonly statement: Statement;
  /** `src/session/connected.ts:120`. */
  readonly cited: readonly string[];
  /** Titles of tests; a file's path where the id stands in the data of many. */
  readonly tested: readonly string[];
  /** Why it is not cited or not tested, from gaps.json. */
  readonly gap: string | undefined;
}

export interface Specification {
  readonly title: string;
  readonly statements: readonly Covered[];
}

export interface Coverage {
  readonly specifications: readonly Specification[];
  /** Ids in src/, test/ or gaps.json that no specification has, each with its place. */
  readonly unknown: readonly string[];
}

const idPattern = /\b(MQTT[0-9]?-[0-9]+\.[0-9]+(?:\.[0-9]+)?-)([0-9]+)(?:\.\.([0-9]+))?/g;
const gapsPath = 'docs/statements/gaps.json';

export function readCoverage(): Coverage {
  const cited = new Map<string, string[]>();
  const tested = new Map<string, string[]>();
  for (const source of files(isSource)) collectCitations(source, cited);
  for (const test of files((path) => path.endsWith('.test.ts'))) collectTitles(test, tested);
  for (const vectors of files((path) => /^test\/fixtures\/.*\.json$/.test(path))) {
    for (const id of idsIn(vectors.text)) add(tested, id, vectors.path);
  }
  const gaps = new Map(Object.entries(read(gapsPath) as Record<string, string>));
  const cover = (path: string): Covered[] =>
    (read(path) as Statement[]).map((statement) => ({
      statement,
      cited: cited.get(statement.id) ?? [],
      tested: tested.get(statement.id) ?? [],
      gap: gaps.get(statement.id),
    }));
  const specifications = [
    { title: 'MQTT 5', statements: cover('docs/statements/mqtt-5.json') },
    { title: 'MQTT 3.1.1', statements: cover('docs/statements/mqtt-3.1.1.json') },
  ];
  const known = new Set(specifications.flatMap((one) => one.statements.map((s) => s.statement.id)));
  const unknown = [...cited, ...tested, ...[...gaps.keys()].map((id) => [id, [gapsPath]] as const)]
    .filter(([id]) => !known.has(id))
    .map(([id, places]) => `${id}: ${places[0]}`);
  return { specifications, unknown };
}

export function bindsServer({ binds }: Statement): boolean {
  return binds !== 'client';
}

/** What is still to do for it, or undefined: a server's statement is cited and tested, or a gap. */
export function lacks({ statement, cited, tested, gap }: Covered): string | undefined {
  if (!bindsServer(statement) || gap !== undefined) return undefined;
  if (cited.length > 0 && tested.length > 0) return undefined;
  const what = [cited.length === 0 ? 'cited' : [], tested.length === 0 ? 'tested' : []].flat();
  return `not ${what.join(', not ')}`;
}

/** The page docs/conformance.md. It names files, not lines, so that it changes when they do. */
export function conformancePage({ specifications }: Coverage): string {
  const parts = specifications.map((specification) => {
    const rows = specification.statements.map(row);
    return [
      `## ${specification.title}\n`,
      `${summary(specification)}\n`,
      '| statement | what it asks | binds | in | tested by |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return `${pageHead}\n${parts.join('\n')}`;
}

const pageHead = `# Conformance

Every normative statement of MQTT 5 and MQTT 3.1.1 in our own words, where the source cites it,
and which tests have its number in their titles. What has a reason in place of a test is a gap.
Statements that bind clients only are listed for completeness.

This page is made from the sources: \`UPDATE_DOCS=1 npm test -- tidy\` writes it anew, and a test
fails while it is out of date. \`node dist/test/tidy/missing.js\` lists what is missing;
\`node dist/test/tidy/missing.js MQTT5-3.1.2-24\` shows every line about one statement.
`;

function summary({ statements }: Specification): string {
  const ours = statements.filter(({ statement }) => bindsServer(statement));
  const done = ours.filter(({ cited, tested }) => cited.length > 0 && tested.length > 0).length;
  const gaps = ours.filter(({ gap }) => gap !== undefined).length;
  const open = ours.filter((one) => lacks(one) !== undefined).length;
  return (
    `${statements.length} statements, ${ours.length} of which bind a server: ` +
    `${done} cited and tested, ${gaps} explained, ${open} open.`
  );
}

function row(covered: Covered): string {
  const { statement, cited, tested, gap } = covered;
  const places = [...new Set(cited.map((place) => place.replace(/:\d+$/, '')))];
  const cells = [
    statement.id,
    statement.text,
    statement.binds,
    places.map((place) => place.replace(/^src\//, '')).join('<br>'),
    testCell(tested, gap ?? lacks(covered)),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** At most three titles: the table is for reading. */
function testCell(tested: readonly string[], reason: string | undefined): string {
  const titles = [...new Set(tested)].map((title) =>
    title
      .replaceAll(/\[MQTT[^\]]*\]/g, '')
      .replaceAll(/\s+/g, ' ')
      .replaceAll('|', '\\|')
      .trim(),
  );
  const shown = titles.slice(0, 3);
  if (titles.length > 3) shown.push(`and ${titles.length - 3} more`);
  if (reason !== undefined) shown.push(`*${reason}*`);
  return shown.join('<br>');
}

function idsIn(text: string): string[] {
  return [...text.matchAll(idPattern)].flatMap(([, section, first, last]) => {
    const ids: string[] = [];
    for (let n = Number(first); n <= Number(last ?? first); n++) ids.push(`${section}${n}`);
    return ids;
  });
}

function collectCitations(source: TextFile, cited: Map<string, string[]>): void {
  for (const [index, line] of lines(source).entries()) {
    for (const id of idsIn(line)) add(cited, id, `${source.path}:${index + 1}`);
  }
}

function collectTitles(test: TextFile, tested: Map<string, string[]>): void {
  for (const { value, title } of readSource(test).texts) {
    for (const id of idsIn(value)) add(tested, id, title ?? test.path);
  }
}

function add(map: Map<string, string[]>, id: string, place: string): void {
  const places = map.get(id);
  if (places === undefined) map.set(id, [place]);
  else if (!places.includes(place)) places.push(place);
}

function read(path: string): unknown {
  const [file] = files((candidate) => candidate === path);
  if (file === undefined) throw new Error(`${path} is missing`);
  return JSON.parse(file.text);
}
