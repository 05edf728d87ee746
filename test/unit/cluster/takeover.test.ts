import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteReader } from '../../../src/base/mod.js';
import {
  type Handover,
  handoverBytes,
  isExpired,
  rangesMax,
  readHandover,
  readSessionKey,
  readSessionValue,
  sessionKey,
  type SessionValue,
  sessionValueBytes,
} from '../../../src/cluster/takeover/mod.js';

const site = '0123456789abcdef0123456789abcdef';
const head = { mountpoint: 'm', clientIdentifier: 'sensor/ü', born: 1_900_000_000_000 * 1024 };

const entry = {
  topic: Buffer.from('t/x'),
  payload: Buffer.from('payload'),
  properties: Buffer.from([1, 1]),
  publishedQoS: 2,
  publishedRetain: true,
  publisher: 'pub',
  expiresInMs: 1500,
  qos: 1,
  retain: true,
  subscriptionIdentifiers: [1, 268_435_455],
  group: { group: 'g', filter: 't/#' },
  packetIdentifier: 65_535,
  isReleased: true,
} as const;

const handovers: readonly Handover[] = [
  {
    ...head,
    kind: 'state',
    expiryInterval: 0xffff_ffff,
    received: [1, 65_535],
    subscriptions: [
      {
        topicFilter: '$share/g/t/#',
        qos: 2,
        noLocal: false,
        retainAsPublished: true,
        retainHandling: 2,
        subscriptionIdentifier: 7,
      },
      {
        topicFilter: 't',
        qos: 0,
        noLocal: true,
        retainAsPublished: false,
        retainHandling: 0,
        subscriptionIdentifier: undefined,
      },
    ],
  },
  { ...head, kind: 'entry', entry },
  {
    ...head,
    kind: 'entry',
    entry: {
      ...entry,
      properties: undefined,
      expiresInMs: -1,
      subscriptionIdentifiers: undefined,
      group: undefined,
      packetIdentifier: 0,
      isReleased: false,
      payload: Buffer.alloc(0),
    },
  },
  { ...head, kind: 'end' },
  { ...head, kind: 'mark', isYours: false },
  { ...head, kind: 'mark', isYours: true },
];

describe('what is handed over with a session', () => {
  for (const handover of handovers) {
    it(`is read as it was written: ${handover.kind}`, () => {
      assert.deepEqual(readHandover(new ByteReader(handoverBytes(handover))), handover);
    });

    it(`is refused when it ends early: ${handover.kind}`, () => {
      const bytes = handoverBytes(handover);
      for (let length = 0; length < bytes.length; length += 1) {
        const read = readHandover(new ByteReader(bytes.subarray(0, length)));
        assert.equal(read, undefined, `${length} of ${bytes.length} bytes`);
      }
    });
  }

  it('is refused when it is of no known kind, or has a QoS that is none', () => {
    const bytes = Buffer.from(handoverBytes(handovers[1] as Handover));
    bytes[0] = 9;
    assert.equal(readHandover(new ByteReader(bytes)), undefined);
    bytes[0] = 2;
    const flags = 1 + 1 + 1 + 1 + Buffer.byteLength(head.clientIdentifier) + 8;
    bytes[flags] = (bytes[flags] as number) | 3;
    assert.equal(readHandover(new ByteReader(bytes)), undefined);
  });
});

describe('a session row', () => {
  const value: SessionValue = {
    born: head.born,
    expiryInterval: 60,
    disconnectedAt: 1_900_000_000_000,
    range: rangesMax - 1,
    movingFrom: site,
    isFetching: true,
  };

  it('is read as it was written', () => {
    assert.deepEqual(readSessionValue(sessionValueBytes(value)), value);
    const settled = { ...value, movingFrom: undefined, isFetching: false, disconnectedAt: 0 };
    assert.deepEqual(readSessionValue(sessionValueBytes(settled)), settled);
    assert.deepEqual(readSessionKey(sessionKey(head)), {
      mountpoint: head.mountpoint,
      clientIdentifier: head.clientIdentifier,
    });
  });

  it('is refused when it ends early or has another key', () => {
    const bytes = sessionValueBytes(value);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.equal(readSessionValue(bytes.subarray(0, length)), undefined);
    }
    assert.equal(readSessionKey('no separator'), undefined);
    assert.equal(readSessionKey('one\0two\0three'), undefined);
  });

  it('has expired when nobody was connected for its expiry interval', () => {
    const never = 0xffff_ffff;
    const end = value.disconnectedAt + 60_000;
    assert.equal(isExpired(value, never, end - 1), false);
    assert.equal(isExpired(value, never, end), true);
    assert.equal(isExpired({ ...value, disconnectedAt: 0 }, never, end), false);
    assert.equal(isExpired({ ...value, expiryInterval: never }, never, end), false);
  });
});
