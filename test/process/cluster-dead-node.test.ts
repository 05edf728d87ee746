/** One of three members is killed: what clients of the others experience, by the policy. */
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
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { Listener, SteadyPublisher, tryConnect } from '../fixtures/outage-clients.js';

const timeout = 120_000;

/** Refused with 0x83 in MQTT 5. */
const implementationSpecific = 0x83;

/** CONNECT in every version, and the line in the log. */
async function strangersAreRefused(node: ClusterNode, missing: RegExp): Promise<void> {
  const strangers = await Promise.all([
    tryConnect(node.clientPath, 5),
    tryConnect(node.clientPath, 4),
    tryConnect(node.clientPath, 3, { clientIdentifier: 'another' }),
  ]);
  assert.deepEqual(
    strangers.map(({ result }) => result),
    [0x88, 3, 3],
  );
  assert.match(strangers[0]?.reasonString ?? '', missing);
  assert.match(
    node.output,
    new RegExp(`can't register client \\{, .*\\} due to reason not_ready: ${missing.source}`),
  );
}

describe('kill -9 of one of three members, with the defaults', { timeout }, () => {
  it('refuses every operation within 1.5 s and says who is missing, until it is back', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3 });
    const [here, , dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const missing = new RegExp(`member ${dead.name} unreachable since \\d{4}-`);
    assert.match(here.output, /losing any one member will stop this cluster/);

    const five = await MqttSocket.connect(here.clientPath, 5);
    const four = await MqttSocket.connect(here.clientPath, 4);
    const three = await MqttSocket.connect(here.clientPath, 3, { clientIdentifier: 'three' });
    const witness = await Listener.start(here.clientPath, 'quiet/#');
    const publisher = await SteadyPublisher.start(here.clientPath, 'steady', 10);
    await publisher.until(({ result }) => result === 0 || result === 0x10);
    const killedAt = performance.now();
    await dead.kill();
    const refused = await publisher.until(({ result }) => result === implementationSpecific);
    assert.ok(refused.at - killedAt < 1500, `refused after ${refused.at - killedAt} ms`);
    assert.match(refused.reasonString, missing);
    t.diagnostic(`refuses ${Math.round(refused.at - killedAt)} ms after the kill`);

    five.send(write.subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }]));
    const suback = await five.next('suback');
    assert.deepEqual(suback.reasonCodes, [implementationSpecific]);
    assert.match(suback.properties.reasonString ?? '', missing);
    five.send(write.unsubscribe(5, 2, ['a']));
    assert.deepEqual((await five.next('unsuback')).reasonCodes, [implementationSpecific]);
    five.send(write.publish(5, { topicName: 'quiet/2', qos: 2, packetIdentifier: 3 }));
    assert.equal((await five.next('pubrec')).reasonCode, implementationSpecific);
    five.send(write.publish(5, { topicName: 'quiet/0', payload: 'dropped' }));

    four.send(write.subscribe(4, 1, [{ topicFilter: 'a', qos: 1 }]));
    assert.deepEqual((await four.next('suback')).reasonCodes, [0x80]);
    const silentFrom = performance.now();
    four.send(write.publish(4, { topicName: 'quiet/1', qos: 1, packetIdentifier: 2 }));
    three.send(write.subscribe(3, 1, [{ topicFilter: 'a', qos: 1 }]));
    await three.closed();
    assert.deepEqual(three.received, []);

    await strangersAreRefused(here, missing);

    // Unanswered, then closed, so that the client sends it again (design 5.8).
    await four.closed();
    assert.deepEqual(four.received, []);
    assert.ok(performance.now() - silentFrom < 8000);
    assert.deepEqual(witness.payloads, []);
    const shown = await here.admin('cluster', 'show', '--check');
    assert.equal(shown.code, 2);
    assert.match(shown.stdout, new RegExp(dead.name));

    await dead.start();
    const portOpenAt = performance.now();
    await publisher.until(({ result }) => result === 0 || result === 0x10);
    t.diagnostic(`serves ${Math.round(performance.now() - portOpenAt)} ms after the port opened`);
    assert.ok(performance.now() - portOpenAt < 2000);
    assert.equal((await tryConnect(dead.clientPath, 4)).result, 0);
    for (const { result } of await publisher.stop()) {
      assert.ok(typeof result === 'number', `a publish was ${result}`);
    }
    assert.match(here.output, /netsplit resolved/);
  });
});

describe('kill -9 of one of three members, when the rest may go on', { timeout }, () => {
  for (const policy of ['majority', 'on']) {
    it(`refuses nothing on the others with ${policy}`, async (t) => {
      const cluster = await ClusterProcess.start(t, { nodes: 3, settings: settingsFor(policy) });
      const [one, other, dead] = [cluster.node(0), cluster.node(1), cluster.node(2)];
      const listener = await Listener.start(other.clientPath, 'steady');
      const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
      await listener.until(5);
      await dead.kill();
      const connects = [];
      const until = performance.now() + 4000;
      for (let index = 0; performance.now() < until; index += 1) {
        const { clientPath } = index % 2 === 0 ? one : other;
        connects.push(await tryConnect(clientPath, index % 3 === 0 ? 4 : 5));
        await sleep(20);
      }
      const outcomes = await publisher.stop();
      const bad = [...outcomes, ...connects].filter(
        ({ result, tookMs }) => (result !== 0 && result !== 0x10) || tookMs > 1000,
      );
      assert.deepEqual(bad, []);
      const numbers = Array.from({ length: publisher.sent }, (_, index) => String(index + 1));
      assert.deepEqual(await listener.until(publisher.sent), numbers);
      const slowest = Math.max(...outcomes.map(({ tookMs }) => tookMs));
      t.diagnostic(`${outcomes.length} publishes, ${connects.length} connects, slowest ${slowest}`);
    });
  }

  it('refuses on the last one of three with majority, and names both', async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const [last, one, other] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const publisher = await SteadyPublisher.start(last.clientPath, 'steady', 10);
    await one.kill();
    await last.untilCheckSays(2);
    await other.kill();
    const refused = await publisher.until(({ result }) => result === implementationSpecific);
    assert.match(refused.reasonString, new RegExp(`member ${one.name} unreachable`));
    await publisher.until(({ reasonString }) => reasonString.includes(other.name));
    assert.match(refused.reasonString, /1 of 3 members reachable, no majority/);
    await one.start();
    await publisher.until(({ result }) => result === 0 || result === 0x10);
    await publisher.stop();
  });
});
