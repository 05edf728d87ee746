/** The disk of one member answers no more: the others do not wait for it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { Listener, SteadyPublisher } from '../fixtures/outage-clients.js';
import { PersistentClient } from '../fixtures/persistent-client.js';
import { buildSlowSync } from '../fixtures/slow-sync.js';

const library = buildSlowSync();
/** What a sync takes on the disk that stands almost still. */
const syncMs = 1500;

it('one member whose disk stands almost still makes nobody else wait', {
  timeout: 120_000,
  skip: library === undefined && 'it needs Linux and gcc',
}, async (t) => {
  const cluster = await ClusterProcess.start(t, {
    nodes: 3,
    settings: majority,
    environmentOf: (index) =>
      index === 2 ? { LD_PRELOAD: library ?? '', SLOW_SYNC_MS: String(syncMs) } : {},
  });
  const [one, other, slow] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  const came: string[] = [];
  const kept = new PersistentClient('kept', 5, {
    onMessage: ({ payload }) => came.push(payload.toString()),
  });
  assert.ok(await kept.connect(slow.clientPath));
  await kept.subscribe('for/kept', 1);
  const listener = await Listener.start(other.clientPath, 'for/all');
  const publishers = await Promise.all([
    SteadyPublisher.start(one.clientPath, 'for/all', 20),
    SteadyPublisher.start(one.clientPath, 'for/kept', 20),
  ]);
  await sleep(4000);
  const outcomes = await Promise.all(publishers.map((each) => each.stop()));
  const worst = outcomes.map((each) => Math.max(...each.map(({ tookMs }) => tookMs)));
  t.diagnostic(`slowest acknowledgements ${worst.map(Math.round).join(' and ')} ms`);
  assert.ok(outcomes.flat().every(({ result }) => result === 0 || result === 0x10));
  assert.ok(Math.max(...worst) < 1000);
  await listener.until(publishers[0]?.sent ?? 0);
  const wanted = publishers[1]?.sent ?? 0;
  for (const end = performance.now() + 20_000; new Set(came).size < wanted; await sleep(20)) {
    assert.ok(performance.now() < end, `${came.length} of ${wanted} came`);
  }
  await cluster.untilWhole();
});
