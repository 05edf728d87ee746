/**
 * What replicated rows cost a peer: bytes of heap per route row in its tables and in its routing
 * table, the time of a full sync to an empty joiner, the longest piece of it that is done at once,
 * and what the routes of a dead member cost. One process plays owner and joiner; nothing is sent.
 * Run: `node dist/bench/micro/rows.js [number of rows]`.
 */
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { encodeInterval, RowKind, Tables, type TablesOut } from '../../src/cluster/metadata/mod.js';
import type { Journal } from '../../src/journal/mod.js';
import { readRouteKey, routeKey, routeValueBytes } from '../../src/cluster/routing/mod.js';
import { LocalRoutes } from '../../src/broker/local-routes.js';
import { Realm } from '../../src/broker/realm.js';
import { SubscriptionTable } from '../../src/broker/subscription-table.js';
import { Turns } from './turns.js';

const count = Number(process.argv[2] ?? 1_000_000);
/** As the exchange asks for rows and goes on with them. */
const chunkBytes = 60 * 1024;
const stepRows = 1024;
const boot = { counter: 1, nonce: '01'.repeat(8) };
const [owner, joiner] = ['0a'.repeat(16), '0b'.repeat(16)] as const;
const value = routeValueBytes({ hasPersistent: false, online: 0, total: 0 });

/** The disk is as fast as the program; `changed` is the routing table, where there is one. */
function outTo(changed: TablesOut['changed']): TablesOut {
  const nothing = (): void => {};
  return {
    changed,
    diverged: nothing,
    persist: nothing,
    forget: nothing,
    place: nothing,
    ended: nothing,
  };
}

/** Numbers stand in array buffers, which V8 does not count as heap; we do. */
function usedHeap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function say(text: string, amount: number, unit: string): void {
  process.stdout.write(`${text.padEnd(44)}${amount.toFixed(1).padStart(9)} ${unit}\n`);
}

const shapes: readonly ((at: number) => string)[] = [
  (at) => `device/${at}/command`,
  (at) => `device/+/${at}`,
  (at) => `device/${at}/command/+`,
];

/** The rows of one site, as its own node has them. */
function filled(filterOf: (at: number) => string): Tables {
  const tables = new Tables(
    owner,
    boot,
    [],
    outTo(() => {}),
  );
  for (let at = 0; at < count; at += 1) {
    const key = routeKey({ mountpoint: '', group: '', filter: filterOf(at) });
    tables.put(RowKind.Route, key, value, 1_800_000_000_000 + at);
  }
  while (tables.pushable(chunkBytes) !== undefined);
  return tables;
}

const realm = new Realm('');
const routes = new SubscriptionTable({} as Journal, new LocalRoutes());
let isRouted = false;

async function join(tables: Tables): Promise<Tables> {
  const joined = new Tables(
    joiner,
    boot,
    [],
    outTo((_kind, key, site, _before, after) => {
      const name = readRouteKey(key);
      if (!isRouted || name === undefined) return;
      const route = after === undefined ? undefined : { hasPersistent: false, online: 0, total: 0 };
      routes.setRemote(realm, name.filter, name.group, site, route);
    }),
  );
  joined.admit(owner);
  const turns = new Turns([10, 50]);
  let bytes = 0;
  const begun = performance.now();
  for (;;) {
    const [ask] = joined.missing(owner, tables.vector());
    if (ask === undefined) break;
    const piece = tables.interval(ask, chunkBytes);
    if (piece === undefined) break;
    const frame = encodeInterval(piece);
    bytes += frame.length;
    await turns.turn(() => {
      const interval = joined.decode(frame);
      if (!('code' in interval)) joined.apply(interval, 0);
    });
  }
  for (let isMore = true; isMore; ) {
    await turns.turn(() => {
      isMore = joined.step(stepRows);
    });
  }
  const what = isRouted ? 'full sync and routing table' : 'full sync, tables alone';
  say(`${what}, one processor`, (performance.now() - begun) / 1000, 's');
  const { longestMs, text } = await turns.end();
  say('  longest turn of the joiner', longestMs, `ms: ${text}`);
  say('  bytes on the wire per row', bytes / count, 'bytes');
  return joined;
}

async function measure(shape: (at: number) => string): Promise<void> {
  const tables = filled(shape);
  const before = usedHeap();
  const joined = await join(tables);
  const perRow = (usedHeap() - before) / count;
  say(isRouted ? '  heap per row, routing included' : '  heap per row', perRow, 'bytes');
  if (joined.position(owner)?.number !== count) throw new Error('the joiner lacks rows');
}

// Each in a process of its own: what one leaves behind is not taken off the next.
const only = shapes[Number(process.argv[3])];
if (only === undefined) {
  for (const [index, shape] of shapes.entries()) {
    process.stdout.write(`${count} routes ${shape(1)}\n`);
    for (const kind of ['alone', 'routed']) {
      const words = ['--expose-gc', fileURLToPath(import.meta.url), `${count}`, `${index}`, kind];
      spawnSync(process.execPath, words, { stdio: 'inherit' });
    }
  }
} else {
  isRouted = process.argv[4] === 'routed';
  await measure(only);
}
