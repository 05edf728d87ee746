import type { ClusterHost } from './cluster-host.js';
import type { Amount, ExchangeStory } from './exchange/mod.js';
import type { Site } from './identity/mod.js';

/** The story of rows at debug level, with VerneMQ's words where it has some. */
export function exchangeLog(
  { log, waitsEnded }: Pick<ClusterHost, 'log' | 'waitsEnded'>,
  nameOf: (site: Site) => string,
): ExchangeStory {
  return {
    started: (site) => log.debug({}, `exchange started with ${nameOf(site)}`),
    completed: (site, repaired) => {
      const what = repaired.rows === 0 ? 'nothing' : amountText(repaired);
      log.debug({}, `exchange completed with ${nameOf(site)}: ${what} repaired`);
    },
    pushed: (amount, members) => {
      log.debug({}, `pushed ${amountText(amount)} to ${members} members`);
    },
    answered: (site, about, isSnapshot, amount) => {
      const what = isSnapshot ? 'a snapshot' : 'what it missed';
      const text = `sent ${what} of ${nameOf(about)}'s rows to ${nameOf(site)}: ${amountText(amount)}`;
      log.debug({}, text);
    },
    gaveUp: (count, sites) => {
      waitsEnded(count);
      const names = sites.map(nameOf).join(', ');
      log.debug({}, `SUBACK of ${count} did not wait any longer for ${names}`);
    },
  };
}

function amountText({ rows, bytes }: Amount): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'} (${bytes} bytes)`;
}
