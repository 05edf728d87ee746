/** The network that the cluster's tests run on: a cut is one that nobody is told of. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { cannotCut, type NodeNetwork, openNodeNetwork } from '../fixtures/node-network.js';

/** Answers each line that comes; says `listening` first. */
const echo = `
  const server = require('node:net').createServer((socket) => socket.pipe(socket));
  server.listen(44053, process.argv[1], () => console.log('listening'));
`;

/** Sends a line when it reads one, and says what comes back, or how the connection ended. */
const ask = `
  const socket = require('node:net').connect(44053, process.argv[1]);
  process.stdin.pipe(socket).pipe(process.stdout);
  socket.on('error', (error) => console.log(error.code));
  socket.on('close', () => console.log('closed'));
`;

class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, network: NodeNetwork, index: number, text: string, server: number) {
    const words = [process.execPath, '-e', text, network.addressOf(server)];
    const [program = '', ...rest] = [...network.wrapperOf(index), ...words];
    this.#child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no output');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    t.after(() => this.#child.kill('SIGKILL'));
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async line(): Promise<string> {
    const { value } = (await this.#lines.next()) as { value: string };
    return value;
  }
}

describe('a network of name spaces', { skip: cannotCut }, () => {
  it('loses one direction without telling, and takes it up again', {
    timeout: 30_000,
  }, async (t) => {
    const network = await openNodeNetwork(2);
    t.after(() => network.close());
    const server = new Program(t, network, 1, echo, 1);
    assert.equal(await server.line(), 'listening');
    const client = new Program(t, network, 0, ask, 1);
    client.say('before');
    assert.equal(await client.line(), 'before');
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      network.cutOneWay(from, to);
      client.say(`cut from ${from}`);
      const answer = client.line();
      const quiet = new Promise((resolve) => setTimeout(resolve, 400, 'nothing'));
      assert.equal(await Promise.race([answer, quiet]), 'nothing');
      network.healOneWay(from, to);
      assert.equal(await answer, `cut from ${from}`);
    }
  });
});
