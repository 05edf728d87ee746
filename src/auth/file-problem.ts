/** A mistake in a file that an operator wrote. Never holds a password, nor a line that may. */
export interface FileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly message: string;
}

/** What a file says, or every mistake in it. */
export type Parsed<Content> =
  | { readonly content: Content; readonly problems?: undefined }
  | { readonly content?: undefined; readonly problems: readonly FileProblem[] };

/** `file:line:column: message`, as editors and terminals link it. */
export function describeProblem(file: string, { line, column, message }: FileProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** The lines of a text file without their ends; a byte order mark is not part of the first. */
export function linesOf(text: string): string[] {
  return text.replace(/^\u{feff}/u, '').split(/\r?\n/);
}
