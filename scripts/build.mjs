// npm run build: installs what is missing and compiles.
import './node-version.mjs';
import { compile } from './compile.mjs';
import { install } from './install.mjs';
import { main } from './workspace.mjs';

await main(() => {
  install();
  console.log(compile() ? 'Built dist/.' : 'dist/ is up to date.');
});
