/**
 * What a durable put costs, and why the LMDB store writes as it does.
 *
 * Run: node dist/bench/micro/store.js [way …] [--changes=N] [--seconds=N]
 *
 * A message is stored as the journal stores it: a body and a reference are put, and those of the
 * message 5,000 earlier are removed, so four changes per message. Ways:
 * - `store`   LmdbStore: packed batch, writer thread, LMDB's synchronous transaction there
 * - `async`   the lmdb package's asynchronous puts, in one `batch`, no overlapping sync
 * - `overlap` the same with overlappingSync and the `flushed` promise
 * - `main`    a synchronous transaction on the main thread
 * - `memory`  MemoryStore
 *
 * Columns: messages per second; CPU of all threads and busy time of the main thread, in µs per
 * change; commit latency in ms.
 *
 * Measured on a busy virtual machine with two cores, Node.js 20, ext4, 4,000 changes per batch:
 *
 * | way     | msg/s  | CPU, all threads | busy main thread |
 * |---------|--------|------------------|------------------|
 * | store   | 66,000 | 2.9 µs/change    | 0.7 µs/change    |
 * | async   | 79,000 | 2.5              | 1.4              |
 * | overlap | 70,000 | 2.5              | 1.6              |
 * | main    | 69,000 | 2.4              | 3.6              |
 *
 * The main thread, where the broker runs, is what bounds a node: `store` takes the least of it for
 * 0.4 µs more of the other core. And it is the one that is easy to make correct: a commit throws or
 * it does not. `async` and `overlap` report a full disk through promises that nobody holds, never
 * settle `flushed` when a sync fails, and wait in libuv's pool behind password hashing; `main`
 * holds up every client for the sync.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { openLmdbStore } from '../../src/store/lmdb/mod.js';
import { MemoryStore, type Store, type StoreTable } from '../../src/store/mod.js';

type Change = (table: StoreTable, key: Buffer, value: Buffer | undefined) => void;

/** Commits one batch that `fill` describes; resolves when it is durable. */
type Commit = (fill: (change: Change) => void) => Promise<unknown>;

interface Way {
  readonly commit: Commit;
  readonly close: () => Promise<unknown>;
}

function overStore(store: Store, close: () => Promise<unknown>): Way {
  const commit: Commit = (fill) => {
    const batch = store.newBatch();
    fill((table, key, value) => {
      if (value === undefined) batch.remove(table, key);
      else batch.put(table, key, value);
    });
    return new Promise<void>((resolve, reject) =>
      store.commit(batch, (failure) =>
        failure === undefined ? resolve() : reject(new Error(failure.message)),
      ),
    );
  };
  return { commit, close };
}

function overLmdb(directory: string, way: 'async' | 'overlap' | 'main'): Way {
  const coding = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const overlapping = way === 'overlap';
  const root = open<Buffer, Buffer>({
    ...coding,
    path: join(directory, 'store.mdb'),
    noSubdir: true,
    mapSize: 2 ** 36,
    overlappingSync: overlapping,
    separateFlushed: overlapping,
  });
  const tables = {
    queue: root.openDB<Buffer, Buffer>({ ...coding, name: 'queue' }),
    message: root.openDB<Buffer, Buffer>({ ...coding, name: 'message' }),
  };
  const tableFor = (table: StoreTable): typeof root =>
    (table === 'queue' ? tables.queue : tables.message) as typeof root;
  const commit: Commit = async (fill) => {
    if (way === 'main') {
      root.transactionSync(() =>
        fill((table, key, value) => {
          if (value === undefined) tableFor(table).removeSync(key);
          else tableFor(table).putSync(key, value);
        }),
      );
      return;
    }
    const stored = root.batch(() =>
      fill((table, key, value) => {
        if (value === undefined) void tableFor(table).remove(key);
        else void tableFor(table).put(key, value);
      }),
    ) as Promise<boolean> & { flushed?: Promise<boolean> };
    await (overlapping ? stored.flushed : stored);
  };
  return { commit, close: () => root.close() };
}

async function openWay(name: string, directory: string): Promise<Way> {
  if (name === 'memory') return overStore(new MemoryStore(), async () => {});
  if (name === 'async' || name === 'overlap' || name === 'main') return overLmdb(directory, name);
  const opened = await openLmdbStore({ directory, sync: true, log: console.error });
  return overStore(opened.store, opened.close);
}

const lag = 5000;
const body = Buffer.alloc(120, 1);
const reference = Buffer.alloc(24, 2);

function keyOf(id: number, length: number): Buffer {
  const key = Buffer.alloc(length);
  key.writeUIntBE(id, length - 6, 6);
  // References are grouped by session: ten sessions take turns.
  if (length > 16) key[3] = id % 10;
  return key;
}

function storeMessage(change: Change, id: number): void {
  change('message', keyOf(id, 16), body);
  change('queue', keyOf(id, 24), reference);
  if (id < lag) return;
  change('message', keyOf(id - lag, 16), undefined);
  change('queue', keyOf(id - lag, 24), undefined);
}

async function measure(name: string, changes: number, seconds: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-bench-'));
  const way = await openWay(name, directory);
  const perBatch = Math.max(1, Math.round(changes / 4));
  const latencies: number[] = [];
  let id = 0;
  const run = async (untilMs: number): Promise<void> => {
    while (performance.now() < untilMs) {
      const start = performance.now();
      await way.commit((change) => {
        for (let i = 0; i < perBatch; i += 1, id += 1) storeMessage(change, id);
      });
      latencies.push(performance.now() - start);
    }
  };
  await run(performance.now() + 500);
  latencies.length = 0;
  const from = id;
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const start = performance.now();
  await run(start + seconds * 1000);
  const elapsed = performance.now() - start;
  const used = process.cpuUsage(cpu);
  const active = performance.eventLoopUtilization(loop).active;
  const messages = id - from;
  const perChange = (us: number): string => (us / (messages * 4)).toFixed(2);
  latencies.sort((a, b) => a - b);
  const at = (q: number): string =>
    (latencies[Math.floor((latencies.length - 1) * q)] ?? 0).toFixed(1);
  console.log(
    `${name.padEnd(8)} ${String(changes).padStart(6)} changes  ${String(Math.round((messages / elapsed) * 1000)).padStart(7)} msg/s` +
      `  cpu ${perChange(used.user + used.system)}  main ${perChange(active * 1000)} µs/change` +
      `  p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms`,
  );
  await way.close();
  rmSync(directory, { recursive: true, force: true });
}

const words = process.argv.slice(2);
const option = (name: string): number | undefined => {
  const word = words.find((w) => w.startsWith(`--${name}=`));
  return word === undefined ? undefined : Number(word.split('=')[1]);
};
const named = words.filter((word) => !word.startsWith('--'));
const ways = named.length > 0 ? named : ['store', 'async', 'overlap', 'main', 'memory'];
const sizes = option('changes') === undefined ? [40, 400, 4000] : [option('changes') as number];
for (const size of sizes) {
  for (const name of ways) await measure(name, size, option('seconds') ?? 2);
}
