import type { Command } from './command.js';

/** Commands that are named when somebody mistypes one. */
const namedMax = 3;
/** Below this two texts have hardly more in common than any two. */
const likenessMin = 0.4;
/** Words and characters that are compared; more is no command. */
const wordsMax = 6;
const charactersMax = 100;

/** The commands that were probably meant, the likeliest first. */
export function nearestCommands(
  commands: readonly Command[],
  words: readonly string[],
): readonly Command[] {
  const typed = pairsOf(words.slice(0, wordsMax).join(' ').slice(0, charactersMax));
  return commands
    .map((command) => ({ command, likeness: likeness(typed, pairsOf(command.words.join(' '))) }))
    .filter((candidate) => candidate.likeness >= likenessMin)
    .toSorted((a, b) => b.likeness - a.likeness)
    .slice(0, namedMax)
    .map(({ command }) => command);
}

/** Pairs of neighbouring characters, the ends of words included. */
function pairsOf(text: string): ReadonlySet<string> {
  const padded = ` ${text.toLowerCase()} `;
  const pairs = new Set<string>();
  for (let at = 0; at + 1 < padded.length; at += 1) pairs.add(padded.slice(at, at + 2));
  return pairs;
}

/** Share of common pairs, 0 to 1 (Dice 1945): cares little for the order of the words. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const pair of a) if (b.has(pair)) common += 1;
  return (2 * common) / (a.size + b.size);
}
