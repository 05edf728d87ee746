import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Netsplit,
  type Policies,
  type Policy,
  type View,
  type ViewMember,
} from '../../../src/cluster/netsplit/mod.js';

const start = Date.UTC(2026, 10, 23, 10, 0, 0);

function view(down: string, count = 3): View {
  const members = ['A', 'B', 'C', 'D'].slice(0, count).map(
    (name): ViewMember => ({
      site: name,
      name: `${name}@host`,
      state: down.includes(name) ? 'down' : 'up',
      downSince: down.includes(name) ? start : undefined,
    }),
  );
  return { self: 'A', members, tiebreak: '' };
}

function all(policy: Policy): Policies {
  return { connect: policy, publish: policy, subscribe: policy, unsubscribe: policy };
}

class Rig {
  readonly told: string[] = [];
  readonly netsplit: Netsplit;

  constructor(policy: Policy) {
    this.netsplit = new Netsplit(all(policy), {
      detected: (sentence) => this.told.push(`detected: ${sentence}`),
      resolved: (sentence) => this.told.push(`resolved: ${sentence}`),
      changed: (sentence) => this.told.push(`changed: ${sentence}`),
      refusing: (operation, line) => this.told.push(`${operation}: ${line}`),
    });
    this.netsplit.onView(view(''), start);
  }

  take(): string[] {
    return this.told.splice(0);
  }

  refuse(clientIdentifier: string, now: number): void {
    assert.notEqual(this.netsplit.refusal('connect', undefined), undefined);
    this.netsplit.noteRefused('connect', { mountpoint: '', clientIdentifier }, now);
  }
}

type State = 'whole' | 'split';
type Event = 'one goes' | 'another goes' | 'all return' | 'the same view' | 'policies to on';

/** What each event tells in each state, by verb; empty: silence. */
const table: Readonly<Record<State, Readonly<Record<Event, string>>>> = {
  whole: {
    'one goes': 'detected',
    'another goes': 'detected',
    'all return': '',
    'the same view': '',
    'policies to on': '',
  },
  split: {
    'one goes': '',
    'another goes': 'changed',
    'all return': 'resolved',
    'the same view': '',
    'policies to on': 'changed',
  },
};

describe('the netsplit machine', () => {
  for (const [state, events] of Object.entries(table)) {
    for (const [event, verb] of Object.entries(events)) {
      it(`${state}, ${event}: ${verb === '' ? 'is silent' : `tells ${verb}`}`, () => {
        const rig = new Rig('off');
        const { netsplit } = rig;
        if (state === 'split') netsplit.onView(view('C'), start);
        const same = netsplit.view;
        rig.take();
        const does: Readonly<Record<Event, () => void>> = {
          'one goes': () => netsplit.onView(view('C'), start + 1000),
          'another goes': () => netsplit.onView(view('BC'), start + 1000),
          'all return': () => netsplit.onView(view(''), start + 1000),
          'the same view': () => netsplit.onView(same, start + 1000),
          'policies to on': () => netsplit.onPolicies(all('on'), start + 1000),
        };
        does[event as Event]();
        assert.deepEqual(
          rig.take().map((line) => line.split(':')[0]),
          verb === '' ? [] : [verb],
        );
      });
    }
  }

  it('says who is missing and what is refused and served', () => {
    const rig = new Rig('majority');
    rig.netsplit.onPolicies({ ...all('majority'), publish: 'off' }, start);
    rig.netsplit.onView(view('C'), start);
    assert.deepEqual(rig.take(), [
      'detected: netsplit detected: member C@host unreachable since 2026-11-23T10:00:00Z; 2 of 3 members reachable, a majority; refused: PUBLISH (allow_publish_during_netsplit = off); served: CONNECT, SUBSCRIBE and UNSUBSCRIBE',
    ]);
    rig.netsplit.onView(view(''), start + 12_000);
    assert.deepEqual(rig.take(), [
      'resolved: netsplit resolved after 12 s: all 3 members are reachable; nothing was refused',
    ]);
  });

  it('is over when the missing member has left', () => {
    const rig = new Rig('off');
    rig.netsplit.onView(view('D', 4), start);
    rig.take();
    rig.netsplit.onView(view('', 3), start + 500);
    assert.equal(rig.netsplit.isOpen, true);
    assert.match(rig.take()[0] ?? '', /^resolved: .* all 3 members are reachable/);
  });

  it('refuses and allows under the settings of the moment', () => {
    const { netsplit } = new Rig('off');
    assert.equal(netsplit.refusal('publish', undefined), undefined);
    netsplit.onView(view('C'), start);
    assert.equal(netsplit.isOpen, false);
    assert.match(netsplit.refusal('publish', undefined) ?? '', /^member C@host unreachable since/);
    assert.equal(netsplit.refusal('publish', true), undefined);
    netsplit.onPolicies(all('majority'), start);
    assert.equal(netsplit.refusal('publish', undefined), undefined);
    assert.match(netsplit.refusal('publish', false) ?? '', /netsplit policy of this client/);
    netsplit.onView(view('BC'), start);
    assert.match(netsplit.refusal('publish', undefined) ?? '', /1 of 3 members reachable/);
  });
});

describe('lines about refusals', () => {
  it('name client, reason and member, once a minute and kind', () => {
    const rig = new Rig('off');
    rig.netsplit.onView(view('C'), start);
    rig.take();
    for (let n = 0; n < 100; n += 1) rig.refuse(`c${n}`, start + n * 600);
    rig.netsplit.noteRefused('publish', { mountpoint: 'm', clientIdentifier: 'p' }, start);
    rig.refuse('late', start + 60_000);
    const reason = 'due to reason not_ready: member C@host unreachable since 2026-11-23T10:00:00Z';
    assert.deepEqual(rig.take(), [
      `connect: can't register client {, c0} ${reason} (allow_register_during_netsplit = off)`,
      `publish: can't publish for client {m, p} ${reason} (allow_publish_during_netsplit = off)`,
      `connect: can't register client {, late} ${reason} (allow_register_during_netsplit = off) (and 99 since the last line)`,
    ]);
  });

  it('are not more often when the split comes and goes', () => {
    const rig = new Rig('off');
    for (let n = 0; n < 20; n += 1) {
      rig.netsplit.onView(view('C'), start + n * 1000);
      rig.refuse('c', start + n * 1000);
      rig.netsplit.onView(view(''), start + n * 1000 + 500);
    }
    const lines = rig.take();
    assert.equal(lines.filter((line) => line.startsWith('connect:')).length, 1);
    assert.match(lines.at(-1) ?? '', /all 3 members are reachable; refused: 1 CONNECT$/);
  });

  it("give the client's own policy where the setting would have served it", () => {
    const rig = new Rig('on');
    rig.netsplit.onView(view('C'), start);
    rig.take();
    rig.netsplit.noteRefused('connect', { mountpoint: '', clientIdentifier: 'c' }, start);
    assert.match(rig.take()[0] ?? '', /\(netsplit policy of this client = off\)$/);
  });
});
