/**
 * Preloaded into a broker (`node --import`): how long the turns of its event loop are. At SIGUSR2
 * it appends what it saw since the last one to the file that BENCH_TURNS_FILE names.
 */
import { appendFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { ownCpuMs } from '../micro/turns.js';

/** What happens between two samples is one turn, or a few short ones. */
const sampleMs = 2;

export interface TurnsSeen {
  /** True time, of which other processes of a busy machine take a part. */
  readonly longestMs: number;
  /** The most that the main thread had of a processor between two samples. */
  readonly longestCpuMs: number;
  readonly over5: number;
  /** Of the whole process. */
  readonly cpuSeconds: number;
}

const file = process.env.BENCH_TURNS_FILE;
if (file !== undefined) {
  let [at, cpuAt, used] = [performance.now(), ownCpuMs(), process.cpuUsage()];
  let [longestMs, longestCpuMs, over5] = [0, 0, 0];
  setInterval(() => {
    const [now, cpuNow] = [performance.now(), ownCpuMs()];
    longestMs = Math.max(longestMs, now - at - sampleMs);
    longestCpuMs = Math.max(longestCpuMs, cpuNow - cpuAt);
    if (cpuNow - cpuAt > 5) over5 += 1;
    [at, cpuAt] = [now, cpuNow];
  }, sampleMs).unref();
  process.on('SIGUSR2', () => {
    const { user, system } = process.cpuUsage(used);
    const seen: TurnsSeen = { longestMs, longestCpuMs, over5, cpuSeconds: (user + system) / 1e6 };
    appendFileSync(file, `${JSON.stringify(seen)}\n`);
    [longestMs, longestCpuMs, over5, used] = [0, 0, 0, process.cpuUsage()];
  });
}
