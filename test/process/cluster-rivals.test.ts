/** Sessions that are wanted on several nodes at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as write from '../fixtures/client-packets.js';
import {
  type ClusterNode,
  ClusterProcess,
  majority,
  settingsFor,
} from '../fixtures/cluster-process.js';
import { connectTo, MqttSocket } from '../fixtures/mqtt-socket.js';
import { cannotCut } from '../fixtures/node-network.js';
import { tryConnect } from '../fixtures/outage-clients.js';
import { PersistentClient } from '../fixtures/persistent-client.js';

const timeout = 120_000;

/** A subscriber of `topicName` with a persistent session, and what has come to it. */
function subscriberOf(clientIdentifier: string): { client: PersistentClient; came: string[] } {
  const came: string[] = [];
  const client = new PersistentClient(clientIdentifier, 5, {
    onMessage: ({ payload }) => came.push(payload.toString()),
  });
  return { client, came };
}

async function until(what: string, isTrue: () => boolean, withinMs = 8000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (; !isTrue(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
  }
}

/** A connection that notes how it was ended. */
class Rival {
  readonly #client: MqttSocket;
  connack: number | undefined;
  disconnect: number | undefined;

  constructor(node: ClusterNode, clientIdentifier: string, cleanStart: boolean) {
    this.#client = new MqttSocket(connectTo(node.clientPath), {
      version: 5,
      onPacket: (packet) => {
        if (packet.kind === 'connack') this.connack = packet.reasonCode;
        if (packet.kind === 'disconnect') this.disconnect = packet.reasonCode;
      },
    });
    const properties = { sessionExpiryInterval: 600 };
    this.#client.send(write.connect(5, { clientIdentifier, cleanStart, properties }));
  }

  get isLive(): boolean {
    return this.connack === 0 && !this.#client.isClosed;
  }

  get isOver(): boolean {
    return this.#client.isClosed;
  }

  drop(): void {
    this.#client.drop();
  }
}

describe('one client identifier on all nodes at once', { timeout }, () => {
  const rounds = 250;

  it(`leaves one live session after each of ${rounds} rounds`, async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    for (let round = 0; round < rounds; round += 1) {
      const clientIdentifier = `wanted-${round % 4}`;
      const rivals = cluster.nodes.map(
        (node) => new Rival(node, clientIdentifier, round % 2 === 0),
      );
      await until(`one of round ${round}`, () => {
        const live = rivals.filter(({ isLive }) => isLive).length;
        return live === 1 && rivals.filter(({ isOver }) => isOver).length === 2;
      });
      for (const { isOver, connack, disconnect } of rivals) {
        if (isOver && connack === 0) assert.equal(disconnect, 0x8e);
      }
      for (const rival of rivals) rival.drop();
    }
    for (const node of cluster.nodes) {
      const answer = await tryConnect(node.clientPath, 5, { clientIdentifier: 'wanted-0' });
      assert.equal(answer.result, 0, `wedged on ${node.name}`);
    }
  });

  it('on both sides of a cut: one is left 2 s after it is healed, with the subscriptions of both', {
    skip: cannotCut,
  }, async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: settingsFor('on') });
    const [one, other, alone] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const subscriber = subscriberOf('torn');
    assert.ok(await subscriber.client.connect(one.clientPath));
    await subscriber.client.subscribe('first', 1);
    subscriber.client.drop();
    for (const node of [one, other]) cluster.cut(node, alone);
    await Promise.all([one, other, alone].map((node) => node.untilCheckSays(2)));
    const sides = [one, alone].map((node, index) => {
      const side = subscriberOf('torn');
      return { ...side, node, topicName: index === 0 ? 'left' : 'right' };
    });
    for (const { client, node, topicName } of sides) {
      assert.ok(await client.connect(node.clientPath));
      await client.subscribe(topicName, 1);
    }
    for (const node of [one, other]) cluster.heal(node, alone);
    await cluster.untilWhole();
    const healedAt = performance.now();
    await until('one is left', () => sides.filter(({ client }) => client.isOnline).length === 1);
    assert.ok(performance.now() - healedAt < 2000);
    const live = sides.find(({ client }) => client.isOnline);
    for (const topicName of ['first', 'left', 'right']) {
      const client = await MqttSocket.connect(other.clientPath, 5);
      client.send(write.publish(5, { topicName, payload: topicName, qos: 1, packetIdentifier: 1 }));
      await client.next('puback');
      client.drop();
    }
    await until('what both sides subscribed to', () => (live?.came.length ?? 0) >= 3);
    assert.deepEqual(live?.came, ['first', 'left', 'right']);
  });
});
