/** Three nodes as their users run them: they meet, talk, lose one and take it back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ReasonCode } from '../../src/packet/mod.js';
import { command, temporaryDirectory, usualSettings } from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { type ClusterNode, ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';

async function client(t: TestContext, node: ClusterNode): Promise<MqttSocket> {
  const socket = await MqttSocket.connect(node.clientPath, 5);
  t.after(() => socket.drop());
  return socket;
}

/** Subscribes to a topic, and publishes from the other end until that is known there. */
async function joined(
  t: TestContext,
  at: ClusterNode,
  from: ClusterNode,
  topicName: string,
): Promise<{ readonly subscriber: MqttSocket; readonly publisher: MqttSocket }> {
  const [subscriber, publisher] = [await client(t, at), await client(t, from)];
  subscriber.send(write.subscribe(5, 1, [{ topicFilter: topicName, qos: 2 }]));
  await subscriber.next('suback');
  const heard = subscriber.next('publish');
  let isHeard = false;
  void heard.then(() => {
    isHeard = true;
  });
  while (!isHeard) {
    publisher.send(write.publish(5, { topicName, payload: 'anybody?' }));
    await Promise.race([heard, pause(50)]);
  }
  return { subscriber, publisher };
}

/** The next message that is no question of {@link joined}. */
async function message(subscriber: MqttSocket): Promise<string> {
  for (;;) {
    const { payload, qos, packetIdentifier } = await subscriber.next('publish');
    if (qos === 1) subscriber.send(write.puback(5, packetIdentifier));
    const text = payload.toString();
    if (text !== 'anybody?') return text;
  }
}

describe('three nodes', () => {
  it('meet by their seeds, and a message of one reaches a client of another', {
    timeout: 120_000,
  }, async (t) => {
    const cluster = await ClusterProcess.start(t, { nodes: 3, settings: majority });
    const [one, two, three] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const { stdout } = await one.admin('cluster', 'show');
    for (const { name } of cluster.nodes) assert.match(stdout, new RegExp(`${name}\\| true `));
    assert.match(one.output, /Clients are not served yet/);

    const { subscriber, publisher } = await joined(t, one, two, 'a/b');
    for (const qos of [0, 1]) {
      const payload = `QoS ${qos}`;
      publisher.send(write.publish(5, { topicName: 'a/b', qos, payload, packetIdentifier: 9 }));
      if (qos === 1) assert.equal((await publisher.next('puback')).reasonCode, 0);
      assert.equal(await message(subscriber), payload);
    }

    await three.kill();
    const { stdout: missing } = await one.untilCheckSays(2);
    assert.match(missing, new RegExp(`${three.name}\\| false `));
    publisher.send(write.publish(5, { topicName: 'a/b', qos: 1, payload: 'still here' }));
    assert.equal((await publisher.next('puback')).reasonCode, 0);
    assert.equal(await message(subscriber), 'still here');

    await three.start();
    await cluster.untilWhole();
    const again = await joined(t, three, one, 'c/d');
    again.publisher.send(write.publish(5, { topicName: 'c/d', qos: 1, payload: 'back' }));
    assert.equal(await message(again.subscriber), 'back');
    await one.stop();
    const { reasonCode, properties } = await subscriber.next('disconnect');
    assert.equal(reasonCode, ReasonCode.UseAnotherServer);
    const elsewhere = properties.serverReference?.split(' ');
    assert.deepEqual(elsewhere?.toSorted(), [two.address, three.address].toSorted());
    await Promise.all([two.stop(), three.stop()]);
  });
});

describe('a node with a cluster listener', () => {
  it('does not open it beyond loopback without a secret, and says how to make one', (t) => {
    const { path, remove } = temporaryDirectory();
    t.after(remove);
    const settings = {
      ...usualSettings,
      platform_data_dir: path,
      'listener.vmq.default': '0.0.0.0:44053',
      'cluster.seeds': '10.9.8.7:44053',
    };
    const words = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const { status, stderr } = spawnSync(process.execPath, [command, 'start', ...words], {
      ...{ encoding: 'utf8', timeout: 60_000 },
      env: { ...process.env, NAUTILUSMQ_CONFIG: undefined },
    });
    assert.equal(status, 1);
    assert.match(stderr, /listener\.vmq\.default is not opened on 0\.0\.0\.0:44053/);
    assert.match(stderr, /`openssl rand -base64 32`/);
    assert.equal(stderr.trim().split('\n').length, 1);
  });
});
