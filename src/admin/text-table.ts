/**
 * A table with borders and centred cells, a column as wide as its widest cell: the form that
 * VerneMQ's operators know. Lines, each with its line end.
 */
export function textTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) =>
    rows.reduce((widest, row) => Math.max(widest, (row[at] ?? '').length), title.length),
  );
  const border = `+${widths.map((width) => '-'.repeat(width)).join('+')}+\n`;
  const line = (cells: readonly string[]): string =>
    `|${widths.map((width, at) => centred(cells[at] ?? '', width)).join('|')}|\n`;
  const body = rows.map(line).join('');
  return `${border}${line(titles)}${border}${body}${rows.length === 0 ? '' : border}`;
}

/** An odd space goes to the right. */
function centred(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + left).padEnd(width);
}
