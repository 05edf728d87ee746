import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSlowSync, readSyncLog } from '../../fixtures/slow-sync.js';

const process_ = fileURLToPath(new URL('../../fixtures/store-process.js', import.meta.url));
const library = buildSlowSync();
const delayMs = 60;

const title = 'a commit is done only after the sync that covers it has ended';
if (library === undefined) it.skip(`${title} (skipped: gcc and LD_PRELOAD are needed)`);
else
  it(title, () => {
    const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-sync-'));
    const log = join(directory, 'sync.log');
    const { stdout, status } = spawnSync(
      process.execPath,
      [process_, 'timeCommits', join(directory, 'data')],
      {
        encoding: 'utf8',
        env: {
          ...process.env,
          LD_PRELOAD: library,
          SLOW_SYNC_MS: String(delayMs),
          SLOW_SYNC_LOG: log,
        },
      },
    );
    assert.equal(status, 0);
    const commits = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { called: string; done: string; failure?: unknown });
    assert.equal(commits.length, 3);
    const events = readSyncLog(log);
    for (const { called, done, failure } of commits) {
      assert.equal(failure, undefined);
      const within = events.filter((e) => e.at > BigInt(called) && e.at < BigInt(done));
      const begun = within.findIndex((e) => e.edge === 'begin');
      const ended = within.findLastIndex((e) => e.edge === 'end');
      assert.ok(begun >= 0 && ended > begun, 'a whole sync lies between commit and done');
      assert.ok(BigInt(done) - BigInt(called) >= BigInt(delayMs) * 1_000_000n);
    }
    rmSync(directory, { recursive: true });
  });
