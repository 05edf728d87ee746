/** `npm run bench`: builds what changed, then measures. `npm run bench -- --help` says how. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

run('scripts/build.mjs', []);
run('dist/bench/run.js', process.argv.slice(2));
