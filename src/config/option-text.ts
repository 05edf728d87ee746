import type { Value } from './parse-value.js';
import type { Row } from './row.js';

/** A value as it would be written in the file, so that reading it gives the value again. */
export function optionText(row: Row, value: Value): string {
  if (row.secret === true) return '(secret)';
  switch (row.type) {
    case 'flag':
      return value === true ? 'on' : 'off';
    case 'integer':
    case 'bytes':
      return value === Number.POSITIVE_INFINITY ? 'infinity' : String(value);
    case 'duration':
      return value === undefined ? (row.absent ?? '') : `${String(value)}s`;
    case 'enum':
      return value === undefined ? (row.absent ?? '') : String(value);
    case 'list':
      return (value as readonly string[]).join(row.separator ?? ',');
    case 'versions':
      return (value as readonly number[]).join(',');
    case 'mountpoint':
      return value === '' ? 'off' : String(value);
    case 'curves':
    case 'string':
    case 'path':
      return String(value);
  }
}
