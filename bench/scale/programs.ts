/** The programs that measure how a cluster scales, as `npm run bench -- --scale` runs them. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A compiled program beside this one, and its arguments, also those of a short run. */
interface ScaleProgram {
  readonly file: string;
  readonly full: readonly string[];
  readonly quick: readonly string[];
}

const programs: readonly ScaleProgram[] = [
  { file: '../micro/rows.js', full: ['1000000'], quick: ['100000'] },
  { file: 'moves.js', full: ['500'], quick: ['50'] },
  { file: 'dead-member.js', full: ['100000'], quick: ['5000'] },
  { file: 'dead-member.js', full: ['10000', 'wills'], quick: ['1000', 'wills'] },
  { file: 'storm.js', full: ['10000'], quick: ['500'] },
  { file: 'restart.js', full: ['10000'], quick: ['500'] },
];

/** Runs them one after the other, each printing as it goes; 1 when one of them failed, else 0. */
export function runScalePrograms(isQuick: boolean): number {
  let code = 0;
  for (const { file, full, quick } of programs) {
    const words = isQuick ? quick : full;
    process.stdout.write(`\n${file.replace(/^.*\//, '')} ${words.join(' ')}\n`);
    const path = fileURLToPath(new URL(file, import.meta.url));
    const { status, error } = spawnSync(process.execPath, [path, ...words], { stdio: 'inherit' });
    if (error) throw error;
    if (status !== 0) {
      process.stderr.write(`bench: ${file} ended with ${status ?? 'a signal'}\n`);
      code = 1;
    }
  }
  return code;
}
