/**
 * Promises of QoS 1 and 2 over anything that may happen: connections that break, acknowledgements
 * that stay away, a slow, full or lost store, crashes of the broker. Seeded; a failure names its
 * seed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../src/base/mod.js';
import type { ProtocolVersion } from '../../src/packet/mod.js';
import {
  connect,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
} from '../fixtures/client-packets.js';
import type { ServerPacket } from '../fixtures/server-packets.js';
import { Core, type TestClient } from './core.js';
import { HeldStore } from './held-store.js';
import { persistent, versions } from './talk.js';

const small = { properties: { receiveMaximum: 4 } };
const settings = { maxInflightMessages: 4, retryIntervalMs: 0, maxOfflineMessages: -1 };

interface Sent {
  readonly packetIdentifier: number;
  readonly qos: number;
  readonly payload: string;
  state: 'published' | 'received';
}

/** A publisher and a subscriber as the specification wants them, with a state that survives. */
class Pair {
  readonly version: ProtocolVersion;
  readonly random: SeededRandom;
  store = new HeldStore();
  core: Core;
  publisher: TestClient | undefined;
  subscriber: TestClient | undefined;
  readonly outbox: Sent[] = [];
  /** By QoS: what the broker acknowledged, in the order of publishing. */
  readonly acknowledged: Set<string> = new Set();
  /** What the application behind the subscriber got. */
  readonly delivered: string[] = [];
  /** QoS 2 identifiers that the subscriber has and that are not released. */
  readonly held: Set<number> = new Set();
  pending: ServerPacket[] = [];
  published = 0;
  nextIdentifier = 0;

  constructor(version: ProtocolVersion, seed: number) {
    this.version = version;
    this.random = new SeededRandom(seed);
    this.core = new Core({ store: this.store, settings });
    this.connectSubscriber();
    this.subscriber?.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 2 }]));
    this.settle();
    this.connectPublisher();
  }

  step(): void {
    const { random } = this;
    if (this.publisher?.closed !== undefined) this.connectPublisher();
    switch (random.below(13)) {
      case 0:
        this.publisher?.drop();
        this.connectPublisher();
        break;
      case 1:
        this.dropSubscriber();
        break;
      case 2:
        if (this.subscriber === undefined) this.connectSubscriber();
        break;
      case 3:
        this.store.isHeld = !this.store.isHeld;
        if (!this.store.isHeld) this.store.finish();
        break;
      case 4:
        if (random.below(4) === 0) this.crash();
        break;
      case 5:
        this.core.advance(1000);
        break;
      case 6:
        this.store.failure =
          this.store.failure === undefined && random.below(3) === 0
            ? { code: 'STORE_FULL', message: 'full' }
            : undefined;
        break;
      case 7:
      case 8:
      case 9:
        this.publishNext();
        break;
      default:
        this.listen(random.below(4));
    }
    this.core.turn();
    this.hear();
  }

  /** Everything works from now on: what is owed must come. */
  finish(): void {
    this.store.failure = undefined;
    this.core.advance(10_000);
    this.settle();
    this.publisher?.drop();
    this.connectPublisher();
    if (this.subscriber === undefined) this.connectSubscriber();
    for (let round = 0; round < 400; round += 1) {
      this.settle();
      this.hear();
      this.listen(100);
    }
  }

  settle(): void {
    this.store.isHeld = false;
    this.store.finish();
    this.core.turn();
    this.core.turn();
  }

  crash(): void {
    this.publisher = undefined;
    this.subscriber = undefined;
    this.pending = [];
    this.store = this.store.crashed();
    this.core = new Core({ store: this.store, settings, startAt: this.core.clock.at + 1000 });
    this.connectPublisher();
  }

  connectPublisher(): void {
    const client = this.core.open(this.version);
    this.publisher = client;
    client.send(connect(this.version, persistent('pub', small)));
    for (const sent of this.outbox) {
      if (sent.state === 'received') client.send(pubrel(this.version, sent.packetIdentifier));
      else client.send(this.bytesOf(sent, true));
    }
  }

  connectSubscriber(): void {
    this.pending = [];
    this.subscriber = this.core.open(this.version);
    this.subscriber.send(connect(this.version, persistent('sub', small)));
  }

  dropSubscriber(): void {
    this.subscriber?.drop();
    this.subscriber = undefined;
    this.pending = [];
  }

  publishNext(): void {
    if (this.outbox.length >= 10) return;
    this.published += 1;
    this.nextIdentifier = (this.nextIdentifier % 20) + 1;
    if (this.outbox.some(({ packetIdentifier }) => packetIdentifier === this.nextIdentifier))
      return;
    const qos = 1 + this.random.below(2);
    const sent: Sent = {
      packetIdentifier: this.nextIdentifier,
      qos,
      payload: `${qos}:${this.published}`,
      state: 'published',
    };
    this.outbox.push(sent);
    this.publisher?.send(this.bytesOf(sent, false));
  }

  /** Answers to the publisher. */
  hear(): void {
    for (const packet of this.publisher?.takeAll() ?? []) {
      if (packet.kind === 'connack' || !('packetIdentifier' in packet)) continue;
      const at = this.outbox.findIndex((sent) => sent.packetIdentifier === packet.packetIdentifier);
      const sent = this.outbox[at];
      if (sent === undefined) continue;
      const isRefused = 'reasonCode' in packet && packet.reasonCode >= 0x80;
      // 0x92 in PUBCOMP: the broker had forgotten the identifier already.
      if (!isRefused) this.acknowledged.add(sent.payload);
      if (isRefused && packet.kind !== 'pubcomp') {
        this.outbox.splice(at, 1);
        continue;
      }
      if (packet.kind === 'pubrec') {
        sent.state = 'received';
        this.publisher?.send(pubrel(this.version, sent.packetIdentifier));
      } else {
        this.outbox.splice(at, 1);
      }
    }
  }

  /** The subscriber takes what came and acknowledges `count` packets of it, in order. */
  listen(count: number): void {
    const client = this.subscriber;
    if (client === undefined) return;
    for (const packet of client.takeAll()) {
      if (packet.kind === 'publish') {
        const isNew = packet.qos === 1 || !this.held.has(packet.packetIdentifier);
        if (isNew) this.delivered.push(packet.payload.toString());
        if (packet.qos === 2) this.held.add(packet.packetIdentifier);
      }
      if (packet.kind === 'publish' || packet.kind === 'pubrel') this.pending.push(packet);
    }
    for (const packet of this.pending.splice(0, count)) {
      if (packet.kind === 'pubrel') {
        this.held.delete(packet.packetIdentifier);
        client.send(pubcomp(this.version, packet.packetIdentifier));
      } else if (packet.kind === 'publish') {
        const answer = packet.qos === 1 ? puback : pubrec;
        client.send(answer(this.version, packet.packetIdentifier));
      }
    }
  }

  bytesOf({ qos, packetIdentifier, payload }: Sent, dup: boolean): Buffer {
    return publish(this.version, { topicName: 'a', qos, packetIdentifier, payload, dup });
  }
}

function check({ acknowledged, delivered, outbox }: Pair): void {
  assert.equal(outbox.length, 0, 'everything is acknowledged in the end');
  const got = new Set(delivered);
  for (const payload of acknowledged) assert.ok(got.has(payload), `lost: ${payload}`);
  for (const qos of ['1', '2']) {
    const all = delivered.filter((payload) => payload.startsWith(`${qos}:`));
    const first = [...new Set(all)].map((payload) => Number(payload.slice(2)));
    assert.deepEqual(
      first,
      first.toSorted((a, b) => a - b),
      `order at QoS ${qos}`,
    );
    if (qos === '2') assert.equal(all.length, first.length, 'QoS 2 exactly once');
  }
}

for (const version of versions) {
  describe(`QoS 1 and 2 in version ${version}`, () => {
    it('lose nothing, keep their order, and QoS 2 comes once, whatever happens [MQTT5-4.3.2-1] [MQTT5-4.3.3-1] [MQTT3-4.3.2-1] [MQTT3-4.3.3-1] [MQTT5-4.4.0-1] [MQTT3-4.4.0-1] [MQTT5-4.6.0-1] [MQTT3-4.6.0-1] [MQTT5-4.6.0-5] [MQTT3-4.6.0-5]', () => {
      for (let seed = 1; seed <= 100; seed += 1) {
        const pair = new Pair(version, seed);
        for (let step = 0; step < 250; step += 1) pair.step();
        pair.finish();
        try {
          check(pair);
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  });
}
