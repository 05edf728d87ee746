import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import { RowExchange } from '../../../src/cluster/exchange/row-exchange.js';
import type { Site } from '../../../src/cluster/identity/mod.js';
import { FrameType } from '../../../src/cluster/link/mod.js';
import { Node, siteOf } from './metadata-rig.js';

const sites = [1, 2, 3, 4].map(siteOf);
const [here] = sites as [Site];

/** Who was told the vector of `here` in each comparison, ten seconds apart. */
function compared(seed: number, times: number): Site[] {
  const { tables } = new Node(here, sites);
  const none = (): void => {};
  const story = { started: none, completed: none, pushed: none, answered: none, gaveUp: none };
  const rows = new RowExchange(tables, new SeededRandom(seed), {
    ...{ faulty: none, caughtUp: none, story },
  });
  let told: Site[] = [];
  for (const site of sites.slice(1)) {
    rows.opened(site, {
      send: (_lane, type) => {
        if (type === FrameType.Vector) told.push(site);
        return true;
      },
    });
  }
  told = [];
  for (let time = 1; time <= times; time += 1) rows.tick(time * 10_000);
  return told;
}

describe('vectors are compared', () => {
  it('with each member once before any comes again, in an order by chance (seed 771)', () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const told = compared(seed, 9);
      assert.equal(told.length, 9);
      for (let round = 0; round < 9; round += 3) {
        assert.equal(new Set(told.slice(round, round + 3)).size, 3);
      }
      orders.add(told.join());
    }
    assert.ok(orders.size > 1);
  });
});
