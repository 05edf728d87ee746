/** What a node tells others of its subscribers, and what it sends them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MatchedSite, RemoteRouter, RouteOut, SharedGroup } from '../../src/broker/mod.js';
import { ByteWriter } from '../../src/base/mod.js';
import { type Arrived, RefusedBecause } from '../../src/cluster/flow/mod.js';
import {
  type Envelope,
  type RouteName,
  type RouteValue,
  writeEnvelope,
} from '../../src/cluster/routing/mod.js';
import type { Publication } from '../../src/queue/mod.js';
import { Confirmation, type SharedSubscriptionPolicy } from '../../src/session/mod.js';
import { publish, subscribe, unsubscribe } from '../fixtures/client-packets.js';
import { Core, type CoreOptions } from './core.js';
import { HeldStore } from './held-store.js';

const siteB = 'b'.repeat(32);
const siteC = 'c'.repeat(32);
const persistent = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } };

class OtherMembers implements RemoteRouter, RouteOut {
  readonly told: string[] = [];
  readonly sent: string[] = [];
  readonly down = new Set<string>();
  /** Given to every QoS 1 and 2 message while it is set. */
  confirmation: Confirmation | undefined;

  routeChanged({ group, filter }: RouteName, value: RouteValue | undefined): void {
    const counts = group === '' ? '' : ` ${value?.online}/${value?.total}`;
    const persists = value?.hasPersistent === true ? ' persistent' : '';
    this.told.push(`${group} ${filter}${value === undefined ? ' gone' : `${counts}${persists}`}`);
  }

  resume(): void {
    // Nothing was sent in an earlier life.
  }

  isReachable(site: string): boolean {
    return !this.down.has(site);
  }

  forward(publication: Publication, sites: readonly MatchedSite[]): void {
    for (const { site, hasPersistent } of sites) {
      this.sent.push(`${site[0]} ${publication.topicName}${hasPersistent ? ' persistent' : ''}`);
    }
  }

  forwardToGroup(publication: Publication, group: SharedGroup, site: string): void {
    this.sent.push(`${site[0]} ${group.group} ${publication.topicName}`);
  }

  park(): number {
    return 0;
  }

  takeConfirmation(): Confirmation | undefined {
    return this.confirmation;
  }

  confirmSubscribed(): undefined {
    return undefined;
  }

  parkInGroup(): boolean {
    return false;
  }

  forwardOurs(): void {}

  takeTold(): string[] {
    return this.told.splice(0);
  }

  takeSent(): string[] {
    return this.sent.splice(0);
  }
}

function clustered(options: CoreOptions = {}): { core: Core; others: OtherMembers } {
  const core = new Core(options);
  const others = new OtherMembers();
  core.broker.joinCluster(others, others);
  return { core, others };
}

const filterA = { mountpoint: '', group: '', filter: 'a/#' };
const groupG = { mountpoint: '', group: 'g', filter: 's' };
const plain: RouteValue = { hasPersistent: false, online: 0, total: 0 };

function members(online: number, total: number): RouteValue {
  return { hasPersistent: total > online, online, total };
}

describe('what others are told', () => {
  it('is one row per filter, however many clients subscribe in a turn, and its end', () => {
    const { core, others } = clustered();
    const one = core.connect(5, { clientIdentifier: 'one' });
    const two = core.connect(5, { clientIdentifier: 'two' });
    one.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }]));
    assert.deepEqual(others.takeTold(), [' a']);
    two.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 0 }]));
    one.send(unsubscribe(5, 2, ['a']));
    assert.deepEqual(others.takeTold(), [], 'nothing new for others');
    two.send(subscribe(5, 3, [{ topicFilter: 'b', qos: 0 }]), unsubscribe(5, 4, ['b']));
    assert.deepEqual(others.takeTold(), [], 'came and went within a turn');
    two.drop();
    assert.deepEqual(others.takeTold(), [' a gone']);
  });

  it('says whether persistent sessions want it, as long as there are some', () => {
    const { core, others } = clustered();
    const keeper = core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    const guest = core.connect(5, { clientIdentifier: 'guest' });
    guest.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }]));
    keeper.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 1 }]));
    keeper.send(subscribe(5, 2, [{ topicFilter: 'a', qos: 2 }]));
    assert.deepEqual(others.takeTold(), [' a', ' a persistent']);
    keeper.drop();
    assert.deepEqual(others.takeTold(), []);
    const back = core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    back.send(unsubscribe(5, 3, ['a']));
    assert.deepEqual(others.takeTold(), [' a']);
  });

  it('counts the members of shared subscriptions, and who of them is connected', () => {
    const { core, others } = clustered();
    const share = [{ topicFilter: '$share/g/s', qos: 1 }];
    const keeper = core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    keeper.send(subscribe(5, 1, share));
    const guest = core.connect(5, { clientIdentifier: 'guest' });
    guest.send(subscribe(5, 1, share));
    assert.deepEqual(others.takeTold(), ['g s 1/1 persistent', 'g s 2/2 persistent']);
    keeper.drop();
    assert.deepEqual(others.takeTold(), ['g s 1/2 persistent']);
    core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    guest.drop();
    assert.deepEqual(others.takeTold(), ['g s 2/2 persistent', 'g s 1/1 persistent']);
    core.connect(5, { clientIdentifier: 'keeper', cleanStart: true });
    assert.deepEqual(others.takeTold(), ['g s gone']);
  });
});

describe('what others are sent', () => {
  it('is one copy per member, whatever matches there, and nothing once they say so', () => {
    const { core, others } = clustered();
    core.broker.setRemoteRoute(filterA, siteB, plain);
    core.broker.setRemoteRoute({ ...filterA, filter: 'a/b' }, siteB, {
      ...plain,
      hasPersistent: true,
    });
    core.broker.setRemoteRoute({ ...filterA, filter: 'a/+' }, siteC, plain);
    const client = core.connect(5, { clientIdentifier: 'pub' });
    client.send(publish(5, { topicName: 'a/b', qos: 1, packetIdentifier: 1 }));
    assert.deepEqual(others.takeSent(), ['b a/b persistent', 'c a/b']);
    const puback = client.take();
    assert.ok(puback?.kind === 'puback' && puback.reasonCode === 0, 'it did match');
    for (const filter of ['a/#', 'a/b']) {
      core.broker.setRemoteRoute({ ...filterA, filter }, siteB, undefined);
    }
    core.broker.setRemoteRoute({ ...filterA, filter: 'a/+' }, siteC, undefined);
    client.send(publish(5, { topicName: 'a/b', qos: 1, packetIdentifier: 1 }));
    assert.deepEqual(others.takeSent(), []);
    const unmatched = client.take();
    assert.ok(unmatched?.kind === 'puback' && unmatched.reasonCode === 0x10);
  });

  function sharedTo(policy: SharedSubscriptionPolicy, hasLocal: boolean, count: number): string[] {
    const { core, others } = clustered({ settings: { sharedSubscriptionPolicy: policy } });
    core.broker.setRemoteRoute(groupG, siteB, members(2, 2));
    core.broker.setRemoteRoute(groupG, siteC, members(1, 1));
    const local = core.connect(5, { clientIdentifier: 'local', ...persistent });
    if (hasLocal) local.send(subscribe(5, 1, [{ topicFilter: '$share/g/s', qos: 0 }]));
    const client = core.connect(5, { clientIdentifier: 'pub' });
    local.takeAll();
    for (let at = 0; at < count; at += 1) client.send(publish(5, { topicName: 's', qos: 0 }));
    const here = local.takePublishes().map(() => 'local');
    return [...here, ...others.takeSent().map((text) => text[0] as string)];
  }

  it('goes to one member of a shared subscription, here or there, as the policy says', () => {
    assert.deepEqual(sharedTo('local_only', false, 5), []);
    assert.deepEqual(sharedTo('local_only', true, 2), ['local', 'local']);
    assert.deepEqual(sharedTo('prefer_local', true, 2), ['local', 'local']);
    assert.equal(sharedTo('prefer_local', false, 20).length, 20);
    const random = sharedTo('random', true, 400);
    assert.equal(random.length, 400, 'each once');
    for (const [where, share] of [
      ['local', 1],
      ['b', 2],
      ['c', 1],
    ] as const) {
      const count = random.filter((one) => one === where).length;
      assert.ok(Math.abs(count - share * 100) < 50, `${where} got ${count}`);
    }
    const round = sharedTo('round_robin', false, 6);
    assert.deepEqual(round.toSorted(), ['b', 'b', 'b', 'b', 'c', 'c']);
    assert.equal(new Set(sharedTo('hash_client_id', false, 5)).size, 1);
  });

  it('passes over members that cannot be reached, and prefers those that are connected', () => {
    const { core, others } = clustered();
    core.broker.setRemoteRoute(groupG, siteB, members(1, 1));
    core.broker.setRemoteRoute(groupG, siteC, members(0, 1));
    const client = core.connect(5, { clientIdentifier: 'pub' });
    const message = publish(5, { topicName: 's', qos: 1, packetIdentifier: 1 });
    client.send(message);
    assert.deepEqual(others.takeSent(), ['b g s']);
    others.down.add(siteB);
    client.send(message);
    assert.deepEqual(others.takeSent(), ['c g s'], 'a session there keeps it');
  });
});

describe('an acknowledgement that waits for other members', () => {
  function waiting(store = new HeldStore()): {
    core: Core;
    others: OtherMembers;
    confirmation: Confirmation;
    client: ReturnType<Core['connect']>;
  } {
    const { core, others } = clustered({ store });
    core
      .connect(5, { clientIdentifier: 'sub', ...persistent })
      .send(subscribe(5, 1, [{ topicFilter: 'kept', qos: 1 }]));
    const confirmation = new Confirmation(core.broker.durability);
    const client = core.connect(5, { clientIdentifier: 'pub' });
    client.takeAll();
    others.confirmation = confirmation;
    confirmation.expect();
    return { core, others, confirmation, client };
  }

  it('leaves when they own the message, and later ones keep their order behind it', () => {
    const { core, others, confirmation, client } = waiting();
    client.send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    others.confirmation = undefined;
    client.send(publish(5, { topicName: 'b', qos: 1, packetIdentifier: 2 }));
    core.turn();
    assert.deepEqual(client.takeAll(), []);
    confirmation.settle(0, core.clock.at);
    core.turn();
    const identifiers = client
      .takeAll()
      .map((packet) => packet.kind === 'puback' && packet.packetIdentifier);
    assert.deepEqual(identifiers, [1, 2]);
  });

  it('waits for the batch in which this node owns the message in their place', () => {
    const store = new HeldStore();
    const { core, others, confirmation, client } = waiting(store);
    client.send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    others.confirmation = undefined;
    store.isHeld = true;
    const other = core.connect(5, { clientIdentifier: 'other' });
    other.send(publish(5, { topicName: 'kept', qos: 1, packetIdentifier: 9 }));
    confirmation.settle(core.broker.durability.ticket, core.clock.at);
    core.turn();
    assert.deepEqual(client.takeAll(), []);
    store.finish();
    core.turn();
    assert.equal(client.take()?.kind, 'puback');
  });

  it('is a refusal when that batch is refused, also while an earlier one still waits', () => {
    const store = new HeldStore();
    const { core, others, confirmation, client } = waiting(store);
    client.send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    const second = new Confirmation(core.broker.durability);
    second.expect();
    others.confirmation = second;
    client.send(publish(5, { topicName: 'b', qos: 1, packetIdentifier: 2 }));
    others.confirmation = undefined;
    store.isHeld = true;
    const other = core.connect(5, { clientIdentifier: 'other' });
    other.send(publish(5, { topicName: 'kept', qos: 1, packetIdentifier: 9 }));
    second.settle(core.broker.durability.ticket, core.clock.at);
    store.failure = { code: 'STORE_FULL', message: 'full' };
    store.finish();
    core.turn();
    assert.deepEqual(client.takeAll(), [], 'answers keep their order');
    confirmation.settle(0, core.clock.at);
    core.turn();
    const [first, refused] = client.takeAll();
    assert.ok(first?.kind === 'puback' && first.packetIdentifier === 1);
    assert.ok(first.reasonCode < 0x80);
    assert.ok(refused?.kind === 'puback' && refused.packetIdentifier === 2);
    assert.equal(refused.reasonCode, 0x97);
  });
});

describe('a message from another member', () => {
  const envelope: Envelope = {
    mountpoint: '',
    publisher: 'far away',
    except: [],
    group: '',
    filter: '',
    version: 5,
    retain: false,
    retainStamp: 0,
    expiresInMs: -1,
  };
  const packet = (qos: number, topicName = 'a/b'): Buffer =>
    publish(5, { topicName, qos, packetIdentifier: 9, payload: 'x' });

  /** What becomes of each message of one frame; `malformed` where it ends early. */
  const deliver = (
    core: Core,
    given: Envelope,
    ...packets: readonly Uint8Array[]
  ): (Arrived | 'malformed')[] => {
    const writer = new ByteWriter();
    writer.byte(0);
    writeEnvelope(writer, given);
    const body = Buffer.concat([writer.take(), ...packets]);
    const arriving = core.broker.openRemote(siteB, body, 1);
    const outcomes: (Arrived | 'malformed')[] = [];
    while (arriving.next()) outcomes.push(arriving.deliver(core.clock.at));
    return arriving.isMalformed ? [...outcomes, 'malformed'] : outcomes;
  };

  it('reaches the subscribers here, and goes to no other member again', () => {
    const { core, others } = clustered();
    core.broker.setRemoteRoute(filterA, siteB, plain);
    const sub = core.connect(5, { clientIdentifier: 'sub' });
    sub.send(subscribe(5, 1, [{ topicFilter: 'a/#', qos: 2, retainAsPublished: true }]));
    const old = core.connect(4, { clientIdentifier: 'old' });
    old.send(subscribe(4, 1, [{ topicFilter: 'a/b', qos: 0 }]));
    sub.takeAll();
    old.takeAll();
    for (const qos of [0, 1, 2]) {
      const given = { ...envelope, retain: true, expiresInMs: 90_500 };
      assert.deepEqual(deliver(core, given, packet(qos)), [{ refused: 0, ticket: 0 }]);
      core.turn();
      const [received] = sub.takePublishes();
      assert.ok(received !== undefined);
      assert.equal(received.qos, qos);
      assert.ok(received.retain);
      assert.equal(received.properties.messageExpiryInterval, 91);
      assert.equal(old.takePublishes().length, 1);
    }
    assert.deepEqual(others.takeSent(), []);
  });

  it('is confirmed only after it is durable for a persistent session', () => {
    const store = new HeldStore();
    const { core } = clustered({ store });
    const keeper = core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    keeper.send(subscribe(5, 1, [{ topicFilter: 'a/#', qos: 1 }]));
    keeper.drop();
    store.isHeld = true;
    const [first] = deliver(core, envelope, packet(1)) as Arrived[];
    const ticket = first?.ticket ?? 0;
    assert.ok(ticket > core.broker.durability.durable);
    core.advance(1000);
    store.finish();
    assert.ok(ticket <= core.broker.durability.durable);
    assert.deepEqual(deliver(core, envelope, packet(0)), [{ refused: 0, ticket: 0 }]);
  });

  it('for a shared subscription goes to one member here, or is refused when there is none', () => {
    const { core } = clustered();
    const given = { ...envelope, group: 'g', filter: 's' };
    const send = () => deliver(core, given, packet(1, 's'));
    assert.deepEqual(send(), [{ refused: RefusedBecause.NoMember, ticket: 0 }]);
    const clients = ['one', 'two'].map((clientIdentifier) => {
      const client = core.connect(5, { clientIdentifier });
      client.send(subscribe(5, 1, [{ topicFilter: '$share/g/s', qos: 1 }]));
      client.takeAll();
      return client;
    });
    assert.deepEqual(send(), [{ refused: 0, ticket: 0 }]);
    core.turn();
    assert.equal(clients.flatMap((client) => client.takePublishes()).length, 1);
  });

  it('is refused when it cannot be stored, and when it is no message', () => {
    const store = new HeldStore();
    const { core } = clustered({ store });
    const keeper = core.connect(5, { clientIdentifier: 'keeper', ...persistent });
    keeper.send(subscribe(5, 1, [{ topicFilter: 'a/#', qos: 1 }]));
    store.failure = { code: 'STORE_FULL', message: 'full' };
    deliver(core, envelope, packet(1));
    core.advance(1000);
    const isRefused = { refused: RefusedBecause.Store, ticket: 0 };
    const isTaken = { refused: 0, ticket: 0 };
    assert.deepEqual(deliver(core, envelope, packet(1), packet(0)), [isRefused, isTaken]);
    for (const bytes of [
      Buffer.alloc(0),
      packet(1).subarray(0, -1),
      packet(0, 'a/+'),
      Buffer.from([0xc0, 0]),
    ]) {
      assert.deepEqual(deliver(core, envelope, bytes), ['malformed']);
      assert.deepEqual(deliver(core, envelope, packet(0)), [isTaken], 'the next one is fine');
      const behind = bytes.length === 0 ? Buffer.from([0]) : bytes;
      assert.deepEqual(deliver(core, envelope, packet(0), behind), [isTaken, 'malformed']);
    }
  });

  it('may come with neighbours, in the version of their publisher', () => {
    const { core } = clustered();
    const clients = ([4, 5] as const).map((version) => {
      const client = core.connect(version, { clientIdentifier: `sub${version}` });
      client.send(subscribe(version, 1, [{ topicFilter: '#', qos: 1 }]));
      client.takeAll();
      return client;
    });
    const topics = ['a/b', 'a/b', 'c', 'a/b'];
    const packets = topics.map((topicName, at) =>
      publish(4, { topicName, qos: at % 2, packetIdentifier: 7, payload: String(at) }),
    );
    const outcomes = deliver(core, { ...envelope, version: 4 }, ...packets);
    assert.equal(outcomes.length, 4);
    core.turn();
    for (const client of clients) {
      const received = client.takePublishes();
      assert.deepEqual(
        received.map(({ topicName, qos, payload }) => [topicName, qos, payload.toString()]),
        topics.map((topicName, at) => [topicName, at % 2, String(at)]),
      );
    }
  });
});
