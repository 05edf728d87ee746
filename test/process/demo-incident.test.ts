/** The demonstration, played quickly: what its summary says is what the project promises. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

/** Cells of the row that begins with `title`. */
function row(text: string, title: string): string[] {
  const line = text.split('\n').find((each) => each.startsWith(`${title}  `));
  assert.ok(line !== undefined, `no row "${title}" in:\n${text}`);
  return line.slice(title.length).trim().split(/ {2,}/);
}

test('the demonstration shows the outage with the defaults and none as shipped', {
  timeout: 180_000,
  skip: process.platform !== 'linux' && 'it needs every address of 127.0.0.0/8',
}, async () => {
  const child = spawn(process.execPath, ['scripts/demo-incident.mjs', '--quick'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, text);
  const [stopped = '', kept] = row(text, 'healthy nodes stopped serving after');
  assert.ok(Number.parseInt(stopped, 10) < 1500, stopped);
  assert.equal(kept, 'never');
  assert.deepEqual(row(text, 'calls acknowledged and lost'), ['0', '0']);
  for (const title of ['calls refused', 'connections refused']) {
    const [refused = '', none] = row(text, title);
    assert.ok(Number(refused) > 0, title);
    assert.equal(none, '0', title);
  }
  assert.match(text, /\|Running\|/);
  assert.match(text, /netsplit detected/);
});
