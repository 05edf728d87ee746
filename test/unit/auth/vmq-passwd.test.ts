import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openPasswordFile } from '../../../src/auth/files/mod.js';
import { type Decision, parsePasswords, type RegisterModifiers } from '../../../src/auth/mod.js';
import { readNewPassword } from '../../../src/cli/read-password.js';
import { registerRequest } from './requests.js';

const tool = fileURLToPath(new URL('../../../src/cli/vmq-passwd.js', import.meta.url));
const mosquitto = '/usr/sbin/mosquitto';
const mosquittoPasswd = '/usr/bin/mosquitto_passwd';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function runTool(args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [tool, ...args], (error, out, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, error: stderr });
    });
    child.stdin?.end(input);
  });
}

async function fileFor(context: TestContext, text?: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nautilusmq-'));
  context.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'vmq.passwd');
  if (text !== undefined) await writeFile(path, text);
  return path;
}

async function verdictOf(path: string, userName: string, password: string): Promise<string> {
  const log = { info() {}, warn() {}, error() {} };
  const { backend } = await openPasswordFile({ path, reloadInterval: 0, log });
  const request = registerRequest({ userName, password: Buffer.from(password) });
  const decision = await new Promise<Decision<RegisterModifiers>>((resolve) => {
    const now = backend.onRegister?.(request, resolve);
    if (now !== undefined) resolve(now);
  });
  return decision.verdict;
}

async function usersOf(path: string): Promise<string[]> {
  const { content, problems } = parsePasswords(await readFile(path, 'utf8'));
  assert.equal(problems, undefined);
  return [...(content?.byUser.keys() ?? [])];
}

test('-c -b makes a file that lets the user in and is readable by its owner only', async (context) => {
  const path = await fileFor(context);
  assert.deepEqual(await runTool(['-c', '-b', path, 'alice', 's3cret p\u00e4ss']), {
    code: 0,
    out: '',
    error: '',
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.match(await readFile(path, 'utf8'), /^alice:\$7\$20000\$[^$]{16}\$[^$]{88}\n$/);
  assert.equal(await verdictOf(path, 'alice', 's3cret p\u00e4ss'), 'allow');
  assert.equal(await verdictOf(path, 'alice', 's3cret'), 'deny');
});

test('-c keeps an existing file, -cf replaces it', async (context) => {
  const path = await fileFor(context, '# old\n');
  const refused = await runTool(['-c', '-b', path, 'alice', 'x']);
  assert.equal(refused.code, 1);
  assert.match(refused.error, /^vmq-passwd: .* exists; -cf replaces it.*\n$/);
  assert.equal(await readFile(path, 'utf8'), '# old\n');
  assert.equal((await runTool(['-cf', '-b', path, 'alice', 'x'])).code, 0);
  assert.deepEqual(await usersOf(path), ['alice']);
  assert.ok(!(await readFile(path, 'utf8')).includes('old'));
});

test('users are added, changed and deleted; mode, comments and links stay', async (context) => {
  const path = await fileFor(context, '# ours\n');
  await chmod(path, 0o640);
  const link = `${path}.link`;
  await symlink(path, link);
  const few = ['-I', '3', '-b', link];
  assert.equal((await runTool([...few, 'alice', '1'])).code, 0);
  assert.equal((await runTool([...few, 'bob', '2'])).code, 0);
  assert.equal((await runTool([...few, 'alice', '3'])).code, 0);
  assert.deepEqual(await usersOf(path), ['alice', 'bob']);
  assert.equal(await verdictOf(path, 'alice', '3'), 'allow');
  assert.equal((await runTool(['-D', link, 'alice'])).code, 0);
  assert.deepEqual(await usersOf(path), ['bob']);
  assert.match(await readFile(path, 'utf8'), /^# ours\nbob:\$7\$3\$/);
  assert.equal((await stat(path)).mode & 0o777, 0o640);
  assert.deepEqual((await readdir(join(path, '..'))).sort(), ['vmq.passwd', 'vmq.passwd.link']);
});

test('the password comes from standard input where nobody can type', async (context) => {
  const path = await fileFor(context, '');
  assert.equal((await runTool(['-I', '3', path, 'alice'], 'from a pipe\nsecond line\n')).code, 0);
  assert.equal(await verdictOf(path, 'alice', 'from a pipe'), 'allow');
  const empty = await runTool([path, 'bob'], '');
  assert.deepEqual([empty.code, empty.error], [1, 'vmq-passwd: the password is empty\n']);
});

test('-U hashes what is plain and keeps what is hashed', async (context) => {
  const path = await fileFor(context, '# plain\nalice:pw\n\nbob:with:colon\n');
  assert.equal((await runTool(['-I', '3', '-U', path])).code, 0);
  const once = await readFile(path, 'utf8');
  assert.match(once, /^# plain\nalice:\$7\$3\$.*\n\nbob:\$7\$3\$.*\n$/);
  assert.equal(await verdictOf(path, 'bob', 'with:colon'), 'allow');
  assert.equal((await runTool(['-U', path])).code, 0);
  assert.equal(await readFile(path, 'utf8'), once);
});

test('an edit of a faulty file names the place, changes nothing and shows no password', async (context) => {
  const text = '# plain\nalice:hunter2\n';
  const path = await fileFor(context, text);
  const { code, error } = await runTool(['-b', path, 'bob', 'x']);
  assert.equal(code, 1);
  assert.match(error, /^vmq-passwd: .*vmq\.passwd:2:7: .*-U.*\n$/);
  assert.ok(!error.includes('hunter2'));
  assert.equal(await readFile(path, 'utf8'), text);
});

test('what cannot be done is told in one line', async (context) => {
  const path = await fileFor(context);
  const missing = await runTool(['-b', path, 'alice', 'x']);
  assert.deepEqual(
    [missing.code, missing.error],
    [1, `vmq-passwd: ${path} does not exist; -c creates it\n`],
  );
  const nobody = await runTool(['-D', await fileFor(context, ''), 'alice']);
  assert.equal(nobody.code, 1);
  assert.match(nobody.error, /there is no user alice\n$/);
});

test('wrong usage ends with code 2 and says what is wrong', async (context) => {
  const path = await fileFor(context);
  for (const [args, message] of [
    [[], /missing required argument/],
    [[path], /user name is missing/],
    [[path, 'alice', 'pw'], /needs -b/],
    [['-b', path, 'alice'], /-b needs the password/],
    [['-c', '-D', path, 'alice'], /exclude each other/],
    [['-f', path, 'alice'], /-f belongs to -c/],
    [['-U', path, 'alice'], /-U takes a file/],
    [['-c', '-b', path, 'a:b', 'pw'], /must not contain ":"/],
    [['-c', '-b', path, 'a\nb', 'pw'], /control characters/],
    [['-I', '0', '-c', '-b', path, 'a', 'pw'], /from 1 to/],
    [['--nonsense', path, 'a'], /unknown option/],
  ] as const) {
    const { code, error } = await runTool(args);
    assert.equal(code, 2, error);
    assert.match(error, message);
  }
  assert.equal(existsSync(path), false);
});

test('--help shows the options and examples', async () => {
  const { code, out } = await runTool(['--help']);
  assert.equal(code, 0);
  for (const part of ['-c, --create', '-D, --delete', '-U', '-b', '-I', 'Examples:']) {
    assert.ok(out.includes(part), part);
  }
});

class Terminal extends PassThrough {
  readonly isTTY = true;
  readonly modes: boolean[] = [];
  setRawMode(isRaw: boolean): this {
    this.modes.push(isRaw);
    return this;
  }
}

function typed(bytes: string): { terminal: Terminal; shown: PassThrough; read: Promise<Buffer> } {
  const terminal = new Terminal();
  const shown = new PassThrough();
  const read = readNewPassword({ input: terminal as never, prompts: shown });
  terminal.write(bytes);
  return { terminal, shown, read };
}

test('a typed password is asked for twice, edited with backspace, and never shown', async () => {
  const { terminal, shown, read } = typed(
    'wrong\u0015s\u00e4x\u007f\u007f\u00e4cret\rs\u00e4cret\r',
  );
  assert.equal((await read).toString(), 's\u00e4cret');
  assert.deepEqual(terminal.modes, [true, false, true, false]);
  shown.end();
  assert.equal(await text(shown), 'Password: \nReenter password: \n');
});

test('two different typed passwords, an empty one and Ctrl-C change nothing', async () => {
  await assert.rejects(typed('a\rb\r').read, /do not match/);
  await assert.rejects(typed('\r').read, /empty/);
  const interrupted = typed('abc\u0003');
  await assert.rejects(interrupted.read, /interrupted/);
  assert.deepEqual(interrupted.terminal.modes, [true, false]);
});

const noPasswd = !existsSync(mosquittoPasswd) && 'mosquitto_passwd is not installed';
const noBroker = !existsSync(mosquitto) && 'mosquitto is not installed';

test('files that mosquitto_passwd writes are read', { skip: noPasswd }, async (context) => {
  const path = await fileFor(context, '');
  const write = (...args: string[]): Promise<number> =>
    new Promise((resolve) => {
      spawn(mosquittoPasswd, args, { stdio: 'ignore' }).on('exit', (code) => resolve(code ?? -1));
    });
  assert.equal(await write('-b', path, 'alice', 'pbkdf2'), 0);
  assert.equal(await write('-H', 'sha512', '-b', path, 'bob', 'sha512'), 0);
  assert.equal(await verdictOf(path, 'alice', 'pbkdf2'), 'allow');
  assert.equal(await verdictOf(path, 'bob', 'sha512'), 'allow');
  assert.equal(await verdictOf(path, 'bob', 'pbkdf2'), 'deny');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The Connect Return code that a 3.1.1 CONNECT gets. */
function returnCodeFor(port: number, user: string, password: string): Promise<number> {
  const field = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const body = Buffer.concat([
    field('MQTT'),
    Buffer.from([4, 0xc2, 0, 60]),
    field('c'),
    field(user),
    field(password),
  ]);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer[3] ?? -1);
    });
    socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
  });
}

function running(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let told = '';
    child.stderr?.on('data', (chunk) => {
      told += String(chunk);
      if (told.includes('running')) resolve();
    });
    child.once('exit', () => reject(new Error(told)));
  });
}

test('Mosquitto reads files that vmq-passwd writes', { skip: noBroker }, async (context) => {
  const path = await fileFor(context);
  await runTool(['-c', '-b', path, 'alice', 'secret']);
  await runTool(['-I', '101', '-b', path, 'bob', 'other']);
  // Mosquitto gives root up when it starts, and must still be able to read them.
  await chmod(join(path, '..'), 0o755);
  await chmod(path, 0o644);
  const port = await freePort();
  const configuration = `${path}.conf`;
  await writeFile(configuration, `listener ${port} 127.0.0.1\npassword_file ${path}\n`);
  const child = spawn(mosquitto, ['-v', '-c', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  context.after(() => child.kill());
  await running(child);
  assert.equal(await returnCodeFor(port, 'alice', 'secret'), 0);
  assert.equal(await returnCodeFor(port, 'bob', 'other'), 0);
  assert.equal(await returnCodeFor(port, 'alice', 'other'), 5);
});
