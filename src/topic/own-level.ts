import { Buffer } from 'node:buffer';

/** Characters of a name or filter up to which a tree node may keep it alive. */
const keptAliveMax = 256;

/**
 * A level that a tree keeps. V8 makes slices of 13 and more characters share the memory of the
 * whole text, and an inner level may outlive the 65,535 bytes that brought it: then it is copied.
 */
export function ownLevel(level: string, text: string): string {
  if (level.length < 13 || text.length <= keptAliveMax) return level;
  return Buffer.from(level, 'utf8').toString('utf8');
}
