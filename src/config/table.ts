import { accessRows } from './options-access.js';
import { ignoredRows } from './options-unused.js';
import { clusterRows } from './options-cluster.js';
import { clusterLaterRows, httpRows, pluginRows } from './options-later.js';
import { listenerRows } from './options-listener.js';
import { messageRows } from './options-message.js';
import { nodeRows, reportRows } from './options-process.js';
import { sessionRows } from './options-session.js';
import { type LaterRow, type ListenerRow, type ListenerType, type Row, textOf } from './row.js';

/** Rows of one heading of the reference page. */
export interface Group<R extends Row = Row> {
  readonly title: string;
  readonly rows: readonly R[];
}

export const activeGroups: readonly Group[] = [
  { title: 'Node and store', rows: nodeRows },
  { title: 'Who is let in', rows: accessRows },
  { title: 'Sessions and queues', rows: sessionRows },
  { title: 'Messages', rows: messageRows },
  { title: 'Log and $SYS', rows: reportRows },
  { title: 'Cluster', rows: clusterRows },
];
export const laterGroups: readonly Group<LaterRow>[] = [
  { title: 'More of the cluster', rows: clusterLaterRows },
  { title: 'HTTP, keys and Graphite', rows: httpRows },
  { title: 'Plugins', rows: pluginRows },
];
export const listenerOptions: readonly ListenerRow[] = listenerRows;
export const activeRows: readonly Row[] = activeGroups.flatMap(({ rows }) => rows);

const laterRows: readonly LaterRow[] = laterGroups.flatMap(({ rows }) => rows);
const clientTypes: readonly string[] = ['tcp', 'ssl', 'ws', 'wss'];
const peerTypes: readonly string[] = ['vmq', 'vmqs'];
const laterTypes: readonly string[] = ['http', 'https'];

/** Types of listeners that are opened. */
export type ActiveType = 'tcp' | 'ssl' | 'ws' | 'wss' | 'vmq' | 'vmqs';

/** What a key of the file is. */
export type Meaning =
  | { readonly kind: 'option'; readonly row: Row }
  | { readonly kind: 'later'; readonly row: LaterRow }
  | { readonly kind: 'ignored'; readonly reason: string }
  /** `listener.TYPE.NAME`; its value is an address. */
  | { readonly kind: 'address'; readonly type: ListenerType; readonly name: string }
  | {
      readonly kind: 'listenerOption';
      readonly row: ListenerRow;
      /** Absent: for listeners of all types. */
      readonly type: ListenerType | undefined;
      /** Absent: for all listeners of the type. */
      readonly name: string | undefined;
    }
  /** A known option in a place where it cannot stand; the rest of a sentence says why. */
  | { readonly kind: 'misplaced'; readonly reason: string };

const activeByKey = new Map(activeRows.map((row) => [row.key, row]));
const laterMatchers = laterRows.map((row) => ({ row, pattern: patternOf(row.key) }));
const ignoredMatchers = ignoredRows.flatMap(({ keys, reason }) =>
  keys.map((key) => ({ reason: textOf(reason), pattern: patternOf(key) })),
);

function patternOf(key: string): RegExp {
  const source = key
    .replaceAll('.', '\\.')
    .replace(/<[a-z]+>/g, '[^.]+')
    .replace(/\*$/, '.+');
  return new RegExp(`^${source}$`);
}

/** Finds what a key means; undefined for keys that nobody knows. */
export function meaningOf(key: string): Meaning | undefined {
  const row = activeByKey.get(key);
  if (row !== undefined) return { kind: 'option', row };
  const ignored = ignoredMatchers.find(({ pattern }) => pattern.test(key));
  if (ignored !== undefined) return { kind: 'ignored', reason: ignored.reason };
  const later = laterMatchers.find(({ pattern }) => pattern.test(key));
  if (later !== undefined) return { kind: 'later', row: later.row };
  return key.startsWith('listener.') ? meaningOfListenerKey(key) : undefined;
}

/** Whether listeners of the type serve MQTT clients. */
export function isClientType(type: string): type is 'tcp' | 'ssl' | 'ws' | 'wss' {
  return clientTypes.includes(type);
}

/** Whether listeners of the type are for other nodes. */
export function isPeerType(type: string): type is 'vmq' | 'vmqs' {
  return peerTypes.includes(type);
}

/** Whether listeners of the type are opened; others belong to later parts. */
export function isActiveType(type: string): type is ActiveType {
  return isClientType(type) || isPeerType(type);
}

function isListenerType(type: string): type is ListenerType {
  return isActiveType(type) || laterTypes.includes(type);
}

function meaningOfListenerKey(key: string): Meaning | undefined {
  const [, second = '', name = '', option, ...rest] = key.split('.');
  if (rest.length > 0 || second === '') return undefined;
  if (!isListenerType(second)) {
    return name === '' ? optionAt(second, undefined, undefined) : undefined;
  }
  if (name === '') return undefined;
  if (option !== undefined) return optionAt(option, second, name);
  const isOption = listenerOptions.some((row) => row.key === name);
  return isOption ? optionAt(name, second, undefined) : { kind: 'address', type: second, name };
}

function optionAt(
  key: string,
  type: ListenerType | undefined,
  name: string | undefined,
): Meaning | undefined {
  const row = listenerOptions.find((each) => each.key === key);
  if (row === undefined) return undefined;
  if (type !== undefined && !row.types.includes(type)) {
    const reason = `is no option of ${type} listeners, only of ${row.types.join(', ')}`;
    return { kind: 'misplaced', reason };
  }
  const level = type === undefined ? 'global' : name === undefined ? 'type' : 'named';
  if (!row.levels.includes(level)) {
    const place = row.levels.includes('type') ? 'listener.<type>' : 'listener.<type>.<name>';
    return { kind: 'misplaced', reason: `cannot stand here: write ${place}.${key}` };
  }
  return { kind: 'listenerOption', row, type, name };
}

/** All keys as patterns, without families that end in `*`. */
export const allKeys: readonly string[] = [
  ...activeByKey.keys(),
  ...laterRows.map(({ key }) => key),
  ...ignoredRows.flatMap(({ keys }) => keys),
  ...listenerOptions.flatMap(listenerPatterns),
  ...[...clientTypes, ...peerTypes, ...laterTypes].map((type) => `listener.${type}.<name>`),
].filter((key) => !key.endsWith('*'));

/** Every way to write an option of listeners. */
export function listenerPatterns({ key, types, levels }: ListenerRow): string[] {
  const patterns = types.flatMap((type) => {
    const named = `listener.${type}.<name>.${key}`;
    return levels.includes('type') ? [`listener.${type}.${key}`, named] : [named];
  });
  return levels.includes('global') ? [`listener.${key}`, ...patterns] : patterns;
}
