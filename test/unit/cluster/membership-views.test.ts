import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { Site } from '../../../src/cluster/identity/mod.js';
import {
  ClockCheck,
  type HeartbeatBody,
  type PeerState,
  readHeartbeatBody,
  Views,
  writeHeartbeatBody,
} from '../../../src/cluster/membership/mod.js';

const start = 1_800_000_000_000;
const a: Site = '0a'.repeat(16);
const b: Site = '0b'.repeat(16);
const c: Site = '0c'.repeat(16);
const d: Site = '0d'.repeat(16);

function body(words: readonly (readonly [Site, PeerState])[], clock = start): HeartbeatBody {
  return { clock, stamp: clock * 1024, words: new Map(words) };
}

describe('the body of a heartbeat', () => {
  it('is read as it was written', () => {
    const written = body([
      [b, 'up'],
      [c, 'suspect'],
      [d, 'down'],
    ]);
    assert.deepEqual(readHeartbeatBody(writeHeartbeatBody(written)), written);
    assert.deepEqual(readHeartbeatBody(writeHeartbeatBody(body([]))), body([]));
  });

  it('of a newer version is longer, and may hold words that count as none', () => {
    const bytes = writeHeartbeatBody(body([[b, 'up']]));
    const longer = Buffer.concat([bytes, Buffer.from([1, 2, 3])]);
    assert.deepEqual(readHeartbeatBody(longer), body([[b, 'up']]));
    bytes[bytes.length - 1] = 9;
    assert.deepEqual(readHeartbeatBody(bytes), body([]));
  });

  it('that ends early or has too many members is none', () => {
    const bytes = writeHeartbeatBody(body([[b, 'up']]));
    for (let end = 0; end < bytes.length; end += 1) {
      assert.equal(readHeartbeatBody(bytes.subarray(0, end)), undefined);
    }
    const many = Buffer.concat([Buffer.from([1, 1, 65]), Buffer.alloc(65 * 17)]);
    assert.equal(readHeartbeatBody(many), undefined);
  });
});

describe('a member that this node does not hear', () => {
  const down = { state: 'down', since: start - 10_000 } as const;

  it('is dead when nobody hears it, and cut off when somebody does', () => {
    const views = new Views(a);
    views.onHeartbeat(b, body([[d, 'down']]), 1, start);
    views.onHeartbeat(c, body([[d, 'suspect']]), 1, start);
    assert.deepEqual(views.classify(d, down, start), { kind: 'dead', asked: [b, c] });
    views.onHeartbeat(c, body([[d, 'up']], start + 500), 1, start + 500);
    const cutOff = views.classify(d, down, start + 500);
    assert.deepEqual(cutOff, { kind: 'cutOff', seenBy: [c] });
  });

  it('is dead, with nobody asked, when there is nobody else, or nobody who spoke lately', () => {
    const views = new Views(a);
    assert.deepEqual(views.classify(b, down, start), { kind: 'dead', asked: [] });
    views.onHeartbeat(c, body([[b, 'up']]), 1, start);
    assert.deepEqual(views.classify(b, down, start + 2500), { kind: 'dead', asked: [] });
    views.onHeartbeat(c, body([[b, 'up']], start + 9000), 1, start + 9000);
    views.forget(c);
    assert.deepEqual(views.classify(b, down, start + 9000), { kind: 'dead', asked: [] });
  });

  it('is neither as long as others may not have noticed', () => {
    const views = new Views(a);
    views.onHeartbeat(c, body([[b, 'up']]), 1, start);
    const own = { state: 'down', since: start - 3900 } as const;
    assert.deepEqual(views.classify(b, own, start), { kind: 'unclear' });
    assert.deepEqual(views.classify(b, own, start + 100), { kind: 'cutOff', seenBy: [c] });
  });

  it('does not testify for itself', () => {
    const views = new Views(a);
    views.onHeartbeat(b, body([[b, 'up']]), 1, start);
    assert.deepEqual(views.classify(b, down, start), { kind: 'dead', asked: [] });
  });

  it('is not meant while it is up or suspect', () => {
    const views = new Views(a);
    assert.deepEqual(views.classify(b, { state: 'up', since: 0 }, start), { kind: 'up' });
    const suspect = { state: 'suspect', since: 0 } as const;
    assert.deepEqual(views.classify(b, suspect, start), { kind: 'suspect' });
  });
});

describe('who sees whom', () => {
  it('has a row for every member, without words where nothing was said lately', () => {
    const views = new Views(a);
    const saidByB = new Map<Site, PeerState>([[a, 'up']]);
    views.onHeartbeat(b, { clock: start, stamp: 1, words: saidByB }, 1, start);
    const own = new Map<Site, PeerState>([[b, 'up']]);
    assert.deepEqual(views.matrix(own, [c, b, a], start), [
      { observer: a, words: own },
      { observer: c, words: undefined },
      { observer: b, words: saidByB },
    ]);
  });

  it("gives the peer's word on this node, unless it was overtaken on the other lane", () => {
    const views = new Views(a);
    assert.equal(views.onHeartbeat(b, body([[a, 'up']], start), 1, start), 'up');
    assert.equal(views.onHeartbeat(b, body([[a, 'down']], start - 1), 1, start), undefined);
    assert.equal(views.onHeartbeat(b, body([], start + 500), 1, start + 500), 'down');
    const restarted = body([[a, 'suspect']], start - 60_000);
    assert.equal(views.onHeartbeat(b, restarted, 1, start + 5000), 'suspect');
  });
});

/** Clocks of peers as they are ahead, in seconds, checked every half second. */
class ClockRig {
  now = start;
  readonly told: string[] = [];
  readonly check: ClockCheck = new ClockCheck(60_000, {
    clockAlarm: (offsetMs) => this.told.push(`alarm ${Math.round(offsetMs / 1000)}`),
    clockRecovered: () => this.told.push('recovered'),
  });

  run(seconds: number, ahead: readonly number[]): string[] {
    const offsets = new Map(ahead.map((one, index) => [`${index}`, one * 1000]));
    for (const until = this.now + seconds * 1000; this.now < until; this.now += 500) {
      this.check.check(offsets, this.now);
    }
    return this.told.splice(0);
  }
}

describe('clocks', () => {
  it('are measured by heartbeats, half a round trip old', () => {
    const views = new Views(a);
    views.onHeartbeat(b, body([], start + 3_600_000), 100, start + 50);
    assert.deepEqual(views.clockOffsets(start + 50), new Map([[b, 3_600_000]]));
    assert.deepEqual(views.clockOffsets(start + 2550), new Map());
  });

  it('of which one of three is an hour ahead: only that node alarms', () => {
    assert.deepEqual(new ClockRig().run(60, [0, 3600]), []);
    const rig = new ClockRig();
    assert.deepEqual(rig.run(60, [-3600, -3600]), ['alarm -3600']);
    assert.equal(rig.check.correctionMs, -3_600_000);
  });

  it('of two nodes that differ are corrected to the middle on both', () => {
    assert.deepEqual(new ClockRig().run(60, [100]), ['alarm 50']);
    assert.deepEqual(new ClockRig().run(60, [-100]), ['alarm -50']);
    assert.deepEqual(new ClockRig().run(60, [59]), []);
  });

  it('are not judged by what a stall let pile up', () => {
    const rig = new ClockRig();
    assert.deepEqual(rig.run(4.5, [-600, -600]), []);
    assert.deepEqual(rig.run(60, [0, 0]), []);
    assert.equal(rig.check.correctionMs, 0);
  });

  it('recover well below the limit only, and after a while', () => {
    const rig = new ClockRig();
    rig.run(60, [100, 100]);
    assert.deepEqual(rig.run(60, [59, 59]), ['alarm 59']);
    assert.deepEqual(rig.run(4, [0, 0]), []);
    assert.deepEqual(rig.run(10, [0, 0]), ['recovered']);
    assert.equal(rig.check.correctionMs, 0);
  });

  it('are what they were while nobody is heard', () => {
    const rig = new ClockRig();
    rig.run(60, [100, 100]);
    assert.deepEqual(rig.run(600, []), []);
    assert.equal(rig.check.correctionMs, 100_000);
  });
});
