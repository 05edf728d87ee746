import { type Command, type Flag, program } from './command.js';

const globalLines: readonly (readonly [string, string])[] = [
  ['--format=json|human', 'output for machines or for people (human)'],
  ['-h, --help', 'this text, at every level'],
];

/** The usage line of one command: its words, keys and flags. */
export function synopsis({ words, keys, flags, rest }: Command): string {
  const parts = [
    ...words,
    ...(rest === undefined ? [] : [rest === 'settings' ? 'KEY=VALUE …' : '[KEY …]']),
    ...keys.map(({ name, placeholder }) => `${name}=${placeholder}`),
    ...flags.map((flag) => `[${flagForms(flag).join('|')}]`),
  ];
  return [program, ...parts].join(' ');
}

function flagForms({ name, short, type }: Flag): string[] {
  const long = type === 'switch' ? `--${name}` : `--${name}=SECONDS`;
  return short === undefined ? [long] : [`-${short}`, long];
}

/** The help of one command. */
export function helpOf(command: Command): string {
  const { keys, flags, text } = command;
  const sections = [`Usage: ${synopsis(command)}\n`, text.map((line) => `  ${line}\n`).join('')];
  if (keys.length > 0) {
    const rows = keys.map((key) => [`${key.name}=${key.placeholder}`, key.text] as const);
    sections.push(`Arguments:\n${columns(rows)}`);
  }
  const rows = flags.map((flag) => [flagForms(flag).join(', '), flag.text] as const);
  sections.push(`Options:\n${columns([...rows, ...globalLines])}`);
  return sections.join('\n');
}

/** The help of every command that begins with `words`; none: of the program. */
export function groupHelp(commands: readonly Command[], words: readonly string[]): string {
  const inside = commands.filter((command) => startsWith(command.words, words));
  const rows = inside.map((command) => [command.words.join(' '), command.summary] as const);
  const usage = `Usage: ${[program, ...words].join(' ')} COMMAND [--help]\n`;
  return `${usage}\nCommands:\n${columns(rows)}\nOptions:\n${columns(globalLines)}`;
}

/** Whether a command or group stands at the beginning of what was typed, or the reverse. */
export function startsWith(words: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= words.length && beginning.every((word, at) => word === words[at]);
}

/** Lines of two columns, for helps. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join('');
}
