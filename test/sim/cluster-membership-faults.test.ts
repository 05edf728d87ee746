/** Joins and leaves under fire: whatever happens meanwhile, in the end all say the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Chance, Chances } from '../../sim/chance.js';
import type { ClusterSimCore } from '../../sim/cluster-core.js';
import type { SimNode } from '../../sim/node.js';
import { founders, leaving, Rig } from './membership-rig.js';

const names = [...founders, 'd', '0'];
const firstSeed = 1;
const seeds = 12;
const steps = 60;
/** Enough for the slowest pause between two tries of anything. */
const healMs = 150_000;

/** One run: a seed decides what happens. */
class Run {
  readonly rig: Rig;
  readonly #chance: Chance;
  readonly #nodes = new Map<string, SimNode>();
  /** What nobody but lost or removed members knew is gone: so there are leaves or losses. */
  readonly #mayLose: readonly string[];
  readonly #mayLeave: readonly string[];
  /** By name of the node: data directories that it has had. */
  readonly #lives = new Map<string, number>();
  readonly #left = new Set<string>();
  readonly counts = new Map<string, number>();

  constructor(seed: number, isTold: boolean) {
    this.rig = new Rig(seed, isTold);
    this.#chance = new Chances(seed).of('members under fire');
    this.#mayLose = seed % 2 === 0 ? [] : ['b'];
    this.#mayLeave = seed % 2 === 0 ? names : ['d', '0'];
    for (const name of names) this.#add(name);
    this.rig.run(3000);
  }

  play(): void {
    for (let left = steps; left > 0; left -= 1) {
      this.#step();
      this.rig.run(this.#chance.between(50, 1500));
    }
    this.#heal();
    this.#check();
  }

  #step(): void {
    const [name, other] = [this.#chance.pick(names), this.#chance.pick(names)];
    const node = this.#nodes.get(name);
    const what = this.#chance.pick([
      'crash',
      'start',
      'start',
      'cut',
      'mend',
      'join',
      'leave',
      'lose',
    ]);
    const cluster = clusterOf(node);
    const now = this.rig.now(name);
    const count = (outcome: string): void => {
      this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
    };
    if (what === 'crash') node?.crash(this.#chance.isHit(0.5) ? 'process' : 'machine');
    else if (what === 'start' && node?.isUp === false) this.#start(name);
    else if (what === 'cut') this.#cut(name, other);
    else if (what === 'mend') this.#mend();
    else if (what === 'lose' && this.#mayLose.includes(name)) this.#lose(name);
    else if (what === 'join') {
      // Not among themselves, nor a founder: an operator can make two clusters of one list.
      if (founders.includes(name) || !founders.includes(other)) return;
      cluster?.join(`${other}:44053`, false, now, ({ ok }) => count(`join ${ok}`));
    } else if (what === 'leave' && this.#mayLeave.includes(other)) {
      const site = cluster?.members.find((member) => member.name === `NautilusMQ@${other}`)?.site;
      cluster?.leave(`NautilusMQ@${other}`, leaving, now, ({ ok }) => {
        count(`leave ${ok}`);
        if (ok && site !== undefined) this.#left.add(site);
      });
    }
  }

  #add(name: string): void {
    const life = String(this.#lives.get(name) ?? 0);
    const seedsOf = founders.includes(name) ? { seeds: founders } : {};
    this.#nodes.set(name, this.rig.add(name, { ...seedsOf, life }));
    this.#hostLeaving(name);
  }

  #start(name: string): void {
    this.#nodes.get(name)?.start();
    this.#hostLeaving(name);
  }

  #hostLeaving(name: string): void {
    const cluster = clusterOf(this.#nodes.get(name));
    if (cluster !== undefined)
      cluster.leaveHost = {
        isEmpty: () => true,
        isHandedOver: () => true,
        drain() {},
        resume() {},
        adopt: () => true,
      };
  }

  /** Its disk is empty afterwards. */
  #lose(name: string): void {
    this.#nodes.get(name)?.crash('process');
    this.rig.network.machineUp(name);
    this.#lives.set(name, (this.#lives.get(name) ?? 0) + 1);
    this.#add(name);
  }

  #cut(name: string, other: string): void {
    this.rig.network.path(name, other).isCut = true;
    if (this.#chance.isHit(0.7)) this.rig.network.path(other, name).isCut = true;
  }

  #mend(): void {
    for (const from of names) for (const to of names) this.rig.network.path(from, to).mend();
  }

  #heal(): void {
    this.#mend();
    for (const name of names) if (this.#nodes.get(name)?.isUp === false) this.#start(name);
    this.rig.run(healMs);
  }

  /** Of the nodes that are in a cluster, all are in one, and all others are out of it or alone. */
  #check(): void {
    const lists = new Map<string, string[]>();
    for (const name of names) {
      const cluster = clusterOf(this.#nodes.get(name));
      assert.ok(cluster !== undefined);
      const sites = cluster.members.map(({ site }) => site);
      const isOut = /has left/.test(cluster.gates.refusal('connect', undefined) ?? '');
      if (isOut || !sites.includes(cluster.site) || sites.length === 1) continue;
      const text = cluster.members.map((one) => `${one.name}/${one.site.slice(-2)}`).join(' ');
      lists.set(text, [...(lists.get(text) ?? []), name]);
      for (const site of sites) assert.ok(!this.#left.has(site), `${site} left, and is back`);
    }
    assert.ok(lists.size <= 1, `${lists.size} lists: ${JSON.stringify([...lists])}`);
    for (const [text, holders] of lists) {
      for (const name of holders) {
        const cluster = clusterOf(this.#nodes.get(name));
        const down = cluster?.members.filter(({ site }) => cluster.stateOf(site) !== 'up');
        const running = down?.filter((one) =>
          holders.includes(one.name.replace('NautilusMQ@', '')),
        );
        assert.deepEqual(
          running?.map((one) => one.name),
          [],
          `${name} reaches all of ${text}`,
        );
      }
    }
  }
}

function clusterOf(node: SimNode | undefined): ClusterSimCore['cluster'] | undefined {
  return (node?.core as ClusterSimCore | undefined)?.cluster;
}

function play(seed: number): Run {
  const run = new Run(seed, false);
  try {
    run.play();
  } catch (error) {
    const told = new Run(seed, true);
    try {
      told.play();
    } catch {
      const reason = error instanceof Error ? error.message : String(error);
      assert.fail(`seed ${seed}: ${reason}\n${told.rig.told()}`);
    }
    throw error;
  }
  return run;
}

describe('members that join, leave, crash, lose their disks and each other', () => {
  it('are one cluster in the end, and nobody who left is in it', (test) => {
    const counts = new Map<string, number>();
    const first = Number(process.env.SIM_MEMBERS_SEED ?? firstSeed);
    const last = first + Number(process.env.SIM_MEMBERS_SEEDS ?? seeds);
    for (let seed = first; seed < last; seed += 1) {
      for (const [what, count] of play(seed).counts) {
        counts.set(what, (counts.get(what) ?? 0) + count);
      }
    }
    for (const [what, count] of counts) test.diagnostic(`${what}: ${count}`);
    for (const what of ['join true', 'join false', 'leave true', 'leave false']) {
      assert.ok(counts.has(what), `${what} was seen to occur`);
    }
  });
});
