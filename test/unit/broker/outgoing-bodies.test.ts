import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteReader } from '../../../src/base/mod.js';
import { OutgoingBodies } from '../../../src/broker/outgoing-bodies.js';
import { type FrameBody, joined } from '../../../src/cluster/link/mod.js';
import { readEnvelope } from '../../../src/cluster/routing/mod.js';
import { Decoder, PacketType, type ProtocolVersion } from '../../../src/packet/mod.js';
import { Publication } from '../../../src/queue/mod.js';
import { type PublishOptions, publish } from '../../fixtures/client-packets.js';

const now = 1_800_000_000_000;

function received(
  version: ProtocolVersion,
  options: PublishOptions,
  publisher = 'pub',
): Publication {
  const decoder = new Decoder(1 << 20);
  decoder.protocolVersion = version;
  const bytes = publish(version, options);
  decoder.feed(bytes, 0, bytes.length);
  assert.equal(decoder.next(), PacketType.Publish);
  const publication = new Publication();
  const { topicName } = options;
  publication.fromView(decoder.publish, version, topicName, Buffer.from(topicName), publisher, now);
  return publication;
}

function read(body: FrameBody): { envelope: ReturnType<typeof readEnvelope>; packet: string } {
  const reader = new ByteReader(joined(body));
  const envelope = readEnvelope(reader);
  return { envelope, packet: reader.rest().toString('hex') };
}

function hex(version: ProtocolVersion, options: PublishOptions): string {
  return publish(version, options).toString('hex');
}

describe('a message for other members', () => {
  const options = { topicName: 'a/b', payload: 'x' };

  it('goes as its publisher wrote it, without DUP and RETAIN', () => {
    for (const version of [3, 4, 5] as const) {
      for (const qos of [0, 1, 2]) {
        const numbered = { ...options, qos, ...(qos > 0 && { packetIdentifier: 7 }) };
        const flagged = { ...numbered, retain: true, dup: qos > 0 };
        const { envelope, packet } = read(
          new OutgoingBodies().plain(received(version, flagged), 'm', now),
        );
        assert.equal(packet, hex(version, numbered));
        assert.equal(envelope?.version, version === 5 ? 5 : 4);
        assert.ok(envelope.retain && envelope.mountpoint === 'm' && envelope.publisher === 'pub');
      }
    }
  });

  it('is written anew where an alias or an expiry is in it, or it was changed', () => {
    const properties = { topicAlias: 3, messageExpiryInterval: 60 };
    const publication = received(5, { ...options, qos: 1, packetIdentifier: 7, properties });
    const { envelope, packet } = read(new OutgoingBodies().plain(publication, '', now));
    assert.equal(envelope?.expiresInMs, 60_000);
    assert.equal(packet, hex(5, { ...options, qos: 1, packetIdentifier: 1 }));
    const changed = new Publication();
    changed.fromMessage(received(4, options).message());
    const own = read(new OutgoingBodies().plain(changed, '', now));
    assert.equal(own.envelope?.version, 5);
    assert.equal(own.packet, hex(5, options));
  });

  it('has its envelope in common with others of its publisher, and lies behind the last', () => {
    const bodies = new OutgoingBodies();
    const of = (publisher: string, version: ProtocolVersion = 4, mountpoint = ''): FrameBody =>
      bodies.plain(received(version, options, publisher), mountpoint, now);
    const [one, two, other, again] = [of('a'), of('a'), of('b'), of('a')];
    assert.equal(two.front, one.front);
    assert.equal(again.front, one.front);
    assert.notEqual(other.front, one.front);
    assert.deepEqual([two.start, other.start, again.start], [one.end, two.end, other.end]);
    assert.equal(again.bytes, one.bytes);
    assert.equal(read(of('a', 5)).envelope?.version, 5);
    assert.equal(read(of('a', 5, 'm')).envelope?.mountpoint, 'm');
    assert.equal(read(of('a', 4)).envelope?.version, 4);
    assert.equal(read(one).packet, hex(4, options), 'what was written stays');
  });

  it('for a group, or not for all, says so, also when it is larger than a block', () => {
    const bodies = new OutgoingBodies();
    const large = { ...options, payload: 'x'.repeat(100_000) };
    const publication = received(4, large);
    const forGroup = read(bodies.forGroup(publication, '', { group: 'g', filter: 'a/+' }, now));
    assert.deepEqual([forGroup.envelope?.group, forGroup.envelope?.filter], ['g', 'a/+']);
    assert.equal(forGroup.packet, hex(4, large));
    const others = read(bodies.except(publication, '', ['c', 'd'], now));
    assert.deepEqual(others.envelope?.except, ['c', 'd']);
    assert.equal(others.packet, hex(4, large));
  });
});
