/** The brokers that are compared: how each is started on loopback, fairly set, and stopped. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadTarget } from './load.js';

export const brokerNames = ['ours', 'mosquitto', 'aedes'] as const;
export type BrokerName = (typeof brokerNames)[number];

/** A broker, or the bare sockets by which the load generator itself is measured. */
export type PeerName = BrokerName | 'forward';

export const brokerTitles: Readonly<Record<PeerName, string>> = {
  ours: 'NautilusMQ',
  mosquitto: 'Mosquitto',
  aedes: 'Aedes',
  forward: 'bare sockets',
};

/** A started broker; `stop` ends the process and removes its directory. */
export interface RunningBroker {
  readonly target: LoadTarget;
  stop(): Promise<void>;
}

/** Where things lie: the repository, and the directory under which data directories are made. */
export interface Places {
  readonly root: string;
  readonly dataRoot: string;
}

interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
}

const mosquittoPaths = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'];
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const CONNECT_PAUSE_MS = 20;

/** Unacknowledged messages towards one client; above every window that a scenario uses. */
const INFLIGHT_MAX = 2_000;

function ourProgram(root: string): string {
  return join(root, 'dist', 'src', 'cli', 'nautilusmq.js');
}

/** Why a broker cannot be started here; undefined when it can. */
export function missingReason(name: BrokerName, places: Places): string | undefined {
  if (name === 'ours' && !existsSync(ourProgram(places.root))) {
    return `${ourProgram(places.root)} is not built`;
  }
  if (name === 'mosquitto' && !mosquittoPaths.some((path) => existsSync(path))) {
    return 'not installed: apt-get install mosquitto';
  }
  if (name === 'aedes' && !existsSync(join(places.root, 'node_modules', 'aedes'))) {
    return 'not installed: npm install';
  }
  return undefined;
}

/** Everything that would drop or delay messages on purpose is out of the way, for all alike. */
function ourCommand(
  root: string,
  directory: string,
  own: Readonly<Record<string, string>>,
): Command {
  const settings: Readonly<Record<string, string>> = {
    platform_data_dir: join(directory, 'data'),
    allow_anonymous: 'on',
    'log.console': 'off',
    store: 'lmdb',
    max_inflight_messages: String(INFLIGHT_MAX),
    max_online_messages: '-1',
    max_offline_messages: '-1',
    'listener.max_connections': 'infinity',
    'listener.ws.default': 'off',
    ...own,
  };
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'nautilusmq.conf');
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  writeFileSync(file, lines.join(''));
  return { program: process.execPath, arguments: [ourProgram(root), 'start', '--config', file] };
}

/** Two of ours that meet over loopback and become one cluster. */
async function ourPair(
  root: string,
  directory: string,
  ports: readonly number[],
): Promise<Command[]> {
  const links = await Promise.all(ports.map(async () => `127.0.0.1:${await freePort()}`));
  return ports.map((port, index) =>
    ourCommand(root, join(directory, String(index)), {
      nodename: `NautilusMQ${index}@127.0.0.1`,
      'listener.tcp.default': `127.0.0.1:${port}`,
      'listener.vmq.default': links[index] ?? '',
      'cluster.advertised_address': links[index] ?? '',
      'cluster.seeds': links.join(','),
      'cluster.expected_members': String(ports.length),
      distributed_cookie: 'only for benchmarks',
    }),
  );
}

/** Ours, without the variables that would override its configuration. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !name.startsWith('NAUTILUSMQ_')));
}

function mosquittoCommand(directory: string, port: number): Command {
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'max_connections -1',
    `max_inflight_messages ${INFLIGHT_MAX}`,
    'max_queued_messages 0',
    'persistence false',
    'log_dest none',
  ];
  const file = join(directory, 'mosquitto.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const program = mosquittoPaths.find((path) => existsSync(path)) ?? 'mosquitto';
  return { program, arguments: ['-c', file] };
}

function scriptCommand(name: 'aedes' | 'forward', port: number): Command {
  const script = fileURLToPath(new URL(`./peers/${name}.js`, import.meta.url));
  return { program: process.execPath, arguments: [script, String(port)] };
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Waits until the port answers; throws what the broker printed when it ends before that. */
async function waitUntilReady(child: ChildProcess, port: number, title: string): Promise<void> {
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-2_000);
    });
  }
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await canConnect(port))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${title} ended at start: ${printed.trim()}`);
    }
    if (Date.now() > deadline) throw new Error(`${title} does not listen: ${printed.trim()}`);
    await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
  }
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.on('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/**
 * Starts a broker on ports that the system chose, with an empty data directory of its own; ours
 * also as a cluster of two, the second for subscribers.
 */
export async function startBroker(
  name: PeerName,
  places: Places,
  nodes: 1 | 2 = 1,
): Promise<RunningBroker> {
  mkdirSync(places.dataRoot, { recursive: true });
  const directory = mkdtempSync(join(places.dataRoot, 'nautilusmq-bench-'));
  const ports = await Promise.all(Array.from({ length: nodes }, freePort));
  const [port = 0, subscriberPort] = ports;
  const commands: Readonly<Record<PeerName, () => Promise<Command[]>>> = {
    ours: async () =>
      nodes === 2
        ? ourPair(places.root, directory, ports)
        : [ourCommand(places.root, directory, { 'listener.tcp.default': `127.0.0.1:${port}` })],
    mosquitto: async () => [mosquittoCommand(directory, port)],
    aedes: async () => [scriptCommand('aedes', port)],
    forward: async () => [scriptCommand('forward', port)],
  };
  const children = (await commands[name]()).map((command) =>
    spawn(command.program, command.arguments, {
      cwd: directory,
      env: plainEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const killWithUs = (): void => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', killWithUs);
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    process.off('exit', killWithUs);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all(children.map((child, index) => serves(child, ports[index] ?? 0, name)));
    if (nodes === 2) await untilWhole(places.root, join(directory, '0'));
  } catch (error) {
    await stop();
    throw error;
  }
  const pids = children.map(({ pid }) => pid ?? 0);
  return { target: { port, pids, ...(nodes === 2 ? { subscriberPort } : {}) }, stop };
}

async function serves(child: ChildProcess, port: number, name: PeerName): Promise<void> {
  await new Promise((resolve, reject) => child.on('spawn', resolve).on('error', reject));
  await waitUntilReady(child, port, brokerTitles[name]);
}

/** Waits until the node of that directory sees the other one. */
async function untilWhole(root: string, directory: string): Promise<void> {
  const program = join(root, 'dist', 'src', 'cli', 'vmq-admin.js');
  const own = ['--config', join(directory, 'nautilusmq.conf')];
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const words = [program, ...own, 'cluster', 'show', '--check'];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (status === 0) return;
    if (Date.now() > deadline) throw new Error(`The nodes do not meet: ${stdout}${stderr}`);
  }
}
