/** Real members on this machine for the measurements of this directory, and clients of them. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterProcess, majority, type Settings } from '../../test/fixtures/cluster-process.js';
import type { TurnsSeen } from './watch-turns.js';

const lookEveryMs = 20;

export interface Members {
  readonly cluster: ClusterProcess;
  /** What the turns of a member were since the last call. */
  turnsOf(index: number): Promise<TurnsSeen>;
  /**
   * Bytes that a member's network has sent and received, headers of Ethernet and TCP among them:
   * nothing but the links goes over it. NaN where members have no network of their own.
   */
  networkBytesOf(index: number): number;
}

/** Runs `measure` with so many members that see each other; afterwards nothing is left of them. */
export async function withMembers(
  nodes: number,
  settings: Settings,
  measure: (members: Members) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-bench-'));
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (end: () => Promise<void>) => ends.push(end) };
  const fileOf = (index: number): string => join(directory, `turns-${index}`);
  const watch = new URL('./watch-turns.js', import.meta.url).href;
  try {
    const cluster = await ClusterProcess.start(context as never, {
      nodes,
      settings: { ...majority, 'log.console.level': 'warning', ...settings },
      environmentOf: (index) => ({
        NODE_OPTIONS: `--import=${watch}`,
        BENCH_TURNS_FILE: fileOf(index),
      }),
    });
    await measure({
      cluster,
      turnsOf: (index) => turnsSeen(cluster.node(index).broker.pid, fileOf(index)),
      networkBytesOf: (index) => networkBytes(cluster.node(index).broker.pid),
    });
  } finally {
    for (const end of ends) await end();
    rmSync(directory, { recursive: true, force: true });
  }
}

function networkBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n').slice(2);
  const interfaces = lines.map((line) => line.trim().split(/[\s:]+/));
  const own = interfaces.filter(([name = '']) => name !== '' && name !== 'lo');
  if (own.length !== 1) return Number.NaN;
  return Number(own[0]?.[1]) + Number(own[0]?.[9]);
}

async function turnsSeen(pid: number, file: string): Promise<TurnsSeen> {
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    await sleep(lookEveryMs);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (text.endsWith('\n')) return JSON.parse(text) as TurnsSeen;
  }
}

/** For people: `p50 1.0 ms, p99 2.0 ms, most 3.0 ms`. Sorts `values`. */
export function spread(values: number[]): string {
  values.sort((one, other) => one - other);
  const at = (share: number): string =>
    (values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms of ${values.length}`;
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function turnsText({ longestMs, longestCpuMs, over5, cpuSeconds }: TurnsSeen): string {
  return (
    `longest turn ${longestMs.toFixed(1)} ms, ${longestCpuMs.toFixed(1)} ms on the processor, ` +
    `${over5} over 5 ms on it; ${cpuSeconds.toFixed(2)} CPU seconds`
  );
}
