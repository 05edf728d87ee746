import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type OpenedStore, openLmdbStore } from '../../../src/store/lmdb/mod.js';
import { committed, contents, storeContract, write } from '../../fixtures/store-contract.js';

const reserveBytes = 256 * 1024;

function open(directory: string, sync = true): Promise<OpenedStore> {
  return openLmdbStore({ directory, sync, reserveBytes, log: (text) => assert.fail(text) });
}

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'nautilusmq-store-'));
}

for (const sync of [true, false]) {
  storeContract(`lmdb, sync ${sync ? 'on' : 'off'}`, async () => {
    const directory = newDirectory();
    let opened = await open(directory, sync);
    return {
      store: opened.store,
      reopen: async () => {
        await opened.close();
        opened = await open(directory, sync);
        return opened.store;
      },
      dispose: async () => {
        await opened.close();
        rmSync(directory, { recursive: true });
      },
    };
  });
}

describe('the lmdb store', () => {
  it('keeps its site and counts its boots', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    assert.match(first.identity.site, /^[0-9a-f]{32}$/);
    assert.equal(first.identity.boot, 1);
    await first.close();
    const second = await open(directory);
    assert.deepEqual(second.identity, { site: first.identity.site, boot: 2 });
    await second.close();
    rmSync(directory, { recursive: true });
  });

  it('has copied the batch when commit returns, so that the caller may reuse its bytes', async () => {
    const directory = newDirectory();
    const { store, close } = await open(directory);
    const key = Buffer.from('key');
    const value = Buffer.from('value');
    const batch = store.newBatch();
    batch.put('queue', key, value);
    const stored = committed(store, batch);
    key.fill(0);
    value.fill(0);
    assert.equal(await stored, undefined);
    assert.deepEqual(contents(store, 'queue'), [
      [Buffer.from('key').toString('hex'), Buffer.from('value').toString('hex')],
    ]);
    await close();
    rmSync(directory, { recursive: true });
  });

  it('refuses commits after close, and finishes the one under way before', async () => {
    const directory = newDirectory();
    const { store, close } = await open(directory);
    const batch = store.newBatch();
    batch.put('queue', Buffer.from('a'), Buffer.from('b'));
    const stored = committed(store, batch);
    const closed = close();
    assert.equal(await stored, undefined);
    await closed;
    assert.equal((await committed(store, store.newBatch()))?.code, 'STORE_CLOSED');
    const again = await open(directory);
    assert.equal(contents(again.store, 'queue').length, 1);
    await again.close();
    rmSync(directory, { recursive: true });
  });

  it('gives the same content after reopening, in every table', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    await write(first.store, (batch) => {
      for (let i = 0; i < 1000; i += 1) {
        const key = Buffer.alloc(16, i & 0xff);
        key.writeUInt32BE(i);
        batch.put(i % 2 === 0 ? 'message' : 'retained', key, Buffer.alloc(i, 7));
      }
    });
    const before = [contents(first.store, 'message'), contents(first.store, 'retained')];
    await first.close();
    const second = await open(directory);
    const after = [contents(second.store, 'message'), contents(second.store, 'retained')];
    assert.deepEqual(after, before);
    await second.close();
    rmSync(directory, { recursive: true });
  });
});
