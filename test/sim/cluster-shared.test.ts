/** Shared subscriptions of three members: an acknowledged message reaches somebody, in the end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, puback, publish, subscribe } from '../fixtures/client-packets.js';
import type { SimNode } from '../../sim/node.js';
import type { TestClient } from '../broker/core.js';
import { names, payloads, persistent, type Rig, running } from './cluster-rig.js';

/** A persistent subscriber of the group; it stays connected. */
function member(rig: Rig, name: string, clientIdentifier: string): TestClient {
  const client = rig.client(name, clientIdentifier, persistent);
  client.send(subscribe(5, 1, [{ topicFilter: '$share/g/t', qos: 1 }]));
  rig.run(100);
  client.takeAll();
  return client;
}

function published(rig: Rig, pub: TestClient, first: number, count: number): string[] {
  const sent = Array.from({ length: count }, (_, at) => `${first + at}`);
  for (const [at, payload] of sent.entries()) {
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: first + at, payload }));
    rig.run(20);
  }
  return sent;
}

const acknowledged = (client: TestClient): number[] =>
  client.takeAll().map((packet) => (packet.kind === 'puback' ? packet.reasonCode : -1));

describe('a message of a shared subscription', () => {
  it('waits for the members of a node that is down, where no other one is', () => {
    const rig = running();
    member(rig, 'c', 'one').drop();
    const pub = rig.client('a', 'pub');
    rig.nodes[2]?.crash('process');
    rig.run(4000);
    assert.equal(rig.states('a'), 'up up down');
    const sent = published(rig, pub, 1, 3);
    assert.deepEqual(acknowledged(pub), [0, 0, 0]);
    rig.nodes[2]?.start();
    rig.run(6000);
    assert.deepEqual(payloads(rig.client('c', 'one', persistent)), sent, rig.told());
  });

  it('waits for a session that moves while its node is down', () => {
    const rig = running();
    member(rig, 'c', 'one').drop();
    const pub = rig.client('a', 'pub');
    rig.nodes[2]?.crash('process');
    rig.run(4000);
    const sent = published(rig, pub, 1, 3);
    rig.run(200);
    const moved = rig.client('b', 'one', persistent);
    rig.run(500);
    assert.deepEqual(payloads(moved), sent, rig.told());
  });

  it('goes to another member when the node that it was sent to dies', () => {
    const rig = running();
    const there = member(rig, 'c', 'there');
    member(rig, 'b', 'other').drop();
    const pub = rig.client('a', 'pub');
    for (const name of names) assert.equal(rig.states(name), 'up up up');
    published(rig, pub, 1, 1);
    assert.deepEqual(payloads(there), ['1']);
    there.send(puback(5, 1));
    rig.run(50);
    pub.takeAll();
    rig.cut('a', 'c');
    rig.cut('b', 'c');
    const sent = published(rig, pub, 2, 3);
    rig.run(100);
    assert.deepEqual(acknowledged(pub), [0, 0, 0], 'written here after cluster.ack_timeout');
    rig.run(5000);
    assert.equal(rig.states('a'), 'up up down');
    assert.deepEqual(payloads(rig.client('b', 'other', persistent)), sent, rig.told());
  });

  it('goes to another member, on another node, when the session that has it ends', () => {
    const rig = running();
    member(rig, 'c', 'ends').drop();
    member(rig, 'b', 'stays').drop();
    const pub = rig.client('c', 'pub');
    const sent = published(rig, pub, 1, 3);
    assert.deepEqual(acknowledged(pub), [0, 0, 0]);
    const anew = rig.open('c');
    anew.send(connect(5, { clientIdentifier: 'ends', cleanStart: true }));
    rig.run(500);
    assert.deepEqual(payloads(rig.client('b', 'stays', persistent)), sent, rig.told());
    assert.deepEqual(payloads(anew), []);
  });

  it('is there when who published it sends it again after a restart (seed 238)', () => {
    const rig = running();
    member(rig, 'c', 'one');
    const pub = rig.client('a', 'pub', persistent);
    rig.cut('a', 'c');
    const message = { topicName: 't', qos: 2, packetIdentifier: 1, payload: 'once' } as const;
    pub.send(publish(5, message));
    rig.run(15);
    (rig.nodes[0] as SimNode).crash('process');
    rig.mend('a', 'c');
    rig.run(1000);
    rig.nodes[0]?.start();
    rig.run(6000);
    const again = rig.client('b', 'pub', persistent);
    again.send(publish(5, { ...message, dup: true }));
    rig.run(1000);
    const got = payloads(rig.client('c', 'one', persistent));
    rig.run(200);
    assert.deepEqual(got, ['once'], rig.told());
  });

  it('comes once when its node had it and went down before it could say so', () => {
    const rig = running();
    const client = rig.client('c', 'one', persistent);
    client.send(subscribe(5, 1, [{ topicFilter: '$share/g/t', qos: 2 }]));
    rig.run(100);
    client.drop();
    const pub = rig.client('a', 'pub');
    rig.network.path('c', 'a').isCut = true;
    pub.send(publish(5, { topicName: 't', qos: 2, packetIdentifier: 1, payload: 'once' }));
    rig.run(200);
    assert.equal(pub.take()?.kind, 'pubrec');
    rig.nodes[2]?.crash('machine');
    rig.run(4000);
    rig.mend('a', 'c');
    rig.nodes[2]?.start();
    rig.run(6000);
    assert.deepEqual(payloads(rig.client('c', 'one', persistent)), ['once'], rig.told());
  });

  it('waits on the disk of who was to send it, over a restart of that', () => {
    const rig = running();
    member(rig, 'c', 'one').drop();
    const pub = rig.client('a', 'pub');
    rig.cut('a', 'c');
    const sent = published(rig, pub, 1, 2);
    rig.run(100);
    assert.deepEqual(acknowledged(pub), [0, 0]);
    (rig.nodes[0] as SimNode).crash('machine');
    rig.mend('a', 'c');
    rig.run(1000);
    rig.nodes[0]?.start();
    rig.run(6000);
    assert.deepEqual(payloads(rig.client('c', 'one', persistent)), sent, rig.told());
  });
});
