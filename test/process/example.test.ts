import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('the example of an embedded broker runs', () => {
  const example = ['examples/embed.mjs', '--once'];
  const { status, stdout, stderr } = spawnSync(process.execPath, example, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^tcp 127\.0\.0\.1:\d+\nws 127\.0\.0\.1:\d+\n$/);
});
