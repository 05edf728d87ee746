/** vmq-admin as its users run it: a process that asks a node, or finds none. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AdminServer } from '../../src/admin/mod.js';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';
import { tryConnect } from '../fixtures/outage-clients.js';
import { clusterTable, FakeNode } from '../unit/admin/fake-node.js';

const program = fileURLToPath(new URL('../../src/cli/vmq-admin.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not in one blocking call: the node that is asked may live in this process. */
async function run(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, NAUTILUSMQ_CONFIG: undefined, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

function temporary(t: TestContext): string {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  return path;
}

/** A node that serves from a new directory, and the arguments that name it. */
async function served(t: TestContext): Promise<{ node: FakeNode; words: string[] }> {
  const directory = join(temporary(t), 'data');
  const node = new FakeNode();
  const log = { info: () => undefined, error: () => undefined };
  const server = await AdminServer.open({ directory, node, log });
  t.after(() => server.close());
  return { node, words: ['--set', `platform_data_dir=${directory}`] };
}

describe('vmq-admin and a running node', () => {
  it('prints what the node says, as it is', async (t) => {
    const { words } = await served(t);
    const result = await run([...words, 'cluster', 'show']);
    assert.deepEqual(result, { code: 0, stdout: clusterTable, stderr: '' });
  });

  it('exits with what the node says', async (t) => {
    const { node, words } = await served(t);
    node.view = { ...node.view, exitCode: 2 };
    const result = await run([...words, 'cluster', 'show', '--check']);
    assert.deepEqual(result, { code: 2, stdout: clusterTable, stderr: '' });
  });

  it('says a refusal on standard error and exits with 1', async (t) => {
    const { node, words } = await served(t);
    node.result = { ok: false, text: 'No majority of the members is reachable.' };
    const result = await run([...words, 'cluster', 'leave', 'node=b@h', '-k', '-t', '30']);
    const stderr = 'No majority of the members is reachable.\n';
    assert.deepEqual(result, { code: 1, stdout: '', stderr });
    const options = { kill: true, intervalMs: 5000, timeoutMs: 30_000, force: false };
    assert.deepEqual(node.left, [['b@h', options]]);
  });

  it('names the nearest command and the usage of a mistyped one', async (t) => {
    const { words } = await served(t);
    const { code, stdout, stderr } = await run([...words, 'cluster', 'shwo']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^There is no command 'cluster shwo'\.\n\nDid you mean\n {2}vmq-admin /);
    assert.match(stderr, /\nUsage: vmq-admin cluster COMMAND/);
  });

  it('prints JSON where that is asked for', async (t) => {
    const { words } = await served(t);
    const { stdout } = await run([...words, 'cluster', 'show', '--format=json']);
    assert.deepEqual(JSON.parse(stdout), {
      type: 'table',
      table: [{ Node: 'a@10.0.0.1', Running: true }],
    });
  });

  it('finds it by a file, by the variable that names one, and by a setting', async (t) => {
    const { words } = await served(t);
    const file = join(temporary(t), 'nautilusmq.conf');
    writeFileSync(file, `${words[1]}\nlistener.tcp.default = 127.0.0.1:1883\n`);
    const show = ['cluster', 'show'];
    const directory = words[1]?.split('=')[1] ?? '';
    const results = [
      await run(['--config', file, ...show]),
      await run([`--config=${file}`, ...show]),
      await run(['-c', file, ...show]),
      await run([...show, '--config', file]),
      await run(show, { NAUTILUSMQ_CONFIG: file }),
      await run(show, { NAUTILUSMQ__PLATFORM_DATA_DIR: directory }),
    ];
    for (const { stdout } of results) assert.equal(stdout, clusterTable);
  });
});

describe('vmq-admin and a broker', () => {
  it('changes its options while it runs, and shows them', { timeout: 60_000 }, async (t) => {
    const { path, remove } = temporaryDirectory();
    const directory = join(path, 'data');
    const settings = { 'log.console.level': 'info' };
    const broker = await BrokerProcess.start({ directory, settings });
    t.after(async () => {
      await broker.kill();
      remove();
    });
    const words = ['--set', `platform_data_dir=${directory}`];
    const client = { clientIdentifier: 'of-some-length' };
    const { port } = broker;
    assert.equal((await tryConnect(port, 4, client)).result, 0);
    const set = await run([...words, 'set', 'max_client_id_size=5']);
    assert.deepEqual([set.code, set.stderr], [0, '']);
    assert.match(set.stdout, /^max_client_id_size = 5 \(was 100\)\.\n/);
    assert.equal((await tryConnect(port, 4, client)).result, 2);
    await broker.outputMatching(/options changed by vmq-admin: max_client_id_size = 5/);
    const show = await run([...words, 'show', 'max_client_id_size', '--format=json']);
    assert.match(show.stdout, /"max_client_id_size":"5"/);
    const refused = await run([...words, 'set', 'max_client_id_size=9', 'nodename=a@b']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^nodename cannot be changed while the node runs: /);
  });
});

describe('vmq-admin without a node', () => {
  it('says so in the words and on the stream that scripts know, and exits with 1', async (t) => {
    const words = ['--set', 'nodename=A@10.0.0.1', '--set', `platform_data_dir=${temporary(t)}`];
    const result = await run([...words, 'cluster', 'show']);
    const stderr = `Node 'A@10.0.0.1' not responding to pings.\n`;
    assert.deepEqual(result, { code: 1, stdout: '', stderr });
  });

  it('says the same when the data directory does not exist', async (t) => {
    const words = ['--set', `platform_data_dir=${join(temporary(t), 'none')}`];
    const { code, stderr } = await run([...words, 'node', 'status']);
    assert.equal(code, 1);
    assert.equal(stderr, `Node 'NautilusMQ@127.0.0.1' not responding to pings.\n`);
  });

  it('shows its help and its version all the same', async () => {
    const help = await run(['--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    assert.match(help.stdout, /^Usage: vmq-admin COMMAND[^]*--config FILE/);
    const leave = await run(['cluster', 'leave', '--help']);
    assert.equal(leave.code, 0);
    assert.match(leave.stdout, /^Usage: vmq-admin cluster leave node=NAME/);
    assert.match((await run(['--version'])).stdout, /^vmq-admin \d+\.\d+\.\d+/);
  });

  it('says in one line what is wrong with its own arguments', async () => {
    const lines: (readonly [string[], RegExp])[] = [
      [['--config'], /^vmq-admin: --config needs a value\n$/],
      [['--config', 'none.conf', 'version'], /^vmq-admin: configuration file none\.conf [^\n]+\n$/],
      [['--set', 'nodenam=x', 'version'], /^vmq-admin: [^\n]*check-config[^\n]*\n$/],
    ];
    for (const [words, expected] of lines) {
      const { code, stdout, stderr } = await run(words);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, expected);
    }
  });

  it('says in one line that something else answers', { skip: onWindows() }, async (t) => {
    const directory = temporary(t);
    const server = net.createServer((socket) => socket.resume().end('hello\n'));
    server.listen(join(directory, 'admin.sock'));
    await once(server, 'listening');
    t.after(() => server.close());
    const { code, stderr } = await run(['--set', `platform_data_dir=${directory}`, 'version']);
    assert.equal(code, 1);
    assert.equal(stderr, 'vmq-admin: the answer is not one of a node\n');
  });
});

function onWindows(): string | false {
  return process.platform === 'win32' ? 'Windows has named pipes instead' : false;
}
