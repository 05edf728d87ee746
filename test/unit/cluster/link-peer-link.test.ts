import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import type { Boot } from '../../../src/cluster/identity/mod.js';
import { writeHeartbeat } from '../../../src/cluster/link/heartbeat.js';
import {
  Acceptor,
  FrameType,
  handshakesMax,
  heartbeatIntervalMs,
  LaneKind,
  type LinkContext,
  type LinkJudge,
  type LinkLane,
  type LocalNode,
  type Objection,
  PeerLink,
  type PeerLinkOut,
  RefusalCode,
  writeFrame,
} from '../../../src/cluster/link/mod.js';
import { crypto, FakeConnection, FakeNetwork, node, nodeB, start } from './link-rig.js';

const { Control, Data } = LaneKind;
const nameOf = (lane: LinkLane): string => (lane === Control ? 'control' : 'data');

/** A node with one peer; writes down what happens. */
class Host implements PeerLinkOut {
  readonly events: string[] = [];
  readonly frames: string[] = [];
  readonly alives: LinkLane[] = [];
  link: PeerLink;
  readonly acceptor: Acceptor;
  objection: Objection | undefined;
  highest: Boot | undefined;
  readonly unsentMax = { [Control]: 1000, [Data]: 1000 };

  constructor(network: FakeNetwork, local: LocalNode, peer: LocalNode, asksLink = false) {
    const judge: LinkJudge = {
      highestBootOf: () => this.highest,
      admit: ({ boot }, now) =>
        this.objection ?? (asksLink ? this.link.objectionTo(boot, now) : undefined),
    };
    const context: LinkContext = { local, crypto, judge };
    const { site, address } = peer;
    const { unsentMax } = this;
    const random = new SeededRandom(1);
    const options = { site, address, transport: network, random, unsentMax };
    this.link = new PeerLink(options, context, this);
    this.acceptor = new Acceptor(context, {
      accepted: (lane, facts, now) => this.link.adopt(lane, facts, now),
      refused: (refusal, from) => this.events.push(`turned away ${refusal.code} ${from}`),
      gaveUp: (reason) => this.events.push(`gave up: ${reason}`),
    });
    network.listeners.set(local.address, (connection, now) => {
      const handler = this.acceptor.accept(connection, now);
      return handler;
    });
  }

  laneOpened(lane: LinkLane): void {
    this.events.push(`${nameOf(lane)} opened`);
  }
  laneClosed(lane: LinkLane, reason: string): void {
    this.events.push(`${nameOf(lane)} closed: ${reason}`);
  }
  ready(): void {
    this.events.push('ready');
  }
  lost(reason: string): void {
    this.events.push(`lost: ${reason}`);
  }
  alive(lane: LinkLane): void {
    this.alives.push(lane);
  }
  frame(lane: LinkLane, type: number, body: Uint8Array): void {
    this.frames.push(`${nameOf(lane)} ${type} ${Buffer.from(body).toString()}`);
  }
  drained(lane: LinkLane): void {
    this.events.push(`${nameOf(lane)} drained`);
  }
  heartbeatBody(): Uint8Array {
    return Buffer.from('views');
  }
  refused(refusal: { code: number; by: string }): void {
    this.events.push(`refused ${refusal.code} by ${refusal.by}`);
  }
  unreachable(reason: string): void {
    this.events.push(`unreachable: ${reason}`);
  }

  take(): string[] {
    return this.events.splice(0);
  }
}

class Pair {
  readonly network = new FakeNetwork();
  a: Host;
  b: Host;
  now = start;

  constructor(asksLink = false, a: LocalNode = node(), b: LocalNode = nodeB()) {
    this.a = new Host(this.network, a, b, asksLink);
    this.b = new Host(this.network, b, a, asksLink);
  }

  /** Lets `ms` pass in ticks of 50. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 50;
      for (const host of [this.a, this.b]) {
        host.link.tick(this.now);
        host.acceptor.tick(this.now);
      }
      this.network.settle(this.now);
    }
  }

  ready(): this {
    this.run(50);
    assert.ok(this.a.link.isReady && this.b.link.isReady);
    this.a.take();
    this.b.take();
    return this;
  }
}

describe('a link', () => {
  it('is dialled by the lower site only, both lanes with one link id', () => {
    const pair = new Pair();
    pair.run(2000);
    assert.deepEqual(pair.network.dialled, ['two.example:44053', 'two.example:44053']);
    const opened = ['control opened', 'data opened', 'ready'];
    assert.deepEqual(pair.a.take(), opened);
    assert.deepEqual(pair.b.take(), opened);
    assert.equal(pair.a.link.peer?.linkId, pair.b.link.peer?.linkId);
    assert.equal(pair.a.link.peer?.nodeName, 'b@two.example');
  });

  it('carries frames on each lane, in order, large ones too', () => {
    const pair = new Pair().ready();
    pair.b.frames.length = 0;
    assert.ok(pair.a.link.send(Control, FrameType.Request, Buffer.from('one'), Buffer.from('!')));
    assert.ok(pair.a.link.send(Control, FrameType.Request, Buffer.from('two')));
    const large = Buffer.alloc(20_000, 'x');
    assert.ok(pair.a.link.send(Data, FrameType.Publish, Buffer.from('front '), large));
    pair.network.settle(pair.now);
    assert.deepEqual(pair.b.frames, [
      `control ${FrameType.Request} one!`,
      `control ${FrameType.Request} two`,
      `data ${FrameType.Publish} front ${large.toString()}`,
    ]);
  });

  it('sends a heartbeat on both lanes every half second', () => {
    const pair = new Pair().ready();
    pair.b.frames.length = 0;
    pair.run(10 * heartbeatIntervalMs);
    const count = (lane: string) => pair.b.frames.filter((one) => one.startsWith(lane)).length;
    assert.equal(count('control'), 10);
    assert.equal(count('data'), 10);
    assert.equal(pair.b.frames[0], `control ${FrameType.Heartbeat} views`);
  });

  it('reports any bytes as life, on the lane on which they came', () => {
    const pair = new Pair().ready();
    pair.b.alives.length = 0;
    pair.a.link.send(Data, FrameType.Publish, Buffer.from('x'));
    pair.network.settle(pair.now);
    assert.deepEqual(pair.b.alives, [Data]);
  });

  it('measures the round trip of the network, without the time that a peer holds an echo', () => {
    const pair = new Pair().ready();
    for (let count = 0; count < 400; count += 1) {
      pair.now += 25;
      pair.a.link.tick(pair.now);
      pair.b.link.tick(pair.now);
      // Each way takes 15 ms.
      pair.network.settle(pair.now + 15);
    }
    const measured = pair.a.link.roundTripMs ?? 0;
    assert.ok(measured >= 28 && measured <= 32, String(measured));
  });

  it('knows how far the clock of the peer is off', () => {
    const pair = new Pair().ready();
    assert.equal(pair.b.link.clockOffsetMs, 0);
    const heartbeat = { sentAt: pair.now + 5000, echo: pair.now - 200, heldMs: 100 };
    const body = writeHeartbeat({ ...heartbeat, body: Buffer.alloc(0) });
    pair.network.open[0]!.send(writeFrame(FrameType.Heartbeat, body));
    pair.network.settle(pair.now);
    const offset = pair.b.link.clockOffsetMs ?? 0;
    assert.ok(offset >= 5000 && offset <= 5050, String(offset));
  });

  it('is not misled by an echo that cannot be', () => {
    const pair = new Pair().ready();
    const before = pair.b.link.roundTripMs;
    for (const echo of [0, pair.now + 100_000, Number.MAX_SAFE_INTEGER - 1]) {
      const heartbeat = { sentAt: pair.now, echo, heldMs: 0, body: Buffer.alloc(0) };
      pair.network.open[0]!.send(writeFrame(FrameType.Heartbeat, writeHeartbeat(heartbeat)));
    }
    pair.network.settle(pair.now);
    assert.equal(pair.b.link.roundTripMs, before);
  });

  it('takes no frame for a lane that is not open, or that holds too many bytes', () => {
    const pair = new Pair();
    assert.ok(pair.a.link.isCongested(Data));
    assert.ok(!pair.a.link.send(Data, FrameType.Publish));
    pair.ready();
    assert.ok(pair.a.link.send(Data, FrameType.Publish, Buffer.alloc(5000)));
    assert.ok(!pair.a.link.send(Data, FrameType.Publish, Buffer.alloc(1)));
    assert.ok(pair.a.link.send(Control, FrameType.Request, Buffer.alloc(1)), 'bulk delays nothing');
    assert.deepEqual(pair.a.take(), []);
    pair.network.settle(pair.now);
    pair.run(50);
    assert.deepEqual(pair.a.take(), ['data drained']);
  });
});

describe('a link that breaks', () => {
  it('loses one lane and gets it back under the same link id', () => {
    const pair = new Pair().ready();
    pair.run(6000);
    const id = pair.a.link.peer?.linkId;
    const data = pair.network.open[1]!;
    data.other?.break('reset', pair.now);
    data.break('reset', pair.now);
    const lost = ['data closed: reset', 'lost: reset'];
    assert.deepEqual(pair.a.take(), lost);
    assert.deepEqual(pair.b.take(), lost);
    pair.run(50);
    assert.deepEqual(pair.a.take(), ['data opened', 'ready']);
    assert.deepEqual(pair.b.take(), ['data opened', 'ready']);
    assert.equal(pair.a.link.peer?.linkId, id);
  });

  it('is replaced at once when the other side still believes in it', () => {
    const pair = new Pair().ready();
    pair.run(6000);
    const before = pair.b.link.peer?.linkId;
    for (const near of pair.network.open) near.break('reset', pair.now);
    pair.a.take();
    pair.run(50);
    assert.deepEqual(pair.b.take(), [
      'control closed: replaced by a newer link',
      'lost: replaced by a newer link',
      'data closed: replaced by a newer link',
      'control opened',
      'data opened',
      'ready',
    ]);
    assert.notEqual(pair.b.link.peer?.linkId, before);
    assert.deepEqual(pair.a.take(), ['control opened', 'data opened', 'ready']);
  });

  it('is dialled with growing pauses, and at once again after it held', () => {
    const pair = new Pair().ready();
    pair.run(6000);
    const listener = pair.network.listeners.get('two.example:44053');
    pair.network.listeners.clear();
    pair.network.dialled.length = 0;
    pair.a.link.reset('silent', pair.now);
    assert.deepEqual(pair.a.take(), [
      'control closed: silent',
      'lost: silent',
      'data closed: silent',
    ]);
    const times: number[] = [];
    for (let seen = 0; pair.now < start + 60_000; seen = pair.network.dialled.length) {
      pair.run(50);
      if (pair.network.dialled.length > seen) times.push(pair.now);
    }
    const pauses = times.slice(1).map((time, at) => time - times[at]!);
    assert.ok(pauses[0]! >= 100 && pauses[0]! <= 300, String(pauses));
    assert.ok(Math.max(...pauses) <= 1050 && Math.max(...pauses) > 500, String(pauses));
    assert.ok(
      pauses.slice(2).every((pause) => pause >= 500),
      String(pauses),
    );
    pair.network.listeners.set('two.example:44053', listener!);
    pair.run(1050);
    assert.ok(pair.a.link.isReady);
    pair.run(6000);
    pair.a.link.reset('silent', pair.now);
    pair.run(50);
    assert.ok(pair.a.link.isReady);
  });

  it('by a frame that makes no sense is closed, and both sides say so', () => {
    const pair = new Pair().ready();
    pair.network.open[0]!.send(Buffer.from('0130', 'hex'));
    pair.network.settle(pair.now);
    assert.match(
      pair.b.take()[0]!,
      /^control closed: the peer broke the protocol: a frame of type/,
    );
    assert.equal(pair.a.take()[0], 'control closed: closed by the peer');
  });

  it('by a heartbeat that ends early is closed', () => {
    const pair = new Pair().ready();
    pair.network.open[0]!.send(Buffer.from('020801', 'hex'));
    pair.network.settle(pair.now);
    assert.equal(pair.b.take()[0], 'control closed: a heartbeat of the peer ends early');
  });

  it('by random bytes, or by a frame that was changed, never takes the node with it', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new SeededRandom(seed);
      const pair = new Pair().ready();
      const near = pair.network.open[random.below(2)]!;
      const frame = Buffer.from(writeFrame(FrameType.Heartbeat, Buffer.alloc(40, seed)));
      const noise = Buffer.from(Array.from({ length: 30 }, () => random.below(256)));
      frame[random.below(frame.length)] = random.below(256);
      near.send(random.below(2) === 0 ? frame : noise);
      pair.run(2000);
      near.other?.break('reset', pair.now);
      near.break('reset', pair.now);
      pair.run(12_000);
      assert.ok(pair.a.link.isReady && pair.b.link.isReady, `seed ${seed}`);
    }
  });

  it('is not dialled any more once it has ended', () => {
    const pair = new Pair().ready();
    pair.a.link.end('the member left', pair.now);
    pair.run(10_000);
    assert.equal(pair.network.dialled.length, 2);
    assert.ok(!pair.b.link.isReady);
  });
});

describe('a link of which the peer restarts', () => {
  const restarted = nodeB({ boot: { counter: 10, nonce: '05'.repeat(8) } });

  it('replaces the lanes of the earlier boot', () => {
    const pair = new Pair().ready();
    pair.run(6000);
    const control = pair.network.open[0]!;
    const data = pair.network.open[1]!;
    pair.b = new Host(pair.network, restarted, node());
    // Only the data lane notices; the control lane is a corpse.
    data.break('reset', pair.now);
    pair.a.take();
    pair.run(50);
    const events = pair.a.take();
    assert.ok(events.includes('control closed: replaced by a newer link'), String(events));
    assert.ok(control.isClosed);
    pair.run(300);
    assert.equal(pair.a.link.peer?.boot.counter, 10);
    assert.ok(pair.a.link.isReady && pair.b.link.isReady);
  });

  it('keeps out a second process while the first one lives', () => {
    const pair = new Pair(true).ready();
    pair.run(6000);
    const first = pair.b;
    pair.network.open[1]!.break('reset', pair.now);
    pair.b = new Host(pair.network, restarted, node());
    pair.a.take();
    pair.run(50);
    first.link.tick(pair.now);
    assert.deepEqual(pair.a.take(), [`refused ${RefusalCode.SecondProcess} by this node`]);
    assert.match(pair.b.take()[0]!, /^turned away 12/);
    // The first one falls silent: there is no second process then.
    pair.run(8000);
    assert.equal(pair.a.link.peer?.boot.counter, 10);
    assert.ok(pair.a.link.isReady);
  });
});

describe('a link that is refused', () => {
  it('is dialled again after half a minute, or as soon as somebody says so', () => {
    const pair = new Pair();
    pair.b.objection = { code: RefusalCode.LeftSite, sentence: 'it left' };
    pair.run(10_000);
    assert.equal(pair.network.dialled.length, 2);
    assert.deepEqual(pair.a.take(), ['refused 3 by peer', 'refused 3 by peer']);
    assert.equal(pair.b.take().length, 2);
    pair.run(25_000);
    assert.equal(pair.network.dialled.length, 4);
    pair.b.objection = undefined;
    pair.a.link.dialSoon();
    pair.run(50);
    assert.ok(pair.a.link.isReady);
  });

  it('by its own side leaves nothing open', () => {
    const pair = new Pair();
    pair.a.highest = { counter: 99, nonce: '00'.repeat(8) };
    pair.run(1000);
    assert.deepEqual(pair.a.take(), ['refused 8 by this node', 'refused 8 by this node']);
    assert.equal(pair.network.open.length, 0);
    assert.equal(pair.b.acceptor.size, 0);
  });

  it('for a new address is dialled there at once', () => {
    const pair = new Pair(false, node(), nodeB({ address: 'old.example:1' }));
    pair.network.listeners.clear();
    pair.run(20_000);
    pair.network.dialled.length = 0;
    pair.a.link.setAddress('new.example:1');
    pair.run(50);
    assert.deepEqual(pair.network.dialled, ['new.example:1', 'new.example:1']);
  });
});

describe('connections that came in', () => {
  it('have five seconds, and when they are too many the oldest goes', () => {
    const pair = new Pair();
    const { acceptor } = pair.b;
    const connections = Array.from({ length: handshakesMax + 1 }, () => new FakeConnection('x:1'));
    for (const connection of connections) acceptor.accept(connection, pair.now);
    assert.equal(acceptor.size, handshakesMax);
    assert.ok(connections[0]?.isClosed && connections[1]?.isClosed === false);
    assert.deepEqual(pair.b.take(), [`turned away ${RefusalCode.TooMany} x:1`]);
    acceptor.tick(pair.now + 5000);
    assert.equal(acceptor.size, 0);
    assert.ok(connections.every((connection) => connection.isClosed));
  });

  it('that end before they said anything are only counted', () => {
    const pair = new Pair();
    const handler = pair.b.acceptor.accept(new FakeConnection('x:1'), pair.now);
    handler.onClosed('closed by the peer', pair.now);
    assert.deepEqual(pair.b.take(), ['gave up: closed by the peer']);
    assert.equal(pair.b.acceptor.size, 0);
  });

  it('are closed with the listener', () => {
    const pair = new Pair();
    const connection = new FakeConnection('x:1');
    pair.b.acceptor.accept(connection, pair.now);
    pair.b.acceptor.closeAll();
    assert.ok(connection.isClosed);
  });
});
