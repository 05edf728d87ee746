import { compareBoots, type Site } from '../identity/mod.js';
import { type Interval, intervalRowsMax, rowBytes } from './interval.js';
import { type Ask, isSameBoot } from './position.js';
import type { Row } from './rows.js';
import type { SiteTable } from './site-table.js';

/**
 * The next piece of what `ask` lacks, of at most `bytesMax` bytes of rows, but of one row at least.
 * A snapshot from 0 when deltas from there are no longer possible. Undefined when the asker has as
 * much as `table`.
 */
export function cut(
  site: Site,
  table: SiteTable,
  ask: Ask,
  bytesMax: number,
): Interval | undefined {
  if (compareBoots(ask.boot, table.boot) > 0) return undefined;
  const canContinue = isSameBoot(ask.boot, table.boot) && ask.base >= table.floor;
  const from = canContinue ? ask.from : 0;
  if (from > 0 && from >= table.number) return undefined;
  const rows: Row[] = [];
  let to = from;
  let bytes = 0;
  let isAll = true;
  for (const row of table.after(from)) {
    bytes += rowBytes(row);
    if (rows.length === intervalRowsMax || (bytes > bytesMax && rows.length > 0)) {
      isAll = false;
      break;
    }
    rows.push(row);
    to = row.number;
  }
  const { boot, number, floor, isPartial } = table;
  return { site, boot, from, to: isAll ? number : to, of: number, floor, isPartial, rows };
}
