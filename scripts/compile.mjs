// Builds dist/ when a source is newer than the last build, and leaves nothing else in it.
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow, Refusal, root, runNode } from './workspace.mjs';

const compiled = ['src', 'sim', 'test', 'bench'];
const stamp = join(root, 'dist', '.build-stamp');
const compilerState = join(root, 'dist', '.tsbuildinfo');

/** True when it had to build. Refuses when a type is wrong; the compiler has said where. */
export function compile() {
  const sources = compiled.flatMap(filesBelow);
  const outputs = sources.flatMap(outputsOf);
  const complete = outputs.every((path) => statSync(join(root, path), absentIsFine) !== undefined);
  const fingerprint = fingerprintOf(sources);
  if (complete && read(stamp) === fingerprint) return false;

  rmSync(stamp, { force: true });
  // An incremental compiler does not miss an output that somebody removed.
  if (!complete) rmSync(compilerState, { force: true });
  const code = runNode('node_modules/typescript/bin/tsc', ['-p', '.']);
  if (code !== 0) throw new Refusal('The build failed: the compiler names the places above.');
  copyAssets(sources);
  removeStale(new Set(outputs));
  makeExecutable();
  writeFileSync(stamp, fingerprint);
  return true;
}

const absentIsFine = { throwIfNoEntry: false };

/** Changes with any source's name, size or time, and with whatever else decides the output. */
function fingerprintOf(sources) {
  const hash = createHash('sha256');
  const compilerFile = 'node_modules/typescript/package.json';
  for (const path of [...sources, 'tsconfig.json', 'package.json', compilerFile]) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path}\n${size}\n${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** What has to be in dist/ for a source. Only src/ has assets: tests read theirs in place. */
function outputsOf(path) {
  if (path.endsWith('.d.ts')) return [];
  if (!path.endsWith('.ts')) return path.startsWith('src/') ? [`dist/${path}`] : [];
  const stem = `dist/${path.slice(0, -'.ts'.length)}`;
  return [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`];
}

function copyAssets(sources) {
  for (const path of sources) {
    if (!path.startsWith('src/') || path.endsWith('.ts')) continue;
    const to = join(root, 'dist', path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(root, path), to);
  }
}

/** A compiled file whose source was deleted or renamed would still be imported, and published. */
function removeStale(outputs) {
  for (const path of compiled.flatMap((directory) => filesBelow(`dist/${directory}`))) {
    if (!outputs.has(path)) rmSync(join(root, path));
  }
}

function makeExecutable() {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const path of Object.values(bin)) {
    if (statSync(join(root, path), absentIsFine) !== undefined) chmodSync(join(root, path), 0o755);
  }
}

function read(path) {
  return statSync(path, absentIsFine) === undefined ? undefined : readFileSync(path, 'utf8');
}
