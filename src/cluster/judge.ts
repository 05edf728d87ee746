import type { Boot, Site } from './identity/mod.js';
import {
  LaneKind,
  type LinkJudge,
  type PeerFacts,
  type PeerLink,
  RefusalCode,
} from './link/mod.js';
import type { Members } from './membership/mod.js';

export interface JudgeFacts {
  readonly members: () => Members;
  readonly linkOf: (site: Site) => PeerLink | undefined;
  /** The highest boot of `site` of which rows are known. */
  readonly bootOf: (site: Site) => Boot | undefined;
  /** A node that is no member here dialled this one as a member of its own. */
  readonly strangerDialled: (address: string) => void;
  /** A site that left is back. False: there is no room for it at present. */
  readonly returned: (peer: PeerFacts, now: number) => boolean;
}

/**
 * Who may come in, once it proved that it knows the cookie: members that have not left, whoever
 * wants to become one, as far as the introduction goes, and who left, as a guest ({@link Guests}).
 */
export function judgeOf({
  members,
  linkOf,
  bootOf,
  strangerDialled,
  returned,
}: JudgeFacts): LinkJudge {
  return {
    highestBootOf: (site) => linkOf(site)?.peer?.boot ?? bootOf(site),
    admit: (peer, now) => {
      const { site, boot, nodeName, address, lane } = peer;
      if (members().hasLeft(site)) {
        const isGuest = returned(peer, now);
        if (isGuest && lane !== LaneKind.Introduction) return linkOf(site)?.objectionTo(boot, now);
        const sentence = `${nodeName} has left the cluster: start it with an empty data directory to join again`;
        return { code: RefusalCode.LeftSite, sentence };
      }
      // Before it may say where it is: a copy would be dialled in place of its original.
      const objection = linkOf(site)?.objectionTo(boot, now);
      if (lane === LaneKind.Introduction || objection !== undefined) return objection;
      if (members().memberOf(site) === undefined) {
        strangerDialled(address);
        const sentence = `${nodeName} is no member of the cluster: join it with vmq-admin cluster join`;
        return { code: RefusalCode.Stranger, sentence };
      }
      return undefined;
    },
  };
}
