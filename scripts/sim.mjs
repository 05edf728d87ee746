// npm run sim -- [--seeds N] [--seed S] [--nodes N] [--hours H]: installs, builds, and simulates.
import './node-version.mjs';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { main, runNode } from './workspace.mjs';

await main(() => {
  install();
  compile();
  process.exitCode = runNode('dist/sim/run.js', process.argv.slice(2));
});
