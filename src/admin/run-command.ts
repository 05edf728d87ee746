import type { AdminNode, JsonValue } from './admin-node.js';
import { type Command, type Flag, type Invocation, type Outcome, secondsMax } from './command.js';
import { foreignAnswer, foreignFlag } from './foreign-commands.js';
import { nearestCommands } from './nearest-commands.js';
import type { AdminRequest } from './request.js';
import { groupHelp, helpOf, startsWith, synopsis } from './usage.js';

/** What goes back to whoever asked. */
export interface AdminResponse {
  /** What the program exits with, 0 to 255. */
  readonly exitCode: number;
  readonly text: string;
  /** The text says why something was not done: it belongs on standard error, as VerneMQ's does. */
  readonly isAlert: boolean;
}

/** A request that fits a row, or the answer that it gets without one. */
export type Resolved =
  | { readonly kind: 'run'; readonly command: Command; readonly invocation: Invocation }
  | { readonly kind: 'answer'; readonly response: AdminResponse };

/** Finds and checks the command of a request: helps and mistakes are answered here. */
export function resolveRequest(commands: readonly Command[], request: AdminRequest): Resolved {
  const { words, flags } = request;
  const format = flags.get('format') ?? 'human';
  if (format !== 'json' && format !== 'human') {
    return refusal('--format is json or human', request);
  }
  const wantsHelp = flags.has('help') || flags.has('h');
  const command = commandOf(commands, words);
  if (command !== undefined) {
    if (wantsHelp) return answer(0, helpOf(command));
    const invocation = checked(command, request);
    if (typeof invocation !== 'string') return { kind: 'run', command, invocation };
    return refusal(`${invocation}\n\nUsage: ${synopsis(command)}`, request);
  }
  if (commands.some((row) => startsWith(row.words, words))) {
    return answer(wantsHelp ? 0 : 1, groupHelp(commands, words));
  }
  const said = foreignAnswer(words.filter((word) => !word.includes('=')).map(shown));
  return said === undefined ? unknown(commands, request) : refusal(said, request);
}

/** Runs a resolved command to its outcome; rejects when the handler does. */
export async function runCommand(
  { command, invocation }: Resolved & { readonly kind: 'run' },
  node: AdminNode,
  request: AdminRequest,
): Promise<AdminResponse> {
  return formatted(await command.run(node, invocation), request);
}

/** An outcome in the format that was asked for. */
function formatted(outcome: Outcome, { flags }: AdminRequest): AdminResponse {
  const { exitCode, text } = outcome;
  const isAlert = exitCode === 1;
  if (flags.get('format') !== 'json') return { exitCode, text, isAlert };
  const plain: JsonValue = { type: 'text', text: text.trimEnd() };
  const json = outcome.json ?? (isAlert ? { type: 'alert', alert: [plain] } : plain);
  return { exitCode, text: `${JSON.stringify(json)}\n`, isAlert };
}

/** The row whose words stand at the beginning. The longest, so that a row may extend another. */
function commandOf(commands: readonly Command[], words: readonly string[]): Command | undefined {
  return commands
    .filter((command) => startsWith(words, command.words))
    .toSorted((a, b) => b.words.length - a.words.length)[0];
}

/** The row's flag of that long, other or short name. */
function flagOf(command: Command, name: string): Flag | undefined {
  return command.flags.find(
    (flag) => flag.name === name || flag.short === name || flag.aliases?.includes(name) === true,
  );
}

/** The checked arguments, or what is wrong with them. */
function checked(command: Command, { words, flags }: AdminRequest): Invocation | string {
  const name = command.words.join(' ');
  const keys = new Map<string, string>();
  const rest: (readonly [string, string])[] = [];
  for (const word of words.slice(command.words.length)) {
    const equals = word.indexOf('=');
    if (takesRest(command, equals)) {
      rest.push(equals === -1 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)]);
      continue;
    }
    if (equals === -1) return `${name} takes no word '${shown(word)}'`;
    const key = word.slice(0, equals);
    if (!command.keys.some((row) => row.name === key)) return `${name} has no '${shown(key)}='`;
    if (keys.has(key)) return `${key}= is given twice`;
    keys.set(key, word.slice(equals + 1));
  }
  if (command.rest === 'settings' && rest.length === 0) return `${name} needs KEY=VALUE`;
  for (const { name: key, placeholder } of command.keys) {
    if ((keys.get(key) ?? '') === '') return `${name} needs ${key}=${placeholder}`;
  }
  const values = new Map<string, number>();
  for (const [given, value] of flags) {
    if (given === 'format') continue;
    const flag = flagOf(command, given);
    if (flag === undefined) {
      return foreignFlag(given) ?? `${name} has no option '${dashed(shown(given))}'`;
    }
    const parsed = valueOf(flag, value);
    if (parsed === undefined) return problemOf(flag, given);
    values.set(flag.name, parsed);
  }
  return {
    key: (key) => keys.get(key) ?? '',
    rest,
    has: (flag) => values.has(flag),
    milliseconds: (flag, otherwise) => {
      const seconds = values.get(flag);
      return seconds === undefined ? otherwise : seconds * 1000;
    },
  };
}

/** Whether a word with its first `=` at that place (-1: none) is one of those without a row. */
function takesRest({ rest }: Command, equals: number): boolean {
  return rest === 'settings' ? equals > 0 : rest === 'names' && equals === -1;
}

/** 0 of a switch; undefined: not a value of that type. */
function valueOf({ type }: Flag, value: string | true): number | undefined {
  if (type === 'switch') return value === true ? 0 : undefined;
  if (value === true || !/^\d{1,5}$/.test(value)) return undefined;
  const seconds = Number(value);
  return seconds >= 1 && seconds <= secondsMax ? seconds : undefined;
}

function problemOf({ type }: Flag, given: string): string {
  if (type === 'switch') return `${dashed(given)} takes no value`;
  return `${dashed(given)} takes a number of seconds from 1 to ${secondsMax}`;
}

function unknown(commands: readonly Command[], request: AdminRequest): Resolved {
  const words = request.words.filter((word) => !word.includes('='));
  const lines = [`There is no command '${shown(words.join(' '))}'.`];
  const nearest = nearestCommands(commands, words);
  if (nearest.length > 0)
    lines.push('', 'Did you mean', ...nearest.map((row) => `  ${synopsis(row)}`));
  const group = words.slice(0, 1);
  const isGroup = commands.some((row) => startsWith(row.words, group));
  return refusal([...lines, '', groupHelp(commands, isGroup ? group : [])].join('\n'), request);
}

function refusal(text: string, request: AdminRequest): Resolved {
  const outcome = { exitCode: 1, text: text.endsWith('\n') ? text : `${text}\n` };
  return { kind: 'answer', response: formatted(outcome, request) };
}

function answer(exitCode: number, text: string): Resolved {
  return { kind: 'answer', response: { exitCode, text, isAlert: exitCode !== 0 } };
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** What somebody typed, short enough for a line and without control characters. */
function shown(text: string): string {
  const clean = text.replaceAll(/\p{C}/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 80)}…` : clean;
}

/** For {@link parseArguments}: which flags stand alone, by the table. */
export function isSwitchOf(
  commands: readonly Command[],
): (words: readonly string[], flag: string) => boolean {
  return (words, flag) => {
    if (flag === 'help' || flag === 'h') return true;
    const command = commandOf(commands, words);
    return command !== undefined && flagOf(command, flag)?.type === 'switch';
  };
}
