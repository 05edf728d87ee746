import type { History, Violation } from './history.js';

/** A fault of the core that the simulator found and that is not mended yet. */
export interface KnownFault {
  /** What the core does wrong, and when. */
  readonly what: string;
  /** The seed that shows it, with one node. */
  readonly seed: number;
  /** Whether a violation looks like it. As narrow as can be told from outside. */
  explains(violation: Violation, history: History): boolean;
}

const everRefused = (history: History): boolean => history.anyRefused(0, Number.POSITIVE_INFINITY);

/** Each line goes away with the fault. `--strict` counts them as failures. */
export const knownFaults: readonly KnownFault[] = [
  {
    what: 'a will that falls due while the store refuses is published before that can be written down',
    seed: 1452,
    explains: ({ rule }, history) => rule === 'a will fires at most once' && everRefused(history),
  },
  {
    what: 'QoS 2 goes to a session in memory before it is owned, so a refused one comes twice',
    seed: 5,
    explains: ({ rule }, history) => rule.startsWith('QoS 2 comes') && everRefused(history),
  },
];
