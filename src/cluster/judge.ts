import type { Boot, Site } from './identity/mod.js';
import { LaneKind, type LinkJudge, type PeerLink, RefusalCode } from './link/mod.js';
import type { Members } from './membership/mod.js';

export interface JudgeFacts {
  readonly members: () => Members;
  readonly linkOf: (site: Site) => PeerLink | undefined;
  /** The highest boot of `site` of which rows are known. */
  readonly bootOf: (site: Site) => Boot | undefined;
  /** A node that is no member here dialled this one as a member of its own. */
  readonly strangerDialled: (address: string) => void;
}

/**
 * Who may come in, once it proved that it knows the cookie: members that have not left, and whoever
 * wants to become one, as far as the introduction goes.
 */
export function judgeOf({ members, linkOf, bootOf, strangerDialled }: JudgeFacts): LinkJudge {
  return {
    highestBootOf: (site) => linkOf(site)?.peer?.boot ?? bootOf(site),
    admit: ({ site, boot, nodeName, address, lane }, now) => {
      if (members().hasLeft(site)) {
        const sentence = `${nodeName} has left the cluster: start it with an empty data directory to join again`;
        return { code: RefusalCode.LeftSite, sentence };
      }
      if (lane === LaneKind.Introduction) return undefined;
      if (members().memberOf(site) === undefined) {
        strangerDialled(address);
        const sentence = `${nodeName} is no member of the cluster: join it with vmq-admin cluster join`;
        return { code: RefusalCode.Stranger, sentence };
      }
      return linkOf(site)?.objectionTo(boot, now);
    },
  };
}
