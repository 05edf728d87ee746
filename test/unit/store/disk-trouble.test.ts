import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSlowSync } from '../../fixtures/slow-sync.js';

const storeProcess = fileURLToPath(new URL('../../fixtures/store-process.js', import.meta.url));

interface Step {
  readonly step?: string;
  readonly stored?: number;
  readonly failure?: { readonly code: string; readonly message: string };
  readonly wrong?: readonly string[];
  readonly boot?: number;
}

function parse(stdout: string): Step[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Step);
}

/** A mount name space of our own, so that the small file system goes away with the process. */
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', '/mnt']).status ===
    0;

function runOnSmallDisk(script: string, options = 'size=12m'): Step[] {
  const mount = mkdtempSync(join(tmpdir(), 'nautilusmq-disk-'));
  const command = `mount -t tmpfs -o ${options} tmpfs "$1" && exec "$2" "$3" "$4" "$1/data"`;
  const words = ['-m', 'sh', '-c', command, 'sh', mount, process.execPath, storeProcess, script];
  const { stdout, stderr, status } = spawnSync('unshare', words, { encoding: 'utf8' });
  rmSync(mount, { recursive: true });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '', 'neither lmdb nor node complains');
  return parse(stdout);
}

const refusedSteps = ['full', 'still full', 'full by a foreign file'];

function fillDisk(script: string): void {
  const steps = runOnSmallDisk(script);
  const named = new Map(steps.map((step) => [step.step, step]));
  for (const { step, wrong } of steps) assert.deepEqual(wrong ?? [], [], step);
  for (const step of refusedSteps) {
    assert.equal(named.get(step)?.failure?.code, 'STORE_FULL', step);
  }
  const unexpected = steps.filter(
    ({ step, failure }) => failure !== undefined && !refusedSteps.includes(step ?? ''),
  );
  assert.deepEqual(unexpected, []);
  assert.equal(named.get('still full')?.stored, 0);
  assert.ok((named.get('full')?.stored ?? 0) > 20);
  assert.equal(named.get('reopened')?.boot, 2);
  assert.equal(steps.length, 9, JSON.stringify(steps));
}

for (const { script, kind } of [
  { script: 'fillSmall', kind: 'short values' },
  { script: 'fillLong', kind: 'values of many pages' },
]) {
  const title = `a full disk refuses ${kind} whole, still removes, and stores again once there is room`;
  if (!canMount) it.skip(`${title} (skipped: mounting a tmpfs needs root and unshare)`);
  else it(title, () => fillDisk(script));
}

for (const { options, kind } of [
  { options: 'ro,size=12m', kind: 'read-only' },
  { options: 'size=8k', kind: 'too small' },
]) {
  const title = `a data directory on a ${kind} disk is refused in one sentence`;
  if (!canMount) it.skip(`${title} (skipped: mounting a tmpfs needs root and unshare)`);
  else
    it(title, () => {
      const [step, ...more] = runOnSmallDisk('refuse', options);
      assert.deepEqual(more, []);
      assert.equal(step?.failure?.code, 'STORE_UNWRITABLE');
      assert.match(step.failure.message, /data cannot be written: [^\n]+check its owner[^\n]+\.$/);
    });
}

const library = buildSlowSync();
const failing =
  'a sync that fails refuses its batch only, and the store serves on without a restart';
if (library === undefined) it.skip(`${failing} (skipped: gcc and LD_PRELOAD are needed)`);
else
  it(failing, () => {
    const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-sync-'));
    const { stdout, status } = spawnSync(
      process.execPath,
      [storeProcess, 'failSync', join(directory, 'data')],
      {
        encoding: 'utf8',
        env: { ...process.env, LD_PRELOAD: library, SLOW_SYNC_FAIL: join(directory, 'fail') },
      },
    );
    assert.equal(status, 0);
    assert.deepEqual(parse(stdout), [{ step: 'reopened', stored: 20, wrong: [] }]);
    rmSync(directory, { recursive: true });
  });
