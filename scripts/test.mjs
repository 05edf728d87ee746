// npm test: every gate in order, then every test in one run, whose closing lines count them all.
//
//   npm test                      everything
//   npm test -- --only wire       one group (tidy, unit, wire …), without the other gates
//   npm test -- queue session/    the files whose path contains one of the words, likewise
import './node-version.mjs';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { filesBelow, main, Refusal, root, run, runNode } from './workspace.mjs';

/** In the order in which they are worth seeing. Tests of the tree itself lie in test/ directly. */
const groups = ['tidy', 'unit', 'wire', 'sim', 'broker', 'process'];
const fileTimeoutMs = 10 * 60 * 1000;

await main(() => {
  const started = Date.now();
  const words = process.argv.slice(2);
  install();
  if (words.length === 0) gate('format', () => runTool('@biomejs/biome', 'biome', ['format']));
  gate('types', () => (compile(), 0));
  if (words.length === 0) {
    gate('lint', () => runTool('oxlint', 'oxlint', ['--type-aware', '--deny-warnings']));
    gate('dead files and exports', () => runTool('knip', 'knip', ['--no-config-hints']));
  }
  const files = select(words);
  console.log(`${seconds(started)} until here; now the tests of ${files.length} files.\n`);
  const code = runTests(files);
  // The closing lines of the runner stay the last ones where a machine reads them.
  if (process.env.CI === undefined) {
    console.log(`${code === 0 ? 'Passed' : 'Failed'} after ${seconds(started)}.`);
  }
  process.exitCode = code;
});

function gate(name, body) {
  const started = Date.now();
  if (body() !== 0) throw new Refusal(`Failed: ${name}.`);
  console.log(`✔ ${name} (${seconds(started)})`);
}

/** A package's own program, found as npm would. */
function runTool(packageName, binName, args) {
  const directory = join('node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));
  return runNode(join(directory, typeof bin === 'string' ? bin : bin[binName]), args);
}

/** Compiled test files, by group. */
function select(words) {
  const sources = filesBelow('test').filter((path) => path.endsWith('.test.ts'));
  const inOrder = sources.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const chosen = inOrder.filter(chooser(words));
  if (chosen.length === 0) throw new Refusal(`No test file matches: ${words.join(' ')}`);
  return chosen.map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
}

function chooser(words) {
  if (words.length === 0) return () => true;
  if (words[0] !== '--only') return (path) => words.some((word) => path.includes(word));
  if (!groups.includes(words[1])) {
    throw new Refusal(`--only takes one of ${groups.join(', ')}.`);
  }
  return (path) => groupOf(path) === words[1];
}

function groupOf(path) {
  const [, directory, rest] = path.split('/');
  return rest === undefined ? 'tidy' : directory;
}

function rank(path) {
  const index = groups.indexOf(groupOf(path));
  if (index === -1) throw new Refusal(`${path} is in none of the groups ${groups.join(', ')}.`);
  return index;
}

/** One runner over named files: Node.js 20 takes no glob, later ones no directory. */
function runTests(files) {
  const missing = files.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Refusal(`Not built: ${missing.join(', ')}`);
  const options = [
    '--test',
    '--enable-source-maps',
    '--test-reporter=spec',
    '--test-concurrency=2',
    `--test-timeout=${fileTimeoutMs}`,
  ];
  return run(process.execPath, [...options, ...files]);
}

function seconds(since) {
  const elapsed = (Date.now() - since) / 1000;
  return elapsed < 90 ? `${elapsed.toFixed(1)} s` : `${(elapsed / 60).toFixed(1)} min`;
}
