import { levelNames, valuesText } from './describe-option.js';
import { ignoredRows } from './options-unused.js';
import { type ListenerRow, type Row, textOf } from './row.js';
import { activeGroups, laterGroups, listenerOptions } from './table.js';

const introduction = `# Configuration reference

This page is made from the option table (\`src/config/options-*.ts\`): \`UPDATE_DOCS=1\` with the
unit tests rewrites it. \`nautilusmq describe KEY\` prints one entry, \`nautilusmq check-config\`
reads a file without starting anything.

A line is \`key = value\`. A line that starts with \`#\` is a comment, and so is what follows \`#\`
after a space. A value may stand in quotes. Of a key that is written twice the last line counts.
A key that nobody knows and a value that cannot be are refused, all at once, with file and line.

The file is the one named by \`--config\`, else by \`NAUTILUSMQ_CONFIG\`, else
\`/etc/nautilusmq/nautilusmq.conf\` if it exists. Over it counts the environment, where \`a.b_c\` is
\`NAUTILUSMQ__A__B_C\`, and over that \`--set key=value\`. Variables have no lower case: names of
listeners that they set are lower case. A vernemq.conf can be given as it is.

Without a file there are two listeners, tcp on 127.0.0.1:1883 and ws on 127.0.0.1:8080, both named
\`default\`; each gives way to a listener of its name or of its port, and \`off\` closes it. With a
file there are those that it names. Anonymous clients are let in when \`allow_anonymous = on\` is
written; and, where nothing is written, when there is no file and every listener is on loopback.

Durations are a number and a unit: s, h (hours), d, w, m (4 weeks), y (48 weeks). Sizes may end in
KB, MB or GB (1024). **R** marks what can be changed while the broker runs. Relative paths start
where the broker was started.
`;

const listenerIntroduction = `## Listeners

\`listener.TYPE.NAME = ADDRESS:PORT\` opens a listener. TYPE is tcp, ssl (MQTT over TLS), ws or wss
(over WebSocket); NAME is any word. The address is an IPv4 address, an IPv6 address in brackets, a
host name, or \`local:/path/of/socket:0\` for a unix socket. \`off\` closes one that was written
before.

An option may stand for one listener, \`listener.TYPE.NAME.OPTION\`; most also for all listeners of
a type, \`listener.TYPE.OPTION\`; some for all, \`listener.OPTION\`. The nearest one counts, and
\`-1\` is "as the level above".

A client that vanishes is noticed by its own Keep Alive, one and a half times over. Whatever that
is, TCP probes a connection of these listeners that was silent for 60 s, and ends it when nothing
answers for about 10 s more.
`;

/** docs/reference.md: every key of the table, by group. */
export function referencePage(): string {
  const parts = [introduction, listenerIntroduction, listenerTable()];
  for (const { title, rows } of activeGroups) parts.push(`## ${title}\n`, table(rows));
  parts.push(
    '## Not yet active\n\nKnown, checked and reported once; they belong to parts that are not here yet.\n',
  );
  for (const { title, rows } of laterGroups) parts.push(`### ${title}\n`, table(rows));
  parts.push(ignoredTable());
  return parts.join('\n');
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const live = row.live === true ? ' **R**' : '';
    return line(`\`${row.key}\`${live}`, escaped(valuesText(row)), code(row.default), prose(row));
  });
  return `${line('key', 'value', 'default', 'meaning')}${line(...rule(4))}${lines.join('')}`;
}

function listenerTable(): string {
  const lines = listenerOptions.map((row) =>
    line(
      `\`${row.key}\``,
      row.types.join(' '),
      row.levels.map((level) => levelNames[level]).join(', '),
      escaped(valuesText(row)),
      code(row.default),
      listenerProse(row),
    ),
  );
  const head = line('option', 'types', 'stands for', 'value', 'default', 'meaning');
  return `${head}${line(...rule(6))}${lines.join('')}`;
}

function listenerProse(row: ListenerRow): string {
  const ignored = row.ignored === undefined ? '' : ` Ignored: ${escaped(row.ignored)}.`;
  return `${prose(row)}${ignored}`;
}

function ignoredTable(): string {
  const lines = ignoredRows.map(({ keys, reason }) =>
    line(keys.map((key) => `\`${key}\``).join(', '), escaped(textOf(reason))),
  );
  const head =
    '## Ignored\n\nKeys of VerneMQ that have no meaning here; each is reported once, with the reason.\n\n';
  return `${head}${line('keys', 'reason')}${line(...rule(2))}${lines.join('')}`;
}

function rule(count: number): string[] {
  return Array.from({ length: count }, () => '---');
}

function line(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function prose(row: Row): string {
  return escaped(textOf(row.text));
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
