import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkViews } from '../../sim/cluster-checkers.js';
import type { ClusterView } from '../../sim/cluster-view.js';

const members = new Set(['s1', 's2']);

function view(site: string, different: Partial<ClusterView> = {}): ClusterView {
  return {
    site,
    members,
    reachable: members,
    tables: new Map([
      ['s1', { number: 3, sum: 30n }],
      ['s2', { number: 1, sum: 10n }],
    ]),
    owners: new Map([['client', 's1']]),
    connected: new Set(site === 's1' ? ['client'] : []),
    routes: new Map([['a/#', new Set(['s1'])]]),
    subscriptions: new Set(site === 's1' ? ['a/#'] : []),
    retained: new Map([['a', 'text']]),
    remnants: 0,
    overrideRows: 0,
    ...different,
  };
}

function rulesBroken(different: Partial<ClusterView>): string[] {
  const views = new Map([
    ['node1', view('s1')],
    ['node2', view('s2', different)],
  ]);
  return [...new Set(checkViews(views).map(({ rule }) => rule))];
}

describe('a cluster at rest', () => {
  it('is good when all say the same', () => {
    assert.deepEqual(rulesBroken({}), []);
  });

  const cases: [string, Partial<ClusterView>][] = [
    ['everybody reaches everybody', { reachable: new Set(['s2']) }],
    ['equal rows and sums everywhere', { tables: new Map([['s1', { number: 3, sum: 31n }]]) }],
    ['one owner per client identifier', { owners: new Map([['client', 's2']]) }],
    ['one owner per client identifier', { connected: new Set(['client']) }],
    ['routes equal to the subscriptions', { routes: new Map() }],
    ['routes equal to the subscriptions', { subscriptions: new Set(['b']) }],
    ['retained equal', { retained: new Map() }],
    ['no override row and no remnant left', { remnants: 1 }],
    ['no override row and no remnant left', { overrideRows: 1 }],
  ];
  for (const [rule, different] of cases) {
    it(`is not when ${Object.keys(different).join()} differ: ${rule}`, () => {
      assert.deepEqual(rulesBroken(different), [rule]);
    });
  }

  it('is not when a node has a route without a subscription', () => {
    const routes = new Map([['a/#', new Set(['s1', 's2'])]]);
    const views = new Map([
      ['node1', view('s1', { routes })],
      ['node2', view('s2', { routes })],
    ]);
    assert.match(checkViews(views)[0]?.what ?? '', /^node2 has a route and no subscription/);
  });
});
