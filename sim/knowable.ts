import type { History } from './history.js';

/** Milliseconds after a trouble within which two nodes have each other's rows again. */
const rowsRecoveryMs = 5000;

/**
 * Whether a node may not have known at `until` what another one had at `since`, because something
 * was between them, or wrong with one of them, all that time. Rows take detours through third
 * nodes; that they do is not relied on.
 */
export function mayNotKnow(
  history: History,
  from: string,
  to: string,
  since: number,
  until: number,
): boolean {
  if (from === to) return false;
  const subjects = new Set([from, to, `${from}~${to}`, `${to}~${from}`]);
  const troubles = history.troubles
    .filter(({ subject }) => subjects.has(subject))
    .sort((one, other) => one.from - other.from);
  let reached = since;
  for (const trouble of troubles) {
    if (trouble.from > reached) break;
    reached = Math.max(reached, trouble.until + rowsRecoveryMs);
  }
  return reached > since && reached >= until;
}
