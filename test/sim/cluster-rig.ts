/** Three whole members in the simulator, without chance. */
import assert from 'node:assert/strict';
import { Chances } from '../../sim/chance.js';
import { MachineClock } from '../../sim/clock.js';
import { clusterCore, type ClusterSimCore, memberOn } from '../../sim/cluster-core.js';
import { SimDisk } from '../../sim/disk.js';
import { History } from '../../sim/history.js';
import { Network } from '../../sim/network.js';
import { SimNode } from '../../sim/node.js';
import { Scheduler } from '../../sim/scheduler.js';
import { formatLine, Story } from '../../sim/story.js';
import { type Core, TestClient } from '../broker/core.js';
import { connect, type ConnectOptions } from '../fixtures/client-packets.js';

export const names: readonly string[] = ['a', 'b', 'c'];
const near = { delayMs: 1, jitterMs: 0, bytesPerMs: 100_000 };

export class Rig {
  readonly scheduler: Scheduler = new Scheduler();
  readonly story: Story = new Story(this.scheduler, true);
  readonly network: Network;
  readonly nodes: SimNode[];
  readonly #clients: TestClient[] = [];

  constructor(seed = 1) {
    const chances = new Chances(seed);
    const history = new History(this.scheduler);
    this.network = new Network(this.scheduler, chances, () => near);
    const { scheduler, story, network } = this;
    this.nodes = names.map((name) => {
      const disk = new SimDisk(scheduler, chances.of(`disk ${name}`));
      const ground = {
        ...{ scheduler, chances, network, story, history, factory: clusterCore(names) },
        settleOthers: () => {
          for (const client of this.#clients) client.settle();
        },
      };
      return new SimNode(name, new MachineClock(scheduler, 1), disk, ground);
    });
    for (const node of this.nodes) node.start();
  }

  core(name: string): ClusterSimCore {
    const core = this.nodes[names.indexOf(name)]?.core;
    assert.ok(core !== undefined, `${name} runs`);
    return core as ClusterSimCore;
  }

  /** A client of a node, connected. Its packets are exchanged whenever time passes. */
  client(name: string, clientIdentifier: string, options: ConnectOptions = {}): TestClient {
    const client = this.open(name);
    client.send(connect(5, { clientIdentifier, ...options }));
    this.run(50);
    const connack = client.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0, this.told());
    return client;
  }

  open(name: string): TestClient {
    const { broker } = this.core(name);
    const node = this.nodes[names.indexOf(name)] as SimNode;
    const clock = { now: () => node.clock.wall(), at: 0 };
    Object.defineProperty(clock, 'at', { get: () => node.clock.wall() });
    const core = { broker, clock, clients: this.#clients, turn: () => this.turn(name) };
    const client = new TestClient(core as unknown as Core, 5, {});
    this.#clients.push(client);
    return client;
  }

  turn(name: string): void {
    this.nodes[names.indexOf(name)]?.core?.onTurnEnd();
    for (const client of this.#clients) client.deliver();
  }

  run(milliseconds: number): void {
    this.scheduler.runUntil(this.scheduler.now + milliseconds);
    for (const name of names) this.turn(name);
  }

  /** Nothing arrives between two machines, until {@link mend}. */
  cut(one: string, other: string): void {
    for (const path of [this.network.path(one, other), this.network.path(other, one)]) {
      path.isCut = true;
    }
  }

  mend(one: string, other: string): void {
    this.network.path(one, other).mend();
    this.network.path(other, one).mend();
  }

  states(name: string): string {
    const { cluster } = this.core(name);
    return names.map((other) => cluster.stateOf(memberOn(other).site)).join(' ');
  }

  told(): string {
    return this.story.lines.map(formatLine).join('\n');
  }
}

export function running(): Rig {
  const rig = new Rig();
  rig.run(2000);
  for (const name of names) assert.equal(rig.states(name), 'up up up', rig.told());
  return rig;
}

export const persistent: ConnectOptions & { properties: { sessionExpiryInterval: number } } = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
};
export const payloads: (client: TestClient) => string[] = (client: TestClient): string[] =>
  client.takePublishes().map(({ payload }) => payload.toString());
