import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ByteWriter, SeededRandom } from '../../../src/base/mod.js';
import {
  type DialPlan,
  FrameReader,
  FrameType,
  Handshake,
  handshakeFrames,
  handshakeTimeoutMs,
  helloMax,
  LaneKind,
  type LinkJudge,
  type LocalNode,
  type PeerFacts,
  type Refusal,
  RefusalCode,
  writeFrame,
} from '../../../src/cluster/link/mod.js';
import { crypto, linkId, node, nodeB, siteA, siteB, start } from './link-rig.js';

const welcoming: LinkJudge = { highestBootOf: () => undefined, admit: () => undefined };

interface Side {
  local: LocalNode;
  judge?: Partial<LinkJudge>;
  exporter?: Uint8Array;
  plan?: Partial<DialPlan>;
}

/** One end: a handshake, the reader before it, what it sent and how it ended. */
class End {
  readonly sent: Uint8Array[] = [];
  readonly reader: FrameReader = new FrameReader(handshakeFrames);
  readonly handshake: Handshake;
  peer: PeerFacts | undefined;
  refusal: Refusal | undefined;

  constructor({ local, judge, exporter }: Side) {
    const out = {
      send: (frame: Uint8Array) => void this.sent.push(frame),
      ready: (peer: PeerFacts) => void (this.peer = peer),
      refused: (refusal: Refusal) => void (this.refusal = refusal),
    };
    const whole = { ...welcoming, ...judge };
    this.handshake = new Handshake(local, crypto, whole, exporter, out, start);
  }

  receive(bytes: Uint8Array, now = start): void {
    if (this.handshake.isOver) return;
    const error = this.reader.read(bytes, this.handshake, now);
    if (error !== undefined) this.handshake.onFrameError(error, now);
  }

  dial(plan: Partial<DialPlan> = {}): void {
    this.handshake.dial({ lane: LaneKind.Control, linkId, site: undefined, ...plan });
  }
}

/** Lets two ends talk until both are silent. */
function talk(dialler: End, acceptor: End): void {
  const done = [0, 0];
  while (dialler.sent.length > done[0]! || acceptor.sent.length > done[1]!) {
    for (; done[0]! < dialler.sent.length; done[0]! += 1) acceptor.receive(dialler.sent[done[0]!]!);
    for (; done[1]! < acceptor.sent.length; done[1]! += 1)
      dialler.receive(acceptor.sent[done[1]!]!);
  }
}

function meet(dialling: Side, accepting: Side): [End, End] {
  const dialler = new End(dialling);
  const acceptor = new End(accepting);
  dialler.dial(dialling.plan);
  talk(dialler, acceptor);
  return [dialler, acceptor];
}

/** Both know the same reason, one says it, and no one let the other in. */
function assertRefused(
  ends: [End, End],
  code: number,
  by: 'dialler' | 'acceptor',
  text: RegExp,
): void {
  const [dialler, acceptor] = ends;
  assert.equal(dialler.peer, undefined);
  assert.equal(acceptor.peer, undefined);
  assert.equal(dialler.refusal?.code, code);
  assert.equal(acceptor.refusal?.code, code);
  assert.equal(dialler.refusal.sentence, acceptor.refusal.sentence);
  assert.match(dialler.refusal.sentence, text);
  assert.equal(dialler.refusal.by, by === 'dialler' ? 'this node' : 'peer');
  assert.equal(acceptor.refusal.by, by === 'acceptor' ? 'this node' : 'peer');
}

describe('a handshake', () => {
  it('ends with both knowing who the other is', () => {
    const [dialler, acceptor] = meet(
      { local: node(), plan: { lane: LaneKind.Data, site: siteB } },
      { local: nodeB() },
    );
    const common = { lane: LaneKind.Data, linkId, version: 1 };
    const { site, boot, nodeName, address } = nodeB();
    assert.deepEqual(dialler.peer, { site, boot, nodeName, address, ...common });
    const { boot: bootA, nodeName: nameA, address: addressA } = node();
    const introduced = { site: siteA, boot: bootA, nodeName: nameA, address: addressA };
    assert.deepEqual(acceptor.peer, { ...introduced, ...common });
  });

  it('takes two round trips, and the acceptor is ready last', () => {
    const [dialler, acceptor] = meet({ local: node() }, { local: nodeB() });
    assert.deepEqual(dialler.sent.map(typeOf), [
      FrameType.Hello,
      FrameType.Proof,
      FrameType.Welcome,
    ]);
    assert.deepEqual(acceptor.sent.map(typeOf), [
      FrameType.Challenge,
      FrameType.Proof,
      FrameType.Welcome,
    ]);
  });

  it('of a node that dials an address may be accepted by a lower site', () => {
    const plan = { lane: LaneKind.Introduction };
    const [dialler, acceptor] = meet({ local: nodeB(), plan }, { local: node() });
    assert.equal(acceptor.peer?.lane, LaneKind.Introduction);
    assert.equal(dialler.peer?.site, siteA);
  });

  it('covers the TLS session when there is one', () => {
    const exporter = Buffer.alloc(32, 5);
    const [dialler] = meet({ local: node(), exporter }, { local: nodeB(), exporter });
    assert.notEqual(dialler.peer, undefined);
    const other = meet(
      { local: node(), exporter },
      { local: nodeB(), exporter: Buffer.alloc(32, 6) },
    );
    assertRefused(other, RefusalCode.WrongCookie, 'acceptor', /cookie/);
  });
});

function typeOf(frame: Uint8Array): number {
  return frame[(frame[0]! & 0x80) === 0 ? 1 : 2]!;
}

function bodyOf(frame: Uint8Array): Uint8Array {
  return frame.subarray((frame[0]! & 0x80) === 0 ? 2 : 3);
}

/** What a dialler without TLS proves, as another implementation would compute it. */
function diallersMac(hello: Uint8Array, challenge: Uint8Array, statement: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.text('NautilusMQ link dialler');
  for (const part of [hello, challenge, Buffer.alloc(0), statement]) writer.blob(part);
  return crypto.hmac(node().cookie, writer.take());
}

describe('a handshake speaks the highest version that both know', () => {
  const version = (mine: [number, number], theirs: [number, number]): [End, End] =>
    meet(
      { local: node({ versions: { min: mine[0], max: mine[1] } }) },
      { local: nodeB({ versions: { min: theirs[0], max: theirs[1] } }) },
    );

  it('with an older and with a newer peer', () => {
    assert.equal(version([1, 3], [1, 1])[0].peer?.version, 1);
    assert.equal(version([1, 1], [1, 3])[1].peer?.version, 1);
    assert.equal(version([2, 4], [1, 3])[0].peer?.version, 3);
  });

  it('and is refused with both ranges when there is none', () => {
    const text = /speaks 1, the other 2 to 3: upgrade the older/;
    assertRefused(version([1, 1], [2, 3]), RefusalCode.VersionMismatch, 'acceptor', text);
    assertRefused(version([4, 5], [2, 3]), RefusalCode.VersionMismatch, 'acceptor', /4 to 5/);
  });

  it('and ignores what a newer peer adds to its frames, which the proof covers', () => {
    const own = new End({ local: node({ versions: { min: 1, max: 2 } }) });
    own.dial();
    const hello = Buffer.concat([bodyOf(own.sent[0]!), Buffer.from('more')]);
    const acceptor = new End({ local: nodeB() });
    acceptor.receive(writeFrame(FrameType.Hello, hello));
    const statement = Buffer.concat([Buffer.from([0]), Buffer.from('more')]);
    const mac = diallersMac(hello, bodyOf(acceptor.sent[0]!), statement);
    acceptor.receive(writeFrame(FrameType.Proof, mac, statement));
    acceptor.receive(writeFrame(FrameType.Welcome, Buffer.from('more')));
    assert.equal(acceptor.peer?.version, 1);
    const changed = new End({ local: nodeB() });
    changed.receive(writeFrame(FrameType.Hello, hello.subarray(0, -1)));
    changed.receive(writeFrame(FrameType.Proof, mac, statement));
    assert.equal(changed.refusal?.code, RefusalCode.WrongCookie);
  });

  it('and refuses a version that it did not offer', () => {
    const dialler = new End({ local: node({ versions: { min: 1, max: 2 } }) });
    const acceptor = new End({ local: nodeB({ versions: { min: 1, max: 2 } }) });
    dialler.dial();
    acceptor.receive(dialler.sent[0]!);
    const challenge = Buffer.from(acceptor.sent[0]!);
    challenge[2] = 3;
    dialler.receive(challenge);
    assert.equal(dialler.refusal?.code, RefusalCode.Malformed);
    assert.match(dialler.refusal?.sentence ?? '', /version 3 was chosen/);
  });
});

describe('a handshake is refused', () => {
  it('for another cookie, without telling the name of the node that was dialled', () => {
    const ends = meet({ local: node({ cookie: Buffer.from('vmq') }) }, { local: nodeB() });
    assertRefused(ends, RefusalCode.WrongCookie, 'acceptor', /distributed_cookie/);
    assert.deepEqual(ends[1].refusal?.peer, {
      ...{ site: siteA, boot: node().boot, name: 'a@one.example', isProved: false },
    });
    const told = Buffer.concat(ends[1].sent).toString('latin1');
    assert.ok(!told.includes('two.example') && !told.includes('prod'));
  });

  it('when the acceptor cannot prove itself', () => {
    const dialler = new End({ local: node() });
    const acceptor = new End({ local: nodeB() });
    dialler.dial();
    acceptor.receive(dialler.sent[0]!);
    dialler.receive(acceptor.sent[0]!);
    acceptor.receive(dialler.sent[1]!);
    const proof = Buffer.from(acceptor.sent[1]!);
    proof[5] = proof[5]! ^ 1;
    dialler.receive(proof);
    assert.equal(dialler.refusal?.code, RefusalCode.WrongCookie);
    assert.equal(dialler.peer, undefined);
  });

  it('to whoever the composition does not admit, on either side, after the proofs', () => {
    const stranger = { code: RefusalCode.Stranger, sentence: 'not a member: cluster join first' };
    const left = { code: RefusalCode.LeftSite, sentence: 'the site left: use a new directory' };
    const seen: PeerFacts[] = [];
    const admit = (peer: PeerFacts) => {
      seen.push(peer);
      return stranger;
    };
    const first = meet({ local: node() }, { local: nodeB(), judge: { admit } });
    assertRefused(first, RefusalCode.Stranger, 'acceptor', /cluster join first/);
    assert.equal(seen[0]?.nodeName, 'a@one.example');
    const second = meet({ local: node(), judge: { admit: () => left } }, { local: nodeB() });
    assertRefused(second, RefusalCode.LeftSite, 'dialler', /new directory/);
    assert.equal(second[0].refusal?.peer?.isProved, true);
  });

  it('by a node that finds itself', () => {
    const ends = meet({ local: node() }, { local: node() });
    assertRefused(ends, RefusalCode.SelfConnection, 'acceptor', /dialled itself/);
  });

  it('by a node that finds its own site in another process', () => {
    const copy = node({ boot: { counter: 4, nonce: '03'.repeat(8) } });
    const [dialler, acceptor] = meet({ local: node() }, { local: copy });
    assert.equal(dialler.refusal?.code, RefusalCode.Clone);
    assert.equal(acceptor.refusal?.code, RefusalCode.Clone);
    assert.match(acceptor.refusal?.sentence ?? '', /data directory was copied/);
  });

  it('to one boot of a site with another nonce', () => {
    const judge = { highestBootOf: () => ({ counter: 3, nonce: 'ff'.repeat(8) }) };
    const ends = meet({ local: node() }, { local: nodeB(), judge });
    assertRefused(ends, RefusalCode.Clone, 'acceptor', /copied/);
    assert.equal(ends[0].refusal?.highestBoot, 3);
  });

  it('to a boot below one that was seen, which is told, so that the node can go on above', () => {
    const judge = { highestBootOf: () => ({ counter: 12, nonce: 'ff'.repeat(8) }) };
    const ends = meet({ local: node() }, { local: nodeB(), judge });
    assertRefused(ends, RefusalCode.StaleBoot, 'acceptor', /start number 3, but number 12/);
    assert.equal(ends[0].refusal?.highestBoot, 12);
    assert.equal(ends[1].refusal?.highestBoot, 0);
  });

  it('to each other by two restored nodes, and both learn how to go on', () => {
    const judge = { highestBootOf: () => ({ counter: 50, nonce: 'ff'.repeat(8) }) };
    const [dialler, acceptor] = meet({ local: node(), judge }, { local: nodeB(), judge });
    assert.equal(dialler.refusal?.highestBoot, 50);
    assert.equal(acceptor.refusal?.highestBoot, 50);
  });

  it('by another site at the address of a member', () => {
    const plan = { site: '0c'.repeat(16) };
    const ends = meet({ local: node(), plan }, { local: nodeB() });
    assertRefused(ends, RefusalCode.OtherSite, 'dialler', /at the address of member 0c0c/);
    assert.equal(ends[0].refusal?.peer?.name, 'b@two.example');
  });

  it('between two clusters', () => {
    const ends = meet({ local: node({ clusterName: 'test\n' }) }, { local: nodeB() });
    assertRefused(ends, RefusalCode.OtherCluster, 'acceptor', /cluster "test\?"/);
  });

  it('when only one of the two sees TLS', () => {
    const exporter = Buffer.alloc(32, 5);
    const ends = meet({ local: node() }, { local: nodeB(), exporter });
    assertRefused(ends, RefusalCode.TlsMismatch, 'acceptor', /listener\.vmqs/);
  });

  it('to a higher site that dials a lane of a link', () => {
    const ends = meet({ local: nodeB() }, { local: node() });
    assertRefused(ends, RefusalCode.Malformed, 'acceptor', /the lower site dials/);
  });

  it('after five seconds', () => {
    const dialler = new End({ local: node() });
    const acceptor = new End({ local: nodeB() });
    dialler.dial();
    dialler.handshake.tick(start + handshakeTimeoutMs - 1);
    assert.ok(!dialler.handshake.isOver);
    dialler.handshake.tick(start + handshakeTimeoutMs);
    acceptor.handshake.tick(start + handshakeTimeoutMs);
    assert.equal(dialler.refusal?.code, RefusalCode.Timeout);
    assert.equal(acceptor.refusal?.code, RefusalCode.Timeout);
    assert.equal(acceptor.refusal?.peer, undefined);
  });

  it('to what is no hello', () => {
    const samples: [string, Buffer, number][] = [
      ['a web browser', Buffer.from('GET / HTTP/1.1\r\n'), RefusalCode.Malformed],
      ['a VerneMQ node', Buffer.from('vmq-connect'), RefusalCode.Malformed],
      ['an MQTT client', Buffer.from('101000044d5154540402003c0000', 'hex'), RefusalCode.Malformed],
      ['a frame that is too long', Buffer.from('ffffffff0f01', 'hex'), RefusalCode.Oversized],
      ['a hello of other bytes', Buffer.from('0601414243444546', 'hex'), RefusalCode.Malformed],
      ['a hello that ends early', Buffer.from('06014e4d51000101', 'hex'), RefusalCode.Malformed],
      ['a heartbeat', Buffer.from('0108', 'hex'), RefusalCode.Malformed],
      ['a welcome', Buffer.from('0104', 'hex'), RefusalCode.Malformed],
    ];
    for (const [what, bytes, code] of samples) {
      const acceptor = new End({ local: nodeB() });
      acceptor.receive(bytes);
      assert.equal(acceptor.refusal?.code, code, what);
      assert.deepEqual(acceptor.sent.map(typeOf), [FrameType.Refused], what);
    }
  });

  it('with a sentence that cannot disturb a log', () => {
    const sentence = `one\nline\u001b[31m ${'x'.repeat(5000)}`;
    const admit = () => ({ code: RefusalCode.Stranger, sentence });
    const ends = meet({ local: node() }, { local: nodeB(), judge: { admit } });
    assertRefused(ends, RefusalCode.Stranger, 'acceptor', /^one\?line\?\[31m x{100,390}$/);
  });
});

describe('a recorded handshake', () => {
  const [dialler, acceptor] = meet({ local: node() }, { local: nodeB() });

  it('is refused when it is played to the acceptor again', () => {
    const again = new End({ local: nodeB() });
    for (const frame of dialler.sent) again.receive(frame);
    assert.equal(again.refusal?.code, RefusalCode.WrongCookie);
    assert.deepEqual(again.sent.map(typeOf), [FrameType.Challenge, FrameType.Refused]);
  });

  it('is refused when it is played to the dialler again', () => {
    const again = new End({ local: node() });
    again.dial();
    for (const frame of acceptor.sent) again.receive(frame);
    assert.equal(again.refusal?.code, RefusalCode.WrongCookie);
  });

  it('is refused when a proof is sent back to who made it', () => {
    const victim = new End({ local: node() });
    victim.dial();
    const other = new End({ local: nodeB() });
    other.receive(victim.sent[0]!);
    victim.receive(other.sent[0]!);
    victim.receive(victim.sent[1]!);
    assert.equal(victim.peer, undefined);
    assert.notEqual(victim.refusal, undefined);
  });
});

describe('broken handshakes', () => {
  /** Changes, cuts or repeats some of what passes. */
  function broken(frame: Uint8Array, random: SeededRandom): Uint8Array {
    const bytes = Buffer.from(frame);
    const kind = random.below(4);
    if (kind === 0) return bytes.subarray(0, random.below(bytes.length));
    if (kind === 1) return Buffer.concat([bytes, bytes]);
    bytes[random.below(bytes.length)] = random.below(256);
    return kind === 2 ? bytes : Buffer.concat([Buffer.from([random.below(256)]), bytes]);
  }

  it('never throw, never let anybody in who did not prove himself, and keep little', () => {
    for (let seed = 1; seed <= 600; seed += 1) {
      const random = new SeededRandom(seed);
      const cookie = Buffer.from('a guess at the other cookie');
      const dialler = new End({ local: node({ cookie }) });
      const acceptor = new End({ local: nodeB() });
      dialler.dial();
      let changed = false;
      for (let turn = 0; turn < 6; turn += 1) {
        for (const [from, to] of [
          [dialler, acceptor],
          [acceptor, dialler],
        ] as const) {
          for (const frame of from.sent.splice(0)) {
            changed = random.below(3) === 0;
            to.receive(changed ? broken(frame, random) : frame);
            assert.ok(to.reader.bufferedBytes <= 2 * helloMax, `seed ${seed}`);
          }
        }
      }
      dialler.handshake.tick(start + handshakeTimeoutMs);
      acceptor.handshake.tick(start + handshakeTimeoutMs);
      assert.equal(dialler.peer, undefined, `seed ${seed}`);
      assert.equal(acceptor.peer, undefined, `seed ${seed}`);
      assert.notEqual(dialler.refusal, undefined, `seed ${seed}`);
      assert.notEqual(acceptor.refusal, undefined, `seed ${seed}`);
    }
  });

  it('of random bytes never throw', () => {
    for (let seed = 1; seed <= 600; seed += 1) {
      const random = new SeededRandom(seed);
      const acceptor = new End({ local: nodeB() });
      const bytes = Buffer.alloc(2 + random.below(300));
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.below(256);
      if (random.below(2) === 0) bytes.set([bytes.length & 0x7f, random.below(6)]);
      acceptor.receive(bytes);
      assert.equal(acceptor.peer, undefined);
    }
  });
});
