/** A link between two members that breaks and comes back every second, for a minute. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { cannotCut } from '../fixtures/node-network.js';
import { Listener, type Outcome, SteadyPublisher, tryConnect } from '../fixtures/outage-clients.js';

const isServed = ({ result }: Outcome): boolean => result === 0 || result === 0x10;
/** Each a second of cut and a second without. */
const rounds = 30;
const residentMax = 300 * 1024 * 1024;
const persistent = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } };

it('a flapping link refuses nobody, wedges no session, and leaves a cluster that is whole', {
  timeout: 180_000,
  skip: cannotCut,
}, async (t) => {
  const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
  const [one, other] = [cluster.node(0), cluster.node(1)];
  const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
  await publisher.until(isServed);
  const connects: Outcome[] = [];
  for (let round = 0; round < rounds; round += 1) {
    cluster.cut(one, other);
    const roaming = { ...persistent, clientIdentifier: `roaming-${round % 5}` };
    // Sessions move while the link is cut, back and forth.
    connects.push(await tryConnect((round % 2 === 0 ? other : one).clientPath, 5, roaming));
    await sleep(1000);
    cluster.heal(one, other);
    await sleep(1000);
  }
  await cluster.untilWhole();
  const outcomes = await publisher.stop();
  assert.deepEqual(
    [...outcomes, ...connects].filter((each) => !isServed(each)),
    [],
  );
  const slowest = Math.max(...connects.map(({ tookMs }) => tookMs));
  assert.ok(slowest < 5000, `a CONNECT took ${slowest} ms`);
  for (let number = 0; number < 5; number += 1) {
    const roaming = { ...persistent, clientIdentifier: `roaming-${number}` };
    for (const { clientPath } of cluster.nodes) {
      const outcome = await tryConnect(clientPath, 5, roaming);
      assert.deepEqual([outcome.result, outcome.sessionPresent], [0, true], `roaming-${number}`);
    }
  }
  const listener = await Listener.start(other.clientPath, 'after');
  const after = await SteadyPublisher.start(one.clientPath, 'after', 10);
  await listener.until(5);
  await after.stop();
  const resident = cluster.nodes.map(({ broker }) => broker.residentBytes ?? 0);
  const megabytes = Math.round(Math.max(...resident) / 1e6);
  t.diagnostic(`slowest CONNECT ${Math.round(slowest)} ms, at most ${megabytes} MB resident`);
  assert.ok(Math.max(...resident) < residentMax);
});
