/** What clients meet while a member of the cluster is missing and the policy says no. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthBackend } from '../../src/auth/mod.js';
import { ReasonCode } from '../../src/packet/mod.js';
import type { Gates } from '../../src/session/mod.js';
import { connect, publish, subscribe, unsubscribe } from '../fixtures/client-packets.js';
import { Core, type CoreOptions } from './core.js';

const sentence = 'member B@10.0.0.2 unreachable since 2026-11-23T10:00:00Z';

/** Gates that a test opens and closes. */
class TestGates implements Gates {
  isOpen = false;
  readonly refused: string[] = [];

  refusal(_operation: string, override: boolean | undefined): string | undefined {
    return this.isOpen || override === true ? undefined : sentence;
  }

  noteRefused(operation: string, client: { clientIdentifier: string }): void {
    this.refused.push(`${operation} ${client.clientIdentifier}`);
  }
}

function split(options: CoreOptions = {}): { core: Core; gates: TestGates } {
  const core = new Core(options);
  const gates = new TestGates();
  gates.isOpen = true;
  core.broker.gates = gates;
  return { core, gates };
}

describe('a closed gate', () => {
  it('refuses CONNECT with 0x88 and the missing member named, 3.x with 3', () => {
    const { core, gates } = split();
    gates.isOpen = false;
    for (const [version, code] of [
      [5, ReasonCode.ServerUnavailable],
      [4, 3],
      [3, 3],
    ] as const) {
      const client = core.open(version);
      client.send(connect(version, { clientIdentifier: 'c' }));
      const connack = client.take();
      assert.ok(connack?.kind === 'connack');
      assert.equal(connack.reasonCode, code);
      if (version === 5) assert.equal(connack.properties.reasonString, `not_ready: ${sentence}`);
      assert.equal(client.closed, 'flush');
    }
    assert.deepEqual(gates.refused, ['connect c', 'connect c', 'connect c']);
    const line = `can't register client {, c} due to reason not_ready: ${sentence}`;
    assert.ok(core.log.includes(line));
  });

  it('does not tell a stranger who is missing: authentication comes first', () => {
    const backend: AuthBackend = {
      name: 'no',
      onRegister: () => ({ verdict: 'deny', reasonCode: 0x86, reason: 'no' }),
    };
    const { core, gates } = split({ backends: [backend], settings: { allowAnonymous: false } });
    gates.isOpen = false;
    const client = core.open(5);
    client.send(connect(5, { clientIdentifier: 'c', userName: 'x' }));
    const connack = client.take();
    assert.ok(connack?.kind === 'connack');
    assert.equal(connack.reasonCode, 0x86);
    assert.deepEqual(gates.refused, []);
  });

  it('refuses PUBLISH with 0x83 at QoS 1 and 2, and drops QoS 0', () => {
    const { core, gates } = split();
    const sub = core.connect(5, { clientIdentifier: 'sub' });
    sub.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 2 }]));
    sub.takeAll();
    const client = core.connect(5, { clientIdentifier: 'pub' });
    gates.isOpen = false;
    for (const qos of [0, 1, 2] as const) {
      client.send(publish(5, { topicName: 'a', qos, packetIdentifier: qos + 1 }));
    }
    const [puback, pubrec, ...more] = client.takeAll();
    assert.ok(puback?.kind === 'puback' && pubrec?.kind === 'pubrec');
    for (const packet of [puback, pubrec]) {
      assert.equal(packet.reasonCode, ReasonCode.ImplementationSpecificError);
      assert.equal(packet.properties.reasonString, sentence);
    }
    assert.deepEqual(more, []);
    assert.deepEqual(sub.takeAll(), []);
    assert.equal(gates.refused.length, 3);
    gates.isOpen = true;
    client.send(publish(5, { topicName: 'a', qos: 1, packetIdentifier: 2 }));
    assert.ok(client.takeAll().every((one) => one.kind === 'puback' && one.reasonCode === 0));
  });

  it('leaves a 3.x PUBLISH and all later ones unanswered, and closes', () => {
    const { core, gates } = split({ settings: { refusedCloseAfterMs: 5000 } });
    const client = core.connect(4, { clientIdentifier: 'pub' });
    gates.isOpen = false;
    client.send(publish(4, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    core.advance(4000);
    client.send(publish(4, { topicName: 'a', qos: 2, packetIdentifier: 2 }));
    assert.deepEqual(client.takeAll(), []);
    assert.equal(client.closed, undefined);
    core.advance(2000);
    assert.equal(client.closed, 'flush');
  });

  it('closes a refused 3.x publisher as soon as it opens, so that it resends in order', () => {
    const { core, gates } = split({ settings: { refusedCloseAfterMs: 60_000 } });
    const client = core.connect(4, { clientIdentifier: 'pub' });
    gates.isOpen = false;
    client.send(publish(4, { topicName: 'a', qos: 1, packetIdentifier: 1 }));
    core.advance(3000);
    assert.equal(client.closed, undefined);
    gates.isOpen = true;
    core.advance(1500);
    assert.equal(client.closed, 'flush');
  });

  it('refuses SUBSCRIBE with 0x83, in 3.1.1 with 0x80, in 3.1 by closing', () => {
    const { core, gates } = split();
    const filters = [
      { topicFilter: 'a', qos: 1 },
      { topicFilter: 'b', qos: 0 },
    ];
    for (const [version, code] of [
      [5, 0x83],
      [4, 0x80],
    ] as const) {
      gates.isOpen = true;
      const client = core.connect(version, { clientIdentifier: `s${version}` });
      gates.isOpen = false;
      client.send(subscribe(version, 1, filters));
      const suback = client.take();
      assert.ok(suback?.kind === 'suback');
      assert.deepEqual(suback.reasonCodes, [code, code]);
    }
    gates.isOpen = true;
    const old = core.connect(3, { clientIdentifier: 's3' });
    gates.isOpen = false;
    old.send(subscribe(3, 1, filters));
    assert.deepEqual(old.takeAll(), []);
    assert.notEqual(old.closed, undefined);
    assert.equal(core.broker.subscriptionCount, 0);
  });

  it('refuses UNSUBSCRIBE with 0x83, in 3.x without an answer and by closing', () => {
    const { core, gates } = split({ settings: { refusedCloseAfterMs: 5000 } });
    for (const version of [5, 4] as const) {
      gates.isOpen = true;
      const client = core.connect(version, { clientIdentifier: `u${version}` });
      client.send(subscribe(version, 1, [{ topicFilter: 'a', qos: 0 }]));
      client.takeAll();
      gates.isOpen = false;
      client.send(unsubscribe(version, 2, ['a']));
      const [unsuback] = client.takeAll();
      assert.equal(core.broker.subscriptionCount, 1);
      if (version === 5) {
        assert.ok(unsuback?.kind === 'unsuback');
        assert.deepEqual(unsuback.reasonCodes, [0x83]);
        client.drop();
        continue;
      }
      assert.equal(unsuback, undefined);
      core.advance(6000);
      assert.equal(client.closed, 'flush');
    }
  });

  it('lets those through whom a back end exempts', () => {
    const backend: AuthBackend = {
      name: 'exempt',
      onRegister: () => ({
        verdict: 'allow',
        modifiers: { allowRegister: true, allowPublish: true, allowSubscribe: true },
      }),
    };
    const { core, gates } = split({ backends: [backend], settings: { allowAnonymous: false } });
    gates.isOpen = false;
    const client = core.connect(5, { clientIdentifier: 'c', userName: 'x' });
    client.send(subscribe(5, 1, [{ topicFilter: 'a', qos: 0 }]));
    const suback = client.take();
    assert.ok(suback?.kind === 'suback');
    assert.deepEqual(suback.reasonCodes, [0]);
    client.send(unsubscribe(5, 2, ['a']));
    const unsuback = client.take();
    assert.ok(unsuback?.kind === 'unsuback');
    assert.deepEqual(unsuback.reasonCodes, [0x83]);
  });
});
