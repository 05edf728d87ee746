// npm run bench -- [options]: installs, builds, and measures. `--help` shows the options.
import './node-version.mjs';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { main, runNode } from './workspace.mjs';

await main(() => {
  install();
  compile();
  process.exitCode = runNode('dist/bench/run.js', process.argv.slice(2));
});
