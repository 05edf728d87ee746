/** A client of a broker where nothing else happens: no batch of others carries its answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, publish, pubrec, subscribe, unsubscribe } from '../fixtures/client-packets.js';
import { Core, type TestClient } from './core.js';

const persistent = {
  clientIdentifier: 'alone',
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
};

describe('a persistent session alone on its broker', () => {
  it('is told that there was no such subscription', () => {
    const client = new Core().connect(5, persistent);
    client.send(unsubscribe(5, 1, ['nothing']));
    assert.equal(client.take()?.kind, 'unsuback');
  });

  it('is told that a subscription is refused', () => {
    const core = new Core({ settings: { maxSubscriptionsPerClient: 1 } });
    const client = core.connect(5, persistent);
    client.send(subscribe(5, 1, [{ topicFilter: 'one' }]));
    assert.equal(client.take()?.kind, 'suback');
    client.send(subscribe(5, 2, [{ topicFilter: 'two' }]));
    assert.equal(client.take()?.kind, 'suback');
  });

  it('gets PUBREC again for a QoS 2 message that it sends again [MQTT5-4.3.3-10]', () => {
    const client = new Core().connect(5, persistent);
    const message = { topicName: 'x', qos: 2, packetIdentifier: 7 };
    client.send(publish(5, message));
    assert.equal(client.take()?.kind, 'pubrec');
    client.send(publish(5, { ...message, dup: true }));
    assert.equal(client.take()?.kind, 'pubrec');
  });

  it('gets PUBREL again when it comes back without having sent PUBCOMP [MQTT5-4.4.0-1]', () => {
    const core = new Core();
    const client = core.connect(5, persistent);
    client.send(subscribe(5, 1, [{ topicFilter: 'x', qos: 2 }]));
    assert.equal(client.take()?.kind, 'suback');
    client.send(publish(5, { topicName: 'x', qos: 2, packetIdentifier: 7 }));
    const [delivered] = client.takePublishes();
    client.takeAll();
    client.send(pubrec(5, delivered?.packetIdentifier ?? 0));
    assert.equal(client.take()?.kind, 'pubrel');
    client.drop();
    assert.equal(reconnected(core).take()?.kind, 'pubrel');
  });
});

function reconnected(core: Core): TestClient {
  const back = core.open(5);
  back.send(connect(5, persistent));
  const connack = back.take();
  assert.ok(connack?.kind === 'connack' && connack.sessionPresent);
  return back;
}
