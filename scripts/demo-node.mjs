// A node of the demo: `nautilusmq start` in a process of its own, on an address of loopback.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Refusal, root } from './workspace.mjs';

const program = join(root, 'dist/src/cli/nautilusmq.js');
const adminProgram = join(root, 'dist/src/cli/vmq-admin.js');
const linkPort = 44053;
const startMaxMs = 30_000;
/** The last lines of a start; the node serves from then on. */
const servesLine = /^ {2}(No ACL file|Topics are granted)/m;
/** Lines of the log that tell the story; the rest is for the file of a real node. */
const telling = /netsplit|not_ready|losing any|restarting this node|^member is (down|up)/;

export class DemoNode {
  #child;
  #output = '';
  #unread = '';
  #settings;

  /** `seeds` are the addresses of all nodes; `tell` takes what the log says that matters. */
  constructor({ place, address, directory, seeds, settings, tell }) {
    this.place = place;
    this.address = address;
    this.name = `NautilusMQ@${address}`;
    this.tell = tell;
    mkdirSync(directory, { recursive: true });
    this.directory = join(directory, 'data');
    this.#settings = {
      nodename: this.name,
      platform_data_dir: this.directory,
      'listener.tcp.default': `${address}:0`,
      'listener.ws.default': 'off',
      'listener.vmq.default': `${address}:${linkPort}`,
      distributed_cookie: 'only for this demonstration',
      'cluster.seeds': seeds.map((seed) => `${seed}:${linkPort}`).join(','),
      'cluster.expected_members': seeds.length,
      allow_anonymous: 'on',
      'plugins.vmq_acl': 'off',
      'plugins.vmq_passwd': 'off',
      systree_enabled: 'off',
      'log.console': 'console',
      'log.console.level': 'info',
      ...settings,
    };
  }

  /** Where clients connect, after the first start. */
  get url() {
    return `mqtt://${this.address}:${this.port}`;
  }

  /** Starts, again on the same data and port; resolves when it serves. */
  async start() {
    this.#output = '';
    const words = Object.entries(this.#settings).flatMap(([key, value]) => [
      '--set',
      `${key}=${value}`,
    ]);
    this.#child = spawn(process.execPath, [program, 'start', ...words], {
      env: { ...process.env, NAUTILUSMQ_CONFIG: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const served = new Promise((resolve, reject) => {
      const refuse = (why) => reject(new Refusal(`${this.name} ${why}:\n${this.#output}`));
      const timer = setTimeout(() => refuse('does not serve in time'), startMaxMs);
      this.#child.once('close', () => refuse('ended'));
      const onOutput = (text) => {
        this.#onOutput(text);
        if (!servesLine.test(this.#output)) return;
        clearTimeout(timer);
        resolve();
      };
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        stream.setEncoding('utf8').on('data', onOutput);
      }
    });
    await served;
    this.port = Number(/^ {2}MQTT: .*:(\d+)$/m.exec(this.#output)?.[1]);
    // A client that comes back expects the node where it was.
    this.#settings['listener.tcp.default'] = `${this.address}:${this.port}`;
  }

  /** `kill -9`; nothing of it runs when this resolves. */
  async kill() {
    if (this.#child === undefined || this.#child.exitCode !== null) return;
    if (this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** At the end of this process, when there is no time to wait. */
  killNow() {
    this.#child?.kill('SIGKILL');
  }

  /** What an operator reads who types `vmq-admin WORDS` on that machine. */
  admin(...words) {
    const own = ['--set', `platform_data_dir=${this.directory}`, '--set', `nodename=${this.name}`];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [adminProgram, ...own, ...words],
      { encoding: 'utf8', env: { ...process.env, NAUTILUSMQ_CONFIG: undefined }, timeout: 10_000 },
    );
    return { code: status, text: `${stdout}${stderr}` };
  }

  #onOutput(text) {
    // More than enough for a start; a longer run would only grow it.
    this.#output = (this.#output + text).slice(0, 64 * 1024);
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop();
    for (const line of lines) {
      const message = messageOf(line);
      if (telling.test(message)) this.tell(this, message);
    }
  }
}

/** The text of a line of the log; '' of any other. */
function messageOf(line) {
  if (!line.startsWith('{')) return '';
  const { msg, member } = JSON.parse(line);
  return member === undefined ? msg : `${msg} (${member})`;
}
