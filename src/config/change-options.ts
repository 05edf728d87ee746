import type { Configuration } from './configuration.js';
import { nearestKey } from './nearest-key.js';
import { optionText } from './option-text.js';
import { parseValue, type Value } from './parse-value.js';
import { camelCase, type Row } from './row.js';
import { activeRows, meaningOf } from './table.js';

/** A key and its value as text. */
export type OptionEntry = readonly [key: string, text: string];

/** An option that has another value than before; both as they would be written. */
export interface ChangedOption {
  readonly key: string;
  readonly from: string;
  readonly to: string;
}

export type OptionChange =
  | { readonly configuration: Configuration; readonly changed: readonly ChangedOption[] }
  /** Nothing was changed: what is wrong with each entry, a sentence each. */
  | { readonly wrong: readonly string[] };

/** A running node gets other values for some options: all of them, or none. */
export function changeOptions(
  configuration: Configuration,
  entries: readonly OptionEntry[],
): OptionChange {
  const wrong: string[] = [];
  const values = new Map<Row, Value>();
  for (const [key, text] of entries) {
    const row = liveRow(key);
    if (typeof row === 'string') {
      wrong.push(row);
      continue;
    }
    const parsed = parseValue(row, text);
    if ('wrong' in parsed) wrong.push(`${key} = ${text}: ${parsed.wrong}.`);
    else values.set(row, parsed.value);
  }
  if (wrong.length > 0) return { wrong };
  const options: Record<string, Value> = { ...valuesOf(configuration) };
  const changed: ChangedOption[] = [];
  for (const [row, value] of values) {
    const name = camelCase(row.key);
    const from = optionText(row, options[name]);
    const to = optionText(row, value);
    options[name] = value;
    if (from !== to) changed.push({ key: row.key, from, to });
  }
  return { configuration: withOptions(configuration, options), changed };
}

/** Values of options in force, in the order asked; no keys: of all. Else what is wrong. */
export function showOptions(
  configuration: Configuration,
  keys: readonly string[],
): readonly OptionEntry[] | { readonly wrong: readonly string[] } {
  const values = valuesOf(configuration);
  const entryOf = (row: Row): OptionEntry => [row.key, optionText(row, values[camelCase(row.key)])];
  if (keys.length === 0) return activeRows.map(entryOf);
  const found = keys.map((key) => rowOf(key));
  const wrong = found.filter((one) => typeof one === 'string');
  if (wrong.length > 0) return { wrong };
  return found.filter((one) => typeof one !== 'string').map(entryOf);
}

/** The row of an option that may change while the node runs, or why this one may not. */
function liveRow(key: string): Row | string {
  const row = rowOf(key);
  if (typeof row === 'string' || row.live === true) return row;
  return `${key} cannot be changed while the node runs: write it in the configuration file and restart the node.`;
}

function rowOf(key: string): Row | string {
  const meaning = meaningOf(key);
  switch (meaning?.kind) {
    case 'option':
      return meaning.row;
    case 'address':
    case 'listenerOption':
      return `${key} belongs to a listener: it is read from the configuration file when the node starts.`;
    case 'later':
      return `${key} is not yet active: it belongs to a part that is not here yet.`;
    case 'ignored':
    case 'misplaced':
      return `${key} has no effect: ${meaning.reason}.`;
    case undefined: {
      const nearest = nearestKey(key);
      return `There is no option ${key}${nearest === undefined ? '.' : `; did you mean ${nearest}?`}`;
    }
  }
}

/** Whether anonymous clients are let in was decided at the start: that is what is in force. */
function valuesOf({ options, allowAnonymous }: Configuration): Readonly<Record<string, Value>> {
  return { ...options, allowAnonymous };
}

function withOptions(
  configuration: Configuration,
  options: Readonly<Record<string, Value>>,
): Configuration {
  return Object.freeze({
    ...configuration,
    options: Object.freeze(options) as unknown as Configuration['options'],
    allowAnonymous: options.allowAnonymous === true,
  });
}
