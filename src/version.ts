import { readFileSync } from 'node:fs';

/** The version in package.json, found from here upwards (source tree, build, installed package). */
export function version(): string {
  for (let at = new URL('.', import.meta.url); ; at = new URL('..', at)) {
    try {
      const text = readFileSync(new URL('package.json', at), 'utf8');
      const parsed = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (parsed.name === 'nautilusmq' && typeof parsed.version === 'string') return parsed.version;
    } catch {
      // Not in this directory.
    }
    if (at.pathname === '/' || at.href === new URL('..', at).href) return 'unknown';
  }
}
