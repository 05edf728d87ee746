// What the scripts share: where the repository is, and how to run a program in it.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** A script that cannot go on: its message is shown without a stack. */
export class Refusal extends Error {}

/** Runs `body`; a `Refusal` or a failed step ends the process with exit code 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    console.error(error instanceof Refusal ? error.message : error);
    process.exit(1);
  }
}

/**
 * Files below `directory`, as paths relative to the repository with forward slashes, sorted. An
 * absent directory has no files.
 */
export function filesBelow(directory) {
  const found = [];
  const visit = (relative) => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = `${relative}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  if (statSync(join(root, directory), { throwIfNoEntry: false })?.isDirectory()) visit(directory);
  return found.sort();
}

/** Runs a Node.js program of the repository; its output goes where ours goes. */
export function runNode(script, args = []) {
  return run(process.execPath, [join(root, script), ...args]);
}

/** Runs a program in the repository, returns its exit code; a signal counts as 128. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 128;
}
