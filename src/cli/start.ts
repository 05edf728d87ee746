import { openLog } from '../log/mod.js';
import { Node, type NodeParts, type ServingReport, type StartReport } from '../node.js';
import { logOptionsOf } from '../node-settings.js';
import { CommandError, fail, problemLine, readConfiguration } from './configuration.js';
import { version } from '../version.js';

interface Running {
  /** Undefined before it is open. */
  node: Node | undefined;
  /** It is closing, and another life begins. */
  isReplaced: boolean;
  isStopping: boolean;
}

/** Runs the broker until SIGINT or SIGTERM. */
export async function start(file: string | undefined, overrides: string[]): Promise<void> {
  try {
    const { configuration, problems, origin } = readConfiguration(file, overrides);
    const isTerminal = process.stdout.isTTY;
    for (const problem of problems) {
      if (problem.severity !== 'info') console.error(problemLine(problem));
    }
    const notes = problems.filter(({ severity }) => severity === 'info').length;
    if (notes > 0) {
      console.error(`${notes} options are not active here; \`nautilusmq check-config\` lists them`);
    }
    if (configuration === undefined) throw new CommandError(`${origin} has errors: not started`);
    if (configuration.listeners.length === 0) {
      throw new CommandError(
        `${origin} has no listener for clients: add listener.tcp.default = 127.0.0.1:1883`,
      );
    }
    const log = openLog(logOptionsOf(configuration.options, isTerminal));
    const running: Running = { node: undefined, isReplaced: false, isStopping: false };
    stopOnSignals(running, log);
    await run({ configuration, log }, origin, running);
  } catch (error) {
    fail(error);
    // Opened sockets and files of a start that failed must not keep the process.
    setImmediate(() => process.exit());
  }
}

/** One life of the node; a data directory that turns out to be an older copy gets another one. */
async function run(parts: NodeParts, origin: string, running: Running): Promise<void> {
  const { configuration, log } = parts;
  const { node, report } = await Node.open({
    ...parts,
    outdated: (highestBoot) => {
      const { node: outdated } = running;
      if (running.isStopping || running.isReplaced || outdated === undefined) return;
      running.isReplaced = true;
      log.warn(
        { highestBoot },
        `the data directory is an older copy: the other members know start number ${highestBoot} of it. This node begins again above that number`,
      );
      const again = { ...parts, bootAbove: highestBoot };
      outdated
        .close()
        .then(() => (running.isStopping ? undefined : run(again, origin, running)))
        .catch((error: unknown) => {
          fail(error);
          process.exit(1);
        });
    },
  });
  running.node = node;
  running.isReplaced = false;
  const { nodename, store, platformDataDir } = configuration.options;
  const head = [
    `NautilusMQ ${version()} is ${nodename}, configured by ${origin}`,
    storeLine(store, platformDataDir, report),
    ...clusterLines(report),
  ];
  // Who waits for other members should be seen while he does; who is alone begins or fails.
  const isAlone = report.cluster === undefined;
  if (!isAlone) console.log(head.join('\n'));
  const serving = await node.serve();
  if (serving === undefined) return;
  if (isAlone) console.log(head.join('\n'));
  for (const line of listenerLines(serving)) console.log(line);
  for (const line of serving.advice) console.log(`  Cluster: ${line}`);
  for (const line of report.access) console.log(`  ${line}`);
  for (const line of nextSteps(serving, configuration.allowAnonymous)) console.log(line);
}

function stopOnSignals(running: Running, log: ReturnType<typeof openLog>): void {
  const stop = async (signal: string): Promise<void> => {
    if (running.isStopping) {
      console.log('stopping at once');
      process.exit(1);
    }
    running.isStopping = true;
    console.log(`${signal}: stopping`);
    await running.node?.close();
    await log.close();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) => {
        fail(error);
        process.exit(1);
      });
    });
  }
  process.on('SIGHUP', () => log.reopen());
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'uncaught fault: the broker goes on');
  });
  process.on('unhandledRejection', (error) => {
    log.error({ error }, 'unhandled rejection: the broker goes on');
  });
}

function storeLine(store: string, directory: string, report: StartReport): string {
  if (store === 'memory') return 'Store: memory only, nothing survives a restart';
  const { sessions, retained, loadMs } = report;
  const loaded = `${sessions} sessions and ${retained} retained messages in ${Math.round(loadMs)} ms`;
  return `Store: ${directory} (LMDB), loaded ${loaded}`;
}

function clusterLines({ cluster }: StartReport): string[] {
  if (cluster === undefined) return [];
  const { listeners, address, members, waitingFor, notes } = cluster;
  const lines = listeners.map(({ type, address: host, port }) => {
    const over = type === 'vmqs' ? ' over TLS' : '';
    return `  Other nodes${over}: ${host.includes(':') ? `[${host}]` : host}:${port}`;
  });
  lines.push(`  Cluster: the others dial ${address}; members: ${members.join(', ')}`);
  for (const note of notes) lines.push(`  Cluster: ${note}`);
  if (waitingFor !== '') lines.push(`  Clients are not served yet: ${waitingFor}`);
  return lines;
}

function listenerLines(report: ServingReport): string[] {
  const names = {
    tcp: 'MQTT',
    ssl: 'MQTT over TLS',
    ws: 'MQTT over WebSocket',
    wss: 'MQTT over secure WebSocket',
  };
  return report.listeners.map(({ type, address, port }) => {
    const name = names[type as keyof typeof names] ?? type;
    if (address.startsWith('/')) return `  ${name}: ${address}`;
    const host = address.includes(':') ? `[${address}]` : address;
    if (type === 'ws' || type === 'wss') return `  ${name}: ${type}://${host}:${port}/mqtt`;
    return `  ${name}: ${host}:${port}`;
  });
}

function nextSteps(report: ServingReport, isAnonymous: boolean): string[] {
  const tcp = report.listeners.find(({ type, port }) => type === 'tcp' && port > 0);
  if (tcp === undefined) return [];
  const host = tcp.address === '0.0.0.0' || tcp.address === '::' ? '127.0.0.1' : tcp.address;
  const user = isAnonymous ? '' : ' -u USER -P PASSWORD';
  const target = `-h ${host} -p ${tcp.port}${user}`;
  return [
    'Try it:',
    `  mosquitto_sub ${target} -t 'hello/#' -v`,
    `  mosquitto_pub ${target} -t hello/world -m 'good morning'`,
  ];
}
