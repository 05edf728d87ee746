import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type LogOptions, openLog } from '../../../src/log/mod.js';

const neverRotated = { size: 0, keep: 5, compress: false };

function directoryFor(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function optionsFor(directory: string, changes: Partial<LogOptions> = {}): LogOptions {
  return {
    console: 'file',
    level: 'info',
    format: undefined,
    file: { file: join(directory, 'log', 'console.log'), format: 'json', rotation: neverRotated },
    errors: undefined,
    isTerminal: false,
    base: { node: 'n1' },
    ...changes,
  };
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function recordsOf(path: string): Array<Record<string, unknown>> {
  return linesOf(path).map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line in a JSON file holds time, level, base, fields and message', async (context) => {
  const options = optionsFor(directoryFor(context));
  const log = openLog(options);
  log.info({ client: 'c1', peer: '127.0.0.1' }, 'client connected');
  await log.close();
  const [record] = recordsOf(options.file.file);
  assert.match(String(record?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  delete record?.['time'];
  assert.deepEqual(record, {
    level: 'info',
    node: 'n1',
    client: 'c1',
    peer: '127.0.0.1',
    msg: 'client connected',
  });
  assert.equal(statSync(options.file.file).mode & 0o777, 0o640);
});

test('levels are the configured one and worse, and change while running', async (context) => {
  const options = optionsFor(directoryFor(context), { level: 'notice' });
  const log = openLog(options);
  log.info({}, 'hidden');
  log.warn({}, 'shown');
  log.setLevel('debug');
  log.debug({}, 'shown now');
  log.setLevel('emergency');
  log.warn({}, 'hidden again');
  log.error({ err: new Error('why') }, 'worst');
  await log.close();
  const records = recordsOf(options.file.file);
  assert.deepEqual(
    records.map(({ msg }) => msg),
    ['shown', 'shown now', 'worst'],
  );
  assert.match(JSON.stringify(records[2]), /"message":"why","stack":/);
});

test('passwords and payloads are never written, however deep they are', async (context) => {
  const options = optionsFor(directoryFor(context), { level: 'debug' });
  const log = openLog(options);
  const secret = Buffer.from('hunter2');
  log.debug({ password: 'hunter2', connect: { password: secret, payload: secret } }, 'one');
  log.debug({ a: { b: { password: secret, authenticationData: secret } } }, 'two');
  await log.close();
  const text = readFileSync(options.file.file, 'utf8');
  assert.ok(!text.includes('hunter2') && !text.includes('"data":['), text);
  assert.equal(text.match(/not logged/g)?.length, 5);
});

test('standard output gets text on a terminal and JSON otherwise, unless one is asked for', async (context) => {
  const directory = directoryFor(context);
  for (const [name, changes, pattern] of [
    ['terminal', { isTerminal: true }, /^\S*\[\d{4}-\d\d-\d\d .*INFO.*hello/],
    ['pipe', {}, /^\{"level":"info"/],
    [
      'asked',
      { format: 'text' },
      /^\[\d{4}-\d\d-\d\d [^\u001b]*INFO[^\u001b]*: hello \{"n":1\}\n$/,
    ],
    ['json', { format: 'json', isTerminal: true }, /^\{"level":"info"/],
  ] as const) {
    const path = join(directory, name);
    const descriptor = openSync(path, 'w');
    const options = optionsFor(directory, { console: 'console', base: {}, descriptor, ...changes });
    const log = openLog(options);
    log.info({ n: 1 }, 'hello');
    await log.close();
    assert.match(readFileSync(path, 'utf8'), pattern);
  }
});

test('what a peer chose forges no line and drives no terminal', async (context) => {
  const directory = directoryFor(context);
  const file = join(directory, 'text.log');
  const options = optionsFor(directory, {
    file: { file, format: 'text', rotation: neverRotated },
  });
  const log = openLog(options);
  const evil = 'c1\n[2026-01-01] INFO: all is well\u001b[2J\u009b2J\u202e';
  log.warn({ client: evil, [evil]: [evil] }, `refused ${evil}`);
  await log.close();
  const text = readFileSync(file, 'utf8');
  assert.equal(text.split('\n').length, 2, text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.doesNotMatch(text.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  assert.match(text, /\\u000a/);
});

test('a full file is put aside under a number, and the oldest goes', async (context) => {
  const directory = directoryFor(context);
  const file = join(directory, 'console.log');
  const rotation = { size: 400, keep: 2, compress: false };
  const log = openLog(optionsFor(directory, { file: { file, format: 'json', rotation } }));
  for (let at = 0; at < 40; at += 1) log.info({ at }, 'a line of some length');
  await log.close();
  const names = readdirSync(directory).sort();
  assert.deepEqual(names, ['console.log', 'console.log.0', 'console.log.1']);
  const kept = ['console.log.1', 'console.log.0', 'console.log'].flatMap((name) =>
    recordsOf(join(directory, name)).map(({ at }) => Number(at)),
  );
  const last = kept.length;
  assert.deepEqual(
    kept,
    Array.from({ length: last }, (_, nth) => 40 - last + nth),
  );
  for (const name of names) assert.ok(statSync(join(directory, name)).size <= 400);
});

test('a file put aside can be compressed', async (context) => {
  const directory = directoryFor(context);
  const file = join(directory, 'console.log');
  const rotation = { size: 150, keep: 2, compress: true };
  const log = openLog(optionsFor(directory, { file: { file, format: 'json', rotation } }));
  log.info({ at: 1 }, 'a line of some length');
  log.info({ at: 2 }, 'a line of some length');
  await log.close();
  assert.deepEqual(readdirSync(directory).sort(), ['console.log', 'console.log.0.gz']);
  const old = gunzipSync(readFileSync(`${file}.0.gz`)).toString();
  assert.equal((JSON.parse(old) as { at: number }).at, 1);
});

test('after reopen the lines go to a new file under the old name', async (context) => {
  const directory = directoryFor(context);
  const file = join(directory, 'console.log');
  const options = optionsFor(directory, { file: { file, format: 'json', rotation: neverRotated } });
  const log = openLog(options);
  log.info({}, 'before');
  renameSync(file, `${file}.moved`);
  log.info({}, 'moved');
  log.reopen();
  log.info({}, 'after');
  await log.close();
  assert.deepEqual(
    recordsOf(`${file}.moved`).map(({ msg }) => msg),
    ['before', 'moved'],
  );
  assert.deepEqual(
    recordsOf(file).map(({ msg }) => msg),
    ['after'],
  );
});

test('errors also go to a file of their own', async (context) => {
  const directory = directoryFor(context);
  const file = join(directory, 'error.log');
  const errors = { file, format: 'json', rotation: neverRotated } as const;
  const options = optionsFor(directory, { errors });
  const log = openLog(options);
  log.info({}, 'fine');
  log.error({}, 'not fine');
  await log.close();
  assert.equal(recordsOf(options.file.file).length, 2);
  assert.deepEqual(
    recordsOf(file).map(({ msg }) => msg),
    ['not fine'],
  );
});

test('a file that cannot be opened is an error with its path', (context) => {
  const directory = directoryFor(context);
  const file = { file: directory, format: 'json', rotation: neverRotated } as const;
  assert.throws(() => openLog(optionsFor(directory, { file })), { code: 'EISDIR' });
});

test('repeated events are one line at once and one per window, with their number', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const options = optionsFor(directoryFor(context));
  const log = openLog(options);
  const drop = (client: string): void =>
    log.repeated('warn', 'dropped', { client }, 'queue full, message dropped', 60_000);
  drop('c1');
  drop('c2');
  drop('c3');
  log.repeated('info', 'refused', {}, 'connection refused');
  context.mock.timers.tick(60_000);
  context.mock.timers.tick(60_000);
  drop('c4');
  drop('c5');
  await log.close();
  assert.deepEqual(
    recordsOf(options.file.file).map(({ level, client, times, msg }) => [
      level,
      client,
      times,
      msg,
    ]),
    [
      ['warn', 'c1', undefined, 'queue full, message dropped'],
      ['info', undefined, undefined, 'connection refused'],
      ['warn', 'c3', 2, 'queue full, message dropped (2 times in the last 60 s)'],
      ['warn', 'c4', undefined, 'queue full, message dropped'],
      ['warn', 'c5', 1, 'queue full, message dropped (1 times more)'],
    ],
  );
});

test('lines written just before the process exits are not lost', async (context) => {
  const options = optionsFor(directoryFor(context), { console: 'both', format: 'json' });
  const module = new URL('../../../src/log/mod.js', import.meta.url).href;
  const script = `
    import { openLog } from ${JSON.stringify(module)};
    const log = openLog(${JSON.stringify({ ...options, format: 'json' })});
    for (let at = 0; at < 1000; at += 1) log.info({ at }, 'last words');
    process.exit(3);`;
  const out = await new Promise<string>((resolve) => {
    const args = ['--input-type=module', '-e', script];
    execFile(process.execPath, args, (_error, stdout) => resolve(stdout));
  });
  assert.equal(linesOf(options.file.file).length, 1000);
  assert.equal(out.split('\n').length, 1001);
});

const noFull = !existsSync('/dev/full') && 'there is no /dev/full';

test('a full disk loses lines and says so, and the process goes on and ends', {
  skip: noFull,
}, async () => {
  const module = new URL('../../../src/log/mod.js', import.meta.url).href;
  const file = { file: '/dev/full', format: 'json', rotation: neverRotated };
  const script = `
    import { openLog } from ${JSON.stringify(module)};
    const log = openLog(${JSON.stringify({ ...optionsFor('/'), file })});
    for (let at = 0; at < 100000; at += 1) log.info({ at }, 'x'.repeat(100));
    log.flushSync();
    log.info({}, 'goes on');
    process.exitCode = 3;`;
  const [code, error] = await new Promise<[unknown, string]>((resolve) => {
    const args = ['--input-type=module', '-e', script];
    execFile(process.execPath, args, { timeout: 20_000 }, (failure, _out, stderr) =>
      resolve([failure?.code, stderr]),
    );
  });
  assert.equal(code, 3);
  assert.match(error, /^log: \/dev\/full: ENOSPC[^\n]*\n$/);
});
