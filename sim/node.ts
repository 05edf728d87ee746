import type { Clock } from '../src/base/mod.js';
import type { SimCore, CoreEnvironment, CoreFactory } from './core.js';
import type { Chances } from './chance.js';
import { SimClientLink, type Links } from './client-link.js';
import type { MachineClock } from './clock.js';
import type { SimDisk, SimStore } from './disk.js';
import { EventLoop } from './event-loop.js';
import { gateOperations, type History } from './history.js';
import type { Network } from './network.js';
import type { Scheduler } from './scheduler.js';
import type { NetworkHost } from './stream.js';
import type { Story } from './story.js';
import { SimTransport } from './transport.js';

/** How a node ends that nobody asked to. */
export type Crash = 'process' | 'machine';

/** Where clients reach a node, behind its name. */
const clientPort = 1883;
/** Milliseconds that a node which was asked to stop has for it. */
const stopTimeoutMs = 5000;

/** What a node stands on. */
export interface NodeGround {
  readonly scheduler: Scheduler;
  readonly chances: Chances;
  readonly network: Network;
  readonly story: Story;
  readonly history: History;
  readonly factory: CoreFactory;
  /** Of clients that are no part of the simulated network: their writers are settled, too. */
  readonly settleOthers?: () => void;
}

/** One life of a node's process. */
interface Process {
  readonly host: NetworkHost;
  readonly loop: EventLoop;
  readonly store: SimStore;
  readonly clock: Clock;
  readonly core: SimCore;
}

/** A machine with a disk, a clock and, most of the time, a running core. */
export class SimNode {
  readonly name: string;
  readonly clock: MachineClock;
  readonly disk: SimDisk;
  /** Most units of work that the core did within one turn. */
  workPerTurnMax = 0;
  starts = 0;
  readonly #ground: NodeGround;
  #workBefore = 0;
  #process: Process | undefined;
  #isMachineDown = false;
  #isStartWanted = false;

  constructor(name: string, clock: MachineClock, disk: SimDisk, ground: NodeGround) {
    this.name = name;
    this.clock = clock;
    this.disk = disk;
    this.#ground = ground;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get core(): SimCore | undefined {
    return this.#process?.core;
  }

  get clientAddress(): string {
    return `${this.name}:${clientPort}`;
  }

  /** Loads what the disk has and serves; a node that is stopping, as soon as it has stopped. */
  start(): void {
    this.#isStartWanted = this.#process !== undefined;
    if (this.#isStartWanted) return;
    const { network, story, history } = this.#ground;
    if (this.#isMachineDown) network.machineUp(this.name);
    this.#isMachineDown = false;
    this.starts += 1;
    story.tell(this.name, () => `starts (number ${this.starts})`);
    this.#process = this.#newProcess();
    history.nodeStarted(this.name);
  }

  crash(kind: Crash): void {
    if (this.#process === undefined) return;
    const { network, story } = this.#ground;
    story.tell(this.name, () => (kind === 'process' ? 'killed' : 'machine off'));
    const { host } = this.#process;
    this.#end();
    this.#isMachineDown = kind === 'machine';
    if (kind === 'machine') network.machineDown(host);
    else network.processEnded(host, 'reset');
  }

  /** Ends in good order, within a few seconds. */
  stop(): void {
    const process = this.#process;
    if (process === undefined) return;
    const { scheduler, network, story } = this.#ground;
    story.tell(this.name, () => 'is asked to stop');
    this.#ground.history.nodeStops(this.name);
    const { core, loop, host, clock } = process;
    const deadline = scheduler.now + stopTimeoutMs;
    this.#isStartWanted = false;
    network.stopListening(host);
    loop.post(() => core.stop(clock.now()));
    const wait = (): void => {
      if (this.#process !== process) return;
      if (core.isBusy() && scheduler.now < deadline) {
        scheduler.after(20, wait);
        return;
      }
      story.tell(this.name, () => 'has stopped');
      this.#end();
      network.processEnded(host, 'fin');
      if (this.#isStartWanted) this.start();
    };
    scheduler.after(50, wait);
  }

  /** The event loop stands still: a garbage collection, a busy machine, `kill -STOP`. */
  stall(durationMs: number): void {
    this.#ground.story.tell(this.name, () => `stalls for ${Math.round(durationMs)} ms`);
    this.#process?.loop.stall(durationMs);
  }

  #end(): void {
    this.#process?.loop.end();
    this.#process?.store.end();
    this.#process = undefined;
    this.#ground.history.nodeEnded(this.name);
  }

  #newProcess(): Process {
    const { scheduler, chances, network, story, history, factory, settleOthers } = this.#ground;
    const chance = chances.of(`turns of ${this.name} ${this.starts}`);
    const links = new TouchedLinks(scheduler, this.clock.processClock(), settleOthers);
    const loop = new EventLoop(
      scheduler,
      () => 0.05 + chance.around(0.2),
      () => this.#onTurnEnd(links),
    );
    const host: NetworkHost = { name: this.name, post: (run) => loop.post(run) };
    const store = this.disk.open(host);
    const environment: CoreEnvironment = {
      name: this.name,
      clock: links.clock,
      random: chances.of(`core of ${this.name} ${this.starts}`),
      store,
      transport: new SimTransport(network, host, links),
      starts: this.starts,
      openClients: () =>
        loop.post(() =>
          network.listen(
            this.clientAddress,
            host,
            (end) => new SimClientLink(end, links, (link, now) => core.accept(link, now)),
          ),
        ),
      turnEndWanted: () => loop.wantTurnEnd(),
      log: (message) => story.tell(this.name, () => message),
      storeRefuses: (isRefusing) => history.storeRefuses(this.name, isRefusing),
      rowsDiverged: () =>
        history.violated('equal rows and sums everywhere', `${this.name} had others`, this.name),
      messageDropped: (clientIdentifier, topicName, reason) =>
        history.dropped(this.name, clientIdentifier, topicName, reason),
    };
    this.#workBefore = 0;
    const core = factory(environment);
    loop.every(core.tickMs, () => core.tick(links.clock.now()));
    return { host, loop, store, clock: links.clock, core };
  }

  #onTurnEnd(links: TouchedLinks): void {
    const core = this.#process?.core;
    if (core === undefined) return;
    core.onTurnEnd();
    links.flush();
    for (const operation of core.isAllowed === undefined ? [] : gateOperations) {
      this.#ground.history.gateIs(this.name, operation, core.isAllowed?.(operation) ?? true);
    }
    const total = core.workUnits?.() ?? 0;
    this.workPerTurnMax = Math.max(this.workPerTurnMax, total - this.#workBefore);
    this.#workBefore = total;
  }
}

/** The links that were written to in a turn: flushed once, at its end. */
class TouchedLinks implements Links {
  readonly scheduler: Scheduler;
  readonly clock: Links['clock'];
  readonly #settleOthers: (() => void) | undefined;
  #touched: SimClientLink[] = [];

  constructor(scheduler: Scheduler, clock: Links['clock'], settleOthers: (() => void) | undefined) {
    this.scheduler = scheduler;
    this.clock = clock;
    this.#settleOthers = settleOthers;
  }

  touch(link: SimClientLink): void {
    this.#touched.push(link);
  }

  settle(): void {
    for (const link of this.#touched) link.writer.settle();
    this.#settleOthers?.();
  }

  flush(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const link of touched) link.flush();
  }
}
