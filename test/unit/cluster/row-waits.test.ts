import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import { AppliedAnswers } from '../../../src/cluster/exchange/applied-answers.js';
import { decodeMark, encodeMark, MarkQueue } from '../../../src/cluster/exchange/applied.js';
import { RowWaits } from '../../../src/cluster/exchange/row-waits.js';
import type { Site } from '../../../src/cluster/identity/mod.js';
import { FrameType } from '../../../src/cluster/link/mod.js';
import { RowKind } from '../../../src/cluster/metadata/mod.js';
import { bootOf, exchange, Node, quiet, siteOf } from './metadata-rig.js';

const sites = [1, 2, 3].map(siteOf);
const [here, near, far] = sites as [Site, Site, Site];

/** One node that waits, two that answer; frames and rows go when the test says so. */
class Waiting {
  readonly nodes: Map<Site, Node> = new Map(sites.map((site) => [site, new Node(site, sites)]));
  readonly up: Set<Site> = new Set([near, far]);
  readonly waits: RowWaits;
  readonly answers: Map<Site, AppliedAnswers> = new Map();
  readonly settled: string[] = [];
  readonly gaveUp: { count: number; sites: readonly Site[] }[] = [];
  readonly questions: { to: Site; body: Uint8Array }[] = [];
  /** Members whose lane takes nothing. */
  readonly congested: Set<Site> = new Set();
  turns = 0;

  constructor() {
    quiet([...this.nodes.values()]);
    const none = (): void => {};
    const story = { started: none, completed: none, pushed: none, answered: none };
    this.waits = new RowWaits(here, this.node(here).tables, [RowKind.Route], {
      isUp: (site) => this.up.has(site),
      turnEndWanted: () => {
        this.turns += 1;
      },
      story: { ...story, gaveUp: (count, of) => this.gaveUp.push({ count, sites: of }) },
    });
    for (const site of [near, far]) this.open(site);
  }

  node(site: Site): Node {
    return this.nodes.get(site) as Node;
  }

  open(site: Site): void {
    const answers = new AppliedAnswers(site, this.node(site).tables, RowKind.Retain);
    this.answers.set(site, answers);
    answers.opened(here, {
      send: (_lane, type, body) => {
        assert.equal(type, FrameType.Applied);
        assert.ok(this.waits.onAnswer(site, body));
        return true;
      },
    });
    this.waits.opened(site, {
      send: (_lane, type, body) => {
        if (this.congested.has(site)) return false;
        assert.equal(type, FrameType.AskApplied);
        this.questions.push({ to: site, body: body });
        return true;
      },
    });
  }

  add(name: string): boolean {
    return this.waits.add({ settle: () => this.settled.push(name) });
  }

  /** What was asked of `site` arrives, and rows of this node before it unless `isBehind`. */
  reach(site: Site, isBehind = false): void {
    if (!isBehind) exchange(this.node(site), this.node(here));
    const mine = this.questions.filter(({ to }) => to === site);
    for (const { body } of mine) assert.ok(this.answers.get(site)?.onAsk(here, body));
    const others = this.questions.filter(({ to }) => to !== site);
    this.questions.splice(0, this.questions.length, ...others);
    this.answers.get(site)?.review();
  }
}

describe('who waits for rows', () => {
  it('waits until every member that is up has them', () => {
    const rig = new Waiting();
    rig.node(here).put(RowKind.Route, 'a', 'x', 1);
    assert.ok(rig.add('one'));
    assert.equal(rig.turns, 1);
    rig.waits.onTurnEnd(0);
    assert.equal(rig.questions.length, 2);
    rig.reach(near);
    rig.waits.onTurnEnd(1);
    assert.deepEqual(rig.settled, []);
    rig.reach(far);
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, ['one']);
  });

  it('need not wait where nobody else is up', () => {
    const rig = new Waiting();
    rig.up.clear();
    assert.equal(rig.add('one'), false);
    rig.waits.onTurnEnd(0);
    assert.equal(rig.questions.length, 0);
  });

  it('waits for rows that were said earlier and have not come yet', () => {
    const rig = new Waiting();
    rig.node(here).put(RowKind.Route, 'a', 'x', 1);
    rig.add('one');
    rig.waits.onTurnEnd(0);
    rig.add('the same filter');
    rig.waits.onTurnEnd(1);
    for (const site of [near, far]) rig.reach(site, true);
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, []);
    for (const site of [near, far]) rig.reach(site);
    rig.waits.onTurnEnd(3);
    assert.deepEqual(rig.settled, ['one', 'the same filter']);
  });

  it('asks only once its rows are committed, and does not wait for rows of other kinds', () => {
    const rig = new Waiting();
    rig.node(here).put(RowKind.Session, 'kept', 'x', 1);
    rig.node(here).put(RowKind.Route, 'a', 'x', 2);
    rig.add('one');
    rig.waits.onTurnEnd(0);
    assert.equal(rig.questions.length, 0, 'the route stands behind what is not on disk');
    rig.node(here).commit();
    rig.node(here).put(RowKind.Session, 'later', 'x', 3);
    rig.waits.onTurnEnd(1);
    assert.equal(rig.questions.length, 2);
    for (const site of [near, far]) rig.reach(site);
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, ['one']);
  });

  it('waits until what the others had retained by then is here', () => {
    const rig = new Waiting();
    rig.node(near).put(RowKind.Retain, 't', 'before', 1);
    rig.add('one');
    rig.waits.onTurnEnd(0);
    for (const site of [near, far]) rig.reach(site);
    rig.node(near).put(RowKind.Retain, 'u', 'after', 2);
    rig.waits.onTurnEnd(1);
    assert.deepEqual(rig.settled, []);
    rig.node(near).commit();
    const [first] = rig.node(here).tables.missing(near, rig.node(near).tables.vector());
    const interval = rig.node(near).tables.interval(first!, 1);
    rig.node(here).take(interval!);
    assert.equal(rig.node(here).text(near, RowKind.Retain, 't'), undefined, 'a part is no state');
    exchange(rig.node(here), rig.node(near));
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, ['one']);
  });

  it('does not wait for a member that goes, whether it was asked or not', () => {
    const rig = new Waiting();
    rig.congested.add(far);
    rig.add('one');
    rig.waits.onTurnEnd(0);
    assert.equal(rig.questions.length, 1);
    rig.reach(near);
    rig.waits.onTurnEnd(1);
    assert.deepEqual(rig.settled, []);
    rig.up.delete(far);
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, ['one']);
  });

  it('asks anew over a new link', () => {
    const rig = new Waiting();
    rig.add('one');
    rig.waits.onTurnEnd(0);
    rig.reach(near);
    rig.waits.closed(far);
    rig.questions.length = 0;
    rig.open(far);
    rig.waits.onTurnEnd(1);
    assert.deepEqual(rig.settled, []);
    rig.reach(far);
    rig.waits.onTurnEnd(2);
    assert.deepEqual(rig.settled, ['one']);
  });

  it('waits no longer than a second, and it is said for whom', () => {
    const rig = new Waiting();
    rig.add('one');
    rig.waits.onTurnEnd(0);
    rig.add('two');
    rig.waits.onTurnEnd(30);
    rig.reach(near);
    rig.waits.onTurnEnd(900);
    rig.waits.tick(930);
    assert.deepEqual(rig.settled, []);
    rig.waits.tick(950);
    assert.deepEqual(rig.settled, ['one']);
    rig.waits.tick(1000);
    assert.deepEqual(rig.settled, ['one', 'two']);
    assert.deepEqual(rig.gaveUp, [
      { count: 1, sites: [far] },
      { count: 1, sites: [far] },
    ]);
  });

  it('costs one question for each turn and member, however many wait', () => {
    const rig = new Waiting();
    for (let at = 0; at < 1000; at += 1) rig.add(`${at}`);
    rig.waits.onTurnEnd(0);
    assert.equal(rig.turns, 1);
    assert.equal(rig.questions.length, 2);
    for (const site of [near, far]) rig.reach(site);
    rig.waits.onTurnEnd(1);
    assert.equal(rig.settled.length, 1000);
  });

  it('is not taken in by an answer that nobody asked for, nor by random bytes', () => {
    const rig = new Waiting();
    const mark = { id: 1, boot: bootOf(1), number: 0 };
    assert.equal(rig.waits.onAnswer(near, encodeMark(mark)), false);
    const random = new SeededRandom(7);
    const answers = new AppliedAnswers(near, rig.node(near).tables, RowKind.Retain);
    answers.opened(here, { send: () => true });
    for (let round = 0; round < 2000; round += 1) {
      const bytes = Buffer.from(Array.from({ length: random.below(24) }, () => random.below(256)));
      const isSound = decodeMark(bytes) !== undefined;
      assert.equal(answers.onAsk(here, bytes), isSound);
      if (!isSound) assert.equal(rig.waits.onAnswer(near, bytes), false);
    }
  });
});

describe('marks that are to be reached', () => {
  it('are bounded: the latest takes the place of the one before', () => {
    const queue = new MarkQueue();
    for (let id = 1; id <= 5000; id += 1) queue.add({ id, boot: bootOf(1), number: id });
    assert.equal(
      queue.takeReached(({ number }) => number <= 1023),
      1023,
    );
    assert.equal(
      queue.takeReached(({ number }) => number <= 4999),
      0,
    );
    assert.equal(
      queue.takeReached(() => true),
      5000,
    );
    assert.ok(queue.isEmpty);
  });
});
