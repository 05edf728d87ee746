import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openAclFile, openPasswordFile } from '../../../src/auth/files/mod.js';
import type { AuthBackend } from '../../../src/auth/mod.js';
import { publishRequest } from './requests.js';

class Lines {
  readonly lines: string[] = [];
  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(_fields: object, message: string): void {
    this.lines.push(`error ${message}`);
  }
  /** What was logged since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

async function directoryFor(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nautilusmq-'));
  context.after(() => rm(directory, { recursive: true }));
  return directory;
}

function mayPublish(backend: AuthBackend, topic: string): boolean {
  const decision = backend.onPublish?.(publishRequest(topic), () => {});
  return decision?.verdict === 'allow';
}

test('a changed ACL file is in force after the next poll, edited or renamed over', async (context) => {
  const path = join(await directoryFor(context), 'vmq.acl');
  await writeFile(path, 'topic a\n');
  const log = new Lines();
  const { backend, poll, close } = await openAclFile({ path, reloadInterval: 0, log });
  context.after(close);
  assert.ok(mayPublish(backend, 'a'));
  assert.deepEqual(log.take(), ['info ACL file loaded (rules: 1)']);
  const before = backend.revision;
  await poll();
  assert.equal(backend.revision, before);
  assert.deepEqual(log.take(), []);

  await writeFile(path, 'topic bb\n');
  await poll();
  assert.deepEqual([mayPublish(backend, 'a'), mayPublish(backend, 'bb')], [false, true]);
  assert.notEqual(backend.revision, before);

  await writeFile(`${path}.new`, 'topic cc\n');
  await rename(`${path}.new`, path);
  await poll();
  assert.deepEqual([mayPublish(backend, 'bb'), mayPublish(backend, 'cc')], [false, true]);
});

test('a faulty file is reported once with line and column, and the old content stays', async (context) => {
  const path = join(await directoryFor(context), 'vmq.acl');
  await writeFile(path, 'topic a\n');
  const log = new Lines();
  const { backend, poll } = await openAclFile({ path, reloadInterval: 0, log });
  log.take();
  await writeFile(path, 'topic a\ntopic b#\n');
  await poll();
  await poll();
  assert.deepEqual(log.take(), [
    `error ${path}:2:8: # must be a whole level`,
    'error ACL file not loaded (mistakes: 1); what was in force before stays so',
  ]);
  assert.ok(mayPublish(backend, 'a'));
  await writeFile(path, 'topic b/#\n');
  await poll();
  assert.deepEqual(log.take(), ['info ACL file loaded (rules: 1)']);
});

test('a missing password file is told with the command that creates it, and picked up', async (context) => {
  const path = join(await directoryFor(context), 'vmq.passwd');
  const log = new Lines();
  const { poll } = await openPasswordFile({ path, reloadInterval: 0, log });
  await poll();
  const [line, ...others] = log.take();
  assert.match(line ?? '', /^warn .*does not exist.*vmq-passwd -c /);
  assert.deepEqual(others, []);
  await writeFile(path, '# no users yet\n');
  await poll();
  assert.deepEqual(log.take(), ['info password file loaded (users: 0)']);
});

test('a file that disappears or cannot be read leaves its content in force', async (context) => {
  const path = join(await directoryFor(context), 'vmq.acl');
  await writeFile(path, 'topic a\n');
  const log = new Lines();
  const { backend, poll, configure } = await openAclFile({ path, reloadInterval: 0, log });
  log.take();
  await rm(path);
  await poll();
  await poll();
  assert.match(log.take().join('\n'), /^warn .* is gone; what was in force stays so$/);
  assert.ok(mayPublish(backend, 'a'));
  await configure(join(path, '..'), 0);
  assert.match(log.take().join('\n'), /^error .*cannot be read/);
  assert.ok(mayPublish(backend, 'a'));
});

test('another path given while running is read at once', async (context) => {
  const directory = await directoryFor(context);
  const path = join(directory, 'one.acl');
  const other = join(directory, 'two.acl');
  await writeFile(path, 'topic a\n');
  await writeFile(other, 'topic b\n');
  const log = new Lines();
  const { backend, configure, close } = await openAclFile({ path, reloadInterval: 0, log });
  context.after(close);
  await configure(other, 10);
  assert.deepEqual([mayPublish(backend, 'a'), mayPublish(backend, 'b')], [false, true]);
});
