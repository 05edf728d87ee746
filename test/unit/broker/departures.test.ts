import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Departures } from '../../../src/broker/departures.js';
import { RefusedBecause } from '../../../src/cluster/flow/mod.js';
import type { Handover } from '../../../src/cluster/takeover/mod.js';
import { Metrics } from '../../../src/metrics/mod.js';
import { Entry, Message } from '../../../src/queue/mod.js';
import { type ClientLimits, type Durability, Session } from '../../../src/session/mod.js';

const owner = { site: 'there', born: 1 };

function entry(payload: string): Entry {
  const bytes = Buffer.from(payload);
  const message = new Message('t', Buffer.from('t'), bytes, undefined, 1, false, 0, 'p');
  return new Entry(message, 1, false, undefined, undefined);
}

/** What is here of a session of another member. */
function stranded(): Session {
  const durability = {
    appended: (session: Session, one: Entry) => (one.sequence = session.lastSequence += 1),
    finished: () => {},
  };
  const limits = { maxOfflineMessages: -1, maxOnlineMessages: -1 } as unknown as ClientLimits;
  const session = new Session('', 'client', limits, {
    metrics: new Metrics(),
    durability: durability as unknown as Durability,
    messageDropped: () => assert.fail('nothing is dropped'),
  });
  session.persistent = true;
  session.born = 1;
  return session;
}

function textOf(handover: Handover): string {
  return handover.kind === 'entry' ? Buffer.from(handover.entry.payload).toString() : handover.kind;
}

describe('what is left of a session that another member has', () => {
  it('goes there whole, also what comes behind the end before that is confirmed (seed 114)', () => {
    const sent: { what: string; confirm: () => void }[] = [];
    const ended: boolean[] = [];
    const departures = new Departures({
      ownerOf: () => owner,
      isUp: () => true,
      others: () => ['there'],
      handOver: (_site, handover, awaited) => {
        sent.push({ what: textOf(handover), confirm: () => awaited.confirmed(0) });
        return true;
      },
      refused: () => assert.fail('nothing is refused'),
      unroute: () => {},
      ended: (_session, isLost) => ended.push(isLost),
    });
    const session = stranded();
    session.accept(entry('first'), 0);
    departures.add('key', session, false);
    const goOn = (): string[] => {
      departures.onTurnEnd(0);
      return sent.map(({ what }) => what);
    };
    const confirm = (): void => {
      for (const one of sent.splice(0)) one.confirm();
    };
    assert.deepEqual(goOn(), ['state', 'first']);
    confirm();
    assert.deepEqual(goOn(), ['end']);
    assert.equal(departures.isBehind('key'), false);
    session.accept(entry('late'), 0);
    assert.equal(departures.isBehind('key'), true, 'newer ones go behind it');
    departures.touched('key');
    assert.deepEqual(goOn(), ['end']);
    confirm();
    assert.deepEqual(ended, []);
    assert.deepEqual(goOn(), ['late']);
    confirm();
    assert.deepEqual(goOn(), ['end']);
    confirm();
    assert.deepEqual(ended, [false]);
  });

  it('keeps newer ones behind what was refused, until that is taken (seed 211)', () => {
    let answer: { confirmed(now: number): void; refused(reason: number, now: number): void }[] = [];
    const departures = new Departures({
      ownerOf: () => owner,
      isUp: () => true,
      others: () => ['there'],
      handOver: (_site, _handover, awaited) => answer.push(awaited) > 0,
      refused: () => {},
      unroute: () => {},
      ended: () => assert.fail('it does not end'),
    });
    const take = (): typeof answer => {
      const given = answer;
      answer = [];
      return given;
    };
    const session = stranded();
    session.accept(entry('first'), 0);
    departures.add('key', session, false);
    departures.onTurnEnd(0);
    assert.equal(departures.isBehind('key'), false, 'what is sent keeps its place');
    for (const one of take()) one.refused(RefusedBecause.Store, 0);
    departures.touched('key');
    departures.onTurnEnd(5000);
    assert.equal(departures.isBehind('key'), true, 'that it is sent again does not mean much');
    for (const one of take()) one.confirmed(5000);
    assert.equal(departures.isBehind('key'), false);
  });
});
