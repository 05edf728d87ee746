import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Chances } from '../../sim/chance.js';
import { type Loss, Network } from '../../sim/network.js';
import { Scheduler } from '../../sim/scheduler.js';
import type { NetworkHost, StreamEnd, StreamHandler } from '../../sim/stream.js';

const quality = { delayMs: 10, jitterMs: 3, bytesPerMs: 100 };

/** What one end of a connection was told. */
class Heard implements StreamHandler {
  readonly events: string[] = [];
  text = '';

  onOpened(): void {
    this.events.push('opened');
  }

  onBytes(bytes: Buffer): void {
    this.text += bytes.toString('latin1');
  }

  onSent(): void {
    this.events.push('sent');
  }

  onClosed(reason: string): void {
    this.events.push(reason);
  }
}

/** Two machines; `b` listens, `a` has dialled. */
class Rig {
  readonly scheduler = new Scheduler();
  readonly network = new Network(this.scheduler, new Chances(1), () => quality);
  readonly a = this.host('a');
  b = this.host('b');
  readonly near = new Heard();
  readonly far = new Heard();
  readonly nearEnd: StreamEnd;
  farEnd: StreamEnd | undefined;

  constructor() {
    this.listen();
    this.nearEnd = this.network.dial(this.a, 'b:1', this.near);
  }

  host(name: string): NetworkHost {
    return { name, post: (run) => void this.scheduler.after(0, run) };
  }

  listen(): void {
    this.network.listen('b:1', this.b, (end) => {
      this.farEnd = end;
      return this.far;
    });
  }

  run(milliseconds = 1000): void {
    this.scheduler.runUntil(this.scheduler.now + milliseconds);
  }

  say(text: string): void {
    this.nearEnd.send(Buffer.from(text, 'latin1'));
  }
}

function connected(): Rig {
  const rig = new Rig();
  rig.run();
  assert.deepEqual(rig.near.events, ['opened']);
  return rig;
}

function cutBoth(rig: Rig): void {
  rig.network.path('a', 'b').isCut = true;
  rig.network.path('b', 'a').isCut = true;
}

describe('a connection', () => {
  it('keeps the order of its bytes, however they are cut, and lends them only', () => {
    const rig = connected();
    const said = Array.from({ length: 500 }, (_, at) => `${at} `);
    for (const text of said) {
      rig.say(text);
      rig.run(2);
    }
    rig.run();
    assert.equal(rig.far.text, said.join(''));
  });

  it('brings what was said before an end in good order, then the end', () => {
    const rig = connected();
    rig.say('last words');
    rig.nearEnd.close('fin');
    rig.run();
    assert.equal(rig.far.text, 'last words');
    assert.deepEqual(rig.far.events, ['closed by peer']);
    assert.deepEqual(rig.near.events, ['opened']);
  });

  it('is refused where nobody listens and times out where nobody answers', () => {
    const rig = connected();
    const refused = new Heard();
    rig.network.dial(rig.a, 'b:2', refused);
    rig.run();
    assert.deepEqual(refused.events, ['connection refused']);
    cutBoth(rig);
    const unanswered = new Heard();
    rig.network.dial(rig.a, 'b:1', unanswered);
    rig.run(31_000);
    assert.deepEqual(unanswered.events, ['connection timed out']);
  });

  it('is not read while its reader pauses, and its writer learns by unsent bytes', () => {
    const rig = connected();
    rig.farEnd?.pause();
    rig.say('x'.repeat(400_000));
    rig.run(60_000);
    assert.equal(rig.far.text, '');
    assert.ok(rig.nearEnd.unsentBytes > 100_000);
    rig.nearEnd.notifyWhenSent();
    rig.farEnd?.resume();
    rig.run(60_000);
    assert.equal(rig.far.text.length, 400_000);
    assert.equal(rig.nearEnd.unsentBytes, 0);
    assert.deepEqual(rig.near.events, ['opened', 'sent']);
  });
});

describe('a cut', () => {
  it('holds back what is sent, in one direction or both, until it is mended', () => {
    const rig = connected();
    const path = rig.network.path('a', 'b');
    path.isCut = true;
    rig.say('held');
    rig.farEnd?.send(Buffer.from('not held'));
    rig.run();
    assert.equal(rig.far.text, '');
    assert.equal(rig.near.text, 'not held');
    path.mend();
    rig.say(' and more');
    rig.run();
    assert.equal(rig.far.text, 'held and more');
  });
});

describe('a lost connection', () => {
  const cases: [Loss, number][] = [
    ['both ends learn', 2],
    ['one end learns', 1],
    ['nobody learns', 0],
  ];
  for (const [loss, learn] of cases) {
    it(`says nothing more when ${loss}`, () => {
      const rig = connected();
      rig.network.lose(rig.nearEnd, loss);
      rig.say('into the void');
      rig.run(60_000);
      assert.equal(rig.far.text, '');
      const told = [rig.near, rig.far].filter(({ events }) =>
        events.includes('connection reset by the network'),
      );
      assert.equal(told.length, learn);
    });
  }
});

describe('a machine', () => {
  it('that goes off tells nobody; back on, it refuses what still comes', () => {
    const rig = connected();
    rig.network.machineDown(rig.b);
    rig.say('anybody there?');
    rig.run(60_000);
    assert.deepEqual(rig.near.events, ['opened']);
    rig.network.machineUp('b');
    rig.run();
    assert.deepEqual(rig.near.events, ['opened', 'connection reset by peer']);
    assert.deepEqual(rig.far.events, [], 'the process is gone');
  });

  it('whose process is killed closes what it had, and takes no more until one listens', () => {
    const rig = connected();
    rig.network.processEnded(rig.b, 'reset');
    rig.run();
    assert.deepEqual(rig.near.events, ['opened', 'connection reset by peer']);
    const refused = new Heard();
    rig.network.dial(rig.a, 'b:1', refused);
    rig.run();
    assert.deepEqual(refused.events, ['connection refused']);
    rig.b = rig.host('b');
    rig.listen();
    const again = new Heard();
    rig.network.dial(rig.a, 'b:1', again);
    rig.run();
    assert.deepEqual(again.events, ['opened']);
  });
});

it('a slow path takes its time', () => {
  const rig = connected();
  rig.network.path('a', 'b').quality = { ...quality, bytesPerMs: 1 };
  rig.say('x'.repeat(2000));
  rig.run(1900);
  assert.equal(rig.far.text, '');
  rig.run(500);
  assert.equal(rig.far.text.length, 2000);
});
