/**
 * What subscriptions and retained messages cost in memory and time: filters inserted per second,
 * nanoseconds per match and bytes per filter beside 1,000 to 1,000,000 filters, then retained
 * messages set and walked. The cost of a match should stay nearly level; cache misses grow.
 * Run: `node --expose-gc dist/bench/micro/trie.js [largest number]`.
 */
import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { RetainedStore } from '../../src/retain/mod.js';
import { FilterTrie } from '../../src/topic/mod.js';

const largest = Number(process.argv[2] ?? 1_000_000);
const matchesMeasured = 300_000;
const namesInTurn = 1000;

interface Shape {
  readonly title: string;
  readonly filter: (at: number) => string;
  readonly name: (at: number) => string;
}

const shapes: readonly Shape[] = [
  { title: 'a/+/b<n>', filter: (at) => `a/+/b${at}`, name: (at) => `a/q/b${at}` },
  { title: 'a/<n>/+', filter: (at) => `a/${at}/+`, name: (at) => `a/${at}/q` },
  {
    title: 'room/<n>/+/temperature',
    filter: (at) => `room/${at}/+/temperature`,
    name: (at) => `room/${at}/q/temperature`,
  },
  { title: 'device/<n>/#', filter: (at) => `device/${at}/#`, name: (at) => `device/${at}/q/r` },
  { title: 'exact', filter: (at) => `a/b/c${at}`, name: (at) => `a/b/c${at}` },
];

/** What a trie is asked for: it knows its filter. */
interface Entry {
  readonly filter: string;
}

/** As the decoder makes them: each with memory of its own. */
function texts(count: number, text: (at: number) => string): string[] {
  return Array.from({ length: count }, (_, at) => Buffer.from(text(at)).toString('utf8'));
}

function usedHeap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function matchNanoseconds(trie: FilterTrie<Entry>, names: readonly string[]): number {
  let found = 0;
  let begun = 0;
  for (let at = -matchesMeasured; at < matchesMeasured; at += 1) {
    // The first half compiles.
    if (at === 0) begun = performance.now();
    trie.match(names[Math.abs(at) % names.length] as string, () => {
      found += 1;
    });
  }
  const nanoseconds = ((performance.now() - begun) * 1e6) / matchesMeasured;
  if (found !== 2 * matchesMeasured) throw new Error(`found ${found}`);
  return nanoseconds;
}

function measureFilters(shape: Shape, count: number): void {
  const filters = texts(count, shape.filter);
  const names = texts(namesInTurn, (at) => shape.name((at * 7919) % count));
  const before = usedHeap();
  const trie = new FilterTrie<Entry>(({ filter }) => filter);
  const begun = performance.now();
  for (const filter of filters) trie.getOrInsert(filter, () => ({ filter }));
  const seconds = (performance.now() - begun) / 1000;
  const bytes = (usedHeap() - before) / count;
  const nanoseconds = matchNanoseconds(trie, names);
  const deleting = performance.now();
  for (const filter of filters) trie.delete(filter);
  const deleteSeconds = (performance.now() - deleting) / 1000;
  print(`${shape.title}, ${count}`, [
    `${rate(count, seconds)} inserts`,
    `${nanoseconds.toFixed(0)} ns a match`,
    // Below that, what else lies on the heap is more.
    count < 10_000 ? '' : `${bytes.toFixed(0)} B a filter`,
    `${rate(count, deleteSeconds)} deletes`,
  ]);
}

function measureRetained(
  title: string,
  topic: (at: number) => string,
  filter: string,
  count: number,
): void {
  const topics = texts(count, topic);
  const message = {};
  const before = usedHeap();
  const store = new RetainedStore<object>();
  const begun = performance.now();
  for (const name of topics) store.set(name, message);
  const setSeconds = (performance.now() - begun) / 1000;
  const bytes = (usedHeap() - before) / topics.length;
  const figures = [`${rate(count, setSeconds)} sets`, `${bytes.toFixed(0)} B a topic`];
  for (const walked of ['#', filter, 'none/+/x', '+/+/+/none']) {
    figures.push(`${walked}: ${walkFigure(store, walked)}`);
  }
  print(`retained ${title}, ${count}`, figures);
}

function walkFigure(store: RetainedStore<object>, filter: string): string {
  let found = 0;
  let seconds = 0;
  for (let round = 0; round < 5; round += 1) {
    found = 0;
    const cursor = store.cursor(filter);
    const begun = performance.now();
    while (cursor.next() !== undefined) found += 1;
    seconds = (performance.now() - begun) / 1000;
  }
  return found === 0 ? `nothing in ${(seconds * 1000).toFixed(1)} ms` : rate(found, seconds);
}

function rate(count: number, seconds: number): string {
  return `${(count / seconds / 1e6).toFixed(2)} M/s`;
}

function print(title: string, figures: readonly string[]): void {
  console.log(`${title.padEnd(36)} ${figures.map((figure) => figure.padStart(16)).join('  ')}`);
}

for (const shape of shapes) {
  for (let count = 1000; count <= largest; count *= 10) measureFilters(shape, count);
}
for (const count of [50_000, 500_000].filter((each) => each <= largest)) {
  measureRetained('s/<n>', (at) => `s/${at}`, 's/+', count);
  measureRetained('device/<n>/state', (at) => `device/${at}/state`, 'device/+/state', count);
}
