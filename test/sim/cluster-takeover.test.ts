/** Sessions that move: one live session for each Client Identifier, and nothing of it is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SimNode } from '../../sim/node.js';
import type { TestClient } from '../broker/core.js';
import {
  connect,
  puback,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
} from '../fixtures/client-packets.js';
import { names, payloads, persistent, type Rig, running } from './cluster-rig.js';

const topics = [{ topicFilter: 't/#', qos: 2 }];

/** The CONNACK of a client that connects again. */
function come(rig: Rig, node: string, options: object, milliseconds = 100): TestClient {
  const client = rig.open(node);
  client.send(connect(5, { clientIdentifier: 'mover', ...options }));
  rig.run(milliseconds);
  return client;
}

function isPresent(client: TestClient): boolean {
  const connack = client.take();
  assert.ok(connack?.kind === 'connack' && connack.reasonCode === 0, 'a CONNACK');
  return connack.sessionPresent;
}

function wasTakenOver(client: TestClient): boolean {
  return client.takeAll().some((one) => one.kind === 'disconnect' && one.reasonCode === 0x8e);
}

function sessions(rig: Rig): number {
  return names.reduce((sum, name) => sum + rig.core(name).broker.sessionCount, 0);
}

describe('a session whose client comes to another member', () => {
  it('is closed where it was when it is clean, and begins anew', () => {
    const rig = running();
    const first = rig.client('a', 'mover');
    const second = come(rig, 'b', {});
    assert.equal(isPresent(second), false);
    assert.ok(wasTakenOver(first));
    assert.equal(sessions(rig), 1);
    second.drop();
    rig.run(100);
    assert.equal(sessions(rig), 0);
  });

  it('comes with subscriptions, what is in flight and what waits, in order', () => {
    const rig = running();
    const first = rig.client('a', 'mover', {
      ...persistent,
      properties: { ...persistent.properties, receiveMaximum: 2 },
    });
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.takeAll();
    const pub = rig.client('c', 'pub');
    const send = (at: number): void => {
      pub.send(publish(5, { topicName: 't/x', qos: 1, packetIdentifier: at, payload: `${at}` }));
    };
    for (let at = 1; at <= 10; at += 1) send(at);
    rig.run(100);
    assert.deepEqual(payloads(first), ['1', '2'], 'the window is full');
    const second = come(rig, 'b', persistent);
    assert.ok(isPresent(second));
    assert.ok(wasTakenOver(first));
    for (let at = 11; at <= 15; at += 1) send(at);
    rig.run(500);
    const got = second.takePublishes();
    const expected = Array.from({ length: 15 }, (_, at) => `${at + 1}`);
    assert.deepEqual(
      got.map(({ payload }) => payload.toString()),
      expected,
      rig.told(),
    );
    assert.deepEqual(
      got.map(({ dup }) => dup),
      expected.map((_, at) => at < 2),
      'what had been sent is sent again',
    );
    assert.equal(pub.takeAll().length, 15);
    assert.equal(sessions(rig), 2);
    second.send(unsubscribe(5, 9, ['t/#']));
    rig.run(100);
    send(16);
    rig.run(100);
    const [answer] = pub.takeAll();
    assert.ok(answer?.kind === 'puback' && answer.reasonCode === 0x10, 'nobody wants it now');
  });

  it('loses and doubles nothing of what is published while it moves, from any member', () => {
    const rig = running();
    const first = rig.client('a', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.takeAll();
    const pubs = names.map((name) => rig.client(name, `pub ${name}`));
    let count = 0;
    const owners = ['b', 'c', 'a', 'b'];
    let holder = first;
    const got: string[] = [];
    const take = (): void => {
      for (const one of holder.takePublishes()) {
        const payload = one.payload.toString();
        assert.ok(one.dup || !got.includes(payload), `${payload} comes twice`);
        got.push(payload);
        if (one.qos === 1) holder.send(puback(5, one.packetIdentifier));
      }
    };
    for (const owner of owners) {
      const next = rig.open(owner);
      next.send(connect(5, { clientIdentifier: 'mover', ...persistent }));
      for (let step = 0; step < 30; step += 1) {
        count += 1;
        for (const [at, pub] of pubs.entries()) {
          pub.send(
            publish(5, {
              topicName: `t/${names[at]}`,
              qos: 1,
              packetIdentifier: count,
              payload: `${names[at]}${count}`,
            }),
          );
        }
        take();
        rig.run(3);
      }
      rig.run(500);
      take();
      holder = next;
      assert.ok(isPresent(next), rig.told());
      take();
    }
    rig.run(1000);
    take();
    for (const name of names) {
      const expected = Array.from({ length: count }, (_, at) => `${name}${at + 1}`);
      const mine = got.filter((payload) => payload.startsWith(name));
      const once = [...new Set(mine)];
      assert.deepEqual(once, expected, `in order from ${name}`);
    }
    for (const pub of pubs) assert.equal(pub.takeAll().length, count);
  });

  it('takes what its client sends before the CONNACK', () => {
    const rig = running();
    const first = rig.client('a', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    const second = rig.open('b');
    second.send(
      connect(5, { clientIdentifier: 'mover', ...persistent }),
      publish(5, { topicName: 't/own', qos: 1, packetIdentifier: 1, payload: 'early' }),
    );
    second.send(publish(5, { topicName: 't/own', qos: 0, payload: 'too' }));
    rig.run(500);
    assert.ok(isPresent(second));
    assert.equal(second.take()?.kind, 'puback');
    assert.deepEqual(payloads(second), ['early', 'too'], rig.told());
  });

  it('keeps QoS 2 exactly once over the move', () => {
    const rig = running();
    const first = rig.client('a', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.takeAll();
    const pub = rig.client('c', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 2, packetIdentifier: 1, payload: 'one' }));
    rig.run(100);
    const [sent] = first.takePublishes();
    assert.ok(sent !== undefined);
    first.send(pubrec(5, sent.packetIdentifier));
    rig.run(50);
    const own = publish(5, { topicName: 'own', qos: 2, packetIdentifier: 77, payload: 'x' });
    const witness = rig.client('c', 'witness');
    witness.send(subscribe(5, 1, [{ topicFilter: 'own', qos: 2 }]));
    rig.run(100);
    witness.takeAll();
    first.send(own);
    rig.run(100);
    assert.equal(witness.takePublishes().length, 1);
    const second = come(rig, 'b', persistent, 500);
    assert.ok(isPresent(second));
    const packets = second.takeAll();
    assert.deepEqual(
      packets.map(({ kind }) => kind),
      ['pubrel'],
      'released before, so released again and not published again',
    );
    second.send(own);
    rig.run(100);
    assert.equal(witness.takePublishes().length, 0, 'taken before the move');
  });

  it('gets a QoS 2 message once when its publisher sends it again after a crash', () => {
    const rig = running();
    const subscribers = ['b', 'c'].map((name) => rig.client(name, `at ${name}`));
    for (const one of subscribers) one.send(subscribe(5, 1, topics));
    const kept = rig.client('b', 'kept', persistent);
    kept.send(subscribe(5, 1, topics));
    rig.run(100);
    kept.takeAll();
    const node = rig.nodes[0] as SimNode;
    const message = publish(5, { topicName: 't', qos: 2, packetIdentifier: 7, payload: 'once' });
    rig.client('a', 'pub', persistent).send(message);
    // The turn is over, and its batch is not durable.
    rig.turn('a');
    node.crash('process');
    rig.run(200);
    node.start();
    rig.run(5000);
    rig.client('a', 'pub', persistent).send(message);
    rig.run(500);
    for (const one of [...subscribers, kept]) assert.deepEqual(payloads(one), ['once'], rig.told());
  });

  it('starts clean when its client says so, whoever had it', () => {
    const rig = running();
    const first = rig.client('a', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.drop();
    const pub = rig.client('a', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'old' }));
    rig.run(100);
    const second = come(rig, 'b', { ...persistent, cleanStart: true }, 500);
    assert.equal(isPresent(second), false);
    assert.deepEqual(payloads(second), []);
    assert.equal(rig.core('a').broker.sessionCount, 1, 'only the publisher');
    pub.takeAll();
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 2, payload: 'x' }));
    rig.run(100);
    const [answer] = pub.takeAll();
    assert.ok(answer?.kind === 'puback' && answer.reasonCode === 0x10);
  });

  it('is there at once when its member is dead, and the rest comes when that is back', () => {
    const rig = running();
    const first = rig.client('c', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.drop();
    const pub = rig.client('a', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'kept on c' }));
    rig.run(200);
    assert.equal(pub.takeAll().length, 1);
    const node = rig.nodes[2] as SimNode;
    node.crash('machine');
    rig.run(3000);
    const second = come(rig, 'b', persistent, 50);
    assert.ok(isPresent(second), rig.told());
    rig.run(100);
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 2, payload: 'new' }));
    rig.run(100);
    assert.deepEqual(payloads(second), ['new'], 'its subscriptions are there');
    node.start();
    rig.run(5000);
    assert.deepEqual(payloads(second), ['kept on c'], rig.told());
    assert.equal(rig.core('c').broker.sessionCount, 0);
    assert.equal(rig.core('b').broker.sessionCount, 1);
  });

  it('forgets which Packet Identifiers its old member had not seen released (seed 78)', () => {
    const rig = running();
    const reader = rig.client('b', 'reader');
    reader.send(subscribe(5, 1, topics));
    const message = (payload: string): Uint8Array =>
      publish(5, { topicName: 't', qos: 2, packetIdentifier: 7, payload });
    const first = rig.client('c', 'mover', persistent);
    first.send(message('first'));
    rig.run(200);
    const node = rig.nodes[2] as SimNode;
    node.crash('machine');
    rig.run(3000);
    const second = come(rig, 'a', persistent, 50);
    assert.ok(isPresent(second), rig.told());
    second.send(pubrel(5, 7));
    node.start();
    rig.run(5000);
    second.send(message('second'));
    rig.run(100);
    assert.deepEqual(payloads(reader), ['first', 'second'], rig.told());
    // And back, while what is left on `a` is still going.
    second.send(pubrel(5, 7));
    rig.run(100);
    const third = come(rig, 'b', persistent, 20);
    third.send(message('third'));
    third.send(pubrel(5, 7));
    const fourth = come(rig, 'a', persistent, 20);
    fourth.send(message('fourth'));
    rig.run(200);
    assert.deepEqual(payloads(reader), ['third', 'fourth']);
  });

  it('comes once whatever is published while its old member returns', () => {
    const rig = running();
    const first = rig.client('c', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.drop();
    const node = rig.nodes[2] as SimNode;
    node.crash('machine');
    rig.run(3000);
    const second = come(rig, 'b', persistent, 50);
    assert.ok(isPresent(second), rig.told());
    const pubs = ['a', 'b'].map((name) => rig.client(name, `pub ${name}`));
    node.start();
    for (let count = 1; count <= 300; count += 1) {
      for (const [at, pub] of pubs.entries()) {
        const payload = `${names[at]}${count}`;
        pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: count, payload }));
      }
      rig.run(20);
    }
    rig.run(1000);
    const got = payloads(second);
    assert.equal(got.length, 600, rig.told());
    assert.equal(new Set(got).size, 600);
    assert.equal(rig.core('c').broker.sessionCount, 0);
  });

  it('gets what was kept for it on other members while its own was dead', () => {
    const rig = running();
    const first = rig.client('c', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    (rig.nodes[2] as SimNode).crash('machine');
    rig.run(3000);
    const pubs = ['a', 'b'].map((name) => rig.client(name, `pub ${name}`));
    const send = (count: number): void => {
      for (const [at, pub] of pubs.entries()) {
        const payload = `${names[at]}${count}`;
        pub.send(publish(5, { topicName: 't', qos: 2, packetIdentifier: count, payload }));
        rig.run(20);
        pub.send(pubrel(5, count));
      }
    };
    send(1);
    send(2);
    rig.run(100);
    const second = come(rig, 'b', persistent, 20);
    assert.ok(isPresent(second), rig.told());
    send(3);
    rig.run(500);
    const got = payloads(second);
    for (const name of ['a', 'b']) {
      assert.deepEqual(
        got.filter((payload) => payload.startsWith(name)),
        [1, 2, 3].map((count) => `${name}${count}`),
        rig.told(),
      );
    }
    for (const pub of pubs) assert.equal(pub.takeAll().length, 6);
    (rig.nodes[2] as SimNode).start();
    rig.run(5000);
    assert.deepEqual(payloads(second), []);
    assert.equal(rig.core('c').broker.sessionCount, 0);
  });

  it('is one again after a split in which it was used on both sides', () => {
    const rig = running();
    const first = rig.client('a', 'mover', persistent);
    first.send(subscribe(5, 1, [{ topicFilter: 'from a', qos: 1 }]));
    rig.run(100);
    rig.cut('a', 'b');
    rig.cut('a', 'c');
    rig.run(3000);
    const second = come(rig, 'b', persistent, 200);
    assert.ok(isPresent(second));
    second.send(subscribe(5, 1, [{ topicFilter: 'from b', qos: 1 }]));
    rig.run(100);
    assert.deepEqual(wasTakenOver(first), false, 'nobody can tell it');
    rig.mend('a', 'b');
    rig.mend('a', 'c');
    rig.run(10_000);
    assert.ok(wasTakenOver(first), rig.told());
    second.takeAll();
    const pub = rig.client('c', 'pub');
    for (const topicName of ['from a', 'from b']) {
      pub.send(publish(5, { topicName, qos: 0, payload: topicName }));
    }
    rig.run(100);
    assert.deepEqual(payloads(second), ['from a', 'from b']);
    assert.equal(sessions(rig), 2);
  });

  it('is one live session after its client came everywhere at once, again and again', () => {
    const rig = running();
    for (let round = 0; round < 25; round += 1) {
      const clients = names.map((name) => {
        const client = rig.open(name);
        client.send(connect(5, { clientIdentifier: 'mover', ...persistent }));
        return client;
      });
      rig.run(2500);
      assert.equal(sessions(rig), 1, `round ${round}: ${rig.told()}`);
      const live = clients.filter((client) => client.closed === undefined);
      assert.equal(live.length, 1, `round ${round}`);
    }
  });
});

describe('the sessions of a member that leaves', () => {
  const leave = { force: false, kill: true, timeoutMs: 20_000 };

  it('are another one’s when it is dead, and keep what was parked for them', () => {
    const rig = running();
    const first = rig.client('c', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    (rig.nodes[2] as SimNode).crash('machine');
    rig.run(3000);
    const pub = rig.client('b', 'pub');
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 1, payload: 'parked' }));
    rig.run(100);
    let said = '';
    const { cluster } = rig.core('a');
    cluster.leave(
      'NautilusMQ@c',
      leave,
      rig.nodes[0]?.clock.wall() ?? 0,
      ({ text }) => (said = text),
    );
    rig.run(5000);
    assert.notEqual(said, '');
    assert.equal(cluster.members.length, 2, said);
    pub.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: 2, payload: 'direct' }));
    rig.run(100);
    assert.equal(pub.takeAll().length, 2);
    const second = come(rig, 'b', persistent, 500);
    assert.ok(isPresent(second));
    assert.deepEqual(payloads(second), ['parked', 'direct'], rig.told());
  });

  it('are handed over by one that lives, and nothing of them is lost', () => {
    const rig = running();
    const away = rig.client('c', 'away', persistent);
    away.send(subscribe(5, 1, topics));
    const first = rig.client('c', 'mover', persistent);
    first.send(subscribe(5, 1, topics));
    rig.run(100);
    first.takeAll();
    away.drop();
    const pub = rig.client('b', 'pub');
    let count = 0;
    const send = (): void => {
      count += 1;
      pub.send(
        publish(5, { topicName: 't', qos: 1, packetIdentifier: count, payload: `${count}` }),
      );
      rig.run(20);
    };
    for (let at = 0; at < 10; at += 1) send();
    const expected = payloads(first);
    assert.equal(expected.length, 10);
    let said = '';
    const { cluster } = rig.core('a');
    cluster.leave(
      'NautilusMQ@c',
      leave,
      rig.nodes[0]?.clock.wall() ?? 0,
      ({ text }) => (said = text),
    );
    for (let at = 0; at < 200; at += 1) send();
    rig.run(10_000);
    assert.equal(cluster.members.length, 2, said + rig.told());
    assert.ok(first.takeAll().some((one) => one.kind === 'disconnect' && one.reasonCode === 0x9c));
    assert.equal(pub.takeAll().length, 210);
    const all = Array.from({ length: 210 }, (_, at) => `${at + 1}`);
    for (const clientIdentifier of ['away', 'mover']) {
      const back = come(rig, 'b', { ...persistent, clientIdentifier }, 1000);
      assert.ok(isPresent(back));
      const got: string[] = [];
      for (let round = 0; round < 30; round += 1) {
        for (const one of back.takePublishes()) {
          got.push(one.payload.toString());
          back.send(puback(5, one.packetIdentifier));
        }
        rig.run(50);
      }
      assert.deepEqual(got, all, clientIdentifier);
    }
  });
});
