/**
 * How long pieces of work take that are done at once, and how much of the longest the garbage
 * collector took. Between two pieces the event loop goes on, as it does in a node.
 */
import { readFileSync } from 'node:fs';
import { constants, PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

interface Turn {
  readonly from: number;
  readonly ms: number;
  /** Of it on the processor; the rest went to other processes of a busy machine. */
  readonly cpuMs: number;
}

interface Pause {
  readonly from: number;
  readonly ms: number;
  readonly kind: string;
}

const kinds = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak'],
]);

/** Below this nobody asks where a turn's time went, in ms. */
const notedMs = 2;

export class Turns {
  readonly #long: Turn[] = [];
  readonly #pauses: Pause[] = [];
  readonly #observer: PerformanceObserver;
  readonly #over: Map<number, number>;
  count = 0;

  constructor(limitsMs: readonly number[]) {
    this.#over = new Map(limitsMs.map((limit) => [limit, 0]));
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as { readonly detail?: { readonly kind?: unknown } };
        const kind = kinds.get(detail?.kind) ?? 'other';
        this.#pauses.push({ from: entry.startTime, ms: entry.duration, kind });
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Does `work` and lets the event loop turn once. */
  async turn(work: () => void): Promise<void> {
    const cpuFrom = ownCpuMs();
    const from = performance.now();
    work();
    await nextTurn();
    const ms = performance.now() - from;
    this.count += 1;
    if (ms > notedMs) this.#long.push({ from, ms, cpuMs: ownCpuMs() - cpuFrom });
    for (const [limit, count] of this.#over) if (ms > limit) this.#over.set(limit, count + 1);
  }

  /** Ends the measurement: its longest turn, and how many took longer than each limit, in words. */
  async end(): Promise<{ readonly longestMs: number; readonly text: string }> {
    await nextTurn();
    this.#observer.disconnect();
    const [longest] = this.#long.sort((one, other) => other.ms - one.ms);
    if (longest === undefined) return { longestMs: 0, text: `none over ${notedMs} ms` };
    const inside = this.#pauses
      .filter(({ from }) => from >= longest.from && from < longest.from + longest.ms)
      .map(({ kind, ms }) => `${kind} ${ms.toFixed(1)}`);
    const over = [...this.#over].map(([limit, count]) => `${count} over ${limit}`);
    const garbage = inside.length === 0 ? 'no garbage collection' : `of it ${inside.join(', ')}`;
    const cpu = `${longest.cpuMs.toFixed(1)} on the processor, ${garbage}`;
    const mostCpuMs = Math.max(...this.#long.map(({ cpuMs }) => cpuMs)).toFixed(1);
    const text = `${cpu}; of ${this.count} turns ${over.join(', ')}, none over ${mostCpuMs} on it`;
    return { longestMs: longest.ms, text };
  }
}

/** Time that this thread had a processor, in ms; 0 where the system does not tell. */
export function ownCpuMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
}
