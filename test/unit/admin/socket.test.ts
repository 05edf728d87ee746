/** The admin socket: who may open it, what is sent over it, and what comes of nonsense. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AdminError, AdminServer, askNode } from '../../../src/admin/mod.js';
import { adminAddress } from '../../../src/admin/address.js';
import type { Command } from '../../../src/admin/command.js';
import { temporaryDirectory } from '../../fixtures/broker-process.js';
import { clusterTable, FakeNode } from './fake-node.js';

const skip = process.platform === 'win32' ? 'Windows has named pipes instead' : false;
const show = { words: ['cluster', 'show'], flags: new Map<string, string | true>() };
const quick = { greetingMs: 10_000, silenceMs: 200 };

interface Line {
  readonly fields: object;
  readonly message: string;
}

class FakeLog {
  readonly infos: Line[] = [];
  readonly errors: Line[] = [];

  info(fields: object, message: string): void {
    this.infos.push({ fields, message });
  }

  error(fields: object, message: string): void {
    this.errors.push({ fields, message });
  }
}

function temporary(t: TestContext): string {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  return path;
}

interface Served {
  readonly server: AdminServer;
  readonly node: FakeNode;
  readonly log: FakeLog;
}

async function serve(
  t: TestContext,
  directory: string,
  commands?: readonly Command[],
): Promise<Served> {
  const node = new FakeNode();
  const log = new FakeLog();
  const more = commands === undefined ? {} : { commands };
  const server = await AdminServer.open({ directory, node, log, ...more });
  t.after(() => server.close());
  return { server, node, log };
}

/** Sends bytes and returns what comes back, without the signs of life. */
async function exchange(path: string, bytes: string | Buffer, end = false): Promise<string> {
  const socket = net.connect({ path });
  // A server that has had enough may hang up while we still write.
  socket.on('error', () => undefined);
  socket.setEncoding('utf8');
  let text = '';
  socket.on('data', (part: string) => {
    text += part;
  });
  if (end) socket.end(bytes);
  else socket.write(bytes);
  await once(socket, 'close');
  return text.trim();
}

function command(run: Command['run'], limitMs = 60_000): Command {
  const words = ['cluster', 'show'];
  const rest = { keys: [], flags: [], summary: '', text: [], changes: false };
  return { words, ...rest, limitMs: () => limitMs, run };
}

describe('the admin socket', { skip }, () => {
  it('answers in the data directory, and only its owner may open it', async (t) => {
    const directory = join(temporary(t), 'data');
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const { server } = await serve(t, directory);
    assert.equal(server.path, join(realpathSync(directory), 'admin.sock'));
    assert.equal(lstatSync(server.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory), ['admin.sock']);
    const response = await askNode(directory, show);
    assert.deepEqual(response, { exitCode: 0, text: clusterTable, isAlert: false });
  });

  it('cannot be opened by another user', { skip: notRoot() }, async (t) => {
    const directory = temporary(t);
    chmodSync(directory, 0o755);
    const { server } = await serve(t, directory);
    const path = JSON.stringify(server.path);
    const script = `require('net').connect(${path}).on('error', (e) => console.log(e.code))`;
    const nobody = { uid: 65_534, gid: 65_534 };
    const child = spawn(process.execPath, ['-e', script], { ...nobody, cwd: '/', timeout: 30_000 });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(child, 'close');
    assert.equal(output, 'EACCES\n');
  });

  it('is found through a link to the data directory', async (t) => {
    const directory = temporary(t);
    mkdirSync(join(directory, 'data'));
    symlinkSync('data', join(directory, 'link'));
    await serve(t, join(directory, 'data'));
    assert.equal((await askNode(join(directory, 'link'), show))?.text, clusterTable);
  });

  it('goes away with the server, and is answered by nobody then', async (t) => {
    const directory = temporary(t);
    const { server } = await serve(t, directory);
    await server.close();
    await server.close();
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(await askNode(directory, show), undefined);
  });

  it('replaces the one of a dead process', async (t) => {
    const directory = temporary(t);
    const path = join(directory, 'admin.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    assert.ok(lstatSync(path).isSocket());
    assert.equal(await askNode(directory, show), undefined);
    await serve(t, directory);
    assert.equal((await askNode(directory, show))?.text, clusterTable);
  });

  it('is not taken from a living process', async (t) => {
    const directory = temporary(t);
    await serve(t, directory);
    await assert.rejects(serve(t, directory), { name: 'AdminError', code: 'ADMIN_IN_USE' });
    assert.equal((await askNode(directory, show))?.text, clusterTable);
  });

  it('never replaces a file that is no socket', async (t) => {
    const directory = temporary(t);
    writeFileSync(join(directory, 'admin.sock'), 'precious');
    await assert.rejects(serve(t, directory), { code: 'ADMIN_UNWRITABLE' });
    assert.equal(readFileSync(join(directory, 'admin.sock'), 'utf8'), 'precious');
  });

  it('says in one line that the data directory cannot be written', async (t) => {
    const file = join(temporary(t), 'file');
    writeFileSync(file, '');
    const expected = { code: 'ADMIN_UNWRITABLE', message: /^[^\n]*platform_data_dir$/ };
    await assert.rejects(serve(t, join(file, 'data')), expected);
  });

  it('of a server that closes late is left to its successor', async (t) => {
    const directory = temporary(t);
    const { server } = await serve(t, directory);
    const { path } = server;
    // As when somebody removed the file by hand and started another node.
    const stolen = net.createServer().listen(`${path}.new`);
    await once(stolen, 'listening');
    t.after(() => stolen.close());
    renameSync(`${path}.new`, path);
    await server.close();
    assert.ok(existsSync(path));
  });
});

describe('a data directory whose path is too long for a socket', { skip }, () => {
  const long = (directory: string): string => join(directory, 'd'.repeat(60), 'e'.repeat(60));

  it('has its socket in a private directory elsewhere, and a link to it', async (t) => {
    const directory = long(temporary(t));
    const { server } = await serve(t, directory);
    const { path } = adminAddress(directory);
    assert.equal(server.path, path);
    assert.ok(lstatSync(join(directory, 'admin.sock')).isSymbolicLink());
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    assert.equal((await askNode(directory, show))?.text, clusterTable);
    await server.close();
    assert.ok(!existsSync(dirname(path)));
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(await askNode(directory, show), undefined);
  });

  it('is served again after a process died there', async (t) => {
    const directory = long(temporary(t));
    const first = await serve(t, directory);
    const { path } = first.server;
    await first.server.close();
    mkdirSync(dirname(path), { mode: 0o700 });
    symlinkSync(path, join(directory, 'admin.sock'));
    await serve(t, directory);
    assert.equal((await askNode(directory, show))?.text, clusterTable);
  });

  it('is not served from, nor asked through, a directory that others can enter', async (t) => {
    const directory = long(temporary(t));
    const { server } = await serve(t, directory);
    const short = dirname(server.path);
    chmodSync(short, 0o777);
    await assert.rejects(askNode(directory, show), { code: 'ADMIN_FORBIDDEN' });
    await assert.rejects(serve(t, directory), { code: 'ADMIN_UNWRITABLE' });
  });
});

describe('the protocol', { skip }, () => {
  const line = '{"words":["version"],"flags":{}}\n';

  it('is a line of JSON each way, then the end', async (t) => {
    const { server } = await serve(t, temporary(t));
    const answer = await exchange(server.path, line);
    assert.equal(answer, '{"exitCode":0,"text":"NautilusMQ 1.2.3\\n"}');
  });

  it('answers a caller that closed its half', async (t) => {
    const { server } = await serve(t, temporary(t));
    assert.match(await exchange(server.path, line, true), /^\{"exitCode":0/);
  });

  it('refuses nonsense with a line, and goes on serving', async (t) => {
    const directory = temporary(t);
    const { server } = await serve(t, directory);
    const nonsense: (string | Buffer)[] = [
      '\n',
      'GET / HTTP/1.1\r\n\r\n',
      Buffer.from([0xff, 0x00, 0xfe, 0x0a]),
      '[]\n',
      'null\n',
      '{"words":"version"}\n',
      '{"words":[1]}\n',
      '{"words":["version"],"flags":[]}\n',
      '{"words":["version"],"flags":{"check":false}}\n',
      `{"words":${JSON.stringify(Array.from({ length: 1001 }, () => 'a'))}}\n`,
      `${'['.repeat(60_000)}\n`,
    ];
    for (const bytes of nonsense) {
      const answer = JSON.parse(await exchange(server.path, bytes)) as { exitCode: number };
      assert.equal(answer.exitCode, 1);
    }
    assert.equal((await askNode(directory, show))?.text, clusterTable);
  });

  it('has a bound for the request', async (t) => {
    const directory = temporary(t);
    const { server } = await serve(t, directory);
    const answer = await exchange(server.path, 'x'.repeat(65_537));
    assert.match(answer, /^\{"exitCode":1,"text":"The request is over 64 KiB/);
    const long = { words: ['x'.repeat(65_536)], flags: new Map() };
    await assert.rejects(askNode(directory, long), { code: 'ADMIN_TOO_LARGE' });
  });

  it('has a bound for the answer', async (t) => {
    const directory = temporary(t);
    const mebibytes = (count: number): Command =>
      command(() => ({ exitCode: 0, text: 'x'.repeat(count * 1024 * 1024) }));
    const { server } = await serve(t, directory, [mebibytes(7)]);
    assert.equal((await askNode(directory, show))?.text.length, 7 * 1024 * 1024);
    await server.close();
    await serve(t, directory, [mebibytes(8)]);
    const response = await askNode(directory, show);
    assert.equal(response?.exitCode, 1);
    assert.match(response.text, /^The answer is over 8 MiB/);
  });

  it('bears clients that hang up, before the request and before the answer', async (t) => {
    const directory = temporary(t);
    const { promise, resolve } = withResolvers<void>();
    const { promise: asked, resolve: noteAsked } = withResolvers<void>();
    const slow = command(async () => {
      noteAsked();
      await promise;
      return { exitCode: 0, text: 'late\n' };
    });
    const { server, log } = await serve(t, directory, [slow]);
    for (const bytes of ['', '{"wor', '{"words":["cluster","show"]}\n']) {
      const socket = net.connect({ path: server.path });
      socket.write(bytes);
      await once(socket, 'data');
      if (bytes.endsWith('\n')) await asked;
      socket.destroy();
    }
    resolve();
    assert.equal((await askNode(directory, show))?.text, 'late\n');
    assert.deepEqual(log.errors, []);
  });
});

/** As Promise.withResolvers of later versions of Node.js. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle?.(value) };
}

describe('a command', { skip }, () => {
  it('that fails in the node is an answer, and a line in the log', async (t) => {
    const directory = temporary(t);
    const failing = command(() => {
      throw new Error('out of luck');
    });
    const { log } = await serve(t, directory, [failing]);
    const response = await askNode(directory, show);
    const text = 'cluster show failed in the node: out of luck\n';
    assert.deepEqual(response, { exitCode: 1, text, isAlert: true });
    assert.equal(log.errors.length, 1);
  });

  it('that takes longer than its limit is answered all the same', async (t) => {
    const directory = temporary(t);
    await serve(t, directory, [command(() => new Promise(() => undefined), 20)]);
    const response = await askNode(directory, show);
    const text = 'cluster show is not done after 0.02 s. It goes on in the node.\n';
    assert.deepEqual(response, { exitCode: 1, text, isAlert: true });
  });

  it('that changes something leaves a line in the log, others do not', async (t) => {
    const directory = temporary(t);
    const { log } = await serve(t, directory);
    await askNode(directory, show);
    const words = ['cluster', 'join', 'discovery-node=b@h'];
    await askNode(directory, { words, flags: new Map() });
    const fields = { command: 'cluster join', arguments: { 'discovery-node': 'b@h' } };
    assert.deepEqual(log.infos, [{ fields, message: 'admin command' }]);
  });

  it('may close the server that runs it, and its answer still goes out', async (t) => {
    const directory = temporary(t);
    let closing: Promise<void> | undefined;
    const stopping = command(() => {
      closing = server.close();
      return { exitCode: 0, text: 'bye\n' };
    });
    const { server } = await serve(t, directory, [stopping]);
    assert.equal((await askNode(directory, show))?.text, 'bye\n');
    await closing;
  });
});

describe('a client', { skip }, () => {
  /** Something that is no node, in the node's place. */
  async function impostor(t: TestContext, onSocket: (socket: net.Socket) => void): Promise<string> {
    const directory = temporary(t);
    const server = net.createServer(onSocket).listen(join(directory, 'admin.sock'));
    await once(server, 'listening');
    t.after(() => server.close());
    return directory;
  }

  it('counts a node that takes no notice of it as not running', async (t) => {
    const directory = await impostor(t, (socket) => socket.resume());
    const limits = { greetingMs: 50, silenceMs: 60_000 };
    assert.equal(await askNode(directory, show, limits), undefined);
  });

  it('gives up on a node that falls silent', async (t) => {
    const directory = await impostor(t, (socket) => socket.resume().write(' '));
    await assert.rejects(askNode(directory, show, quick), { code: 'ADMIN_TIMEOUT' });
  });

  it('says so when the connection ends without an answer', async (t) => {
    const directory = await impostor(t, (socket) => socket.resume().end(' {"exitCode"'));
    await assert.rejects(askNode(directory, show), { code: 'ADMIN_BROKEN' });
  });

  it('takes no answer that is none', async (t) => {
    for (const line of ['{}', 'hello', '{"exitCode":999,"text":""}', '{"exitCode":0,"text":1}']) {
      const directory = await impostor(t, (socket) => socket.resume().end(`${line}\n`));
      await assert.rejects(askNode(directory, show), AdminError);
    }
  });

  it('takes no answer without end', async (t) => {
    const directory = await impostor(t, (socket) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const write = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('error', () => undefined).on('drain', write);
      write();
    });
    await assert.rejects(askNode(directory, show), { code: 'ADMIN_BROKEN' });
  });

  it('says who may ask when the system forbids it', async (t) => {
    const directory = temporary(t);
    chmodSync(directory, 0o755);
    const { server } = await serve(t, directory);
    chmodSync(server.path, 0);
    // Nothing is forbidden to root, so root asks as nobody.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await assert.rejects(askNode(directory, show), { code: 'ADMIN_FORBIDDEN' });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});

function notRoot(): string | false {
  return process.getuid?.() === 0 ? false : 'only root may act as another user';
}
