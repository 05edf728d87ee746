// npm run test:node -- VERSION [files]: the tests under another release of Node.js, which npm
// fetches. Builds with this release; runs what `npm test` would run, without the other gates.
import './node-version.mjs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { main, Refusal, root, run } from './workspace.mjs';

const [version, ...words] = process.argv.slice(2);

await main(() => {
  if (!/^\d+(\.\d+){0,2}$/.test(version ?? '')) {
    throw new Refusal('Usage: npm run test:node -- VERSION [words in file names], e.g. 26');
  }
  install();
  compile();
  const node = fetchNode(version);
  // An empty word is in every path: all tests, none of the gates.
  process.exitCode = run(node, ['scripts/test.mjs', ...(words.length > 0 ? words : [''])]);
});

/** The path of that release's program, kept between runs. */
function fetchNode(release) {
  const directory = join(tmpdir(), `nautilusmq-node-${release}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  // The program itself lies in a package of its own for each platform: no script has to run.
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'];
  const code = run('npm', [...args, `${name}@${release}`], { cwd: directory });
  if (code !== 0) throw new Refusal(`npm has no ${name} ${release}.`);
  const program = join(directory, 'node_modules', name, 'bin', 'node');
  if (run(program, ['--version'], { cwd: root }) !== 0) {
    throw new Refusal(`${program} does not run here.`);
  }
  return program;
}
