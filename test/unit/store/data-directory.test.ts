import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open as openFile } from 'lmdb';
import {
  backupStore,
  compactStore,
  type OpenedStore,
  openLmdbStore,
  showStore,
  StoreOpenError,
} from '../../../src/store/lmdb/mod.js';
import { contents, write } from '../../fixtures/store-contract.js';

const storeProcess = fileURLToPath(new URL('../../fixtures/store-process.js', import.meta.url));

function open(directory: string): Promise<OpenedStore> {
  const log = (text: string): void => assert.fail(text);
  return openLmdbStore({ directory, sync: true, reserveBytes: 128 * 1024, log });
}

/** Runs `body` with a directory that is removed afterwards. */
function withDirectory(body: (directory: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-data-'));
    try {
      await body(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
}

/** A directory with a closed store of `count` records. */
async function filled(directory: string, count = 200): Promise<void> {
  const { store, close } = await open(directory);
  await write(store, (batch) => {
    for (let i = 0; i < count; i += 1) {
      batch.put('queue', Buffer.from(`key-${i}`), Buffer.alloc(300, i));
    }
  });
  await close();
}

/** Asserts the code, and that the message is one line that names a remedy after its `;` or `. `. */
async function refuses(promise: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`expected ${code}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StoreOpenError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, text);
  assert.match(error.message, /^[^\n]+(?:; |\. )[^\n]+\.$/);
}

async function holder(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [storeProcess, 'hold', directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  assert.match(line.toString(), /"holding"/);
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

describe('one process per data directory', () => {
  it(
    'a second process is refused with the id and the command of the first, until it ends',
    withDirectory(async (directory) => {
      const child = await holder(directory);
      await refuses(
        open(directory),
        'STORE_LOCKED',
        new RegExp(`process ${child.pid} \\(store-process\\.js hold\\)`),
      );
      child.stdin?.end();
      await ended(child);
      await (await open(directory)).close();
    }),
  );

  it(
    'the lock of a killed process does not keep the next one out',
    withDirectory(async (directory) => {
      const child = await holder(directory);
      child.kill('SIGKILL');
      await ended(child);
      assert.ok(existsSync(join(directory, 'nautilusmq.lock')));
      const opened = await open(directory);
      assert.equal(opened.identity.boot, 2);
      await opened.close();
      assert.ok(!existsSync(join(directory, 'nautilusmq.lock')));
    }),
  );

  it(
    'the same process cannot open a directory twice',
    withDirectory(async (directory) => {
      const opened = await open(directory);
      await refuses(open(directory), 'STORE_LOCKED', /this process/);
      await opened.close();
    }),
  );

  const foreign = { pid: process.pid, host: 'elsewhere.example', command: 'nautilusmq start' };
  it(
    'a reused process id does not count as the holder, as the start time tells',
    withDirectory(async (directory) => {
      const child = await holder(directory);
      const path = join(directory, 'nautilusmq.lock');
      const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      child.kill('SIGKILL');
      await ended(child);
      // Our own process lives, but did not start when the record says.
      writeFileSync(path, JSON.stringify({ ...record, pid: process.pid }));
      if (record.started === undefined) return;
      await (await open(directory)).close();
    }),
  );

  it(
    'a lock from another machine holds while it is renewed, and not for longer',
    withDirectory(async (directory) => {
      const path = join(directory, 'nautilusmq.lock');
      writeFileSync(path, JSON.stringify(foreign));
      await refuses(open(directory), 'STORE_LOCKED', /on elsewhere\.example \(another machine/);
      const old = new Date(Date.now() - 60_000);
      utimesSync(path, old, old);
      await (await open(directory)).close();
    }),
  );

  it(
    'a lock file that was cut short by a power failure is no lock',
    withDirectory(async (directory) => {
      writeFileSync(join(directory, 'nautilusmq.lock'), '{"pid":');
      await (await open(directory)).close();
      assert.deepEqual(
        readdirSync(directory).filter((name) => name.includes('lock.')),
        [],
        'nothing is left aside',
      );
    }),
  );

  it(
    'a lock of this machine without start time holds while its process lives',
    withDirectory(async (directory) => {
      const record = { ...foreign, host: hostname(), pid: process.ppid };
      writeFileSync(join(directory, 'nautilusmq.lock'), JSON.stringify(record));
      await refuses(open(directory), 'STORE_LOCKED', /nautilusmq start/);
    }),
  );
});

describe('what is in the data directory', () => {
  it(
    'a newer layout is refused with both versions named',
    withDirectory(async (directory) => {
      await filled(directory);
      await editMeta(directory, (put) => put('layout', Buffer.from('7')));
      await refuses(open(directory), 'STORE_LAYOUT', /layout 7, this version reads up to 1/);
    }),
  );

  it(
    'an LMDB file with records but without our marks is refused',
    withDirectory(async (directory) => {
      const root = openFile({ path: join(directory, 'store.mdb'), noSubdir: true });
      await root.openDB({ name: 'something else' }).put('a', 1);
      await root.put('b', 2);
      await root.close();
      await refuses(open(directory), 'STORE_LAYOUT', /not a NautilusMQ store/);
    }),
  );

  it(
    'a data directory that cannot be made or written is refused with its path',
    withDirectory(async (directory) => {
      const file = join(directory, 'file');
      writeFileSync(file, '');
      await refuses(open(join(file, 'data')), 'STORE_UNWRITABLE', /file\/data/);
    }),
  );

  it(
    'a data file that was cut short is refused, whatever its length',
    withDirectory(async (directory) => {
      await filled(directory, 2000);
      const path = join(directory, 'store.mdb');
      for (const length of [400_000, 100_000, 8192, 8000, 4096, 100, 1]) {
        truncateSync(path, length);
        await refuses(open(directory), 'STORE_CORRUPT', /damaged/);
      }
      assert.ok(!existsSync(join(directory, 'nautilusmq.lock')), 'the lock is released');
    }),
  );

  it(
    'a data file with foreign or overwritten content is refused',
    withDirectory(async (directory) => {
      const path = join(directory, 'store.mdb');
      writeFileSync(path, 'this is not a database, and longer than one line of text\n'.repeat(900));
      await refuses(open(directory), 'STORE_CORRUPT', /not an LMDB file/);
      rmSync(path);
      await filled(directory);
      const whole = readFileSync(path);
      writeFileSync(
        path,
        Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length, 0xee)]),
      );
      await refuses(open(directory), 'STORE_CORRUPT', /overwritten/);
    }),
  );
});

describe('store show, compact and backup', () => {
  it(
    'show counts entries and bytes, of a closed store and of one that serves',
    withDirectory(async (directory) => {
      await filled(directory, 200);
      const closed = await showStore(directory);
      assert.equal(closed.layout, 1);
      assert.equal(closed.boot, 1);
      assert.equal(closed.holder, undefined);
      assert.equal(closed.fileBytes, statSync(join(directory, 'store.mdb')).size);
      const queue = closed.tables.find(({ table }) => table === 'queue');
      assert.equal(queue?.entries, 200);
      assert.ok((queue?.bytes ?? 0) > 200 * 300);
      const child = await holder(directory);
      const serving = await showStore(directory);
      assert.equal(serving.holder?.pid, child.pid);
      assert.equal(serving.site, closed.site);
      assert.equal(serving.boot, 2);
      child.stdin?.end();
      await ended(child);
    }),
  );

  it(
    'compact makes the file smaller, keeps all content, and refuses while a broker runs',
    withDirectory(async (directory) => {
      await filled(directory, 5000);
      const first = await open(directory);
      await write(first.store, (batch) => {
        for (let i = 100; i < 5000; i += 1) batch.remove('queue', Buffer.from(`key-${i}`));
      });
      const before = contents(first.store, 'queue');
      await first.close();
      const child = await holder(directory);
      await refuses(compactStore(directory), 'STORE_LOCKED', new RegExp(`process ${child.pid}`));
      child.stdin?.end();
      await ended(child);
      const { bytesBefore, bytesAfter } = await compactStore(directory);
      assert.ok(bytesAfter < bytesBefore / 10, `${bytesBefore} to ${bytesAfter}`);
      const second = await open(directory);
      assert.deepEqual(contents(second.store, 'queue'), before);
      assert.equal(second.identity.site, first.identity.site);
      await second.close();
      assert.deepEqual(readdirSync(directory).sort(), ['store.mdb', 'store.mdb-lock']);
    }),
  );

  it(
    'a backup of a serving store is a whole store of the moment, and overwrites none',
    withDirectory(async (directory) => {
      const source = join(directory, 'data');
      const target = join(directory, 'backup', 'today');
      const { store, close, identity } = await open(source);
      await write(store, (batch) => batch.put('retained', Buffer.from('a'), Buffer.from('1')));
      assert.ok((await backupStore(source, target)) > 0);
      await write(store, (batch) => batch.put('retained', Buffer.from('b'), Buffer.from('2')));
      await refuses(backupStore(source, target), 'STORE_UNWRITABLE', /exists already/);
      await close();
      const copy = await open(target);
      assert.equal(contents(copy.store, 'retained').length, 1);
      assert.equal(copy.identity.site, identity.site);
      await copy.close();
    }),
  );

  it(
    'the tools name a directory without a store',
    withDirectory(async (directory) => {
      mkdirSync(join(directory, 'empty'));
      for (const path of [join(directory, 'empty'), join(directory, 'absent')]) {
        await refuses(showStore(path), 'STORE_ABSENT', /no store/);
        await refuses(compactStore(path), 'STORE_ABSENT', /no store/);
        await refuses(backupStore(path, join(directory, 'b')), 'STORE_ABSENT', /no store/);
      }
    }),
  );
});

/** Writes to the `meta` table behind the store's back. */
async function editMeta(
  directory: string,
  edit: (put: (key: string, value: Buffer) => void) => void,
): Promise<void> {
  const coding = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const root = openFile({ ...coding, path: join(directory, 'store.mdb'), noSubdir: true });
  const meta = root.openDB<Buffer, Buffer>({ ...coding, name: 'meta' });
  edit((key, value) => meta.putSync(Buffer.from(key), value));
  await root.close();
}
