/**
 * Who is who in a cluster, and what came first: sites, boots, stamps. It never decides anything.
 *
 * ```
 *  site   one data directory      random, for ever; a node's name may move to another site
 *  boot   one life of its process a durable counter and a nonce
 *  stamp  one moment of a site    orders everything that two sites can both say
 * ```
 */
export {
  type Boot,
  compareBoots,
  membersMax,
  readBoot,
  readSite,
  type Site,
  writeBoot,
  writeSite,
} from './site.js';
export {
  isLater,
  millisecondsOf,
  type Stamp,
  StampClock,
  stampsPerMillisecond,
} from './stamp.js';
