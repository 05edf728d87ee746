import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnheardClaims } from '../../../src/broker/unheard-claims.js';

describe('claims of members that are not up yet', () => {
  it('are kept for each member, also where several claimed one session (seed 782)', () => {
    const claims = new UnheardClaims();
    claims.add('twin', 'far');
    claims.add('twin', 'near');
    claims.add('other', 'near');
    assert.deepEqual([...claims.take('near')], ['twin', 'other']);
    assert.deepEqual([...claims.take('near')], []);
    assert.deepEqual([...claims.take('far')], ['twin']);
  });
});
