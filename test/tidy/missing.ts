/**
 * node dist/test/tidy/missing.js           statements that bind a server and still lack something
 * node dist/test/tidy/missing.js ID …      every line and test about these statements
 */
import { type Coverage, type Covered, lacks, readCoverage } from './coverage.js';

function listMissing({ specifications, unknown }: Coverage): string[] {
  return [
    ...unknown.map((place) => `no such statement: ${place}`),
    ...specifications.flatMap(({ title, statements }) => {
      const missing = statements.filter((one) => lacks(one) !== undefined);
      return [`${title}: ${missing.length} of ${statements.length} are open`, ...missing.map(line)];
    }),
  ];
}

function line(covered: Covered): string {
  const { id, binds, text } = covered.statement;
  return `  ${id.padEnd(17)} ${lacks(covered)?.padEnd(21)} ${binds.padEnd(8)} ${text}`;
}

function show({ statement, cited, tested, gap }: Covered): string[] {
  const reason = gap === undefined ? [] : [`  gap: ${gap}`];
  const head = `${statement.id} (${statement.binds}): ${statement.text}`;
  return [head, ...cited.map((at) => `  ${at}`), ...tested.map((at) => `  test: ${at}`), ...reason];
}

const coverage = readCoverage();
const wanted = new Set(process.argv.slice(2));
const all = coverage.specifications.flatMap(({ statements }) => statements);
const chosen = all.filter(({ statement }) => wanted.has(statement.id));
console.log((wanted.size > 0 ? chosen.flatMap(show) : listMissing(coverage)).join('\n'));
