import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Guests } from '../../../src/cluster/guests.js';
import { LaneKind, type PeerFacts } from '../../../src/cluster/link/mod.js';

const guest: PeerFacts = {
  site: 'a1'.repeat(16),
  boot: { counter: 1, nonce: '00'.repeat(8) },
  nodeName: 'a@h',
  address: 'a:1',
  lane: LaneKind.Control,
} as PeerFacts;

describe('a guest', () => {
  it('has a link as long as it comes back, though what it had as a member went meanwhile', () => {
    const told: string[] = [];
    let isHere = true;
    const guests = new Guests({
      isLinked: () => false,
      isHere: () => isHere,
      come: ({ nodeName }) => {
        isHere = true;
        told.push(`${nodeName} comes`);
      },
      go: () => void told.push('goes'),
    });
    // Its leaving is known, and the link of the member is still there.
    assert.ok(guests.returned(guest, 0));
    assert.deepEqual(told, []);
    isHere = false;
    assert.ok(guests.returned(guest, 100));
    assert.ok(guests.returned(guest, 200));
    assert.deepEqual(told, ['a@h comes']);
    guests.tick(40_000);
    assert.deepEqual(told, ['a@h comes', 'goes']);
  });
});
