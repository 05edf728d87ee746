import type { Row } from './row.js';

/** What a value of the table can be. `undefined` is a duration or enum that is switched off. */
export type Value = boolean | number | string | readonly string[] | readonly number[] | undefined;

/** A good value, or what is wrong with the text: the end of a sentence that starts with the key. */
export type Parsed = { readonly value: Value } | { readonly wrong: string };

const secondsOf: Readonly<Record<string, number>> = {
  s: 1,
  h: 3600,
  d: 86400,
  w: 7 * 86400,
  // As in VerneMQ: a month is four weeks, a year is twelve of these.
  m: 28 * 86400,
  y: 336 * 86400,
};
const factorOf: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
};
const protocolVersions = [3, 4, 5, 131, 132];
const curveName = /^[A-Za-z0-9_-]+$/;

/** Reads one value as its row says. */
export function parseValue(row: Row, text: string): Parsed {
  switch (row.type) {
    case 'flag':
      return parseFlag(text);
    case 'integer':
    case 'bytes':
      return parseNumber(row, text);
    case 'duration':
      return parseDuration(row, text);
    case 'enum':
      return parseEnum(row, text);
    case 'string':
    case 'path':
      return text.includes('$(')
        ? { wrong: 'refers to another key with $(…), which is not filled in here: write it out' }
        : { value: text };
    case 'list':
      return parseList(row, text);
    case 'versions':
      return parseVersions(text);
    case 'mountpoint':
      return { value: text === 'off' ? '' : text.replace(/\/+$/, '') };
    case 'curves':
      return parseCurves(text);
  }
}

function parseFlag(text: string): Parsed {
  if (text === 'on' || text === 'true') return { value: true };
  if (text === 'off' || text === 'false') return { value: false };
  return { wrong: 'must be on or off' };
}

function parseNumber(row: Row, text: string): Parsed {
  if (row.orInfinity === true && text === 'infinity') return { value: Number.POSITIVE_INFINITY };
  const match = /^(-?\d{1,16})\s*([KMG]B)?$/i.exec(text);
  const suffix = (match?.[2] ?? '').toUpperCase();
  if (match === null || (suffix !== '' && row.type !== 'bytes')) return { wrong: rangeOf(row) };
  const value = Number(match[1]) * (factorOf[suffix] as number);
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = row;
  return value < min || value > max ? { wrong: rangeOf(row) } : { value };
}

/** `must be an integer (ms) from 0 to 10`. */
function rangeOf(row: Row): string {
  const what = row.type === 'bytes' ? 'a number of bytes (also with KB, MB or GB)' : 'an integer';
  const unit = row.unit === undefined ? '' : ` (${row.unit})`;
  const from = ` from ${row.min ?? 0}`;
  const to = row.max === undefined ? ' up' : ` to ${row.max}`;
  return `must be ${what}${unit}${from}${to}${row.orInfinity === true ? ', or infinity' : ''}`;
}

function parseDuration(row: Row, text: string): Parsed {
  if (text === row.absent) return { value: undefined };
  const { units = 'shdwmy' } = row;
  const match = /^(\d{1,9})([a-z])$/.exec(text);
  const unit = match?.[2] ?? '';
  if (match === null || !units.includes(unit)) {
    const word = row.absent === undefined ? '' : `, or ${row.absent}`;
    return { wrong: `must be a number followed by one of ${units.split('').join(', ')}${word}` };
  }
  return { value: Number(match[1]) * (secondsOf[unit] as number) };
}

function parseEnum(row: Row, text: string): Parsed {
  const values = row.values ?? [];
  if (!values.includes(text)) return { wrong: `must be one of ${values.join(', ')}` };
  return { value: text === row.absent ? undefined : text };
}

/** The entries between separators; brackets around an Erlang list are taken off. */
function entriesOf(text: string, separator: string | RegExp): string[] {
  return text
    .replace(/^\[(.*)\]$/, '$1')
    .split(separator)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function parseList(row: Row, text: string): Parsed {
  const separator = row.separator ?? ',';
  const value = entriesOf(text, separator);
  const { values } = row;
  if (values !== undefined && (value.length === 0 || value.some((e) => !values.includes(e)))) {
    return { wrong: `must be some of ${values.join(', ')}, with \`${separator}\` between` };
  }
  return { value };
}

function parseVersions(text: string): Parsed {
  const value = entriesOf(text, ',').map(Number);
  if (value.length === 0 || value.some((entry) => !protocolVersions.includes(entry))) {
    return { wrong: `must be some of ${protocolVersions.join(', ')}, with commas between` };
  }
  return { value };
}

function parseCurves(text: string): Parsed {
  const names = entriesOf(text, /[,:]/);
  if (names.some((entry) => !curveName.test(entry))) {
    return { wrong: 'must be names of curves, as in [secp384r1, secp521r1]' };
  }
  return { value: names.join(':') };
}
