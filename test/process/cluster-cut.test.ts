/** Members that stand still or cannot reach each other, and nobody says so. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClusterNode,
  ClusterProcess,
  majority,
  settingsFor,
} from '../fixtures/cluster-process.js';
import { cannotCut } from '../fixtures/node-network.js';
import { Listener, type Outcome, SteadyPublisher, tryConnect } from '../fixtures/outage-clients.js';

const timeout = 120_000;

const isServed = ({ result }: Outcome): boolean => result === 0 || result === 0x10;
const isRefused = ({ result }: Outcome): boolean => result === 0x83;

/** CONNECTs to a node, every 50 ms and none waiting for another, until stopped. */
class Callers {
  readonly #pending: Promise<Outcome>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(node: ClusterNode) {
    this.#timer = setInterval(() => this.#pending.push(tryConnect(node.clientPath, 5)), 50);
  }

  stop(): Promise<Outcome[]> {
    clearInterval(this.#timer);
    return Promise.all(this.#pending);
  }
}

function slowest(outcomes: readonly Outcome[]): number {
  return Math.max(...outcomes.map(({ tookMs }) => tookMs));
}

describe('a member that stands still with all connections open', { timeout }, () => {
  it('is noticed within 3 s, and no CONNECT waits for it longer than 5 s', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3 });
    const [here, , frozen] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const publisher = await SteadyPublisher.start(here.clientPath, 'steady', 10);
    const callers = new Callers(here);
    await publisher.until(isServed);
    const frozenAt = performance.now();
    frozen.freeze();
    const refused = await publisher.until(isRefused);
    const noticedMs = refused.at - frozenAt;
    assert.ok(noticedMs < 3000, `noticed after ${noticedMs} ms`);
    assert.match(refused.reasonString, new RegExp(`member ${frozen.name} unreachable`));
    await sleep(500);
    const connects = await callers.stop();
    assert.ok(slowest(connects) < 5000, `a CONNECT took ${slowest(connects)} ms`);
    assert.ok(connects.every(({ result }) => result === 0 || result === 0x88));
    t.diagnostic(`noticed in ${Math.round(noticedMs)} ms; CONNECT ≤ ${slowest(connects)} ms`);
    frozen.thaw();
    await publisher.until(isServed);
    const all = await publisher.stop();
    assert.ok(all.every(({ tookMs }) => tookMs < 5000));
    await frozen.untilCheckSays(0);
    assert.equal((await tryConnect(frozen.clientPath, 5)).result, 0);
  });
});

describe('links that are cut without a word', { timeout, skip: cannotCut }, () => {
  it('silence only the smaller part with majority, within 3 s', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const [one, other, alone] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const listener = await Listener.start(other.clientPath, 'steady');
    const here = await SteadyPublisher.start(one.clientPath, 'steady', 10);
    const there = await SteadyPublisher.start(alone.clientPath, 'elsewhere', 10);
    const callers = [one, alone].map((node) => new Callers(node));
    await listener.until(5);
    const cutAt = performance.now();
    cluster.cut(one, alone);
    cluster.cut(other, alone);
    const refused = await there.until(isRefused);
    const noticedMs = refused.at - cutAt;
    assert.ok(noticedMs < 3000, `noticed after ${noticedMs} ms`);
    assert.match(refused.reasonString, /1 of 3 members reachable, no majority/);
    await one.untilCheckSays(2);
    const healedAt = performance.now();
    cluster.heal(one, alone);
    cluster.heal(other, alone);
    await there.until(isServed);
    t.diagnostic(
      `noticed in ${Math.round(noticedMs)} ms, whole ${Math.round(performance.now() - healedAt)} ms after the heal`,
    );
    const [connectsOfOne = [], connectsOfAlone = []] = await Promise.all(
      callers.map((each) => each.stop()),
    );
    const outcomes = await here.stop();
    assert.deepEqual(
      [...outcomes, ...connectsOfOne].filter((each) => !isServed(each)),
      [],
    );
    assert.ok(slowest([...outcomes, ...connectsOfOne, ...connectsOfAlone]) < 5000);
    await there.stop();
    await cluster.untilWhole();
  });

  it('between two that both see a third do not stop rows, by way of the third', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: settingsFor('on') });
    const [one, other, third] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const near = await SteadyPublisher.start(third.clientPath, 'seen/by/all', 20);
    cluster.cut(one, other);
    await one.untilCheckSays(2);
    const cutOff = new RegExp(`${other.name} is missing since [^\n]*: cut off, for`);
    for (const end = performance.now() + 15_000; ; await sleep(200)) {
      const { stdout } = await one.admin('cluster', 'show');
      if (cutOff.test(stdout)) break;
      assert.ok(performance.now() < end, stdout);
    }
    const listeners = await Promise.all(
      [one, other].map(({ clientPath }) => Listener.start(clientPath, 'seen/by/all')),
    );
    for (const listener of listeners) await listener.until(5);
    cluster.heal(one, other);
    await cluster.untilWhole();
    const far = await SteadyPublisher.start(one.clientPath, 'seen/by/all', 20);
    await far.until(isServed);
    for (const each of [near, far]) assert.ok((await each.stop()).every(isServed));
  });

  it('in one direction only count as cut on both sides', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3 });
    const [deaf, mute] = [cluster.node(0), cluster.node(1)];
    const publishers = await Promise.all(
      [deaf, mute].map(({ clientPath }) => SteadyPublisher.start(clientPath, 'steady', 10)),
    );
    const cutAt = performance.now();
    cluster.cutOneWay(mute, deaf);
    for (const each of publishers) {
      const refused = await each.until(isRefused);
      assert.ok(refused.at - cutAt < 6000, `noticed after ${refused.at - cutAt} ms`);
    }
    cluster.healOneWay(mute, deaf);
    for (const each of publishers) {
      await each.until(isServed);
      await each.stop();
    }
  });
});
