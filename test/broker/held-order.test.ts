import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connect, publish, subscribe } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import { HeldStore } from './held-store.js';

const persistent = {
  clientIdentifier: 'sub',
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
};

it('a message that was sent stays before one that is still held, over a crash and without one [MQTT5-4.6.0-1]', () => {
  const store = new HeldStore();
  const core = new Core({ store });
  const first = core.connect(5, persistent);
  first.send(subscribe(5, 1, [{ topicFilter: 'x', qos: 2 }]));
  assert.equal(first.take()?.kind, 'suback');
  const publisher = core.connect(5);
  store.isHeld = true;
  for (const packetIdentifier of [1, 2]) {
    const payload = String(packetIdentifier);
    publisher.send(publish(5, { topicName: 'x', qos: 2, packetIdentifier, payload }));
  }
  store.finish();
  core.turn();
  assert.deepEqual(payloads(first), ['1'], 'the second waits for the batch after it');
  store.finish();
  const crashed = new Core({ store: store.crashed() });
  first.drop();
  store.isHeld = false;
  store.finish();
  core.turn();
  for (const each of [core, crashed]) {
    const again = each.open(5);
    again.send(connect(5, persistent));
    assert.equal(again.take()?.kind, 'connack');
    assert.deepEqual(payloads(again), ['1', '2']);
  }
});

function payloads(client: ReturnType<Core['open']>): string[] {
  return client.takePublishes().map(({ payload }) => payload.toString());
}
