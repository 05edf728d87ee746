import type { ClusterSettings } from '../src/cluster/mod.js';
import type { ClientPlan, SimClient } from './client.js';
import type { History } from './history.js';
import type { Network } from './network.js';
import type { PathQuality } from './path.js';
import type { Crash, SimNode } from './node.js';
import type { Scheduler } from './scheduler.js';

/**
 * A run that is written down instead of drawn by a seed: the shortest way to one thing that can go
 * wrong. It ends like every run: everything heals, comes to rest, and the checkers look at it.
 */
export interface Script {
  readonly name: string;
  /** What happens, in a sentence. */
  readonly what: string;
  readonly cast: readonly ClientPlan[];
  /** Where they are not those of every run. */
  readonly settings?: Partial<ClusterSettings>;
  play(stage: Stage): void;
}

/** What a script may move. */
export interface StageGround {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly history: History;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
}

/** The verbs of scripts. Nodes are `node1` to `node3`; clients go by their device. */
export class Stage {
  readonly history: History;
  readonly #ground: StageGround;

  constructor(ground: StageGround) {
    this.#ground = ground;
    this.history = ground.history;
  }

  run(milliseconds: number): void {
    const { scheduler } = this.#ground;
    scheduler.runUntil(scheduler.now + milliseconds);
  }

  node(name: string): SimNode {
    return named(this.#ground.nodes, name, (node) => node.name);
  }

  client(device: string): SimClient {
    return named(this.#ground.clients, device, ({ plan }) => plan.device);
  }

  /** The client connects there. What it had elsewhere stays open until the broker closes it. */
  come(device: string, node: string, isClean = false): void {
    this.client(device).comeTo(this.node(node).clientAddress, isClean);
  }

  /** The client is gone until it comes again, or everything heals. */
  leave(device: string, how: 'disconnect' | 'drop' | 'vanish' = 'disconnect'): void {
    this.client(device).stayAway(how);
  }

  /** The client publishes `times` messages, one every `everyMs`, while the script goes on. */
  publishing(device: string, times: number, everyMs: number): void {
    const client = this.client(device);
    for (let at = 0; at < times; at += 1) {
      this.#ground.scheduler.after(at * everyMs, () => client.publish());
    }
  }

  /** The same, and the script goes on when the last one was sent. */
  publish(device: string, times = 1, everyMs = 5): void {
    this.publishing(device, times, everyMs);
    this.run(times * everyMs);
  }

  crash(name: string, how: Crash = 'machine'): void {
    this.node(name).crash(how);
  }

  start(name: string): void {
    this.node(name).start();
  }

  /** Nothing arrives from one machine at another one; what is sent waits. */
  cutOneWay(from: string, to: string): void {
    this.#ground.network.path(from, to).isCut = true;
  }

  cut(one: string, other: string): void {
    this.cutOneWay(one, other);
    this.cutOneWay(other, one);
  }

  mend(one: string, other: string): void {
    this.#ground.network.path(one, other).mend();
    this.#ground.network.path(other, one).mend();
  }

  /** Both ends of every connection between two machines learn that it is lost. */
  reset(one: string, other: string): void {
    const { network } = this.#ground;
    for (const end of network.connections(one, other)) network.lose(end, 'both ends learn');
  }

  /** Every connection between two machines is dead, and neither end learns it. */
  loseSilently(one: string, other: string): void {
    const { network } = this.#ground;
    for (const end of network.connections(one, other)) network.lose(end, 'nobody learns');
  }

  /** The script goes on when one machine has connections to another one, at most a while later. */
  runUntilLinked(one: string, other: string): void {
    for (let left = 1000; left > 0; left -= 1) {
      if (this.#ground.network.connections(one, other).length >= 2) return;
      this.run(10);
    }
  }

  /** How the way from one machine to another is from now on. */
  path(from: string, to: string, quality: Partial<PathQuality>): void {
    const path = this.#ground.network.path(from, to);
    path.quality = { ...path.quality, ...quality };
  }
}

function named<One>(all: readonly One[], name: string, nameOf: (one: One) => string): One {
  const found = all.find((one) => nameOf(one) === name);
  if (found === undefined) throw new Error(`a script speaks of ${name}, whom it does not have`);
  return found;
}
