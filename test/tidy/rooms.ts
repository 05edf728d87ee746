/**
 * Which room may import which: the arrows of ARCHITECTURE.md, as data.
 *
 *     base ◀─ packet, topic ◀─ queue, retain, session, auth, store ◀─ journal ◀─ broker ◀─ edges
 */
import { dirname, posix } from 'node:path';
import type { Source } from './source.js';

export interface Room {
  /** Below src/. */
  readonly folder: string;
  readonly kind: 'pure' | 'edge';
  /** Rooms whose `mod.ts` it may import. */
  readonly imports: readonly string[];
}

/** Every pure room: what an edge may import. */
const pure: Readonly<Record<string, readonly string[]>> = {
  base: [],
  // Leaves: anyone may be given a counter or a slice of the settings, nobody looks one up.
  metrics: ['base'],
  config: ['base'],
  packet: ['base'],
  topic: ['base'],
  queue: ['base', 'packet', 'topic'],
  retain: ['base', 'packet', 'topic', 'queue', 'metrics'],
  auth: ['base', 'packet', 'topic', 'metrics'],
  store: ['base'],
  session: ['base', 'packet', 'topic', 'queue', 'retain', 'auth', 'metrics'],
  journal: ['base', 'packet', 'topic', 'queue', 'retain', 'session', 'store', 'metrics'],
  cluster: [
    ...['base', 'session', 'store', 'journal', 'cluster/identity', 'cluster/netsplit'],
    ...['cluster/metadata', 'cluster/membership', 'cluster/link', 'cluster/routing'],
    ...['cluster/flow', 'cluster/exchange', 'cluster/takeover', 'cluster/report'],
  ],
  broker: [
    ...['base', 'packet', 'topic', 'queue', 'retain', 'session', 'auth', 'store'],
    ...['journal', 'metrics', 'cluster', 'cluster/identity', 'cluster/routing', 'cluster/flow'],
    ...['cluster/link', 'cluster/metadata', 'cluster/takeover'],
  ],
  'cluster/identity': ['base'],
  'cluster/netsplit': ['base', 'cluster/identity'],
  'cluster/metadata': ['base', 'cluster/identity'],
  'cluster/membership': ['base', 'cluster/identity'],
  'cluster/link': ['base', 'cluster/identity'],
  'cluster/report': ['cluster/identity', 'cluster/membership', 'cluster/netsplit'],
  'cluster/routing': ['base', 'cluster/identity'],
  'cluster/flow': ['base', 'cluster/identity', 'cluster/link'],
  'cluster/takeover': ['base', 'cluster/identity'],
  'cluster/exchange': ['base', 'cluster/identity', 'cluster/link', 'cluster/metadata'],
};
const all = Object.keys(pure);

export const rooms: readonly Room[] = [
  ...Object.entries(pure).map(([folder, imports]): Room => ({ folder, kind: 'pure', imports })),
  { folder: 'listeners', kind: 'edge', imports: all },
  { folder: 'log', kind: 'edge', imports: all },
  { folder: 'peers', kind: 'edge', imports: all },
  { folder: 'admin', kind: 'edge', imports: all },
  { folder: 'store/lmdb', kind: 'edge', imports: all },
  { folder: 'auth/files', kind: 'edge', imports: all },
];

/** The program and the composition root may import everything. */
const open = new Set(['', 'cli', 'node']);

/** The room of a path below src/, the innermost one; '' is the composition root. */
export function folderOf(path: string): string {
  const folder = dirname(path.slice('src/'.length));
  if (folder === '.') return '';
  const inside = rooms.filter((room) => `${folder}/`.startsWith(`${room.folder}/`));
  const innermost = inside.sort((a, b) => b.folder.length - a.folder.length)[0];
  return innermost?.folder ?? (folder.split('/')[0] as string);
}

/** The file of src/ that an import names, or undefined for a package or a module of Node.js. */
export function target(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(dirname(path), specifier).replace(/\.js$/, '.ts');
}

/** Imports of a source that go against the arrows, each as a line for a person. */
export function againstTheArrows(source: Source): string[] {
  const problems: string[] = [];
  const from = folderOf(source.path);
  const room = rooms.find(({ folder }) => folder === from);
  if (room === undefined && !open.has(from)) {
    return [`${source.path}: src/${from} is not in the table of rooms (test/tidy/rooms.ts)`];
  }
  for (const { specifier, line } of source.imports) {
    const at = `${source.path}:${line}`;
    const file = target(source.path, specifier);
    if (file === undefined) {
      if (room?.kind === 'pure' && specifier !== 'node:buffer') {
        problems.push(`${at}: a pure room does not import ${specifier}`);
      }
      continue;
    }
    if (!file.startsWith('src/')) {
      problems.push(`${at}: src/ does not import ${file}`);
      continue;
    }
    const to = folderOf(file);
    if (to === from) continue;
    if (room !== undefined && !room.imports.includes(to)) {
      problems.push(`${at}: src/${from} may not import src/${to}`);
    }
    if (to !== '' && posix.basename(file) !== 'mod.ts') {
      problems.push(`${at}: another room is imported through its mod.ts, not ${specifier}`);
    }
  }
  return problems;
}

/** Cycles of imports, each as a path that ends where it began; one for every edge back. */
export function cycles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      source.imports.flatMap(({ specifier }) => target(source.path, specifier) ?? []),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at !== -1) found.push([...trail.slice(at), path].join(' → '));
    if (at !== -1 || done.has(path)) return;
    trail.push(path);
    for (const next of edges.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) visit(path);
  return found;
}

/** Uses of time, chance, the process or promises in a pure room. */
export function impurities(source: Source): string[] {
  const room = rooms.find(({ folder }) => folder === folderOf(source.path));
  if (room?.kind !== 'pure') return [];
  return source.globals.map(({ what, line }) => `${source.path}:${line}: ${what} in a pure room`);
}
