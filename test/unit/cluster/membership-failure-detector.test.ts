import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DetectedLane,
  FailureDetector,
  type PeerState,
  tickIntervalMs,
} from '../../../src/cluster/membership/mod.js';

const start = 1_800_000_000_000;
const peer = '0b'.repeat(16);
const both: readonly DetectedLane[] = ['control', 'data'];

/** A detector with one peer, whose side of the link is played in steps of a tick. */
class Rig {
  now = start;
  readonly told: string[] = [];
  /** Connections that should be reset while the peer is down; the rig leaves them open. */
  readonly silences: string[] = [];
  /** Lanes on which bytes come. */
  lively: readonly DetectedLane[] = both;
  /** What the peer's heartbeats say of this node. */
  word: PeerState = 'up';
  roundTripMs = 1;
  /** The composition exchanges rows as soon as both lanes are open. */
  exchangesRows = true;
  readonly detector: FailureDetector;
  readonly #open: Set<DetectedLane> = new Set();

  constructor() {
    const tell = (what: string): void => {
      this.told.push(`${this.now - start} ${what}`);
    };
    this.detector = new FailureDetector(
      { heartbeatIntervalMs: 500, reconnectGraceMs: 500, failureTimeoutMs: 2500 },
      {
        up: () => tell('up'),
        suspect: (_site, reason) => tell(`suspect: ${reason}`),
        down: (_site, reason) => tell(`down: ${reason}`),
        silent: (_site, reason) => this.silences.push(reason),
      },
    );
    this.detector.addPeer(peer, this.now);
  }

  /** A rig whose peer is up. Nothing is told, time begins again. */
  static up(): Rig {
    const rig = new Rig();
    rig.open(...both);
    rig.run(1000);
    assert.equal(rig.state, 'up');
    return rig.fresh();
  }

  static suspect(): Rig {
    const rig = Rig.up();
    rig.close('control', 'data');
    assert.equal(rig.state, 'suspect');
    return rig.fresh();
  }

  static down(): Rig {
    const rig = Rig.suspect();
    rig.run(500);
    assert.equal(rig.state, 'down');
    return rig.fresh();
  }

  get state(): PeerState | undefined {
    return this.detector.statusOf(peer)?.state;
  }

  fresh(): this {
    this.told.length = 0;
    return this;
  }

  open(...lanes: readonly DetectedLane[]): void {
    for (const lane of lanes) {
      this.#open.add(lane);
      this.detector.onLaneOpened(peer, lane, this.now);
    }
    if (this.#open.size === 2 && this.exchangesRows) this.detector.onRowsExchanged(peer, this.now);
  }

  close(...lanes: readonly DetectedLane[]): void {
    for (const lane of lanes) {
      this.#open.delete(lane);
      this.detector.onLaneClosed(peer, lane, 'reset', this.now);
    }
  }

  run(ms: number): void {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += tickIntervalMs;
      this.detector.tick(this.now);
      this.poll();
    }
  }

  /** The loop stands still, then its timers fire. */
  stall(ms: number): void {
    this.now += ms;
    this.detector.tick(this.now);
  }

  /** Sockets are read. */
  poll(): void {
    for (const lane of this.#open) {
      if (!this.lively.includes(lane) || this.now % 500 !== 0) continue;
      this.detector.onAlive(peer, lane, this.now);
      this.detector.onHeartbeat(peer, this.word, this.now, this.roundTripMs, this.now);
    }
    this.detector.onPolled(this.now);
  }

  at(ms: number): string[] {
    this.run(ms);
    return this.told.map((line) => line.split(' ').slice(1).join(' '));
  }
}

type Event =
  | 'nothing for 5 s'
  | 'control closes'
  | 'data closes'
  | 'both close and stay closed'
  | 'both return at once'
  | 'control falls silent'
  | 'data falls silent'
  | 'the peer does not hear us'
  | 'the peer suspects us'
  | 'it leaves';

type From = 'up' | 'suspect' | 'down';

const events: Readonly<Record<Event, (rig: Rig) => void>> = {
  'nothing for 5 s': () => {},
  'control closes': (rig) => rig.close('control'),
  'data closes': (rig) => rig.close('data'),
  'both close and stay closed': (rig) => rig.close(...both),
  'both return at once': (rig) => {
    rig.close(...both);
    rig.open(...both);
  },
  'control falls silent': (rig) => {
    rig.open(...both);
    rig.lively = ['data'];
  },
  'data falls silent': (rig) => {
    rig.open(...both);
    rig.lively = ['control'];
  },
  'the peer does not hear us': (rig) => {
    rig.open(...both);
    rig.word = 'down';
  },
  'the peer suspects us': (rig) => {
    rig.open(...both);
    rig.word = 'suspect';
  },
  'it leaves': (rig) => rig.detector.removePeer(peer),
};

/** What is told within 5 s, by verb. */
const table: Readonly<Record<From, Readonly<Record<Event, string>>>> = {
  up: {
    'nothing for 5 s': '',
    'control closes': 'suspect, down',
    'data closes': 'suspect, down',
    'both close and stay closed': 'suspect, down',
    'both return at once': 'suspect, up',
    'control falls silent': 'down',
    'data falls silent': 'down',
    'the peer does not hear us': 'down',
    'the peer suspects us': '',
    'it leaves': '',
  },
  suspect: {
    'nothing for 5 s': 'down',
    'control closes': 'down',
    'data closes': 'down',
    'both close and stay closed': 'down',
    'both return at once': 'up',
    'control falls silent': 'up, down',
    'data falls silent': 'up, down',
    'the peer does not hear us': 'down',
    'the peer suspects us': '',
    'it leaves': '',
  },
  down: {
    'nothing for 5 s': '',
    'control closes': '',
    'data closes': '',
    'both close and stay closed': '',
    'both return at once': 'up',
    'control falls silent': 'up, down',
    'data falls silent': 'up, down',
    'the peer does not hear us': '',
    'the peer suspects us': '',
    'it leaves': '',
  },
};

const made: Readonly<Record<From, () => Rig>> = {
  up: Rig.up,
  suspect: Rig.suspect,
  down: Rig.down,
};

describe('a peer', () => {
  for (const [from, row] of Object.entries(table)) {
    for (const [event, verbs] of Object.entries(row)) {
      it(`that is ${from}: ${event}: ${verbs === '' ? 'nothing is told' : verbs}`, () => {
        const rig = made[from as From]();
        events[event as Event](rig);
        const told = rig.at(5000).map((line) => line.split(':')[0]);
        assert.equal(told.join(', '), verbs);
      });
    }
  }

  it('is up as soon as both lanes, both words and both sets of rows are there', () => {
    const rig = new Rig();
    rig.exchangesRows = false;
    rig.open('control');
    rig.run(1000);
    rig.open('data');
    rig.run(1000);
    assert.equal(rig.detector.wordOn(peer, rig.now), 'down');
    rig.word = 'down';
    rig.run(500);
    rig.detector.onRowsExchanged(peer, rig.now);
    assert.equal(rig.detector.wordOn(peer, rig.now), 'up');
    assert.equal(rig.state, 'down');
    rig.word = 'up';
    assert.deepEqual(rig.at(500), ['up']);
  });

  it('has exchanged rows also when that was before its data connection opened', () => {
    const rig = new Rig();
    rig.exchangesRows = false;
    rig.open('control');
    rig.detector.onRowsExchanged(peer, rig.now);
    rig.run(20);
    rig.open('data');
    assert.deepEqual(rig.at(600), ['up']);
  });

  it('need not exchange rows again when only its data connection was away', () => {
    const rig = Rig.up();
    rig.exchangesRows = false;
    rig.close('data');
    rig.run(100);
    rig.fresh().open('data');
    assert.deepEqual(rig.at(1500), ['up']);
  });

  it('that is known and never came is down, without a word', () => {
    const rig = new Rig();
    assert.deepEqual(rig.at(10_000), []);
    assert.deepEqual(rig.detector.statusOf(peer), {
      state: 'down',
      since: start,
      reason: 'not reached since this node started',
    });
  });

  it('that left or never joined is nobody, whatever its connections still do', () => {
    const rig = Rig.up();
    rig.detector.removePeer(peer);
    rig.close(...both);
    rig.open(...both);
    assert.deepEqual(rig.at(1000), []);
    assert.equal(rig.detector.statusOf(peer), undefined);
    assert.equal(rig.detector.wordOn(peer, rig.now), 'down');
  });
});

describe('a closed connection', () => {
  it('makes a peer suspect at once, and down after the grace', () => {
    const rig = Rig.up();
    const closedAt = rig.now;
    rig.close('data');
    assert.equal(rig.detector.wordOn(peer, rig.now), 'suspect');
    rig.close('control');
    assert.deepEqual(rig.at(5000), [
      'suspect: its data connection closed: reset',
      'down: not back within 500 ms: its data connection closed: reset',
    ]);
    assert.ok(rig.told[1]?.startsWith(`${closedAt + 500 - start} `));
    assert.equal(rig.detector.statusOf(peer)?.since, closedAt);
  });

  it('is granted eight round trips over a long way', () => {
    const rig = Rig.up();
    rig.roundTripMs = 200;
    rig.run(500);
    rig.close(...both);
    rig.run(1500);
    assert.equal(rig.state, 'suspect');
    rig.open(...both);
    assert.deepEqual(rig.at(1200).slice(1), ['up']);
  });

  it('that comes back without its rows does not make a suspect for ever', () => {
    const rig = Rig.up();
    rig.exchangesRows = false;
    rig.close(...both);
    rig.open(...both);
    rig.word = 'suspect';
    assert.deepEqual(rig.at(10_000).slice(1), [
      'down: not steady again within 10 s: its control connection closed: reset',
    ]);
  });
});

describe('silence', () => {
  it('makes a peer down after the timeout, since its last sign of life', () => {
    const rig = Rig.up();
    const last = rig.now;
    rig.lively = ['control'];
    assert.deepEqual(rig.at(2500), ['down: nothing came on its data connection for 2500 ms']);
    assert.equal(rig.detector.statusOf(peer)?.since, last);
  });

  it('of a connection to a peer that is not up yet is told, so that it is made anew', () => {
    const rig = Rig.down();
    rig.exchangesRows = false;
    rig.open(...both);
    rig.run(3000);
    assert.deepEqual(rig.silences, [], 'it is heard, and waits for its rows');
    rig.lively = ['control'];
    rig.run(2400);
    assert.deepEqual(rig.silences, []);
    rig.run(600);
    assert.equal(rig.silences[0], 'nothing came on its data connection for 2500 ms');
    assert.deepEqual(rig.told, []);
  });

  it('is over when bytes come again on the same connections, once they are steady', () => {
    const rig = Rig.up();
    rig.lively = [];
    rig.run(3000);
    rig.fresh();
    rig.lively = both;
    const from = rig.now;
    rig.detector.onRowsExchanged(peer, rig.now);
    rig.run(2000);
    const upAt = Number(rig.told[0]?.split(' ')[0]) + start;
    assert.ok(upAt >= from + 500 && upAt <= from + 1100, rig.told.join());
  });
});

describe('a late tick', () => {
  it('judges nobody until what waited was read', () => {
    const rig = Rig.up();
    rig.stall(10_000);
    assert.deepEqual(rig.told, []);
    rig.poll();
    assert.deepEqual(rig.at(3000), []);
    assert.equal(rig.state, 'up');
  });

  it('leaves a heartbeat interval after that, and then judges as ever', () => {
    const rig = Rig.up();
    rig.lively = [];
    rig.stall(10_000);
    rig.now += 1;
    rig.detector.tick(rig.now);
    assert.deepEqual(rig.told, [], 'nothing was read yet');
    rig.poll();
    const readAt = rig.now;
    rig.run(450);
    assert.deepEqual(rig.told, []);
    rig.run(100);
    assert.match(rig.told[0] ?? '', /down: nothing came/);
    assert.ok(rig.now - readAt >= 500);
  });

  it('is one that is more than 250 ms late', () => {
    const rig = Rig.up();
    rig.lively = [];
    rig.run(2400);
    rig.stall(tickIntervalMs + 250);
    assert.match(rig.told[0] ?? '', /down: nothing came/);
  });

  it('does not keep a closed connection from making a suspect', () => {
    const rig = Rig.up();
    rig.stall(10_000);
    rig.close(...both);
    assert.equal(rig.state, 'suspect');
    assert.equal(rig.told.length, 1);
    rig.poll();
    rig.run(450);
    assert.equal(rig.state, 'suspect');
    rig.run(100);
    assert.equal(rig.state, 'down');
  });
});

describe('a flapping link', () => {
  /** How long the peer takes to be up after each of `count` flaps. */
  function pauses(rig: Rig, count: number): number[] {
    const found: number[] = [];
    for (let flap = 0; flap < count; flap += 1) {
      rig.close(...both);
      rig.open(...both);
      const from = rig.now;
      while (rig.state !== 'up' && rig.now < from + 20_000) rig.run(tickIntervalMs);
      found.push(rig.now - from);
    }
    return found;
  }

  it('must be steady for twice as long after each flap within a minute, at most 8 s', () => {
    const found = pauses(Rig.up(), 6);
    const least = [500, 1000, 2000, 4000, 8000, 8000];
    for (const [index, pause] of found.entries()) {
      const needed = least[index] ?? 0;
      assert.ok(pause >= needed && pause <= needed + 550, `${index}: ${pause}`);
    }
  });

  it('is forgiven after a minute without one', () => {
    const rig = Rig.up();
    pauses(rig, 4);
    rig.run(60_000);
    const [pause = 0] = pauses(rig, 1);
    assert.ok(pause >= 500 && pause <= 1050, `${pause}`);
  });

  it('every second for a minute is one change and not sixty', () => {
    const rig = Rig.up();
    for (let second = 0; second < 60; second += 1) {
      rig.close(...both);
      rig.run(300);
      rig.open(...both);
      rig.run(700);
    }
    const changes = rig.told.map((line) => line.split(' ')[1]);
    assert.deepEqual(changes, ['suspect:', 'up', 'suspect:', 'down:']);
    rig.fresh();
    rig.run(9000);
    assert.deepEqual(rig.at(0), ['up']);
  });
});

describe('words', () => {
  it('that were overtaken on the other lane count no more', () => {
    const rig = Rig.up();
    rig.detector.onHeartbeat(peer, 'down', rig.now - 100, 1, rig.now);
    assert.deepEqual(rig.at(300), []);
    assert.equal(rig.state, 'up');
  });
});
