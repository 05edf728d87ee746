/** A row: its cells, from the left. */
export type Cells = readonly string[];

/**
 * A table as VerneMQ's operators know it: borders, titles to the left behind a blank, cells centred
 * with an odd blank to the right, columns as wide as what is in them. Lines, each with its end.
 */
export function borderedTable(titles: Cells, rows: readonly Cells[]): string {
  const widths = titles.map((title, column) =>
    rows.reduce((widest, cells) => Math.max(widest, (cells[column] ?? '').length), title.length),
  );
  const border = `+${widths.map((width) => '-'.repeat(width)).join('+')}+\n`;
  const lineOf = (cells: Cells, placed: (text: string, width: number) => string): string =>
    `|${widths.map((width, column) => placed(cells[column] ?? '', width)).join('|')}|\n`;
  const body = rows.map((cells) => lineOf(cells, centred)).join('');
  return `${border}${lineOf(titles, behindBlank)}${border}${body}${border}`;
}

function centred(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + left).padEnd(width);
}

/** The blank is left out where the title fills its column. */
function behindBlank(text: string, width: number): string {
  return (text.length < width ? ` ${text}` : text).padEnd(width);
}
