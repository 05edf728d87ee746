/** Retained messages that have expired leave in steps, whatever happens between the steps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../src/base/mod.js';
import { sweepStepMax } from '../../src/broker/retained-sweep.js';
import { MemoryStore } from '../../src/store/mod.js';
import { Core, type TestClient } from './core.js';
import { kinds, message, next } from './talk.js';

const settings = { expireRetainCacheSeconds: 60 };

/** A retained message that expires after `seconds`; 0 never. An empty payload clears. */
function retained(topicName: string, seconds: number, payload = 'x', qos = 0): Buffer {
  const properties = seconds === 0 ? {} : { messageExpiryInterval: seconds };
  return message(5, topicName, qos, payload, { retain: true, properties });
}

function retain(client: TestClient, prefix: string, count: number, seconds: number): void {
  const packets: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    packets.push(retained(`${prefix}/${index}`, seconds));
  }
  client.send(...packets);
}

function ticks(core: Core, count: number): void {
  for (let done = 0; done < count; done += 1) core.advance(200);
}

/** A core whose first sweep, with nothing to do, is over. */
function started(more: Partial<Core['broker']['settings']> = {}): {
  core: Core;
  client: TestClient;
} {
  const core = new Core({ settings: { ...settings, ...more } });
  core.advance(1);
  return { core, client: core.connect(5, { clientIdentifier: 'c' }) };
}

describe('the sweep of retained messages that have expired', () => {
  // A mountpoint counts as one of the things that a step looks at.
  it('looks at a bounded number of topics per tick, and goes on with the next', () => {
    const { core, client } = started();
    retain(client, 'gone', 2 * sweepStepMax + 500, 1);
    retain(client, 'stays', 500, 0);
    core.clock.at += 60_000;
    const counts: number[] = [];
    for (let tick = 0; tick < 4; tick += 1) {
      ticks(core, 1);
      counts.push(core.broker.retainedCount);
    }
    assert.deepEqual(counts, [3001, 1001, 500, 500]);
    assert.equal(core.metrics.queueMessageExpired, 4500);
  });

  it('begins again only when its time has come', () => {
    const { core, client } = started();
    retain(client, 'a', 10, 1);
    core.advance(59_000);
    assert.equal(core.broker.retainedCount, 10);
    core.advance(2000);
    assert.equal(core.broker.retainedCount, 0);
  });

  it('ends although topics come faster than it goes', () => {
    const { core, client } = started();
    retain(client, 'old', sweepStepMax + 1, 1);
    core.clock.at += 60_000;
    for (let tick = 0; tick < 3; tick += 1) {
      ticks(core, 1);
      retain(client, `new/${tick}`, 2 * sweepStepMax, 1);
    }
    assert.equal(core.metrics.queueMessageExpired, sweepStepMax + 1);
    core.clock.at += 60_000;
    ticks(core, 7);
    assert.equal(core.broker.retainedCount, 0);
  });

  it('sees every topic, while others are set, replaced and cleared between its steps', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = new SeededRandom(seed);
      const { core, client } = started();
      const stays = new Set<string>();
      retain(client, 't', 3 * sweepStepMax, 1);
      core.clock.at += 60_000;
      for (let tick = 0; tick < 6; tick += 1) {
        ticks(core, 1);
        for (let change = 0; change < 300; change += 1) {
          const topic = `t/${random.below(4 * sweepStepMax)}`;
          const isCleared = random.below(2) === 0;
          client.send(retained(topic, 0, isCleared ? '' : 'new'));
          if (isCleared) stays.delete(topic);
          else stays.add(topic);
        }
      }
      assert.equal(core.broker.retainedCount, stays.size, `seed ${seed}`);
    }
  });

  it('goes through all mountpoints', () => {
    const { core } = started();
    for (let index = 0; index < 20; index += 1) {
      const payload = Buffer.from('x');
      const own = { topicName: 'own', payload, retain: true, mountpoint: `m${index}` };
      core.broker.publishOwn(own, core.clock.at);
    }
    const client = core.connect(5, { clientIdentifier: 'd' });
    retain(client, 'gone', 3, 1);
    core.clock.at += 60_000;
    ticks(core, 1);
    assert.equal(core.broker.retainedCount, 20);
  });

  it('removes them from the store', () => {
    const store = new MemoryStore();
    const core = new Core({ settings, store });
    const client = core.connect(5, { clientIdentifier: 'c' });
    core.advance(1);
    retain(client, 'gone', sweepStepMax + 10, 1);
    retain(client, 'stays', 5, 0);
    core.advance(62_000);
    const after = new Core({ settings, store });
    assert.equal(after.broker.retainedCount, 5);
    assert.equal(after.broker.retainedBytes, core.broker.retainedBytes);
  });
});

describe('where retain_max_messages is reached', () => {
  it('expired messages make room, a bounded number at one time', () => {
    const limits = { maxRetainedMessages: 2 * sweepStepMax, expireRetainCacheSeconds: 0 };
    const { core, client } = started(limits);
    retain(client, 'gone', 2 * sweepStepMax, 1);
    core.clock.at += 2000;
    client.send(retained('a', 0, 'x', 1));
    assert.equal(next(client, 'puback').reasonCode, 0x10);
    assert.equal(core.broker.retainedCount, sweepStepMax + 2);
    ticks(core, 2);
    assert.equal(core.broker.retainedCount, 1);
  });

  it('a flood of messages costs one step at one time', () => {
    const limits = { maxRetainedMessages: 3 * sweepStepMax, expireRetainCacheSeconds: 0 };
    const { core, client } = started(limits);
    retain(client, 'stays', 2 * sweepStepMax, 0);
    retain(client, 'gone', sweepStepMax, 1);
    core.clock.at += 2000;
    const codes = (): number[] =>
      client.takeAll().map((packet) => (packet.kind === 'puback' ? packet.reasonCode : -1));
    client.send(...['a', 'b', 'c', 'd'].map((topic) => retained(topic, 0, 'x', 1)));
    assert.deepEqual(codes(), [0x97, 0x97, 0x97, 0x97]);
    ticks(core, 3);
    client.send(retained('a', 0, 'x', 1));
    assert.deepEqual(codes(), [0x10]);
  });

  it('an expired message that is replaced is counted once', () => {
    const { core, client } = started({ maxRetainedBytes: 100, expireRetainCacheSeconds: 0 });
    client.send(retained('a', 1), retained('b', 1, 'x'.repeat(80)));
    core.clock.at += 2000;
    client.send(retained('a', 0, 'y'.repeat(60)));
    assert.deepEqual(kinds(client), []);
    assert.equal(core.broker.retainedCount, 1);
    client.send(retained('a', 0, ''));
    assert.equal(core.broker.retainedCount, 0);
    assert.equal(core.broker.retainedBytes, 0);
  });
});
