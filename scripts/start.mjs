// npm start -- [options of `nautilusmq start`]: installs, builds, and serves in this process, so
// that signals and the exit code are the broker's own.
import './node-version.mjs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { main, root } from './workspace.mjs';

await main(async () => {
  install();
  compile();
  const program = join(root, 'dist/src/cli/nautilusmq.js');
  process.argv = [process.execPath, program, 'start', ...process.argv.slice(2)];
  await import(pathToFileURL(program).href);
});
