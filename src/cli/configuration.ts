import { existsSync, readFileSync } from 'node:fs';
import { type Configuration, loadConfiguration, type Problem } from '../config/mod.js';

/** Where packages put the configuration file. */
const systemFile = '/etc/nautilusmq/nautilusmq.conf';

export interface ReadResult {
  readonly configuration: Configuration | undefined;
  readonly problems: readonly Problem[];
  /** Where the configuration came from, for the start line. */
  readonly origin: string;
}

/** A command cannot go on: one line that says what and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** `--config`, else $NAUTILUSMQ_CONFIG, else the system's file if there is one, else built-ins. */
export function readConfiguration(file: string | undefined, overrides: string[]): ReadResult {
  const { env } = process;
  const named = file ?? env['NAUTILUSMQ_CONFIG'];
  const path = named ?? (existsSync(systemFile) ? systemFile : undefined);
  const input = { environment: env, overrides };
  if (path === undefined) return { ...loadConfiguration(input), origin: 'built-in settings' };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const by = file === undefined && named !== undefined ? ' (from NAUTILUSMQ_CONFIG)' : '';
    throw new CommandError(`configuration file ${path}${by} cannot be read: ${reasonOf(error)}`);
  }
  return { ...loadConfiguration({ ...input, file: { text, fileName: path } }), origin: path };
}

/** `file:line: error: message`, as editors understand it. */
export function problemLine({ severity, fileName, line, message }: Problem): string {
  const where =
    fileName === undefined ? '' : `${fileName}:${line === undefined ? '' : `${line}:`} `;
  return `${where}${severity}: ${message}`;
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'this user may not read it';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return error.message;
  }
}

/** Prints one line and sets the exit code; a bug still shows its stack. */
export function fail(error: unknown): void {
  const isExpected = error instanceof Error && (error instanceof CommandError || 'code' in error);
  if (isExpected) console.error(`nautilusmq: ${(error as Error).message}`);
  else console.error(error);
  process.exitCode = 1;
}
