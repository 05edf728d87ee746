import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  adviceFor,
  answersOf,
  type Operation,
  operations,
  type Policies,
  type Policy,
  refusalOf,
  standingOf,
  utcText,
  type View,
  type ViewMember,
} from '../../../src/cluster/netsplit/mod.js';

const at = Date.UTC(2026, 10, 23, 10, 0, 0);
const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L'];

/** Letters of `down` are missing, those of `suspect` suspect; A is this node. */
function view(count: number, down = '', changes: Partial<View> = {}): View {
  const members = names.slice(0, count).map((name): ViewMember => {
    const isDown = down.includes(name);
    return {
      site: name,
      name: `${name}@host`,
      state: isDown ? 'down' : 'up',
      downSince: isDown ? at : undefined,
    };
  });
  return { self: 'A', members, tiebreak: '', ...changes };
}

function all(policy: Policy): Policies {
  return { connect: policy, publish: policy, subscribe: policy, unsubscribe: policy };
}

type Verdict = 'yes' | 'no';
type Situation =
  | 'whole'
  | 'one of three missing'
  | 'two of three missing'
  | 'half missing'
  | 'half missing, tiebreak here'
  | 'half missing, tiebreak there'
  | 'alone';

const situations: Readonly<Record<Situation, View>> = {
  whole: view(3),
  'one of three missing': view(3, 'C'),
  'two of three missing': view(3, 'BC'),
  'half missing': view(4, 'CD'),
  'half missing, tiebreak here': view(4, 'CD', { tiebreak: 'B@host' }),
  'half missing, tiebreak there': view(4, 'CD', { tiebreak: 'C@host' }),
  alone: view(1),
};

const table: Readonly<Record<Situation, Readonly<Record<Policy, Verdict>>>> = {
  whole: { off: 'yes', on: 'yes', majority: 'yes' },
  'one of three missing': { off: 'no', on: 'yes', majority: 'yes' },
  'two of three missing': { off: 'no', on: 'yes', majority: 'no' },
  'half missing': { off: 'no', on: 'yes', majority: 'no' },
  'half missing, tiebreak here': { off: 'no', on: 'yes', majority: 'yes' },
  'half missing, tiebreak there': { off: 'no', on: 'yes', majority: 'no' },
  alone: { off: 'yes', on: 'yes', majority: 'yes' },
};

function refusal(
  seen: View,
  policy: Policy,
  override?: boolean,
  operation: Operation = 'connect',
): string | undefined {
  return refusalOf(operation, standingOf(seen), policy, override);
}

describe('the netsplit policy', () => {
  for (const [situation, verdicts] of Object.entries(table)) {
    it(`${situation}: is the same table for all four operations`, () => {
      for (const operation of operations) {
        for (const [policy, verdict] of Object.entries(verdicts)) {
          const seen = situations[situation as Situation];
          const reason = refusal(seen, policy as Policy, undefined, operation);
          assert.equal(reason === undefined ? 'yes' : 'no', verdict, `${operation} ${policy}`);
        }
      }
    });
  }

  it('takes a suspect for reachable, and this node always', () => {
    const members = view(3).members.map((one): ViewMember => ({ ...one, state: 'suspect' }));
    assert.equal(refusal(view(3, '', { members }), 'off'), undefined);
    assert.equal(refusal(view(1, 'A'), 'off'), undefined);
  });

  it('lets a back end decide for one client, either way', () => {
    assert.equal(refusal(view(3, 'BC'), 'off', true), undefined);
    assert.equal(refusal(view(3, 'BC'), 'majority', true), undefined);
    const reason = refusal(view(3, 'C'), 'on', false);
    assert.equal(
      reason,
      'member C@host unreachable since 2026-11-23T10:00:00Z (netsplit policy of this client = off)',
    );
    assert.equal(refusal(view(3), 'off', false), undefined);
  });

  it('names who is missing, since when, and what decided', () => {
    assert.equal(
      refusal(view(3, 'C'), 'off'),
      'member C@host unreachable since 2026-11-23T10:00:00Z (allow_register_during_netsplit = off)',
    );
    assert.equal(
      refusal(view(3, 'BC'), 'majority', undefined, 'publish'),
      'member B@host unreachable since 2026-11-23T10:00:00Z, member C@host unreachable since 2026-11-23T10:00:00Z; 1 of 3 members reachable, no majority (allow_publish_during_netsplit = majority)',
    );
    assert.match(
      refusal(view(2, 'B'), 'majority') ?? '',
      /; 1 of 2 members reachable, exactly half, without the tiebreak \(/,
    );
  });

  it('names eight missing members and counts the others', () => {
    const reason = refusal(view(12, 'BCDEFGHIJKL'), 'off') ?? '';
    assert.equal(reason.match(/unreachable since/g)?.length, 8);
    assert.match(reason, /, and 3 more \(/);
  });

  it('says no time that it does not know', () => {
    const members = view(2, 'B').members.map((one) => ({ ...one, downSince: undefined }));
    const reason = refusal(view(2, '', { members }), 'off') ?? '';
    assert.match(reason, /^member B@host unreachable \(/);
  });
});

describe('what clients get', () => {
  it('is a sentence for each operation with the setting that decides', () => {
    const policies: Policies = { ...all('off'), publish: 'on', subscribe: 'majority' };
    const answers = answersOf(view(3, 'C'), policies);
    assert.deepEqual(
      answers.map(({ packet, isServed }) => `${packet} ${isServed}`),
      ['CONNECT false', 'PUBLISH true', 'SUBSCRIBE true', 'UNSUBSCRIBE false'],
    );
    assert.deepEqual(
      answers.map(({ sentence }) => sentence),
      [
        'CONNECT is refused (CONNACK 3, in MQTT 5 0x88, and the connection is closed): allow_register_during_netsplit = off.',
        'PUBLISH is served: allow_publish_during_netsplit = on.',
        'SUBSCRIBE is served: allow_subscribe_during_netsplit = majority, and 2 of 3 members reachable, a majority.',
        'UNSUBSCRIBE is refused (UNSUBACK 0x83 in MQTT 5, no answer before it): allow_unsubscribe_during_netsplit = off.',
      ],
    );
    assert.ok(answersOf(view(3), all('off')).every(({ isServed }) => isServed));
  });
});

describe('advice', () => {
  it('is silent where losing any one member stops nothing', () => {
    assert.deepEqual(adviceFor(view(1), all('off')), []);
    assert.deepEqual(adviceFor(view(3), all('majority')), []);
    assert.deepEqual(adviceFor(view(4), all('on')), []);
  });

  it('says at once what off means', () => {
    const [advice, ...more] = adviceFor(view(3), all('off'));
    assert.match(advice ?? '', /^losing any one member will stop this cluster: .* to majority\.$/);
    assert.deepEqual(more, []);
    const some = adviceFor(view(3), { ...all('majority'), publish: 'off' });
    assert.match(some[0] ?? '', /^losing any one member will stop PUBLISH in this cluster: /);
  });

  it('says whose loss stops what when the count is even', () => {
    const two = adviceFor(view(2), all('majority'));
    assert.match(two[0] ?? '', /^losing either of the 2 members will stop CONNECT, PUBLISH, /);
    const held = adviceFor(view(2, '', { tiebreak: 'A@host' }), all('majority'));
    assert.match(held[0] ?? '', /^losing A@host will stop .* losing B@host stops nothing/);
    const four = adviceFor(view(4), all('majority'));
    assert.match(four[0] ?? '', /^with 4 members 1 may be lost; losing 2, or a split into halves/);
    const heldOfFour = adviceFor(view(4, '', { tiebreak: 'D@host' }), all('majority'));
    assert.match(heldOfFour[0] ?? '', /or 2 that do not include D@host/);
  });

  it('advises two nodes to go on', () => {
    assert.match(
      adviceFor(view(2), all('off'))[0] ?? '',
      /set all four allow_\*_during_netsplit to on/,
    );
  });

  it('says that a tiebreak names nobody', () => {
    const advice = adviceFor(view(3, '', { tiebreak: 'Z@host' }), all('majority'));
    assert.deepEqual(advice, ['cluster.tiebreak = Z@host names no member, so it decides nothing.']);
  });
});

describe('a moment as text', () => {
  it('is the date and the time in UTC, in every kind of year', () => {
    const moments = ['1970-01-01T00:00:00', '2000-02-29T23:59:59', '2026-11-23T10:00:00'];
    const more = ['2100-02-28T12:34:56', '2100-03-01T00:00:00', '2024-12-31T23:59:59'];
    for (const moment of [...moments, ...more]) {
      assert.equal(utcText(Date.parse(`${moment}Z`) + 999), `${moment}Z`);
    }
    for (let day = 0; day < 150_000; day += 13) {
      const ms = day * 86_400_000;
      assert.equal(utcText(ms), new Date(ms).toISOString().replace('.000', ''));
    }
  });
});
