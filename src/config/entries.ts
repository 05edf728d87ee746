/** One setting as it was written, before anyone asked what it means. */
export interface Entry {
  readonly key: string;
  readonly text: string;
  readonly place: Place;
}

/** Where something was written, for messages. */
export interface Place {
  /** Of a file; undefined elsewhere. */
  readonly fileName: string | undefined;
  /** From 1; undefined elsewhere. */
  readonly line: number | undefined;
  /** The environment variable or the --set argument; '' in a file. */
  readonly name: string;
}

export interface ConfigSource {
  readonly text: string;
  readonly fileName: string;
}

export interface Problem {
  readonly severity: 'error' | 'warning' | 'info';
  readonly fileName: string | undefined;
  readonly line: number | undefined;
  readonly message: string;
}

export type Report = (severity: Problem['severity'], place: Place, message: string) => void;

export const environmentPrefix = 'NAUTILUSMQ__';
const quoted = /^(['"])(.*)\1(?:\s+#.*)?$/;

/** The lines of a file. Of a key that is written twice the last one stays, with a warning. */
export function entriesOfFile({ text, fileName }: ConfigSource, report: Report): Entry[] {
  const byKey = new Map<string, Entry>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [index, raw] of lines.entries()) {
    const place = { fileName, line: index + 1, name: '' };
    const entry = entryOfLine(raw.trim(), place, report);
    if (entry === undefined) continue;
    const earlier = byKey.get(entry.key);
    if (earlier !== undefined) {
      const lineNumbers = `line ${earlier.place.line} and on line ${place.line}`;
      report('warning', place, `${entry.key} stands on ${lineNumbers}: the last one counts`);
    }
    byKey.set(entry.key, entry);
  }
  return [...byKey.values()];
}

function entryOfLine(line: string, place: Place, report: Report): Entry | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const equals = line.indexOf('=');
  const key = line.slice(0, Math.max(equals, 0)).trim();
  if (/^include\s/.test(line) && !key.startsWith('include.')) {
    report('warning', place, 'include is not followed: write the lines of that file here');
    return undefined;
  }
  if (key === '' || /\s/.test(key)) {
    report('error', place, 'is no setting: a line is `key = value`, or starts with #');
    return undefined;
  }
  const written = line.slice(equals + 1).trim();
  const text = valueOf(written);
  if (text.includes('#') && !quoted.test(written)) {
    const message = `${key}: # is taken as part of the value (VerneMQ ends it there); put it in quotes`;
    report('warning', place, message);
  }
  return { key, text, place };
}

/** Takes quotes off, or a comment after a space. */
function valueOf(text: string): string {
  const match = quoted.exec(text);
  if (match !== null) return match[2] as string;
  return text.startsWith('#') ? '' : text.replace(/\s+#.*$/, '');
}

/** `NAUTILUSMQ__A__B_C` is `a.b_c`; names of listeners are therefore lower case here. */
export function entriesOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Entry[] {
  const entries: Entry[] = [];
  for (const name of Object.keys(environment).sort()) {
    const text = environment[name];
    if (!name.startsWith(environmentPrefix) || text === undefined) continue;
    const key = name.slice(environmentPrefix.length).toLowerCase().replaceAll('__', '.');
    entries.push({
      key,
      text: text.trim(),
      place: { fileName: undefined, line: undefined, name },
    });
  }
  return entries;
}

/** `--set key=value`; of a key that is set twice the last one stays. */
export function entriesOfOverrides(overrides: readonly string[], report: Report): Entry[] {
  const byKey = new Map<string, Entry>();
  for (const override of overrides) {
    const equals = override.indexOf('=');
    const key = override.slice(0, Math.max(equals, 0)).trim();
    const place = { fileName: undefined, line: undefined, name: `--set ${key || override}` };
    if (key === '') report('error', place, 'must be --set key=value');
    else byKey.set(key, { key, text: override.slice(equals + 1).trim(), place });
  }
  return [...byKey.values()];
}
