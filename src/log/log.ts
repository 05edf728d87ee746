import process from 'node:process';
import { type DestinationStream, multistream, pino, stdSerializers, stdTimeFunctions } from 'pino';
import { withoutSecrets } from './censor.js';
import { type LineLevel, type LogLevel, lowestLineOf } from './levels.js';
import { LineWriter, type Trouble } from './line-writer.js';
import { LogFile, type Rotation } from './log-file.js';
import { Repeats } from './repeats.js';
import { textFormat } from './text.js';

/** Lines of fields and a message. A field named `err` is an Error and told with its stack. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /**
   * For what may happen thousands of times: the first is a line at once, further ones under the
   * same key are one line per window (`windowMs`, 60 s unless given) with their number.
   */
  repeated(level: LineLevel, key: string, fields: object, message: string, windowMs?: number): void;
  /** log.console.level, changed while running. */
  setLevel(level: LogLevel): void;
  /** Goes on in new files, after somebody moved the old ones (SIGHUP). */
  reopen(): void;
  /** Everything written so far is with the operating system when it returns; for the last words. */
  flushSync(): void;
  /** Tells what is untold, writes everything, closes the files. Nothing may be logged after. */
  close(): Promise<void>;
}

/** A file of its own for one level and up. */
export interface Target {
  readonly file: string;
  readonly format: 'text' | 'json';
  readonly rotation: Rotation;
}

export interface LogOptions {
  /** log.console: where lines go. */
  readonly console: 'off' | 'file' | 'console' | 'both';
  /** log.console.level */
  readonly level: LogLevel;
  /** log.console.format of standard output; undefined: text on a terminal, else JSON. */
  readonly format: 'text' | 'json' | undefined;
  /** log.console.file and what belongs to it. */
  readonly file: Target;
  /** log.error.*: errors once more in a file of their own; undefined: off. */
  readonly errors: Target | undefined;
  /** Whether standard output is a terminal that shows colours. */
  readonly isTerminal: boolean;
  /** In every line, such as the node's name. */
  readonly base: Readonly<Record<string, string>>;
  /** Standard output unless a test has another descriptor. */
  readonly descriptor?: number;
}

const repeatWindowMs = 60_000;
const troubleWindowMs = 60_000;

/** Opens the log. Throws an Error with `code` and `path` where a file cannot be opened. */
export function openLog(options: LogOptions): Log {
  const files: LogFile[] = [];
  const trouble = troubleReporter();
  const openFile = ({ file, format, rotation }: Target): DestinationStream => {
    const target = new LogFile(file, rotation, trouble);
    files.push(target);
    return formatted(target, format, false);
  };
  const streams = multistream([]);
  const { console, isTerminal } = options;
  const standard =
    console === 'console' || console === 'both'
      ? new LineWriter('standard output', options.descriptor ?? process.stdout.fd, trouble)
      : undefined;
  if (standard !== undefined) {
    const format = options.format ?? (isTerminal ? 'text' : 'json');
    streams.add({ level: 0 as never, stream: formatted(standard, format, isTerminal) });
  }
  if (console === 'file' || console === 'both') {
    streams.add({ level: 0 as never, stream: openFile(options.file) });
  }
  if (options.errors !== undefined) {
    streams.add({ level: 'error', stream: openFile(options.errors) });
  }
  const isOff = console === 'off' && options.errors === undefined;
  const logger = pino(
    {
      level: isOff ? 'silent' : lowestLineOf(options.level),
      base: options.base,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      serializers: { error: stdSerializers.err },
    },
    streams,
  );
  return new PinoLog(logger, files, standard);
}

class PinoLog implements Log {
  readonly #logger: pino.Logger;
  readonly #files: readonly LogFile[];
  readonly #standard: LineWriter | undefined;
  readonly #repeats: Repeats;

  constructor(logger: pino.Logger, files: readonly LogFile[], standard: LineWriter | undefined) {
    this.#logger = logger;
    this.#files = files;
    this.#standard = standard;
    this.#repeats = new Repeats((level, fields, message) => logger[level](fields, message));
  }

  debug(fields: object, message: string): void {
    this.#logger.debug(fields, message);
  }

  info(fields: object, message: string): void {
    this.#logger.info(fields, message);
  }

  warn(fields: object, message: string): void {
    this.#logger.warn(fields, message);
  }

  error(fields: object, message: string): void {
    this.#logger.error(fields, message);
  }

  repeated(
    level: LineLevel,
    key: string,
    fields: object,
    message: string,
    windowMs: number = repeatWindowMs,
  ): void {
    this.#repeats.add(key, windowMs, level, fields, message);
  }

  setLevel(level: LogLevel): void {
    this.#logger.level = lowestLineOf(level);
  }

  reopen(): void {
    for (const file of this.#files) file.reopen();
  }

  flushSync(): void {
    this.#standard?.flushSync();
    for (const file of this.#files) file.flushSync();
  }

  async close(): Promise<void> {
    this.#repeats.close();
    // Standard output stays open: it is not ours.
    await this.#standard?.end(false);
    await Promise.all(this.#files.map((file) => file.close()));
  }
}

function formatted(
  target: DestinationStream,
  format: 'text' | 'json',
  colour: boolean,
): DestinationStream {
  if (format === 'json') return target;
  const toText = textFormat(colour);
  return { write: (line) => target.write(toText(line)) };
}

/** Says on standard error, at most once a minute and target, that lines are lost. */
function troubleReporter(): Trouble {
  const lastAt = new Map<string, number>();
  return (target, reason) => {
    const now = Date.now();
    if (now - (lastAt.get(target) ?? 0) < troubleWindowMs) return;
    lastAt.set(target, now);
    process.stderr.write(`log: ${target}: ${reason}\n`);
  };
}
