// Installs the dependencies when what is in node_modules is not what package-lock.json asks for.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, root } from './workspace.mjs';

const wanted = join(root, 'package-lock.json');
// npm writes this file as the last step of an installation.
const installed = join(root, 'node_modules', '.package-lock.json');

/** Quiet unless it has something to do or fails. */
export function install() {
  if (isInstalled()) return;
  console.log('Installing dependencies …');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  const result = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  const cause = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
  throw new Refusal(`The dependencies could not be installed: npm ci failed (${cause}).`);
}

/**
 * The time of the files answers at once; where a checkout has touched package-lock.json the
 * versions are compared. Packages for other platforms are not expected to be there.
 */
function isInstalled() {
  const have = statSync(installed, { throwIfNoEntry: false });
  if (have === undefined) return false;
  if (have.mtimeMs >= statSync(wanted).mtimeMs) return true;
  const havePackages = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const wantedPackages = JSON.parse(readFileSync(wanted, 'utf8')).packages;
  return Object.entries(wantedPackages).every(
    ([path, { version, optional }]) =>
      path === '' || optional === true || havePackages[path]?.version === version,
  );
}
