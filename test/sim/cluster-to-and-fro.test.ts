/** A client that goes from member to member faster than these tell each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestClient } from '../broker/core.js';
import { connect, publish, subscribe } from '../fixtures/client-packets.js';
import { names, payloads, persistent, type Rig, running } from './cluster-rig.js';

const rounds = 40;
/** Twice the disk and a few ways through the network, and far below any deadline. */
const soonMs = 60;

/** Connects, and goes on as soon as there is a CONNACK. */
function arrive(rig: Rig, name: string): { readonly client: TestClient; readonly tookMs: number } {
  const client = rig.open(name);
  const from = rig.scheduler.now;
  client.send(connect(5, { clientIdentifier: 'mover', ...persistent }));
  for (;;) {
    const connack = client.take();
    if (connack !== undefined) {
      assert.ok(connack.kind === 'connack' && connack.reasonCode === 0, rig.told());
      assert.ok(connack.sessionPresent, rig.told());
      return { client, tookMs: rig.scheduler.now - from };
    }
    assert.ok(rig.scheduler.now - from < 5000, rig.told());
    rig.run(1);
  }
}

describe('a persistent client that goes on as soon as it is answered', () => {
  it(`is answered at once each of ${rounds} times, to and fro and in a ring`, () => {
    for (const path of [names.slice(0, 2), names]) {
      const rig = running();
      const first = rig.client('a', 'mover', persistent);
      first.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
      rig.run(100);
      for (let round = 1; round <= rounds; round += 1) {
        const { tookMs } = arrive(rig, path[round % path.length] as string);
        assert.ok(tookMs <= soonMs, `round ${round}: ${tookMs} ms\n${rig.told()}`);
      }
    }
  });

  it('misses nothing that is published meanwhile', () => {
    const rig = running();
    const clients = [rig.client('a', 'mover', persistent)];
    clients[0]?.send(subscribe(5, 1, [{ topicFilter: 't', qos: 1 }]));
    rig.run(100);
    const publisher = rig.client('c', 'publisher');
    const all: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const payload = `${round}`;
      all.push(payload);
      publisher.send(publish(5, { topicName: 't', qos: 1, packetIdentifier: round, payload }));
      clients.push(arrive(rig, names[round % 2] as string).client);
    }
    rig.run(10_000);
    // None was acknowledged: each may have come several times.
    const got = new Set(clients.flatMap(payloads));
    assert.deepEqual([...got].sort(), all.sort(), rig.told());
  });
});
