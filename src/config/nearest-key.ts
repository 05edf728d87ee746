import { allKeys } from './table.js';

/** The known key that a misspelt one was probably meant to be; undefined if none is near. */
export function nearestKey(key: string): string | undefined {
  const parts = key.split('.');
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(key.length / 4)) + 1;
  for (const pattern of allKeys) {
    const candidate = filled(pattern, parts);
    if (Math.abs(candidate.length - key.length) >= bestDistance) continue;
    const distance = editDistance(key, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** The pattern with the names that stand in the key at the same place. */
function filled(pattern: string, parts: readonly string[]): string {
  return pattern
    .split('.')
    .map((part, index) => (part.startsWith('<') ? (parts[index] ?? part) : part))
    .join('.');
}

/** Insertions, deletions and substitutions between two texts (Levenshtein 1966), by rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const inserted = (current[j - 1] as number) + 1;
      const deleted = (previous[j] as number) + 1;
      current.push(Math.min(substituted, inserted, deleted));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
