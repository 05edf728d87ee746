/**
 * `npm run bench`: runs scenarios against our broker, Mosquitto and Aedes in turn, and prints what
 * was measured. See bench/README.md.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runScalePrograms } from './scale/programs.js';
import {
  type BrokerName,
  brokerNames,
  brokerTitles,
  missingReason,
  type PeerName,
  type Places,
  startBroker,
} from './brokers.js';
import { buildLoadGenerator, type LoadResult, runLoad } from './load.js';
import {
  type BrokerRuns,
  type ScenarioRuns,
  scenarioJson,
  scenarioTable,
  summaryTable,
} from './report.js';
import {
  curveScenarios,
  generatorScenario,
  type Pace,
  type Scenario,
  scenarios,
} from './scenarios.js';

const usage = `npm run bench -- [options]
  --scenario NAME,…   only these (--list shows them); a part of a name selects all that hold it
  --broker NAME,…     of ours, mosquitto, aedes; default all
  --repetitions N     default 3, the brokers in turn
  --seconds N         measured time per run, default 3, after a warm-up of 2
  --quick             one repetition, 1 second, fewer idle connections
  --curves            cost per message against connected clients and unrelated subscriptions
  --scale             how a cluster scales: the programs of bench/README.md one after the other
  --data DIRECTORY    where data directories are made; default the system's temporary directory
  --json FILE         also write everything measured
  --list              name the scenarios
`;

interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly brokers: readonly BrokerName[];
  readonly repetitions: number;
  readonly pace: Pace;
  readonly places: Places;
  readonly json: string | undefined;
}

function findRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

/** Open files that a process may have; the generator raises its own limit to this. */
function fileLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

function positive(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} wants a number above 0, not ${text}`);
  return value;
}

function selectScenarios(all: readonly Scenario[], wanted: string | undefined): Scenario[] {
  if (wanted === undefined) return [...all];
  const found = wanted.split(',').flatMap((part) => {
    const exact = all.filter((scenario) => scenario.name === part);
    const matching = exact.length > 0 ? exact : all.filter(({ name }) => name.includes(part));
    if (matching.length === 0) throw new Error(`There is no scenario ${part}; see --list`);
    return matching;
  });
  return [...new Set(found)];
}

function selectBrokers(wanted: string | undefined): BrokerName[] {
  if (wanted === undefined) return [...brokerNames];
  return wanted.split(',').map((text) => {
    const name = brokerNames.find((one) => one === text);
    if (!name) throw new Error(`There is no broker ${text}; there are ${brokerNames.join(', ')}`);
    return name;
  });
}

/** Reads the command line; undefined when what it asked for is done by that already. */
function readPlan(): Plan | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: {
      ...{ scenario: text, broker: text, repetitions: text, seconds: text, json: text, data: text },
      ...{ quick: flag, curves: flag, scale: flag, list: flag, help: flag },
    },
  });
  const offered = values.curves ? curveScenarios(fileLimit()) : scenarios;
  if (values.help || values.list) {
    const list = offered.map(({ name, title }) => `${name.padEnd(28)}${title}\n`).join('');
    process.stdout.write(values.help ? usage : list);
    return undefined;
  }
  if (values.scale) {
    process.exitCode = runScalePrograms(values.quick);
    return undefined;
  }
  const seconds = positive(values.seconds ?? (values.quick ? '1' : '3'), 'seconds');
  return {
    scenarios: selectScenarios(offered, values.scenario),
    brokers: selectBrokers(values.broker),
    repetitions: positive(values.repetitions ?? (values.quick ? '1' : '3'), 'repetitions'),
    pace: { seconds, warmupSeconds: Math.min(2, seconds), quick: values.quick },
    places: { root: findRoot(), dataRoot: values.data ?? tmpdir() },
    json: values.json,
  };
}

/** One run: a fresh broker, one load, the broker stopped. */
async function runOnce(
  program: string,
  broker: PeerName,
  scenario: Scenario,
  plan: Plan,
): Promise<LoadResult> {
  const running = await startBroker(broker, plan.places, scenario.nodes);
  try {
    return await runLoad(program, running.target, scenario.load(plan.pace));
  } finally {
    await running.stop();
  }
}

/** Repetitions interleaved: what else the machine does then hits all brokers alike. */
async function runScenario(program: string, scenario: Scenario, plan: Plan): Promise<ScenarioRuns> {
  const brokers = plan.brokers.filter((name) => scenario.brokers?.includes(name) ?? true);
  const runs = new Map<BrokerName, BrokerRuns>();
  for (const name of brokers) runs.set(name, { results: [], failures: [] });
  for (let repetition = 1; repetition <= plan.repetitions; repetition++) {
    for (const [name, own] of runs) {
      const label = `${scenario.name} ${repetition}/${plan.repetitions} ${brokerTitles[name]}`;
      process.stderr.write(`${label} …\n`);
      try {
        own.results.push(await runOnce(program, name, scenario, plan));
      } catch (error) {
        own.failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
  return { scenario, runs };
}

/** What the generator does when no broker is in the way, so that one sees it is not the limit. */
async function measureGenerator(program: string, plan: Plan): Promise<LoadResult> {
  const pace = { seconds: 1, warmupSeconds: 1, quick: true };
  const result = await runOnce(program, 'forward', generatorScenario, { ...plan, pace });
  const [cpu, rate] = generatorScenario.figures.map((figure) => figure.value(result));
  process.stdout.write(
    `The load generator alone: ${rate?.toFixed(0)} k/s through bare sockets, ` +
      `${cpu?.toFixed(2)} CPU seconds per million\n\n`,
  );
  return result;
}

function availableBrokers(plan: Plan): BrokerName[] {
  return plan.brokers.filter((name) => {
    const reason = missingReason(name, plan.places);
    if (reason) process.stdout.write(`${brokerTitles[name]} is left out: ${reason}\n`);
    return reason === undefined;
  });
}

async function main(): Promise<void> {
  const asked = readPlan();
  if (!asked) return;
  const program = buildLoadGenerator(asked.places.root);
  const plan: Plan = { ...asked, brokers: availableBrokers(asked) };
  if (plan.brokers.length === 0) throw new Error('There is no broker to measure');
  const machine = {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    openFilesMax: fileLimit(),
  };
  process.stdout.write(
    `${machine.cores} × ${machine.processor}, Linux ${machine.kernel}, Node.js ${machine.node}, ` +
      `${machine.openFilesMax} open files per process\n`,
  );
  const generator = await measureGenerator(program, plan);
  const rows: ScenarioRuns[] = [];
  for (const scenario of plan.scenarios) {
    const row = await runScenario(program, scenario, plan);
    rows.push(row);
    process.stdout.write(`${scenarioTable(row)}\n\n`);
  }
  process.stdout.write(`${summaryTable(rows)}\n`);
  if (plan.json !== undefined) {
    const { pace, repetitions } = plan;
    const measured = { at: new Date().toISOString(), machine, pace, repetitions, generator };
    const document = { ...measured, scenarios: rows.map(scenarioJson) };
    writeFileSync(plan.json, `${JSON.stringify(document, null, 2)}\n`);
  }
  const failed = rows.some(({ runs }) => [...runs.values()].some((own) => own.failures.length > 0));
  if (failed) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
