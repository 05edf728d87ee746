/** Who reaches a cluster listener without the cookie is refused, once said, and harms nobody. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { Listener, SteadyPublisher } from '../fixtures/outage-clients.js';

const seed = Number(process.env.NAUTILUS_SEED ?? randomInt(2 ** 32));
const cookie = 'the secret of these tests';
/** Reasons for which a stranger can be refused; each is one line. */
const refusalLinesMax = 12;

it('hostile frames and floods of silent connections harm neither links nor clients', {
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const cluster = await ClusterProcess.start(t, { nodes: 2, settings: majority });
  const [near, far] = [cluster.node(0), cluster.node(1)];
  const listener = await Listener.start(far.clientPath, 'steady');
  const publisher = await SteadyPublisher.start(near.clientPath, 'steady', 10);
  await listener.until(5);
  const before = near.output.length;

  for (const round of [0, 1]) {
    const { code, stdout, stderr } = await near.attack(far.address, seed + round);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /done/);
  }

  const outcomes = await publisher.stop();
  assert.ok(outcomes.length > 50);
  assert.ok(outcomes.every(({ result }) => result === 0));
  const slowestMs = Math.max(...outcomes.map(({ tookMs }) => tookMs));
  assert.ok(slowestMs < 2000, `a message took ${slowestMs} ms`);
  await listener.until(publisher.sent);
  await cluster.untilWhole();
  const refusals = far.output.split('\n').filter((line) => line.includes('connection refused'));
  t.diagnostic(`${refusals.length} lines, slowest PUBACK ${Math.round(slowestMs)} ms`);
  assert.ok(refusals.length > 0 && refusals.length <= refusalLinesMax, refusals.join('\n'));
  assert.doesNotMatch(near.output.slice(before), /unreachable|link lost/);
  for (const { output } of cluster.nodes) {
    assert.ok(!output.includes(cookie), 'the cookie is in a log');
    assert.doesNotMatch(output, /internal fault|uncaught|unhandled/i);
  }
  assert.ok((far.broker.residentBytes ?? 0) < 300 * 1024 * 1024);
});
