/**
 * One command as it was typed: words (also those of the form key=value) in their order, and flags.
 */
export interface AdminRequest {
  readonly words: readonly string[];
  /** By name without dashes; true when no value was given. The last of two wins. */
  readonly flags: ReadonlyMap<string, string | true>;
}

/** Whether a flag of the command that begins with these words stands alone, without a value. */
export type SwitchTest = (words: readonly string[], flag: string) => boolean;

/**
 * Splits arguments the way that VerneMQ's operators type them: `--flag`, `--flag=value`,
 * `--flag value`, `-f`, `-fvalue`, `-f value`. A flag that may have a value takes the next word
 * unless that is a flag; a negative number is a word.
 */
export function parseArguments(argv: readonly string[], isSwitch: SwitchTest): AdminRequest {
  const words: string[] = [];
  const flags = new Map<string, string | true>();
  let pending: string | undefined;
  for (const word of argv) {
    const flag = flagOf(word);
    if (flag === undefined) {
      if (pending === undefined) words.push(word);
      else flags.set(pending, word);
      pending = undefined;
      continue;
    }
    flags.set(flag.name, flag.value ?? true);
    pending = flag.value === undefined && !isSwitch(words, flag.name) ? flag.name : undefined;
  }
  return { words, flags };
}

function flagOf(word: string): { name: string; value: string | undefined } | undefined {
  if (word.startsWith('--') && word.length > 2) {
    const equals = word.indexOf('=');
    if (equals === -1) return { name: word.slice(2), value: undefined };
    return { name: word.slice(2, equals), value: word.slice(equals + 1) };
  }
  if (!/^-[^-\d]/.test(word)) return undefined;
  const rest = word.slice(2);
  const value = rest.startsWith('=') ? rest.slice(1) : rest;
  return { name: word.charAt(1), value: rest === '' ? undefined : value };
}
