import type { Script } from '../script.js';
import { messageScripts } from './messages.js';
import { rowScripts } from './rows.js';
import { sessionScripts } from './sessions.js';
import { willScripts } from './wills.js';

export const scripts: readonly Script[] = [
  ...sessionScripts,
  ...messageScripts,
  ...rowScripts,
  ...willScripts,
];

/** Throws when there is none of that name. */
export function scriptCalled(name: string): Script {
  const found = scripts.find((script) => script.name === name);
  if (found === undefined) {
    const names = scripts.map((script) => script.name).join(', ');
    throw new Error(`there is no script ${name}, but ${names}`);
  }
  return found;
}
