/** The files of the repository as its own tests see them. Tests run with the root as directory. */
import { readdirSync, readFileSync } from 'node:fs';

/** A text file: its path from the root, with forward slashes, and what it says. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Neither dependencies, nor what was built, nor what a broker that was started here left. */
const notOurs = new Set(['node_modules', 'dist', 'data', 'log', '.git', '.vscode', '.idea']);

const paths: readonly string[] = readdirSync('.', { withFileTypes: true })
  .filter(({ name }) => !notOurs.has(name))
  .flatMap((entry) => (entry.isDirectory() ? below(entry.name) : entry.name))
  .sort();

function below(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    return entry.isDirectory() ? below(path) : path;
  });
}

/** Every file whose path satisfies `wanted`, read. */
export function files(wanted: (path: string) => boolean): TextFile[] {
  return paths.filter(wanted).map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

export function isSource(path: string): boolean {
  return path.startsWith('src/') && path.endsWith('.ts');
}

/** Everything that we write as a program. */
export function isCode(path: string): boolean {
  return /^(src|test|bench|sim|scripts)\/.*\.(ts|mjs)$/.test(path);
}

export function lines(file: TextFile): string[] {
  const all = file.text.split('\n');
  if (all.at(-1) === '') all.pop();
  return all;
}
