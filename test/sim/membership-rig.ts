/** Whole nodes in the simulator that become members one by one. */
import assert from 'node:assert/strict';
import { Chances } from '../../sim/chance.js';
import { MachineClock } from '../../sim/clock.js';
import { clusterCore, type ClusterSimCore, memberOn } from '../../sim/cluster-core.js';
import { SimDisk } from '../../sim/disk.js';
import { History } from '../../sim/history.js';
import { Network } from '../../sim/network.js';
import { SimNode } from '../../sim/node.js';
import { Scheduler } from '../../sim/scheduler.js';
import type { LeaveOptions } from '../../src/cluster/membership/mod.js';
import { formatLine, Story } from '../../sim/story.js';

const near = { delayMs: 1, jitterMs: 0, bytesPerMs: 100_000 };
export const leaving: LeaveOptions = { force: false, kill: false, timeoutMs: 10_000 };

interface NodeOptions {
  readonly seeds?: readonly string[];
  readonly life?: string;
  readonly expectedMembers?: number;
  /** The node that had the disk before, on another machine, and is off. */
  readonly from?: SimNode;
}

/** Nodes that are made one by one. */
export class Rig {
  readonly scheduler: Scheduler = new Scheduler();
  readonly story: Story;
  readonly network: Network;
  readonly #chances: Chances;
  readonly #nodes = new Map<string, SimNode>();

  constructor(seed = 1, isTold = true) {
    this.#chances = new Chances(seed);
    this.story = new Story(this.scheduler, isTold);
    this.network = new Network(this.scheduler, this.#chances, () => near);
  }

  /** A machine with an empty disk, and a node that starts on it. */
  add(name: string, { seeds = [], life = '.', expectedMembers, from }: NodeOptions = {}): SimNode {
    const { scheduler, story, network } = this;
    const chances = this.#chances;
    const history = new History(scheduler);
    const settings = expectedMembers === undefined ? {} : { founding: { expectedMembers } };
    const factory = clusterCore(seeds, {
      ...{ lifeOf: () => life, settings },
      ...(from === undefined ? {} : { cameFrom: from.name }),
    });
    const disk = from?.disk ?? new SimDisk(scheduler, chances.of(`disk ${name}`));
    const ground = { scheduler, chances, network, story, history, factory };
    const node = new SimNode(name, new MachineClock(scheduler, 1), disk, ground);
    this.#nodes.set(name, node);
    node.starts = from?.starts ?? 0;
    node.start();
    return node;
  }

  cluster(name: string): ClusterSimCore['cluster'] {
    const core = this.#nodes.get(name)?.core;
    assert.ok(core !== undefined, `${name} runs`);
    return (core as ClusterSimCore).cluster;
  }

  now(name: string): number {
    return this.#nodes.get(name)?.clock.wall() ?? 0;
  }

  run(milliseconds: number): void {
    this.scheduler.runUntil(this.scheduler.now + milliseconds);
  }

  /** The members as a node sees them: small letters are down. */
  view(name: string): string {
    const cluster = this.cluster(name);
    const seen = cluster.members.map((member) => {
      const letter = member.name.replace('NautilusMQ@', '');
      return cluster.stateOf(member.site) === 'down' ? letter : letter.toUpperCase();
    });
    return seen.join('');
  }

  assertViews(views: Readonly<Record<string, string>>): void {
    for (const [name, view] of Object.entries(views)) {
      assert.equal(this.view(name), view, `${name}\n${this.told()}`);
    }
  }

  /** Asks a node, and runs until it has answered. */
  join(name: string, at: string, force = false): { ok: boolean; text: string } {
    let result: { ok: boolean; text: string } | undefined;
    this.cluster(name).join(memberOn(at).address, force, this.now(name), (end) => (result = end));
    for (let left = 300; left > 0 && result === undefined; left -= 1) this.run(100);
    assert.ok(result !== undefined, `join ends\n${this.told()}`);
    return result;
  }

  leave(at: string, name: string, options: LeaveOptions = leaving): { ok: boolean; text: string } {
    let result: { ok: boolean; text: string } | undefined;
    this.cluster(at).leave(memberOn(name).name, options, this.now(at), (end) => (result = end));
    for (let left = 300; left > 0 && result === undefined; left -= 1) this.run(100);
    assert.ok(result !== undefined, `leave ends\n${this.told()}`);
    return result;
  }

  told(): string {
    return this.story.lines.map(formatLine).join('\n');
  }
}

export const founders: readonly string[] = ['a', 'b', 'c'];

export function founded(): { rig: Rig; nodes: Readonly<Record<string, SimNode>> } {
  const rig = new Rig();
  const nodes: Record<string, SimNode> = {};
  for (const name of founders) nodes[name] = rig.add(name, { seeds: founders });
  rig.run(3000);
  rig.assertViews({ a: 'ABC', b: 'ABC', c: 'ABC' });
  return { rig, nodes };
}

export function nodeOf(nodes: Readonly<Record<string, SimNode>>, name: string): SimNode {
  const node = nodes[name];
  assert.ok(node !== undefined);
  return node;
}
