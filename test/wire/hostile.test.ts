/** Any byte sequence on a listener: answered or closed as specified, others not affected. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SeededRandom } from '../../src/base/mod.js';
import { type ProtocolVersion, ReasonCode } from '../../src/packet/mod.js';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';
import { Witness } from '../fixtures/witness.js';

const connectTimeoutMs = 1000;
const seed = Number(process.env.NAUTILUS_SEED ?? randomInt(2 ** 32));
const data = temporaryDirectory();
let broker: BrokerProcess;
let witness: Witness;

before(async () => {
  const settings = { mqtt_connect_timeout: connectTimeoutMs, topic_alias_max_client: 10 };
  broker = await BrokerProcess.start({ directory: data.path, settings });
  witness = await Witness.start(broker);
});

after(async () => {
  witness.end();
  const { code } = await broker.stop();
  data.remove();
  assert.equal(code, 0);
  assert.doesNotMatch(broker.output, /internal fault|uncaught|unhandled/);
});

/** Sends `bytes` in the given parts, ends, and waits until the connection is closed. */
async function throwAt(port: number, parts: readonly Uint8Array[]): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const part of parts) {
    if (socket.destroyed) break;
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await closed;
}

function conversation(version: ProtocolVersion, random: SeededRandom): Buffer[] {
  const clientIdentifier = `fuzz-${random.below(20)}`;
  const userProperties: (readonly [string, string])[] = [['a', 'b']];
  const will = { topicName: 'fuzz/will', payload: 'w', qos: random.below(3) };
  return [
    write.connect(version, { clientIdentifier, cleanStart: random.below(2) === 0, will }),
    write.subscribe(version, 1, [{ topicFilter: 'fuzz/#', qos: 2 }]),
    write.subscribe(version, 2, [{ topicFilter: '$share/g/fuzz/+/x', qos: 1 }]),
    ...[0, 1, 2].map((qos) =>
      write.publish(version, {
        topicName: `fuzz/${qos}`,
        payload: 'p'.repeat(random.below(300)),
        qos,
        packetIdentifier: qos + 10,
        retain: random.below(5) === 0,
        properties: { userProperties, topicAlias: random.below(12), messageExpiryInterval: 9 },
      }),
    ),
    write.pubrel(version, 12),
    write.puback(version, 1),
    write.pubrec(version, 2),
    write.pubcomp(version, 2),
    write.unsubscribe(version, 3, ['fuzz/#']),
    write.auth(0x18, { authenticationMethod: 'x' }),
    write.pingreq(),
    write.disconnect(version),
  ];
}

function mutated(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.below(bytes.length);
  const length = random.below(6) + 1;
  const [head, cut, tail] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  const noise = Buffer.from(Array.from({ length }, () => random.below(256)));
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([head, tail]);
    case 1:
      return Buffer.concat([head, noise, cut, tail]);
    case 2:
      return Buffer.concat([head, cut, cut, tail]);
    default:
      return Buffer.concat([head, noise.subarray(0, cut.length), tail]);
  }
}

function pieces(bytes: Buffer, random: SeededRandom): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(random.below(3) === 0 ? 3 : 400);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

describe(`any byte sequence (NAUTILUS_SEED=${seed})`, () => {
  it('random bytes, before and after a CONNECT, end in a closed connection', async () => {
    const random = new SeededRandom(seed);
    await witness.during(async () => {
      for (let round = 0; round < 20; round += 1) {
        const attacks = Array.from({ length: 15 }, (_, index) => {
          const length = 1 + random.below(2000);
          const noise = Buffer.from(Array.from({ length }, () => random.below(256)));
          const version = ([3, 4, 5] as const)[index % 3] ?? 4;
          const first = random.below(2) === 0 ? [write.connect(version)] : [];
          return throwAt(broker.port, [...first, ...pieces(noise, random)]);
        });
        await Promise.all(attacks);
      }
    });
  });

  it('conversations with a few wrong bytes end in a closed connection', async () => {
    const random = new SeededRandom(seed + 1);
    await witness.during(async () => {
      for (let round = 0; round < 40; round += 1) {
        const attacks = Array.from({ length: 15 }, (_, index) => {
          const version = ([3, 4, 5] as const)[index % 3] ?? 4;
          let bytes: Buffer = Buffer.concat(conversation(version, random));
          for (let count = 1 + random.below(4); count > 0; count -= 1) {
            bytes = mutated(bytes, random);
          }
          return throwAt(broker.port, pieces(bytes, random));
        });
        await Promise.all(attacks);
      }
    });
  });
});

interface Offence {
  readonly what: string;
  readonly bytes: (version: ProtocolVersion) => Buffer;
  /** Reason Codes of the DISCONNECT that are right for v5. */
  readonly codes: readonly number[];
}

const malformedOr = [ReasonCode.MalformedPacket, ReasonCode.ProtocolError];
const topic = (bytes: string): Buffer =>
  write.packet(0x30, Buffer.from([0, bytes.length / 2]), write.hex(bytes), Buffer.from([0]));

const offences: readonly Offence[] = [
  { what: 'invalid UTF-8 in a Topic Name', bytes: () => topic('61ff62'), codes: malformedOr },
  { what: 'an overlong encoding', bytes: () => topic('61c0af'), codes: malformedOr },
  { what: 'a surrogate', bytes: () => topic('eda080'), codes: malformedOr },
  { what: 'U+0000 in a Topic Name', bytes: () => topic('610062'), codes: malformedOr },
  {
    what: 'Packet Identifier 0 in PUBLISH',
    bytes: (v) => write.publish(v, { topicName: 'a', qos: 1, packetIdentifier: 0 }),
    codes: malformedOr,
  },
  {
    what: 'Packet Identifier 0 in SUBSCRIBE',
    bytes: (v) => write.subscribe(v, 0, [{ topicFilter: 'a' }]),
    codes: malformedOr,
  },
  { what: 'a second CONNECT', bytes: (v) => write.connect(v), codes: [ReasonCode.ProtocolError] },
  { what: 'a CONNACK', bytes: () => write.hex('20 03 00 00 00'), codes: malformedOr },
  { what: 'a SUBACK', bytes: () => write.hex('90 04 00 01 00 00'), codes: malformedOr },
  { what: 'a PINGRESP', bytes: () => write.hex('d0 00'), codes: malformedOr },
  { what: 'packet type 0', bytes: () => write.hex('00 00'), codes: malformedOr },
  { what: 'QoS 3', bytes: () => write.hex('36 05 00 01 61 00 01'), codes: malformedOr },
  { what: 'wrong flags of PUBREL', bytes: () => write.hex('60 02 00 01'), codes: malformedOr },
  {
    what: 'a length of five bytes',
    bytes: () => write.hex('30 ff ff ff ff 01'),
    codes: malformedOr,
  },
  {
    what: 'SUBSCRIBE without a filter',
    bytes: (v) => write.subscribe(v, 1, []),
    codes: malformedOr,
  },
  {
    what: 'a wildcard in a Topic Name',
    bytes: (v) => write.publish(v, { topicName: 'a/#' }),
    codes: [...malformedOr, ReasonCode.TopicNameInvalid],
  },
  {
    what: 'a filter that is not well-formed',
    bytes: (v) => write.subscribe(v, 1, [{ topicFilter: 'a#/b' }]),
    codes: [...malformedOr, ReasonCode.TopicFilterInvalid],
  },
  {
    what: 'a Topic Name of 10,000 levels',
    bytes: (v) => write.publish(v, { topicName: `${'a/'.repeat(9999)}a`, qos: 1 }),
    codes: [...malformedOr, ReasonCode.TopicNameInvalid],
  },
  {
    what: 'a Topic Filter of 10,000 levels',
    bytes: (v) => write.subscribe(v, 1, [{ topicFilter: `${'+/'.repeat(9999)}+` }]),
    codes: [...malformedOr, ReasonCode.TopicFilterInvalid],
  },
];

describe('what no client may send', () => {
  for (const { what, bytes, codes } of offences) {
    for (const version of [4, 5] as const) {
      it(`${what} ends the connection of a v${version} client`, async () => {
        const client = await MqttSocket.connect(broker.port, version);
        client.send(bytes(version));
        await client.closed();
        if (version === 4) {
          assert.deepEqual(client.received, []);
        } else {
          const [answer, ...more] = client.received;
          assert.ok(answer?.kind === 'disconnect', JSON.stringify(answer));
          assert.ok(codes.includes(answer.reasonCode), `${answer.reasonCode}`);
          assert.deepEqual(more, []);
        }
        await witness.talk();
      });
    }
  }

  it('a first packet other than CONNECT ends the connection without an answer', async () => {
    for (const bytes of [write.pingreq(), write.subscribe(5, 1, [{ topicFilter: 'a' }])]) {
      const client = await MqttSocket.open(broker.port);
      client.send(bytes);
      await client.closed();
      assert.deepEqual(client.received, []);
    }
  });

  it('a Topic Alias above the maximum, or of nothing, ends the connection', async () => {
    for (const topicAlias of [11, 65_535, 3]) {
      const client = await MqttSocket.connect(broker.port, 5);
      client.send(write.publish(5, { topicName: '', properties: { topicAlias } }));
      const { reasonCode } = await client.next('disconnect');
      assert.ok(
        reasonCode === ReasonCode.TopicAliasInvalid || reasonCode === ReasonCode.ProtocolError,
      );
      await client.closed();
    }
  });
});

describe('what is allowed but large', () => {
  it('a Topic Name of 65,535 bytes goes through', async () => {
    const topicName = 'x'.repeat(65_535);
    const client = await MqttSocket.connect(broker.port, 5);
    client.send(write.subscribe(5, 1, [{ topicFilter: topicName, qos: 0 }]));
    assert.deepEqual((await client.next('suback')).reasonCodes, [0]);
    client.send(write.publish(5, { topicName, payload: 'p' }));
    assert.equal((await client.next('publish')).topicName, topicName);
    client.drop();
  });

  it('20,000 user properties go through in order, and cost others nothing', async () => {
    const userProperties = Array.from(
      { length: 20_000 },
      (_, at) => [`k${at % 7}`, `v${at}`] as const,
    );
    // Nearly all the time goes into writing and reading them here; the broker takes 5 ms for each.
    const bytes = write.publish(5, { topicName: 'props', properties: { userProperties } });
    const client = await MqttSocket.connect(broker.port, 5);
    client.send(write.subscribe(5, 1, [{ topicFilter: 'props' }]));
    await client.next('suback');
    await witness.during(async () => {
      for (let count = 0; count < 20; count += 1) {
        client.send(bytes);
        const { properties } = await client.next('publish');
        assert.deepEqual(properties.userProperties, userProperties);
      }
    });
    client.drop();
  });
});

describe('clients that take their time', () => {
  it('CONNECT byte by byte is not waited for longer than mqtt_connect_timeout', async () => {
    const bytes = write.connect(5, { clientIdentifier: 'slow'.repeat(20) });
    const client = await MqttSocket.open(broker.port);
    const openedAt = performance.now();
    let at = 0;
    const trickle = setInterval(() => {
      client.socket.write(bytes.subarray(at, at + 1));
      at += 1;
    }, 100);
    await client.closed();
    clearInterval(trickle);
    const tookMs = performance.now() - openedAt;
    assert.ok(tookMs > connectTimeoutMs * 0.9 && tookMs < connectTimeoutMs + 4000, `${tookMs}`);
    assert.deepEqual(client.received, []);
  });

  it('a connection that says nothing is closed after mqtt_connect_timeout', async () => {
    const clients = await Promise.all(
      Array.from({ length: 50 }, () => MqttSocket.open(broker.port)),
    );
    await witness.during(async () => {
      await Promise.all(clients.map((client) => client.closed()));
    });
  });

  for (const [version, statement] of [
    [4, '[MQTT3-3.1.2-24]'],
    [5, '[MQTT5-3.1.2-22]'],
  ] as const) {
    it(`a v${version} client that is silent beyond its Keep Alive is let go ${statement}`, async () => {
      const client = await MqttSocket.connect(broker.port, version, { keepAlive: 1 });
      const since = performance.now();
      await client.closed();
      const tookMs = performance.now() - since;
      assert.ok(tookMs >= 1400 && tookMs < 6000, `${tookMs}`);
      if (version === 4) return;
      const { reasonCode } = await client.next('disconnect');
      assert.equal(reasonCode, ReasonCode.KeepAliveTimeout);
    });
  }
});
