import type { Boot, Site } from './identity/mod.js';
import { type LinkJudge, type PeerLink, RefusalCode } from './link/mod.js';
import type { Roster } from './roster.js';

export interface JudgeFacts {
  readonly roster: Roster;
  readonly linkOf: (site: Site) => PeerLink | undefined;
  /** The highest boot of `site` of which rows are known. */
  readonly bootOf: (site: Site) => Boot | undefined;
}

/** Who may come in, once it proved that it knows the cookie: members that have not left. */
export function judgeOf({ roster, linkOf, bootOf }: JudgeFacts): LinkJudge {
  return {
    highestBootOf: (site) => linkOf(site)?.peer?.boot ?? bootOf(site),
    admit: ({ site, boot, nodeName }, now) => {
      if (roster.hasLeft(site)) {
        const sentence = `${nodeName} has left the cluster: start it with an empty data directory to join again`;
        return { code: RefusalCode.LeftSite, sentence };
      }
      if (!roster.has(site)) {
        const sentence = `${nodeName} is no member of the cluster: join it with vmq-admin cluster join`;
        return { code: RefusalCode.Stranger, sentence };
      }
      return linkOf(site)?.objectionTo(boot, now);
    },
  };
}
