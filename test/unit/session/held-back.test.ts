/** What the store is told of a session whose older messages are still handed over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metrics } from '../../../src/metrics/mod.js';
import { Entry, Message } from '../../../src/queue/mod.js';
import { type ClientLimits, type Durability, Session } from '../../../src/session/mod.js';

function entry(): Entry {
  const message = new Message('t', Buffer.from('t'), Buffer.from('x'), undefined, 1, false, 0, 'p');
  return new Entry(message, 1, false, undefined, undefined);
}

/** A persistent session without a connection; entries are numbered as they are written. */
function session(): Session {
  let sequence = 0;
  const durability = {
    appended: (_session: unknown, one: Entry) => (one.sequence = sequence += 1),
    finished: () => {},
    stateChanged: () => {},
  };
  const limits = { maxOfflineMessages: -1, maxOnlineMessages: -1 } as unknown as ClientLimits;
  const made = new Session('', 'client', limits, {
    metrics: new Metrics(),
    durability: durability as unknown as Durability,
    messageDropped: () => assert.fail('nothing is dropped'),
  });
  made.persistent = true;
  return made;
}

describe('a session that holds back what comes to it directly', () => {
  it('says of all that waits which was written first, whoever had it', () => {
    const made = session();
    made.hold();
    made.acceptMoved(entry(), 0, false, 0);
    assert.equal(made.firstWaiting()?.sequence, 1);
    made.accept(entry(), 0);
    made.acceptMoved(entry(), 0, false, 0);
    assert.equal(made.firstWaiting()?.sequence, 1, 'handed over before the direct one came');
  });

  it('does so also when a direct one came first', () => {
    const made = session();
    made.hold();
    made.accept(entry(), 0);
    made.acceptMoved(entry(), 0, false, 0);
    assert.equal(made.firstWaiting()?.sequence, 1);
    assert.deepEqual(
      [...made.entries()].map(({ sequence }) => sequence),
      [2, 1],
    );
  });
});
