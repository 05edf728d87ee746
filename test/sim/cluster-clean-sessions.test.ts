/** Sessions that end with their connection: one of each Client Identifier, too. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { names, running } from './cluster-rig.js';

describe('a clean session that is claimed on both sides of a split', () => {
  it('is one again whoever else had it, and in whatever order they come up (seed 782)', () => {
    for (const [near, far] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const rig = running();
      rig.client(near, 'twin');
      rig.run(100);
      rig.cut('c', 'a');
      rig.cut('c', 'b');
      rig.client('c', 'twin');
      rig.run(100);
      rig.client(far, 'twin');
      rig.run(6000);
      assert.equal(rig.states('c'), 'down down up');
      rig.mend('c', near);
      rig.run(6000);
      rig.mend('c', far);
      rig.run(8000);
      for (const name of names) assert.equal(rig.states(name), 'up up up');
      const counts = names.map((name) => rig.core(name).broker.sessionCount);
      const sum = counts.reduce((total, count) => total + count, 0);
      assert.equal(sum, 1, `${counts.join()}\n${rig.told()}`);
    }
  });
});
