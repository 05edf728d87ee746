import { type Address, parseAddress } from './address.js';
import { anonymousRule } from './anonymous-rule.js';
import type {
  Configuration,
  ListenerConfiguration,
  Options,
  PeerListenerConfiguration,
} from './configuration.js';
import {
  type ConfigSource,
  type Entry,
  entriesOfEnvironment,
  entriesOfFile,
  entriesOfOverrides,
  type Place,
  type Problem,
  type Report,
} from './entries.js';
import {
  checkAddresses,
  checkListener,
  checkOrphans,
  checkPeerListener,
  type ListenerAddress,
  resolveListener,
} from './listeners.js';
import { nearestKey } from './nearest-key.js';
import { camelCase, type ListenerType, type Row } from './row.js';
import { activeRows, isActiveType, isPeerType, type Meaning, meaningOf } from './table.js';
import { parseValue, type Value } from './parse-value.js';

export interface LoadInput {
  readonly file?: ConfigSource;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `key=value`, of --set. */
  readonly overrides?: readonly string[];
}

export interface LoadResult {
  /** Undefined when there is an error among the problems. */
  readonly configuration: Configuration | undefined;
  readonly problems: readonly Problem[];
}

const builtIn: Place = { fileName: undefined, line: undefined, name: 'built in' };
const builtInListeners: readonly ListenerAddress[] = [
  {
    type: 'tcp',
    name: 'default',
    address: { host: '127.0.0.1', port: 1883, path: undefined },
    place: builtIn,
  },
  {
    type: 'ws',
    name: 'default',
    address: { host: '127.0.0.1', port: 8080, path: undefined },
    place: builtIn,
  },
];
const nodeName = /^[\w.-]+@[\w.:-]+$/;

/** Reads what was written, each over the one before: built-ins, file, environment, --set. */
export function loadConfiguration(input: LoadInput): LoadResult {
  const loader = new Loader(input.file !== undefined);
  if (input.file !== undefined) {
    for (const entry of entriesOfFile(input.file, loader.report)) loader.read(entry, 'error');
  }
  // Something else's variable may have our prefix: not a reason to refuse to start.
  for (const entry of entriesOfEnvironment(input.environment ?? {})) loader.read(entry, 'warning');
  for (const entry of entriesOfOverrides(input.overrides ?? [], loader.report)) {
    loader.read(entry, 'error');
  }
  const configuration = loader.configuration();
  // Those of the file in its order, then the others.
  const lineOf = ({ line }: Problem): number => line ?? Number.MAX_SAFE_INTEGER;
  const problems = loader.problems.toSorted((a, b) => lineOf(a) - lineOf(b));
  const hasErrors = problems.some(({ severity }) => severity === 'error');
  return { configuration: hasErrors ? undefined : configuration, problems };
}

class Loader {
  readonly problems: Problem[] = [];
  readonly #hasFile: boolean;
  readonly #explicit = new Set<string>();
  readonly #values = new Map<string, Value>();
  readonly #listeners = new Map<string, ListenerAddress>();
  readonly #listenerPlaces = new Map<string, Place>();
  readonly #mentioned = new Set<string>();

  constructor(hasFile: boolean) {
    this.#hasFile = hasFile;
    if (hasFile) return;
    for (const listener of builtInListeners) this.#listeners.set(nameOf(listener), listener);
  }

  readonly report: Report = (severity, { fileName, line, name }, message) => {
    const text = name === '' || name === builtIn.name ? message : `${name}: ${message}`;
    this.problems.push({ severity, fileName, line, message: text });
  };

  /** `unknown`: how bad a key is that nobody knows. */
  read(entry: Entry, unknown: 'error' | 'warning'): void {
    const { key, place } = entry;
    const meaning = meaningOf(key);
    if (meaning === undefined) {
      const nearest = nearestKey(key);
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      this.report(unknown, place, `there is no option ${key}${hint}`);
      return;
    }
    this.#explicit.add(key);
    this.#readAs(meaning, entry);
  }

  #readAs(meaning: Meaning, entry: Entry): void {
    const { key, place } = entry;
    switch (meaning.kind) {
      case 'option':
        this.#readValue(meaning.row, entry);
        return;
      case 'later':
        this.#checkValue(meaning.row, entry);
        this.#mention(key, place, 'is not yet active: it belongs to a part that is not here yet');
        return;
      case 'ignored':
        this.#mention(key, place, `is ignored: ${meaning.reason}`);
        return;
      case 'address':
        this.#readAddress(meaning.type, meaning.name, entry);
        return;
      case 'listenerOption':
        this.#readListenerOption(meaning, entry);
        return;
      case 'misplaced':
        this.report('error', place, `${key} ${meaning.reason}`);
    }
  }

  /** Once per key, however often it is written. */
  #mention(key: string, place: Place, message: string): void {
    if (this.#mentioned.has(key)) return;
    this.#mentioned.add(key);
    this.report('info', place, `${key} ${message}`);
  }

  #readValue(row: Row, entry: Entry): void {
    const parsed = this.#checkValue(row, entry);
    if (parsed === undefined) return;
    this.#values.set(entry.key, parsed.value);
  }

  #checkValue(row: Row, { key, text, place }: Entry): { readonly value: Value } | undefined {
    const parsed = parseValue(row, text);
    let wrong = 'wrong' in parsed ? parsed.wrong : undefined;
    const mayBeEmpty = row.default === '' || (row.type !== 'string' && row.type !== 'path');
    if (text === '' && !mayBeEmpty) wrong = 'must not be empty';
    if (key === 'nodename' && !nodeName.test(text)) wrong = 'must be NAME@HOST';
    if (wrong === undefined && 'value' in parsed) return parsed;
    const shown = row.secret === true ? key : `${key} = ${text}`;
    this.report('error', place, `${shown}: ${wrong}`);
    return undefined;
  }

  #readAddress(type: ListenerType, name: string, entry: Entry): void {
    const { key, text, place } = entry;
    const address = text === 'off' ? undefined : parseAddress(text);
    if (typeof address === 'string') {
      this.report('error', place, `${key} = ${text}: ${address}`);
      return;
    }
    if (!isActiveType(type)) {
      this.#mention(key, place, 'is not yet active: listeners for HTTP are not here yet');
      return;
    }
    if (address === undefined) this.#listeners.delete(`${type}.${name}`);
    else this.#addListener({ type, name, address, place });
  }

  #addListener(listener: ListenerAddress & { address: Address }): void {
    this.#listeners.set(nameOf(listener), listener);
  }

  #readListenerOption(meaning: Meaning & { kind: 'listenerOption' }, entry: Entry): void {
    const { row, type, name } = meaning;
    const { key, text, place } = entry;
    // VerneMQ's word for "as the level above says".
    const isInherited = text === '-1' && type !== undefined;
    if (isInherited) this.#values.delete(key);
    else if (type !== undefined && !isActiveType(type)) {
      this.#checkValue(row, entry);
      this.#mention(key, place, 'is not yet active: listeners of this type are not here yet');
      return;
    } else this.#readValue(row, entry);
    if (row.ignored !== undefined) this.#mention(key, place, `is ignored: ${row.ignored}`);
    else if (name !== undefined) this.#listenerPlaces.set(key, place);
  }

  configuration(): Configuration {
    const values = this.#values;
    const addresses = withoutOverridden([...this.#listeners.values()]);
    checkAddresses(addresses, this.report);
    checkOrphans(this.#listenerPlaces, new Set(this.#listeners.keys()), this.report);
    const isEnabled = (plugin: string): boolean => values.get(`plugins.${plugin}`) !== false;
    const listeners: ListenerConfiguration[] = [];
    const peerListeners: PeerListenerConfiguration[] = [];
    for (const listener of addresses) {
      const resolved = resolveListener(listener, values);
      if (isForPeers(resolved)) {
        checkPeerListener(resolved, listener.place, this.report);
        peerListeners.push(resolved);
      } else {
        checkListener(resolved, listener.place, isEnabled, this.report);
        listeners.push(resolved);
      }
    }
    const written = values.get('allow_anonymous') as boolean | undefined;
    const { allowed, reason } = anonymousRule({ written, hasFile: this.#hasFile, listeners });
    const configuration = {
      options: optionsOf(values),
      listeners,
      peerListeners,
      explicit: this.#explicit,
      allowAnonymous: allowed,
      anonymousReason: reason,
    };
    deepFreeze(configuration);
    return configuration;
  }
}

/** A built-in listener gives way to one that was written and wants its port. */
function withoutOverridden(listeners: readonly ListenerAddress[]): ListenerAddress[] {
  const written = listeners.filter(({ place }) => place !== builtIn);
  const ports = new Set(written.map(({ address }) => address.port));
  return listeners.filter(({ place, address }) => place !== builtIn || !ports.has(address.port));
}

function isForPeers(
  listener: ListenerConfiguration | PeerListenerConfiguration,
): listener is PeerListenerConfiguration {
  return isPeerType(listener.type);
}

function nameOf({ type, name }: { readonly type: string; readonly name: string }): string {
  return `${type}.${name}`;
}

function optionsOf(values: ReadonlyMap<string, Value>): Options {
  const options: Record<string, Value> = {};
  for (const row of activeRows) {
    const byDefault = parseValue(row, row.default);
    const value = 'value' in byDefault ? byDefault.value : undefined;
    options[camelCase(row.key)] = values.has(row.key) ? values.get(row.key) : value;
  }
  return options as unknown as Options;
}

function deepFreeze(value: object): void {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  Object.freeze(value);
}
