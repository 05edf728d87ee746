/** Wills of clients whose node is killed: real processes, real time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectOptions, publish } from '../fixtures/client-packets.js';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { Listener } from '../fixtures/outage-clients.js';

const timeout = 120_000;
const delaySeconds = 3;
const settings = { ...majority, 'cluster.dead_node_will_delay': delaySeconds };
const clients = 20;

function withWill(clientIdentifier: string, payload: string, delay = 0): ConnectOptions {
  const properties = { willDelayInterval: delay };
  const will = { topicName: 'wills', payload, qos: 1, retain: false, properties } as const;
  return { clientIdentifier, cleanStart: false, properties: { sessionExpiryInterval: 600 }, will };
}

describe('kill -9 of the node of clients with wills', { timeout }, () => {
  it('has each will published once on the others, and not again when it is back', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings });
    const [one, other, dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const listeners = [
      await Listener.start(one.clientPath, 'wills'),
      await Listener.start(other.clientPath, 'wills'),
    ];
    const expected: string[] = [];
    for (let index = 0; index < clients; index += 1) {
      expected.push(`will ${index}`);
      await MqttSocket.connect(dead.clientPath, 5, withWill(`client ${index}`, `will ${index}`));
    }
    await MqttSocket.connect(dead.clientPath, 5, withWill('mover', 'of the mover', 60));
    // Rows are a turn away.
    await sleep(500);
    const killedAt = performance.now();
    await dead.kill();
    await sleep(1500);
    const mover = await MqttSocket.connect(one.clientPath, 5, {
      ...withWill('mover', 'another will of the mover'),
    });
    for (const listener of listeners) assert.deepEqual(listener.payloads, []);
    const came = await Promise.all(listeners.map((listener) => listener.until(clients)));
    const tookMs = performance.now() - killedAt;
    t.diagnostic(`${clients} wills, the last ${Math.round(tookMs)} ms after the kill`);
    assert.ok(tookMs >= delaySeconds * 1000 && tookMs < delaySeconds * 1000 + 4000, `${tookMs}`);
    for (const payloads of came) assert.deepEqual([...payloads].sort(), expected.sort());
    await dead.start();
    await cluster.untilWhole();
    await sleep(4000);
    for (const listener of listeners) assert.equal(listener.payloads.length, clients);
    mover.send(publish(5, { topicName: 'wills', payload: 'alive' }));
    for (const listener of listeners) {
      assert.equal((await listener.until(clients + 1)).at(-1), 'alive');
    }
  });

  it('leaves them to that node when it is back before their time', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings });
    const [one, , dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const listener = await Listener.start(one.clientPath, 'wills');
    await MqttSocket.connect(dead.clientPath, 5, withWill('one', 'one'));
    await MqttSocket.connect(dead.clientPath, 5, withWill('two', 'two', 2));
    await sleep(500);
    await dead.kill();
    await dead.start();
    await listener.until(2);
    await sleep(delaySeconds * 1000 + 2000);
    assert.deepEqual([...listener.payloads].sort(), ['one', 'two']);
  });
});
