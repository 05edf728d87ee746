/** Every node is restarted in turn, politely and not, while clients go on working. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterNode, ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { PersistentClient } from '../fixtures/persistent-client.js';

const publishEveryMs = 5;
const inFlightMax = 20;
const noMatchingSubscribers = 0x10;

/** A client that always wants to be connected, to whichever node takes it. */
class Roamer {
  readonly client: PersistentClient;
  connects = 0;
  readonly #nodes: readonly ClusterNode[];
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(client: PersistentClient, nodes: readonly ClusterNode[]) {
    this.client = client;
    this.#nodes = nodes;
    this.#done = this.#roam();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.client.drop();
  }

  async #roam(): Promise<void> {
    for (let at = 0; !this.#isOver; await sleep(10)) {
      if (this.client.isOnline) continue;
      const node = this.#nodes[at % this.#nodes.length];
      at += 1;
      if (node !== undefined && (await this.client.connect(node.clientPath))) this.connects += 1;
    }
  }
}

/** Keeps what a subscriber has seen. */
function note(seen: Set<string>): (packet: { payload: Buffer }) => void {
  return ({ payload }) => seen.add(payload.toString());
}

it('a rolling restart loses nothing that was acknowledged, and refuses nobody', {
  timeout: 180_000,
}, async (t) => {
  const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
  const { nodes } = cluster;
  const from = (index: number): ClusterNode[] => [...nodes.slice(index), ...nodes.slice(0, index)];
  const seen = nodes.map(() => new Set<string>());
  const subscribers = seen.map((own, index) => {
    const client = new PersistentClient(`subscriber-${index}`, index === 1 ? 4 : 5, {
      onMessage: note(own),
    });
    return { client, own, index };
  });
  for (const { client, index } of subscribers) {
    assert.ok(await client.connect(cluster.node(index).clientPath));
    await client.subscribe('rolling/#', 1);
  }
  const acknowledged: string[] = [];
  const refusals: number[] = [];
  const publishers = [0, 1].map((index) => {
    const client = new PersistentClient(`publisher-${index}`, index === 0 ? 5 : 4, {
      onAcknowledged: ({ payload }) => acknowledged.push(Buffer.from(payload).toString()),
      onPacket: (packet) => {
        if (packet.kind !== 'puback' || packet.reasonCode === 0) return;
        if (packet.reasonCode !== noMatchingSubscribers) refusals.push(packet.reasonCode);
      },
    });
    return new Roamer(client, from(index));
  });
  const roamers = subscribers.map(({ client, index }) => new Roamer(client, from(index)));
  t.after(() => Promise.all([...publishers, ...roamers].map((each) => each.stop())));
  let sent = 0;
  const pace = setInterval(() => {
    for (const [index, { client }] of publishers.entries()) {
      if (!client.isOnline || client.unacknowledgedCount >= inFlightMax) continue;
      sent += 1;
      const payload = Buffer.from(`${index}:${sent}`);
      client.publish({ topicName: `rolling/${index}`, payload, qos: 1 });
    }
  }, publishEveryMs);
  t.after(() => clearInterval(pace));

  for (const [round, node] of [...nodes, ...nodes].entries()) {
    const observer = await MqttSocket.connect(node.clientPath, 5);
    if (round < nodes.length) {
      const farewell = observer.next('disconnect');
      await node.stop();
      const { reasonCode, properties } = await farewell;
      assert.equal(reasonCode, 0x9c);
      assert.ok((properties.serverReference ?? '').length > 0);
    } else await node.kill();
    await node.start();
    await cluster.untilWhole();
  }
  clearInterval(pace);
  for (const { client } of publishers) {
    for (const end = performance.now() + 10_000; client.unacknowledgedCount > 0; await sleep(10)) {
      assert.ok(performance.now() < end, `${client.unacknowledgedCount} are never acknowledged`);
    }
  }
  for (const { own } of subscribers) {
    for (const end = performance.now() + 10_000; ; await sleep(50)) {
      const lost = acknowledged.filter((each) => !own.has(each));
      if (lost.length === 0) break;
      assert.ok(performance.now() < end, `${lost.length} lost, first ${lost[0]}`);
    }
  }
  for (const each of [...publishers, ...roamers]) await each.stop();
  const connects = [...publishers, ...roamers].reduce((sum, each) => sum + each.connects, 0);
  t.diagnostic(`${acknowledged.length} messages acknowledged, ${connects} reconnects`);
  assert.deepEqual(refusals, []);
});
