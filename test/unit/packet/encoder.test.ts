import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import {
  PacketWriter,
  type Properties,
  type ProtocolVersion,
  type PublishOptions,
  type PublishParts,
  publishSize,
  type QoS,
  ReasonCode,
  type UserProperty,
  writeAuth,
  writeConnack,
  writeDisconnect,
  writePingresp,
  writePuback,
  writePubcomp,
  writePublish,
  writePubrec,
  writePubrel,
  writeSuback,
  writeUnsuback,
} from '../../../src/packet/mod.js';
import { type ServerVector, serverVectors, withBytes } from '../../fixtures/packet-vectors.js';
import { decodeServerPackets, type ServerPacket } from '../../fixtures/server-packets.js';

const acknowledgements = {
  puback: writePuback,
  pubrec: writePubrec,
  pubrel: writePubrel,
  pubcomp: writePubcomp,
};

function partsOf(value: {
  topic: string;
  payload: Uint8Array;
  properties?: Uint8Array;
}): PublishParts {
  const { payload, properties } = value;
  return { topic: Buffer.from(value.topic, 'utf8'), payload, properties };
}

function write(w: PacketWriter, vector: ServerVector): void {
  const { version } = vector;
  const args = vector.arguments.map(withBytes);
  const properties = args[2] as Properties | undefined;
  switch (vector.call) {
    case 'connack':
      writeConnack(w, version, args[0] as boolean, args[1] as number, properties);
      return;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp': {
      const [identifier, code, reason, user] = args as [number, number, string?, UserProperty[]?];
      return acknowledgements[vector.call](w, version, identifier, code, reason ?? undefined, user);
    }
    case 'suback':
      writeSuback(w, version, args[0] as number, args[1] as number[], properties);
      return;
    case 'unsuback':
      writeUnsuback(w, version, args[0] as number, args[1] as number[], properties);
      return;
    case 'pingresp':
      return writePingresp(w);
    case 'disconnect':
      writeDisconnect(w, args[0] as number, args[1] as Properties | undefined);
      return;
    case 'auth':
      writeAuth(w, args[0] as number, args[1] as Properties | undefined);
      return;
    case 'publish': {
      const parts = partsOf(args[0] as { topic: string; payload: Uint8Array });
      const [, flags, identifier, options] = args as [unknown, number, number, PublishOptions?];
      const size = publishSize(version, parts, ((flags >> 1) & 3) as QoS, options);
      assert.equal(size, vector.bytes.length / 2, 'publishSize');
      return writePublish(w, version, parts, flags, identifier, options);
    }
    default:
      throw new Error(`no such call: ${vector.call}`);
  }
}

for (const vector of serverVectors()) {
  test(`writes: ${vector.title}`, () => {
    const w = new PacketWriter();
    write(w, vector);
    assert.equal(w.take().toString('hex'), vector.bytes);
  });
}

test('packets follow each other in one writer', () => {
  const vectors = serverVectors();
  const w = new PacketWriter();
  for (const vector of vectors) write(w, vector);
  assert.equal(w.take().toString('hex'), vectors.map((vector) => vector.bytes).join(''));
});

/** Every packet with a Reason String of 20 and a User Property of 11 bytes, by maximum size. */
const droppable: Record<string, (w: PacketWriter, maximumPacketSize: number) => void> = {
  connack: (w, max) => writeConnack(w, 5, false, ReasonCode.NotAuthorized, problem(), max),
  puback: (w, max) => writePuback(w, 5, 1, 0x87, problem().reasonString, user, max),
  pubrec: (w, max) => writePubrec(w, 5, 1, 0x87, problem().reasonString, user, max),
  pubrel: (w, max) => writePubrel(w, 5, 1, 0x92, problem().reasonString, user, max),
  pubcomp: (w, max) => writePubcomp(w, 5, 1, 0x92, problem().reasonString, user, max),
  suback: (w, max) => writeSuback(w, 5, 1, [0x87, 1], problem(), max),
  unsuback: (w, max) => writeUnsuback(w, 5, 1, [0x87], problem(), max),
  disconnect: (w, max) => writeDisconnect(w, 0x98, problem(), max),
  auth: (w, max) => writeAuth(w, 0x18, { ...problem(), authenticationMethod: 'M' }, max),
};
const user: UserProperty[] = [['name', 'ab']];

function problem(): Properties {
  return { reasonString: 'seventeen letters', userProperties: user };
}

const statements: Record<string, string> = {
  connack: '[MQTT5-3.2.2-19] [MQTT5-3.2.2-20]',
  puback: '[MQTT5-3.4.2-2] [MQTT5-3.4.2-3]',
  pubrec: '[MQTT5-3.5.2-2] [MQTT5-3.5.2-3]',
  pubrel: '[MQTT5-3.6.2-2] [MQTT5-3.6.2-3]',
  pubcomp: '[MQTT5-3.7.2-2] [MQTT5-3.7.2-3]',
  suback: '[MQTT5-3.9.2-1] [MQTT5-3.9.2-2]',
  unsuback: '[MQTT5-3.11.2-1] [MQTT5-3.11.2-2]',
  disconnect: '[MQTT5-3.14.2-3] [MQTT5-3.14.2-4]',
  auth: '[MQTT5-3.15.2-2] [MQTT5-3.15.2-3]',
};

describe('a Maximum Packet Size', () => {
  for (const [name, writePacket] of Object.entries(droppable)) {
    const bytes = (maximumPacketSize: number): Buffer => {
      const w = new PacketWriter();
      writePacket(w, maximumPacketSize);
      return w.take();
    };
    const propertiesOf = (packet: Buffer): Properties => {
      const [decoded] = decodeServerPackets(5, packet).packets;
      return (decoded as ServerPacket & { properties: Properties }).properties;
    };
    test(`makes a ${name} drop User Properties, then its Reason String ${statements[name]}`, () => {
      const whole = bytes(Number.POSITIVE_INFINITY);
      assert.deepEqual(bytes(whole.length), whole);
      const withoutUser = bytes(whole.length - 1);
      assert.equal(withoutUser.length, whole.length - 11);
      assert.equal(propertiesOf(withoutUser).userProperties, undefined);
      assert.equal(propertiesOf(withoutUser).reasonString, problem().reasonString);
      assert.deepEqual(bytes(withoutUser.length), withoutUser);
      const bare = bytes(withoutUser.length - 1);
      assert.ok(bare.length <= withoutUser.length - 20);
      assert.equal(propertiesOf(bare).reasonString, undefined);
    });
  }
});

test('an acknowledgement of Success that drops its properties is four bytes long', () => {
  const w = new PacketWriter();
  writePuback(w, 5, 1, ReasonCode.Success, 'a reason', undefined, 10);
  assert.equal(w.take().toString('hex'), '40020001');
});

test('what a test client reads is what was written', () => {
  for (const version of [3, 4, 5] as ProtocolVersion[]) {
    for (const vector of serverVectors().filter((each) => each.version === version)) {
      const bytes = Buffer.from(vector.bytes, 'hex');
      const { packets, consumed } = decodeServerPackets(version, bytes);
      assert.equal(packets.length, 1);
      assert.equal(consumed, bytes.length);
      assert.equal(packets[0]?.kind, vector.call);
    }
  }
});
