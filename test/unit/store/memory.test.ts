import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import { MemoryStore } from '../../../src/store/mod.js';
import { storeContract } from '../../fixtures/store-contract.js';

storeContract('memory', async () => ({ store: new MemoryStore(), dispose: async () => {} }));

it('the memory store answers a commit before it returns', () => {
  const store = new MemoryStore();
  const batch = store.newBatch();
  batch.put('meta', Buffer.from('a'), Buffer.from('b'));
  let answered = false;
  store.commit(batch, () => {
    answered = true;
  });
  assert.ok(answered);
});

it('the memory store keeps its order through tens of thousands of shuffled puts and removals', () => {
  const store = new MemoryStore();
  const batch = store.newBatch();
  const count = 20_000;
  const key = (i: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(i);
    return bytes;
  };
  // 7919 is prime to the count, so that every number comes once, out of order.
  for (let i = 0; i < count; i += 1) batch.put('queue', key((i * 7919) % count), key(i));
  for (let i = 0; i < count; i += 3) batch.remove('queue', key(i));
  store.commit(batch, () => {});
  const keys = Array.from(store.entries('queue'), ([bytes]) => Buffer.from(bytes).readUInt32BE());
  const expected = Array.from({ length: count }, (_, i) => i).filter((i) => i % 3 !== 0);
  assert.deepEqual(keys, expected);
});
