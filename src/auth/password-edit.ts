import { linesOf } from './file-problem.js';
import { formatUser, type PasswordEntry } from './password-file.js';

/** `text` with the user's line replaced, or added at the end. Other lines stay as they are. */
export function withUser(text: string, user: string, entry: PasswordEntry): string {
  const line = formatUser(user, entry);
  const lines = contentLines(text);
  const at = lines.findIndex((existing) => isLineOf(existing, user));
  if (at === -1) lines.push(line);
  else lines[at] = line;
  return joined(lines);
}

/** `text` without the user's line; undefined if there is none. */
export function withoutUser(text: string, user: string): string | undefined {
  const lines = contentLines(text);
  const kept = lines.filter((existing) => !isLineOf(existing, user));
  return kept.length === lines.length ? undefined : joined(kept);
}

function isLineOf(line: string, user: string): boolean {
  return line.startsWith(`${user}:`);
}

/** The lines without the empty one that the last line's end makes. */
function contentLines(text: string): string[] {
  const lines = linesOf(text);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
