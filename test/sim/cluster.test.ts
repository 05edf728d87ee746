/** Whole members in the simulator, without chance: what three nodes do for each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SimNode } from '../../sim/node.js';
import {
  connect,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
} from '../fixtures/client-packets.js';
import { names, payloads, persistent, running } from './cluster-rig.js';

describe('three members', () => {
  it('find each other within two seconds, and serve', () => {
    const rig = running();
    for (const name of names) assert.ok(rig.core(name).cluster.gates.isOpen);
  });

  it('send each other what their clients want, and no more', () => {
    const rig = running();
    const sub = rig.client('a', 'sub');
    sub.send(subscribe(5, 1, [{ topicFilter: 't/#', qos: 2 }]));
    rig.run(100);
    sub.takeAll();
    const pub = rig.client('b', 'pub');
    for (const qos of [0, 1, 2]) {
      pub.send(
        publish(5, { topicName: 't/x', qos, packetIdentifier: qos + 1, payload: `qos ${qos}` }),
        publish(5, { topicName: 'other', qos, packetIdentifier: qos + 10 }),
      );
    }
    rig.run(100);
    assert.deepEqual(payloads(sub), ['qos 0', 'qos 1', 'qos 2']);
    const answers = pub.takeAll();
    assert.deepEqual(
      answers.map((one) => one.kind),
      ['puback', 'puback', 'pubrec', 'pubrec'],
    );
    assert.ok(answers.every((one) => 'reasonCode' in one && [0, 0x10].includes(one.reasonCode)));
    sub.send(unsubscribe(5, 2, ['t/#']));
    rig.run(100);
    pub.send(publish(5, { topicName: 't/x', qos: 1, packetIdentifier: 30 }));
    rig.run(100);
    const [nobody] = pub.takeAll();
    assert.ok(nobody?.kind === 'puback' && nobody.reasonCode === 0x10);
  });

  it('acknowledge only when the member of a persistent session owns the message', () => {
    const rig = running();
    const sub = rig.client('a', 'sub', persistent);
    sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 2 }]));
    rig.run(100);
    sub.drop();
    const pub = rig.client('b', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'one' }));
    assert.deepEqual(pub.takeAll(), [], 'not yet');
    rig.run(100);
    assert.equal(pub.take()?.kind, 'puback');
    pub.send(publish(5, { topicName: 't', qos: 2, packetIdentifier: 2, payload: 'two' }));
    rig.run(100);
    assert.equal(pub.take()?.kind, 'pubrec');
    pub.send(pubrel(5, 2));
    const node = rig.nodes[0] as SimNode;
    node.crash('machine');
    rig.run(1000);
    node.start();
    rig.run(3000);
    const back = rig.client('a', 'sub', persistent);
    rig.run(100);
    assert.deepEqual(payloads(back), ['one', 'two']);
    for (const qos of [1, 2]) back.send(pubrec(5, qos));
  });

  it('keep what is for a session of a dead member until that is back, and then in order', () => {
    const rig = running();
    const sub = rig.client('c', 'sub', persistent);
    sub.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(300);
    const pub = rig.client('a', 'pub');
    (rig.nodes[2] as SimNode).crash('machine');
    const send = (at: number): void => {
      pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: at, payload: `${at}` }));
    };
    send(1);
    rig.run(3000);
    const sent = pub.take();
    assert.ok(sent?.kind === 'puback' && sent.reasonCode === 0, rig.told());
    send(2);
    rig.run(100);
    const kept = pub.take();
    assert.ok(kept?.kind === 'puback' && kept.reasonCode === 0, 'kept here for the session');
    (rig.nodes[0] as SimNode).crash('machine');
    rig.run(100);
    (rig.nodes[0] as SimNode).start();
    rig.run(3000);
    const again = rig.client('a', 'pub');
    again.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 3, payload: '3' }));
    rig.run(100);
    (rig.nodes[2] as SimNode).start();
    rig.run(4000);
    again.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 4, payload: '4' }));
    rig.run(100);
    assert.equal(again.takeAll().length, 2);
    const back = rig.client('c', 'sub', persistent);
    rig.run(100);
    assert.deepEqual(payloads(back), ['1', '2', '3', '4'], rig.told());
  });

  it('notice a dead one within 3 s, and answer as the policy says until it is back', () => {
    const rig = running();
    const guest = rig.client('a', 'guest');
    guest.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    guest.takeAll();
    const node = rig.nodes[2] as SimNode;
    node.crash('machine');
    rig.run(3000);
    assert.equal(rig.states('a'), 'up up down', rig.told());
    assert.equal(rig.states('b'), 'up up down');
    guest.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'x' }));
    rig.run(100);
    assert.deepEqual(payloads(guest), ['x'], 'a majority publishes');
    guest.takeAll();
    guest.send(unsubscribe(5, 2, ['t']));
    const unsuback = guest.take();
    assert.ok(unsuback?.kind === 'unsuback');
    assert.deepEqual(unsuback.reasonCodes, [0x83], 'off: refused while one is missing');
    assert.match(unsuback.properties.reasonString ?? '', /member NautilusMQ@c unreachable since/);
    (rig.nodes[1] as SimNode).crash('machine');
    rig.run(3000);
    const stranger = rig.open('a');
    stranger.send(connect(5, { clientIdentifier: 'late' }));
    const connack = stranger.take();
    assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0x88);
    node.start();
    (rig.nodes[1] as SimNode).start();
    rig.run(5000);
    assert.equal(rig.states('a'), 'up up up', rig.told());
    assert.ok(rig.core('a').cluster.gates.isOpen);
  });

  it('give a message of a shared subscription to one of its members, wherever they are', () => {
    const rig = running();
    const share = [{ topicFilter: '$share/g/t', qos: 1 }];
    const members = names.map((name) => {
      const member = rig.client(name, `member ${name}`);
      member.send(subscribe(5, 1, share));
      return member;
    });
    rig.run(100);
    for (const member of members) member.takeAll();
    const pub = rig.client('a', 'pub');
    for (let at = 1; at <= 20; at += 1) {
      pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: at, payload: `${at}` }));
    }
    rig.run(200);
    const got = members.flatMap((member) => payloads(member));
    assert.deepEqual(
      got.map(Number).sort((one, other) => one - other),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    assert.equal(pub.takeAll().length, 20);
  });
});
