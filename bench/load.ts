/** Builds the load generator (C, in `bench/load/`) when it is needed, and runs it. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the generator prints: numbers by name, and latencies and rounds as objects of numbers. */
export interface LoadResult {
  readonly [name: string]: number | LoadResult | readonly LoadResult[];
}

/** No load runs longer; a broker that hangs must not hang the whole benchmark. */
const LOAD_TIMEOUT_MS = 300_000;

function newest(paths: readonly string[]): number {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

/**
 * Compiles the generator into `dist/bench/` unless it is newer than its sources.
 * Returns the program's path. Throws an error that says what to install when there is no compiler.
 */
export function buildLoadGenerator(root: string): string {
  const sourceDirectory = join(root, 'bench', 'load');
  const program = join(root, 'dist', 'bench', 'mqtt-load');
  const files = readdirSync(sourceDirectory).map((name) => join(sourceDirectory, name));
  if (existsSync(program) && statSync(program).mtimeMs > newest(files)) return program;
  mkdirSync(dirname(program), { recursive: true });
  const sources = files.filter((path) => path.endsWith('.c'));
  const warnings = ['-Wall', '-Wextra', '-Wshadow'];
  const cc = spawnSync('cc', ['-std=gnu11', '-O2', ...warnings, '-o', program, ...sources], {
    encoding: 'utf8',
  });
  if (cc.error) {
    throw new Error(
      `The load generator is a C program and there is no C compiler (cc: ${cc.error.message}). ` +
        'Install one: apt-get install gcc libc6-dev',
    );
  }
  if (cc.status !== 0) throw new Error(`The load generator does not compile:\n${cc.stderr}`);
  return program;
}

/** Ports of loopback that a load goes to: a broker, or two nodes, subscribers on the second. */
export interface LoadTarget {
  readonly port: number;
  readonly subscriberPort?: number;
  /** The processes whose cost counts. */
  readonly pids: readonly number[];
}

function wordsFor({ port, subscriberPort, pids }: LoadTarget): string[] {
  const words = ['--port', String(port)];
  if (subscriberPort !== undefined) words.push('--subscriber-port', String(subscriberPort));
  return [...words, ...pids.flatMap((pid) => ['--pid', String(pid)])];
}

/** Runs one load. Throws the generator's reason. */
export function runLoad(
  program: string,
  target: LoadTarget,
  loadArguments: readonly string[],
): Promise<LoadResult> {
  const child = spawn(program, [...wordsFor(target), ...loadArguments], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LOAD_TIMEOUT_MS,
  });
  let output = '';
  let problem = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    problem += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output) as LoadResult);
      else reject(new Error(problem.trim() || `load: ended by ${signal ?? `code ${code}`}`));
    });
  });
}
