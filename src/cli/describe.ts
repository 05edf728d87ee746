import { describeOption, nearestKey } from '../config/mod.js';

/** Prints what the option table says of one key. */
export function describeKey(key: string): void {
  const text = describeOption(key);
  if (text !== undefined) {
    console.log(text);
    return;
  }
  const nearest = nearestKey(key);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  console.error(`nautilusmq: there is no option ${key}${hint}`);
  process.exitCode = 1;
}
