/**
 * sim: whole nodes in one process, without a real clock, socket or disk, from a seed. Drives cores
 * as the edge would, does to them what the world does, and knows what they promised. It decides
 * nothing for them.
 *
 * ```
 *              seed ──▶ Chances ──▶ everything that is random
 *   Faults ──▶ SimNode ── core (broker, cluster) ── SimStore ── SimDisk
 *     │           └─ EventLoop, MachineClock              all of it in virtual time: Scheduler
 *     └──────▶ Network ◀── Connection ◀── SimClient ──▶ History ──▶ checkers ──▶ violations
 * ```
 */
import { castOf } from './cast.js';
import { Chances } from './chance.js';
import { checkHistory } from './checkers.js';
import { checkViews } from './cluster-checkers.js';
import { SimClient } from './client.js';
import { MachineClock } from './clock.js';
import type { ClusterView } from './cluster-view.js';
import type { ClientWorld } from './connection.js';
import type { CoreFactory } from './core.js';
import { SimDisk } from './disk.js';
import type { FaultGround } from './fault.js';
import { Faults } from './faults.js';
import { History, type Violation } from './history.js';
import { isExplained } from './known-faults.js';
import { Network } from './network.js';
import { SimNode } from './node.js';
import type { PathQuality } from './path.js';
import { checkProbe, probePlan } from './probe.js';
import { Scheduler } from './scheduler.js';
import { type Script, Stage } from './script.js';
import { Story } from './story.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly factory: CoreFactory;
  readonly nodes: number;
  /** The nodes are members of one cluster; otherwise each has clients and topics of its own. */
  readonly isCluster: boolean;
  /** The story is kept; costs time. */
  readonly isTold: boolean;
  /** What happens is written down: the seed decides only how long things take. */
  readonly script?: Script | undefined;
  /** Faults that are known count like all others. */
  readonly isStrict?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly nodes: number;
  /** Its name, where it was not the seed that decided. */
  readonly script: string | undefined;
  readonly violations: readonly Violation[];
  /** What known faults explain. */
  readonly excused: readonly Violation[];
  readonly counts: ReadonlyMap<string, number>;
  readonly story: Story;
  readonly simulatedMs: number;
  /** Equal for two runs that were the same, event by event. */
  readonly digest: number;
}

/** Faults, clock skew and habits come from the seed; these are what every run has in common. */
const safetyMs = { from: 6000, to: 16_000 };
/** Longer than the keep alive: what broke silently has been noticed. */
const settleMs = 20_000;
const quietMs = 2000;
/** Milliseconds after the healing within which everything must have come to rest. */
const livenessMs = 120_000;

/**
 * One run: nodes, clients and faults for a while; then everything heals and must come to rest; then
 * the checkers. Throws nothing: what the core throws is a violation.
 */
export function simulate(options: SimulationOptions): Outcome {
  const run = new Simulation(options);
  const { scheduler, story } = run;
  try {
    run.play();
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    run.history.violated('no fault inside the core', what);
  }
  const all = checkHistory(run.history);
  const isKnown = (violation: Violation): boolean =>
    options.isStrict !== true && isExplained(violation, run.history);
  const excused = all.filter(isKnown);
  const violations = all.filter((violation) => !isKnown(violation));
  const { seed, nodes } = options;
  const { counts } = run.history;
  const { now: simulatedMs, digest } = scheduler;
  const script = options.script?.name;
  return { seed, nodes, script, violations, excused, counts, story, simulatedMs, digest };
}

/** As the nodes of a run are called. */
export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `node${index + 1}`);
}

class Simulation {
  readonly scheduler: Scheduler = new Scheduler();
  readonly history: History;
  readonly story: Story;
  readonly #options: SimulationOptions;
  readonly #chances: Chances;
  readonly #network: Network;
  readonly #nodes: SimNode[] = [];
  readonly #world: ClientWorld;
  #clients: SimClient[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { scheduler } = this;
    this.history = new History(scheduler, options.isCluster);
    this.story = new Story(scheduler, options.isTold);
    this.#chances = new Chances(options.seed);
    const chance = this.#chances.of('path qualities');
    this.#network = new Network(scheduler, this.#chances, () =>
      options.script === undefined ? chance.pick(qualities) : near,
    );
    const { history, story } = this;
    this.#world = {
      scheduler,
      network: this.#network,
      history,
      story,
      connections: 0,
      sessions: 0,
    };
    for (const name of nodeNames(options.nodes)) this.#addNode(name);
    this.#addClients();
  }

  play(): void {
    const { script } = this.#options;
    for (const node of this.#nodes) node.start();
    if (script === undefined) this.#breakThings();
    else this.#perform(script);
    for (const node of this.#nodes) node.start();
    for (const client of this.#clients) client.calmDown();
    this.#comeToRest();
    this.#probe();
    for (const client of this.#clients) client.settle();
    this.#checkEnd();
  }

  /** Until everything heals. */
  #breakThings(): void {
    const chance = this.#chances.of('faults');
    const { scheduler, history, story } = this;
    for (const client of this.#clients) client.start();
    const ground: FaultGround = {
      ...{ scheduler, history, story, network: this.#network },
      ...{ nodes: this.#nodes, clients: this.#clients, isCluster: this.#options.isCluster },
    };
    const faults = new Faults(ground, chance);
    scheduler.after(1000, () => faults.start());
    scheduler.runUntil(1000 + chance.between(safetyMs.from, safetyMs.to));
    story.tell('run', () => 'everything heals');
    faults.heal();
  }

  #perform(script: Script): void {
    const { scheduler, story } = this;
    const ground = { scheduler, network: this.#network, history: this.history };
    script.play(new Stage({ ...ground, nodes: this.#nodes, clients: this.#clients }));
    story.tell('run', () => 'everything heals');
    for (const path of this.#network.paths) {
      path.quality = path.normal;
      path.mend();
    }
    for (const { disk } of this.#nodes) {
      disk.slownessMs = 0;
      disk.isFailing = false;
      disk.thaw();
    }
    for (const client of this.#clients) client.comeBack();
  }

  #addNode(name: string): void {
    const { scheduler, history, story } = this;
    const chance = this.#chances.of(`machine ${name}`);
    const clock = new MachineClock(scheduler, chance.between(0.9999, 1.0001));
    if (this.#options.script === undefined && chance.isHit(0.3)) {
      clock.skewMs = chance.between(-3_600_000, 3_600_000);
      history.count('fault: clock skewed');
    }
    const disk = new SimDisk(scheduler, this.#chances.of(`disk ${name}`));
    const { factory } = this.#options;
    const ground = { scheduler, history, story, factory };
    const chances = this.#chances;
    const network = this.#network;
    this.#nodes.push(new SimNode(name, clock, disk, { ...ground, chances, network }));
  }

  #addClients(): void {
    const chance = this.#chances.of('cast');
    const addresses = this.#nodes.map(({ clientAddress }) => clientAddress);
    const { script, isCluster } = this.#options;
    const casts = isCluster
      ? (script?.cast ?? castOf(chance, addresses, ''))
      : this.#nodes.flatMap((node) => castOf(chance, [node.clientAddress], this.#prefixOf(node)));
    for (const plan of casts) {
      const habits = this.#chances.of(`client ${plan.device}`);
      this.#clients.push(new SimClient(plan, this.#world, habits));
    }
  }

  /** Of the clients and topics of a node that is alone. */
  #prefixOf(node: SimNode): string {
    return this.#options.isCluster || node === this.#nodes[0] ? '' : `${node.name}/`;
  }

  /** Until nothing is owed and nothing moves, or the time for it is over. */
  #comeToRest(): void {
    const { scheduler, history } = this;
    const deadline = scheduler.now + livenessMs;
    scheduler.runUntil(scheduler.now + settleMs);
    let deliveries = -1;
    while (scheduler.now < deadline) {
      const isQuiet = deliveries === history.deliveries.length;
      const isContent = this.#clients.every((client) => client.isContent);
      if (isQuiet && isContent && checkViews(this.#views()).length === 0) return;
      deliveries = history.deliveries.length;
      scheduler.runUntil(scheduler.now + quietMs);
    }
    for (const client of this.#clients) {
      if (client.isContent) continue;
      const { clientIdentifier } = client.plan;
      history.violated('nobody is wedged', `${clientIdentifier} waits for ever`, clientIdentifier);
    }
  }

  /** A new client of every node asks for what is retained. */
  #probe(): void {
    const probes = this.#nodes.map((node) => {
      const chance = this.#chances.of(`probe of ${node.name}`);
      const plan = probePlan(node.name, node.clientAddress, this.#prefixOf(node));
      const client = new SimClient(plan, this.#world, chance);
      client.calmDown();
      client.start();
      return client;
    });
    this.scheduler.runUntil(this.scheduler.now + 5000);
    this.#clients = [...this.#clients, ...probes];
    for (const node of this.#nodes) checkProbe(this.history, node.name, this.#prefixOf(node));
  }

  /** What every node believes, beside what its clients have. */
  #views(): Map<string, ClusterView> {
    const views = new Map<string, ClusterView>();
    for (const { name, core } of this.#nodes) {
      const view = core?.view?.();
      if (view === undefined) continue;
      const clients = this.#clients.filter(({ node }) => node === name);
      const connected = new Set(clients.map(({ plan }) => plan.clientIdentifier));
      const subscriptions = new Set(clients.flatMap(({ subscriber }) => subscriber.filters));
      views.set(name, { ...view, connected, subscriptions });
    }
    return views;
  }

  #checkEnd(): void {
    const { history } = this;
    history.violations.push(...checkViews(this.#views()));
    const twins = this.#clients.filter(({ plan }) => plan.device !== plan.clientIdentifier);
    const names = new Set(twins.map(({ plan }) => plan.clientIdentifier));
    for (const name of names) {
      const connected = twins.filter(
        (one) => one.plan.clientIdentifier === name && one.isConnected,
      );
      if (connected.length === 1) continue;
      const what = `${connected.length} devices are connected as ${name}`;
      history.violated('one live connection per client identifier', what, name);
    }
    for (const { name, disk } of this.#nodes) {
      for (const table of ['queue', 'message'] as const) {
        const left = [...disk.content.entries(table)].length;
        if (left === 0) continue;
        history.violated('nothing is left over', `${left} records of ${table} on ${name}`, name);
      }
    }
  }
}

const near: PathQuality = { delayMs: 1, jitterMs: 0.2, bytesPerMs: 100_000 };

/** Of a path: near, far, or across an ocean. */
const qualities: readonly PathQuality[] = [
  { delayMs: 0.2, jitterMs: 0.1, bytesPerMs: 100_000 },
  { delayMs: 0.2, jitterMs: 0.1, bytesPerMs: 100_000 },
  { delayMs: 8, jitterMs: 2, bytesPerMs: 10_000 },
  { delayMs: 90, jitterMs: 10, bytesPerMs: 2000 },
];
