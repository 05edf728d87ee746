/** SUBSCRIBE, UNSUBSCRIBE, wildcards, retained messages: sections 3.3.1.3, 3.8 to 3.11, 4.7. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connect,
  hex,
  packet,
  puback,
  subscribe,
  unsubscribe,
} from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';
import { HeldStore } from './held-store.js';
import { disconnectCode, kinds, message, next, payloads, persistent } from './talk.js';
import { subscribed, versions } from './talk.js';

const retained = (topic: string, payload: string, qos = 1, more = {}): Buffer =>
  message(5, topic, qos, payload, { retain: true, ...more });

for (const version of versions) {
  const join = (core: Core, clientIdentifier = 'c'): TestClient =>
    core.connect(version, { clientIdentifier });

  describe(`a Topic Filter in version ${version}`, () => {
    it('matches as section 4.7 says, $-topics not by a leading wildcard [MQTT5-4.7.1-1] [MQTT5-4.7.2-1] [MQTT3-4.7.1-1] [MQTT3-4.7.2-1]', () => {
      const cases: [string, string[], string[]][] = [
        ['#', ['a', 'a/b', '/'], ['$s/a']],
        ['+', ['a'], ['a/b', '/a', '$s']],
        ['+/+', ['a/b', '/', '/a'], ['a', 'a/b/c', '$s/a']],
        ['/+', ['/a', '/'], ['a', '/a/b']],
        ['a/#', ['a', 'a/', 'a/b/c'], ['ab', 'A/b']],
        ['a/+/c', ['a/b/c', 'a//c'], ['a/b/c/d', 'a/c']],
        ['+/monitor/#', ['a/monitor', 'a/monitor/b'], ['$s/monitor']],
        ['$s/#', ['$s/a', '$s'], ['s/a']],
        ['$s/+', ['$s/a'], ['$s', '$s/a/b']],
      ];
      for (const [filter, matching, others] of cases) {
        const core = new Core();
        const client = join(core);
        subscribed(client, version, { topicFilter: filter });
        for (const topicName of [...matching, ...others]) {
          core.broker.publishOwn({ topicName, payload: Buffer.from('x') }, core.clock.at);
        }
        core.turn();
        const topics = client.takePublishes().map(({ topicName }) => topicName);
        assert.deepEqual(topics, matching, filter);
      }
    });

    it('that is malformed ends the connection, also in UNSUBSCRIBE [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT3-4.7.1-2] [MQTT3-4.7.1-3] [MQTT5-4.7.3-1] [MQTT3-4.7.3-1]', () => {
      for (const topicFilter of ['a/#/b', 'a#', '#a', 'a+', '+a/b', '']) {
        for (const bytes of [
          subscribe(version, 1, [{ topicFilter: 'fine' }, { topicFilter }]),
          unsubscribe(version, 1, [topicFilter]),
        ]) {
          const core = new Core();
          const client = join(core);
          client.send(bytes);
          assert.notEqual(client.closed, undefined, topicFilter);
          assert.ok(!kinds(client).includes('suback'));
          assert.equal(core.broker.subscriptionCount, 0);
        }
      }
    });

    it('is asked for with QoS 0 to 2 and at least once in a packet [MQTT5-3.8.3-2] [MQTT3-3.8.3-3] [MQTT5-3.8.3-5] [MQTT3-3.8.3-4] [MQTT5-3.10.3-2] [MQTT3-3.10.3-2]', () => {
      const none = version === 5 ? '00' : '';
      for (const bytes of [
        packet(0x82, hex(`0001${none}00016103`)),
        packet(0x82, hex(`0001${none}`)),
        packet(0xa2, hex(`0001${none}`)),
        packet(0x82, hex(`0000${none}00016100`)),
      ]) {
        const client = join(new Core());
        client.send(bytes);
        assert.notEqual(client.closed, undefined, bytes.toString('hex'));
        assert.ok(!kinds(client).some((kind) => kind !== 'disconnect'));
      }
    });

    it('twice in one SUBSCRIBE is one subscription with the last options, and one set of retained messages [MQTT5-3.8.4-3] [MQTT3-3.8.4-3] [MQTT3-3.8.4-4]', () => {
      const core = new Core();
      core.connect(5, { clientIdentifier: 'p' }).send(retained('a', 'kept', 2));
      const client = join(core);
      const twice = [
        { topicFilter: 'a', qos: 2 },
        { topicFilter: 'a', qos: 1 },
      ];
      assert.deepEqual(subscribed(client, version, ...twice).reasonCodes, [2, 1]);
      assert.equal(core.broker.subscriptionCount, 1);
      assert.deepEqual(
        client.takePublishes().map(({ qos }) => qos),
        [1],
      );
    });
  });

  describe(`SUBACK and UNSUBACK in version ${version}`, () => {
    it('wait for the store where the session is persistent; retained messages follow SUBACK [MQTT5-3.8.4-1] [MQTT3-3.8.4-1] [MQTT5-3.10.4-4] [MQTT3-3.10.4-4]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      core.connect(5, { clientIdentifier: 'p' }).send(retained('a', 'kept'));
      const client = core.connect(version, persistent('c'));
      store.isHeld = true;
      client.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 0 }]));
      assert.deepEqual(kinds(client), []);
      store.finish();
      core.turn();
      assert.deepEqual(kinds(client), ['suback', 'publish']);
      client.send(unsubscribe(version, 2, ['a']));
      assert.deepEqual(kinds(client), []);
      store.finish();
      core.turn();
      assert.deepEqual(kinds(client), ['unsuback']);
    });

    it('subscriptions of a persistent session are there after a crash, and gone ones are not [MQTT5-4.1.0-1] [MQTT3-4.1.0-1]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      const client = core.connect(version, persistent('c'));
      subscribed(client, version, { topicFilter: 'a', qos: 1 }, { topicFilter: 'b', qos: 1 });
      client.send(unsubscribe(version, 2, ['a']));
      core.turn();
      const after = new Core({ store: store.crashed(), startAt: core.clock.at });
      const publisher = after.connect(5, { clientIdentifier: 'p' });
      publisher.send(message(5, 'a', 1, 'a'), message(5, 'b', 1, 'b'));
      assert.deepEqual(payloads(after.connect(version, persistent('c'))), ['b']);
    });

    it('one client’s subscriptions are nobody else’s, and end with a clean session [MQTT3-3.1.2-6]', () => {
      const core = new Core();
      const one = join(core, 'one');
      const two = join(core, 'two');
      subscribed(one, version, { topicFilter: 'a' });
      two.send(unsubscribe(version, 1, ['a']));
      two.send(message(version, 'a', 0));
      assert.equal(one.takePublishes().length, 1);
      assert.equal(two.takePublishes().length, 0);
      one.drop();
      assert.equal(core.broker.subscriptionCount, 0);
    });
  });

  describe(`retained messages in version ${version}`, () => {
    it('go to a new subscription for every topic that matches, once per topic [MQTT5-3.3.1-9] [MQTT3-3.3.1-6]', () => {
      const core = new Core();
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (const topic of ['a', 'a/b', 'a/c', 'b']) publisher.send(retained(topic, topic));
      publisher.send(retained('a/b', 'newer'));
      const client = join(core);
      subscribed(client, version, { topicFilter: 'a/#', qos: 1 });
      assert.deepEqual(payloads(client).toSorted(), ['a', 'a/c', 'newer']);
    });

    it('are delivered at the lower QoS, and again after a reconnect when not acknowledged [MQTT5-3.8.4-8] [MQTT3-3.8.4-6]', () => {
      const core = new Core();
      core.connect(5, { clientIdentifier: 'p' }).send(retained('a', 'kept', 2));
      const client = core.connect(version, persistent('c'));
      subscribed(client, version, { topicFilter: 'a', qos: 1 });
      const [first] = client.takePublishes();
      assert.deepEqual([first?.qos, first?.retain, first?.dup], [1, true, false]);
      client.drop();
      const back = core.connect(version, persistent('c'));
      const [again] = back.takePublishes();
      assert.deepEqual([again?.qos, again?.retain, again?.dup], [1, true, true]);
      back.send(puback(version, again?.packetIdentifier ?? 0));
      back.drop();
      assert.deepEqual(core.connect(version, persistent('c')).takePublishes(), []);
    });

    it('survive a restart, with their properties and what is left of their expiry [MQTT5-3.3.1-5] [MQTT3-3.3.1-5]', () => {
      const store = new HeldStore();
      const core = new Core({ store });
      const properties = { messageExpiryInterval: 100, contentType: 'kept' };
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      publisher.send(retained('a', '1', 1, { properties }), retained('b', '2'), retained('b', ''));
      const short = { properties: { messageExpiryInterval: 5 } };
      publisher.send(retained('c', '3', 1, short));
      core.advance(1000);
      const later = core.clock.at + 20_000;
      const after = new Core({ store: store.crashed(), startAt: later });
      const client = join(after);
      subscribed(client, version, { topicFilter: '#', qos: 1 });
      const [found, ...more] = client.takePublishes();
      assert.deepEqual(more, []);
      assert.equal(found?.payload.toString(), '1');
      if (version !== 5) return;
      assert.equal(found.properties.contentType, 'kept');
      assert.equal(found.properties.messageExpiryInterval, 79);
    });

    it('go as fast as a slow client takes them, and none is lost [MQTT5-3.3.4-9]', () => {
      const core = new Core({ settings: { maxInflightMessages: 5, maxOnlineMessages: 3 } });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let at = 0; at < 50; at += 1) publisher.send(retained(`r/${at}`, String(at)));
      const properties = { receiveMaximum: 5 };
      const client = core.connect(version, { clientIdentifier: 'c', properties });
      subscribed(client, version, { topicFilter: 'r/+', qos: 1 });
      const all: string[] = [];
      for (let round = 0; round < 60; round += 1) {
        const received = client.takePublishes();
        assert.ok(received.length <= 5);
        for (const { payload, packetIdentifier } of received) {
          all.push(payload.toString());
          client.send(puback(version, packetIdentifier));
        }
      }
      assert.equal(new Set(all).size, 50);
      assert.equal(all.length, 50);
      assert.deepEqual(core.drops, []);
    });
  });

  it(`mountpoints keep topics and retained messages apart in version ${version}`, () => {
    const core = new Core();
    const [one, two] = ['one', 'two'].map((mountpoint) => {
      const client = core.open(version, { mountpoint });
      client.send(connect(version, { clientIdentifier: 'c' }));
      client.takeAll();
      return client;
    }) as [TestClient, TestClient];
    one.send(message(version, 'a', 0, 'kept', { retain: true }));
    for (const client of [one, two]) subscribed(client, version, { topicFilter: '#' });
    two.send(message(version, 'a', 0, 'live'));
    assert.deepEqual(payloads(one), ['kept']);
    assert.deepEqual(payloads(two), ['live']);
  });
}

describe('subscription options', () => {
  it('No Local on a shared subscription, reserved bits, Retain Handling 3 end the connection [MQTT5-3.8.3-4] [MQTT5-3.8.3-5]', () => {
    for (const options of [
      { topicFilter: '$share/g/a', noLocal: true },
      { topicFilter: 'a', retainHandling: 3 },
    ]) {
      const client = new Core().connect(5, { clientIdentifier: 'c' });
      client.send(subscribe(5, 1, [options]));
      assert.equal(disconnectCode(client), 0x82);
    }
    const reserved = new Core().connect(5, { clientIdentifier: 'c' });
    reserved.send(packet(0x82, hex('00010000016140')));
    assert.equal(disconnectCode(reserved), 0x81);
  });

  it('Retain Handling 1 counts a subscription of the resumed session as existing [MQTT5-3.3.1-10]', () => {
    const core = new Core();
    core.connect(5, { clientIdentifier: 'p' }).send(retained('a', 'kept', 0));
    const first = core.connect(5, persistent('c'));
    subscribed(first, 5, { topicFilter: 'a', retainHandling: 1 });
    assert.equal(first.takePublishes().length, 1);
    first.drop();
    const back = core.connect(5, persistent('c'));
    subscribed(back, 5, { topicFilter: 'a', retainHandling: 1 });
    assert.equal(back.takePublishes().length, 0);
    back.send(unsubscribe(5, 2, ['a']));
    back.takeAll();
    subscribed(back, 5, { topicFilter: 'a', retainHandling: 1 });
    assert.equal(back.takePublishes().length, 1);
  });

  it('Retain As Published keeps the flag of both kinds; overlapping ones keep it if one does [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    subscribed(client, 5, { topicFilter: 'a', retainAsPublished: true }, { topicFilter: '+' });
    subscribed(client, 5, { topicFilter: 'b' });
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    publisher.send(retained('a', '1', 0), message(5, 'a', 0), retained('b', '2', 0));
    const flags = client.takePublishes().map(({ retain }) => retain);
    assert.deepEqual(flags, [true, false, false]);
  });

  it('No Local counts the Client Identifier, so a retained message of its own does not come either [MQTT5-3.8.3-3]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    client.send(retained('a', 'mine', 0));
    core.connect(5, { clientIdentifier: 'p' }).send(retained('b', 'other', 0));
    subscribed(client, 5, { topicFilter: '#', noLocal: true });
    assert.deepEqual(payloads(client), ['other']);
  });

  it('the Subscription Identifier comes with live, waiting and retained messages, and changes with the subscription [MQTT5-3.3.4-3] [MQTT5-3.3.4-4]', () => {
    const core = new Core();
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    publisher.send(retained('a', 'kept'));
    const client = core.connect(5, persistent('c'));
    const identifiers = (of: TestClient): unknown[] =>
      of.takePublishes().map(({ properties }) => properties.subscriptionIdentifiers);
    client.send(
      subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }], { subscriptionIdentifiers: [268_435_455] }),
    );
    publisher.send(message(5, 'a', 0), message(5, 'a', 1));
    assert.deepEqual(identifiers(client), [[268_435_455], [268_435_455], [268_435_455]]);
    client.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 1, retainHandling: 2 }]));
    publisher.send(message(5, 'a', 0));
    assert.deepEqual(identifiers(client), [undefined]);
    client.send(
      subscribe(5, 1, [{ topicFilter: 'a', qos: 1, retainHandling: 2 }], {
        subscriptionIdentifiers: [7],
      }),
    );
    for (const one of client.takeAll()) {
      if (one.kind === 'publish') client.send(puback(5, one.packetIdentifier));
    }
    client.drop();
    publisher.send(message(5, 'a', 1, 'waited'));
    const back = core.connect(5, persistent('c'));
    const waited = back.takePublishes().find(({ payload }) => payload.toString() === 'waited');
    assert.deepEqual(waited?.properties.subscriptionIdentifiers, [7]);
  });

  it('the Subscription Identifier 0 ends the connection', () => {
    const client = new Core().connect(5, { clientIdentifier: 'c' });
    client.send(subscribe(5, 1, [{ topicFilter: 'a' }], { subscriptionIdentifiers: [0] }));
    assert.equal(disconnectCode(client), 0x82);
  });
});

describe('shared subscriptions', () => {
  const member = (core: Core, version: 3 | 4 | 5, name: string, qos = 1): TestClient => {
    const client = core.connect(version, persistent(name));
    assert.deepEqual(
      subscribed(client, version, { topicFilter: '$share/g/a/#', qos }).reasonCodes,
      [qos],
    );
    return client;
  };

  it('with a malformed share name or filter end the connection [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]', () => {
    for (const topicFilter of [
      '$share/',
      '$share/g',
      '$share//a',
      '$share/g/',
      '$share/+/a',
      '$share/g#/a',
      '$share/g/a#',
    ]) {
      const client = new Core().connect(5, { clientIdentifier: 'c' });
      client.send(subscribe(5, 1, [{ topicFilter }]));
      assert.notEqual(client.closed, undefined, topicFilter);
      assert.ok(!kinds(client).includes('suback'));
    }
  });

  for (const version of versions) {
    it(`serve members of version ${version}, and plain subscriptions beside them`, () => {
      const core = new Core();
      const members = ['m1', 'm2'].map((name) => member(core, version, name));
      subscribed(members[0] as TestClient, version, { topicFilter: 'a/b', qos: 0 });
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let at = 0; at < 20; at += 1) publisher.send(message(5, 'a/b', 1, String(at)));
      const counts = members.map((client) => client.takePublishes().length);
      assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 40);
      assert.ok((counts[0] ?? 0) > 20 && (counts[1] ?? 0) > 0);
    });

    it(`get no retained messages in version ${version}`, () => {
      const core = new Core();
      core.connect(5, { clientIdentifier: 'p' }).send(retained('a/b', 'kept'));
      assert.deepEqual(member(core, version, 'm').takePublishes(), []);
    });

    it(`prefer members who are connected; a message waits only where none is, in version ${version} [MQTT5-4.8.2-6]`, () => {
      const core = new Core();
      member(core, version, 'away').drop();
      const here = member(core, version, 'here');
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let at = 0; at < 10; at += 1) publisher.send(message(5, 'a', 1, 'live'));
      assert.equal(here.takePublishes().length, 10);
      here.drop();
      publisher.send(message(5, 'a', 1, 'waits'), message(5, 'a', 0, 'lost'));
      const back = [...payloads(core.connect(version, persistent('away')))];
      const again = payloads(core.connect(version, persistent('here')));
      const waits = [...back, ...again].filter((payload) => payload !== 'live');
      assert.deepEqual(waits, ['waits']);
    });
  }

  it('of different names each get the message, and UNSUBSCRIBE takes one member out [MQTT5-4.8.2-3] [MQTT5-3.10.4-1]', () => {
    const core = new Core();
    const client = core.connect(5, { clientIdentifier: 'c' });
    const filters = ['$share/one/a', '$share/two/a', 'a'].map((topicFilter) => ({ topicFilter }));
    subscribed(client, 5, ...filters);
    const publisher = core.connect(5, { clientIdentifier: 'p' });
    publisher.send(message(5, 'a', 0));
    assert.equal(client.takePublishes().length, 3);
    client.send(unsubscribe(5, 2, ['$share/one/a', 'a', '$share/three/a']));
    assert.deepEqual(next(client, 'unsuback').reasonCodes, [0, 0, 0x11]);
    publisher.send(message(5, 'a', 0));
    assert.equal(client.takePublishes().length, 1);
  });

  it('round_robin takes turns, hash_client_id keeps a publisher with one member', () => {
    for (const policy of ['round_robin', 'hash_client_id'] as const) {
      const core = new Core({ settings: { sharedSubscriptionPolicy: policy } });
      const members = ['m1', 'm2', 'm3'].map((name) => member(core, 5, name));
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      for (let at = 0; at < 12; at += 1) publisher.send(message(5, 'a', 0));
      const counts = members
        .map((client) => client.takePublishes().length)
        .toSorted((a, b) => a - b);
      assert.deepEqual(counts, policy === 'round_robin' ? [4, 4, 4] : [0, 0, 12]);
    }
  });

  it('survive a crash of the broker with their group', () => {
    const store = new HeldStore();
    const core = new Core({ store });
    member(core, 5, 'm1');
    member(core, 5, 'm2');
    const after = new Core({ store: store.crashed(), startAt: core.clock.at });
    const publisher = after.connect(5, { clientIdentifier: 'p' });
    for (let at = 0; at < 10; at += 1) publisher.send(message(5, 'a', 1));
    const counts = ['m1', 'm2'].map(
      (name) => after.connect(5, persistent(name)).takePublishes().length,
    );
    assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 10);
  });
});
