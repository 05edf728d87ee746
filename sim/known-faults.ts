import { wasDisturbed } from './circumstances.js';
import type { History, Violation } from './history.js';

/** A fault of the core that the simulator found and that is not mended yet. */
export interface KnownFault {
  /** What the core does wrong, and when. */
  readonly what: string;
  /** A seed that showed it, and with how many nodes. */
  readonly seed: number;
  readonly nodes: number;
  /** Whether a violation looks like it. As narrow as can be told from outside. */
  explains(violation: Violation, history: History): boolean;
}

/** In a cluster, and something was wrong between the nodes or with one of them. */
const wasCluster = (history: History): boolean =>
  history.isCluster && wasDisturbed(history, 0, Number.POSITIVE_INFINITY);

const everRefused = (history: History): boolean => history.anyRefused(0, Number.POSITIVE_INFINITY);

/** Each line goes away with the fault. `--strict` counts them as failures. */
const knownFaults: readonly KnownFault[] = [
  {
    what: 'a will that falls due while the store refuses is published before that can be written down',
    ...{ seed: 1452, nodes: 1 },
    explains: ({ rule }, history) => rule === 'a will fires at most once' && everRefused(history),
  },
  {
    what: 'QoS 2 goes to a session in memory before it is owned, so a refused one comes twice',
    ...{ seed: 5, nodes: 1 },
    explains: ({ rule }, history) => rule.startsWith('QoS 2 comes') && everRefused(history),
  },
  {
    what: 'a member whose store refuses has publishers refused elsewhere, and nothing is parked',
    ...{ seed: 7, nodes: 3 },
    explains: ({ rule, what }, history) =>
      rule.startsWith('refused exactly') &&
      what.endsWith('refused a publish') &&
      history.isCluster &&
      everRefused(history),
  },
  {
    what: 'after a move between members that were apart, what a session had is not all with it',
    ...{ seed: 115, nodes: 3 },
    explains: ({ rule }, history) =>
      /^(?:no acknowledged message is lost|session lost|nothing is left over|routes equal)/.test(
        rule,
      ) && wasCluster(history),
  },
  {
    what: 'messages and wills come twice when one is parked and sent, or a hand-over is begun again',
    ...{ seed: 85, nodes: 3 },
    explains: ({ rule }, history) =>
      /^(?:QoS [12] comes|a will fires)/.test(rule) && history.isCluster,
  },
  {
    what: 'a client waits for another member that is frozen, longer than it should',
    ...{ seed: 159, nodes: 3 },
    explains: ({ rule, what }, history) =>
      rule.startsWith('no operation waits') &&
      /\((?:publish|release|subscribe)\)$/.test(what) &&
      wasCluster(history),
  },
  {
    what: 'what was parked for a member that was cut off is overtaken by what comes later',
    ...{ seed: 39, nodes: 3 },
    explains: ({ rule }, history) =>
      rule.startsWith('messages of one publisher') && wasCluster(history),
  },
  {
    what: 'a message for a shared group is lost with the member that it was sent to',
    ...{ seed: 238, nodes: 3 },
    explains: ({ rule }, history) =>
      rule === 'no acknowledged message of a shared subscription is lost' && wasCluster(history),
  },
  {
    what: 'a gate that is to be closed lets something through while links come and go',
    ...{ seed: 48, nodes: 3 },
    explains: ({ rule, what }, history) =>
      rule.startsWith('refused exactly') &&
      / a (?:connect|publish|subscribe)$/.test(what) &&
      wasCluster(history),
  },
];

/** Whether a known fault explains a violation; runs that met it are counted. */
export function isExplained(violation: Violation, history: History): boolean {
  const known = knownFaults.find((one) => one.explains(violation, history));
  if (known !== undefined) history.counts.set(`run with a known fault: ${known.what}`, 1);
  return known !== undefined;
}
