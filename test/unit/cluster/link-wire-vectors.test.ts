/**
 * The committed bytes of test/fixtures/peer-frames: what they mean, and how they must be refused.
 * They change only with the version of the link protocol.
 *
 * In the files bytes are hexadecimal; in values they are `hex:00ff`, and maps are lists of pairs.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeMark, encodeMark } from '../../../src/cluster/exchange/applied.js';
import { readHeartbeat, writeHeartbeat } from '../../../src/cluster/link/heartbeat.js';
import {
  readChallenge,
  readHello,
  readStatement,
  splitProof,
  writeChallenge,
  writeHello,
  writeStatement,
} from '../../../src/cluster/link/hello.js';
import {
  FrameReader,
  type FrameTable,
  FrameType,
  Handshake,
  handshakeFrames,
  LaneKind,
  laneFrames,
  type Objection,
  splitNumber,
  writeFrame,
} from '../../../src/cluster/link/mod.js';
import {
  noNumber,
  readConfirm,
  readFloors,
  writeConfirm,
  writeFloors,
  writeNumber,
} from '../../../src/cluster/link/numbering.js';
import { readRefused, writeRefused } from '../../../src/cluster/link/refusal.js';
import { crypto, linkId, node, nodeB, start } from './link-rig.js';

type TypeName = keyof typeof FrameType;

interface Vector {
  title: string;
  type: TypeName;
  bytes: string;
  /** Undefined in a malformed one. */
  value?: unknown;
  /** Set when only decoding is tested: the bytes are not what we would write. */
  decodeOnly?: boolean;
}

interface BrokenFrame {
  title: string;
  /** Where it comes: in the handshake, or on a lane. */
  at: 'handshake' | 'control' | 'data';
  bytes: string;
  error: string;
}

/** Tests run in the root of the repository. */
function read(file: string): unknown {
  const path = join(process.cwd(), 'test', 'fixtures', 'peer-frames', file);
  return JSON.parse(readFileSync(path, 'utf8'));
}

const tables: Record<BrokenFrame['at'], FrameTable> = {
  handshake: handshakeFrames,
  control: laneFrames[LaneKind.Control],
  data: laneFrames[LaneKind.Data],
};

/** Bytes as text, for comparing. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex:${Buffer.from(value).toString('hex')}`;
  if (value instanceof Map) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]));
}

/** The inverse. */
function withBytes(value: unknown): unknown {
  if (typeof value === 'string' && value.startsWith('hex:')) {
    return Buffer.from(value.slice(4), 'hex');
  }
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, withBytes(each)]);
  return Object.fromEntries(entries) as unknown;
}

interface Codec {
  read(body: Uint8Array): unknown;
  // Whatever the file says has the shape that this type of frame has.
  // eslint-disable-next-line typescript/no-explicit-any
  write(value: any): Uint8Array[];
}

const numbered: Codec = {
  read(bytes) {
    const split = splitNumber(bytes);
    return split && { number: split.number, body: bytes.subarray(split.end) };
  },
  write: ({ number, body }) => [number === undefined ? noNumber : writeNumber(number), body],
};

const proof: Codec = {
  read(body) {
    const split = splitProof(body);
    if (split === undefined) return undefined;
    const statement = readStatement(split.statement, split.statement.length > 1);
    return statement === undefined ? undefined : { mac: split.mac, ...statement };
  },
  write: ({ mac, highestBoot, acceptor }) => [mac, writeStatement({ highestBoot, acceptor })],
};

const mark: Codec = { read: decodeMark, write: (value) => [encodeMark(value)] };

const opaque: Codec = { read: (body) => body, write: (body) => [body] };

const codecs: Record<TypeName, Codec> = {
  Hello: { read: readHello, write: (hello) => [writeHello(hello)] },
  Challenge: { read: readChallenge, write: (challenge) => [writeChallenge(challenge)] },
  Proof: proof,
  Welcome: opaque,
  Refused: { read: readRefused, write: (refusal: Objection) => [writeRefused(refusal)] },
  Heartbeat: { read: readHeartbeat, write: (heartbeat) => [writeHeartbeat(heartbeat)] },
  Rows: opaque,
  Vector: opaque,
  AskRows: opaque,
  Request: opaque,
  Response: opaque,
  AskApplied: mark,
  Applied: mark,
  Publish: numbered,
  Confirm: { read: readConfirm, write: (confirm) => [writeConfirm(confirm)] },
  Remnant: numbered,
  Mark: opaque,
  BulkRows: opaque,
  Floor: { read: readFloors, write: (floors) => [writeFloors(new Map(floors))] },
};

function frameOf(bytes: Buffer): { type: number; body: Uint8Array } {
  const all = Object.values(tables).flatMap((table) => [...table.caps]);
  const found: { type: number; body: Uint8Array }[] = [];
  const sink = {
    onFrame(type: number, body: Uint8Array): boolean {
      found.push({ type, body: Buffer.from(body) });
      return true;
    },
  };
  const reader = new FrameReader({ caps: new Map(all), skipsOptional: true });
  assert.equal(reader.read(bytes, sink, start), undefined);
  assert.equal(found.length, 1);
  return found[0]!;
}

/** Decoders of the handshake throw within the room; the machine answers for them. */
function decode(type: TypeName, body: Uint8Array): unknown {
  try {
    return codecs[type].read(body);
  } catch (error) {
    assert.equal((error as Error).name, 'TruncatedRecord');
    return undefined;
  }
}

describe('frames between members', () => {
  for (const file of ['handshake.json', 'lanes.json', 'numbers.json']) {
    for (const vector of read(file) as Vector[]) {
      const verb = vector.value === undefined ? 'refuse' : 'carry';
      it(`${verb} ${vector.title}`, () => {
        const bytes = Buffer.from(vector.bytes, 'hex');
        const { type, body } = frameOf(bytes);
        assert.equal(type, FrameType[vector.type]);
        assert.deepEqual(plain(decode(vector.type, body)), vector.value);
        if (vector.value === undefined || vector.decodeOnly === true) return;
        const parts = codecs[vector.type].write(withBytes(vector.value));
        const written = Buffer.from(writeFrame(FrameType[vector.type], ...parts));
        assert.equal(written.toString('hex'), vector.bytes);
      });
    }
  }

  for (const vector of read('broken-frames.json') as BrokenFrame[]) {
    it(`end the connection (${vector.at}) with ${vector.title}`, () => {
      const reader = new FrameReader(tables[vector.at]);
      const error = reader.read(Buffer.from(vector.bytes, 'hex'), { onFrame: () => true }, start);
      assert.equal(error?.code, vector.error);
    });
  }
});

describe('a recorded handshake', () => {
  interface Recorded {
    dialler: string[];
    acceptor: string[];
  }

  /** Nonces that count, so that the bytes are always the same. */
  function record(): Recorded {
    const sent: Recorded = { dialler: [], acceptor: [] };
    const random = (count: number) => Buffer.alloc(count, 0x5a);
    const judge = { highestBootOf: () => undefined, admit: () => undefined };
    const queue: (() => void)[] = [];
    let ready = 0;
    const end = (who: keyof Recorded, other: () => Handshake): Handshake => {
      const out = {
        send(frame: Uint8Array) {
          sent[who].push(Buffer.from(frame).toString('hex'));
          const { type, body } = frameOf(Buffer.from(frame));
          queue.push(() => void other().onFrame(type, body, start));
        },
        ready: () => void (ready += 1),
        refused: () => assert.fail('refused'),
      };
      const local = who === 'dialler' ? node() : nodeB();
      return new Handshake(local, { ...crypto, random }, judge, undefined, out, start);
    };
    const dialler: Handshake = end('dialler', () => acceptor);
    const acceptor: Handshake = end('acceptor', () => dialler);
    dialler.dial({ lane: LaneKind.Data, linkId, site: undefined });
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) next();
    assert.equal(ready, 2);
    return sent;
  }

  it('is the same bytes in every build', () => {
    assert.deepEqual(record(), read('recorded-handshake.json'));
  });
});
