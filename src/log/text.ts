import pretty from 'pino-pretty';

/** A function from pino's line to text for people. `colour`: for a terminal. */
export function textFormat(colour: boolean): (line: string) => string {
  const format = pretty.prettyFactory({
    colorize: colour,
    singleLine: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    ignore: 'pid,hostname',
  });
  return (line) => format(harmless(JSON.parse(line), '')) ?? '';
}

/**
 * What ends or overwrites a line, or is a command to a terminal; C1 and bidirectional marks too.
 */
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Peers choose parts of fields and messages: what a terminal would obey is spelled out. */
function harmless(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    return value.replace(control, (character) =>
      key === 'stack' && character === '\n' ? character : escaped(character),
    );
  }
  if (Array.isArray(value)) return value.map((item) => harmless(item, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [harmless(name, ''), harmless(item, name)]),
    );
  }
  return value;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
