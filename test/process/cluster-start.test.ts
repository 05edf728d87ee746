/** Members that start while others are missing, do not know the secret, or have a wrong clock. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ClusterNode, ClusterProcess, majority } from '../fixtures/cluster-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { Listener, SteadyPublisher, tryConnect } from '../fixtures/outage-clients.js';

const timeout = 120_000;

/** Beyond `cluster.start_wait` (2 s): the process itself, the store, a machine that does more. */
const startMaxMs = 8000;

/** Milliseconds until the port is open. */
async function timedStart(node: ClusterNode): Promise<number> {
  const before = performance.now();
  await node.start();
  return performance.now() - before;
}

describe('a start with one of three members missing', { timeout }, () => {
  it('opens the port after cluster.start_wait, refuses with off, and says why', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3 });
    const [one, other, dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    await Promise.all(cluster.nodes.map((node) => node.stop()));
    const times = await Promise.all([one, other].map(timedStart));
    t.diagnostic(`ports are open after ${times.map(Math.round).join(' and ')} ms`);
    assert.ok(Math.max(...times) < startMaxMs);
    for (const node of [one, other]) {
      const answer = await tryConnect(node.clientPath, 5);
      assert.equal(answer.result, 0x88);
      assert.match(answer.reasonString, new RegExp(`member ${dead.name} unreachable`));
      assert.match(
        node.output,
        new RegExp(`restarting this node will not help: start ${dead.name}`),
      );
    }
    await dead.start();
    await cluster.untilWhole();
    for (const { clientPath } of cluster.nodes) {
      assert.equal((await tryConnect(clientPath, 5)).result, 0);
    }
  });

  it('serves with majority', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const [one, other] = [cluster.node(0), cluster.node(1)];
    await Promise.all(cluster.nodes.map((node) => node.stop()));
    const times = await Promise.all([one, other].map(timedStart));
    assert.ok(Math.max(...times) < startMaxMs);
    const listener = await Listener.start(other.clientPath, 'steady');
    const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
    await listener.until(5);
    for (const { result } of await publisher.stop()) assert.ok(result === 0 || result === 0x10);
  });
});

describe('the first start of founders', { timeout }, () => {
  it('opens no port for clients before more than half of them have met', async (t) => {
    const cluster = await ClusterProcess.prepare(t, { nodes: 3, settings: majority });
    const [first, second, third] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    first.spawn();
    await first.broker.outputMatching(/founder|waiting/i);
    await assert.rejects(MqttSocket.connect(first.clientPath, 5));
    await second.start();
    await first.broker.ready();
    assert.equal((await tryConnect(first.clientPath, 5)).result, 0);
    await third.start();
    await cluster.untilWhole();
  });
});

describe('a node with another cookie', { timeout }, () => {
  it('stays outside, both sides say so once, and the members go on', async (t) => {
    const cluster = await ClusterProcess.prepare(t, {
      nodes: 3,
      settings: majority,
      settingsOf: (index) => (index === 2 ? { distributed_cookie: 'a secret of others' } : {}),
    });
    const [one, other, stranger] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    stranger.spawn();
    await Promise.all([one, other].map((node) => node.start()));
    await Promise.all([one, stranger].map(({ broker }) => broker.outputMatching(/cookie/i)));
    const listener = await Listener.start(other.clientPath, 'steady');
    const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
    await listener.until(5);
    for (const { result } of await publisher.stop()) assert.ok(result === 0 || result === 0x10);
    for (const { output } of cluster.nodes) {
      assert.doesNotMatch(output, /the secret of these tests|a secret of others/);
    }
  });
});

describe('a member whose clock is an hour ahead', { timeout }, () => {
  const ahead = 'const now=Date.now;Date.now=()=>now()+3600000';
  const environment = {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}`,
  };

  it('is named by an alarm, and does not win over what comes later', async (t) => {
    const cluster = await ClusterProcess.prepare(t, {
      nodes: 3,
      settings: majority,
      environmentOf: (index) => (index === 2 ? environment : {}),
    });
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.untilWhole();
    const [one, , wrong] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    await wrong.broker.outputMatching(/clock/i);
    for (const [node, payload] of [
      [wrong, 'earlier'],
      [one, 'later'],
    ] as const) {
      const client = await MqttSocket.connect(node.clientPath, 5);
      const message = { topicName: 'kept', payload, qos: 1, retain: true, packetIdentifier: 1 };
      client.send(write.publish(5, message));
      assert.ok([0, 0x10].includes((await client.next('puback')).reasonCode));
      client.drop();
    }
    for (const { clientPath } of cluster.nodes) {
      const listener = await Listener.start(clientPath, 'kept');
      assert.deepEqual(await listener.until(1), ['later']);
      listener.drop();
    }
  });
});

describe('a member that is restored from a backup', { timeout }, () => {
  for (const missed of [1, 2]) {
    const since = missed === 1 ? 'one start ago' : 'two starts ago';
    it(`made ${since} goes on above the start that the others know, is in, and gets messages`, async (t) => {
      await goesOnAbove(t, missed);
    });
    it(`made ${since} is refused while its original runs, which goes on, and both say so`, async (t) => {
      await isRefused(t, missed);
    });
  }
});

async function goesOnAbove(t: TestContext, missed: number): Promise<void> {
  const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
  const [one, , restored] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  await restored.stop();
  const putBack = restored.backUp();
  for (let starts = missed; starts > 0; starts -= 1) {
    await restored.start();
    await cluster.untilWhole();
    await restored.stop();
  }
  putBack();
  restored.spawn();
  await restored.broker.outputMatching(/older copy.*begins again above/);
  await restored.broker.ready();
  await cluster.untilWhole();
  const listener = await Listener.start(restored.clientPath, 'steady');
  const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
  await listener.until(5);
  for (const { result } of await publisher.stop()) assert.ok(result === 0 || result === 0x10);
  // The number is durable: the next start needs nobody to tell it.
  await restored.stop();
  await restored.start();
  await cluster.untilWhole();
  assert.doesNotMatch(restored.output, /older copy/);
}

async function isRefused(t: TestContext, missed: number): Promise<void> {
  const cluster = await ClusterProcess.prepare(t, {
    nodes: 3,
    settings: { ...majority, 'cluster.expected_members': 2 },
  });
  const [one, original, copy] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  const members = [one, original];
  await Promise.all(members.map((node) => node.start()));
  await Promise.all(members.map((node) => node.untilCheckSays(0)));
  await original.stop();
  const putCopy = original.backUp();
  for (let starts = missed; starts > 0; starts -= 1) {
    await original.start();
    await Promise.all(members.map((node) => node.untilCheckSays(0)));
    if (starts > 1) await original.stop();
  }
  const listener = await Listener.start(original.clientPath, 'steady');
  putCopy(copy);
  copy.spawn();
  const refusal = /another process with this identity is still connected/;
  await Promise.all([one, copy].map(({ broker }) => broker.outputMatching(refusal)));
  const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
  await listener.until(5);
  for (const { result } of await publisher.stop()) assert.ok(result === 0 || result === 0x10);
  const { stdout } = await one.untilCheckSays(0);
  assert.ok(stdout.includes(original.name) && !stdout.includes(copy.name), stdout);
}
