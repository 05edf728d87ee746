import { type ListenerRow, type Row, textOf } from './row.js';
import { listenerOptions, meaningOf } from './table.js';

/**
 * What the table says of a key, in a few lines for a terminal; undefined for unknown keys. Names
 * of listeners may be given or left as `<name>`; an option of listeners may stand alone.
 */
export function describeOption(key: string): string | undefined {
  const meaning = meaningOf(key);
  switch (meaning?.kind) {
    case 'option':
      return describeRow(key, meaning.row);
    case 'listenerOption':
      return describeListenerRow(key, meaning.row);
    case 'later':
      return `${describeRow(key, meaning.row)}\n  Not yet active.`;
    case 'ignored':
      return `${key}\n  Ignored: ${meaning.reason}.`;
    case 'address':
      return `${key} = ADDRESS:PORT\n  A listener: 127.0.0.1:1883, [::1]:1883, local:/path/of/socket:0, or off.`;
    case 'misplaced':
      return `${key}\n  ${meaning.reason}.`;
    case undefined: {
      const row = listenerOptions.find((each) => each.key === key);
      return row === undefined ? undefined : describeListenerRow(key, row);
    }
  }
}

function describeRow(key: string, row: Row): string {
  const live = row.live === true ? '; can be changed while running' : '';
  const value = row.default === '' ? 'empty' : row.default;
  return `${key} = ${valuesText(row)}\n  ${textOf(row.text)}\n  Default: ${value}${live}.`;
}

function describeListenerRow(key: string, row: ListenerRow): string {
  const levels = row.levels.toReversed().map((level) => levelNames[level]);
  const end = row.ignored === undefined ? '' : `\n  Ignored: ${row.ignored}.`;
  const types = `Listeners: ${row.types.join(', ')}; can stand for ${levels.join(', ')}.`;
  return `${describeRow(key, row)}\n  ${types}${end}`;
}

export const levelNames = {
  named: 'one listener',
  type: 'all of a type',
  global: 'all',
} as const;

/** What may be written for a row, in a few words. */
export function valuesText(row: Row): string {
  switch (row.type) {
    case 'flag':
      return 'on | off';
    case 'enum':
      return (row.values ?? []).join(' | ');
    case 'integer':
    case 'bytes': {
      const unit = row.unit ?? (row.type === 'bytes' ? 'bytes' : undefined);
      const from = row.min ?? 0;
      const range = row.max === undefined ? `from ${from}` : `${from} to ${row.max}`;
      const infinity = row.orInfinity === true ? ', or infinity' : '';
      return `${unit === undefined ? '' : `${unit}, `}${range}${infinity}`;
    }
    case 'duration': {
      const units = (row.units ?? 'shdwmy').split('').join('|');
      return `<n>${units}${row.absent === undefined ? '' : `, or ${row.absent}`}`;
    }
    case 'list':
      return `list, \`${row.separator ?? ','}\` between${row.values ? `: ${row.values.join(', ')}` : ''}`;
    case 'versions':
      return 'list of 3, 4, 5, 131, 132';
    case 'mountpoint':
      return 'name, or off';
    case 'curves':
      return 'list of curves';
    case 'string':
    case 'path':
      return row.type;
  }
}
