import type { Random } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import type { Metrics } from '../metrics/mod.js';
import type { QoS } from '../packet/mod.js';
import { Entry, type Message, Publication } from '../queue/mod.js';
import type { Confirmation, Receiver, SharedSubscriptionPolicy } from '../session/mod.js';
import { matchesFilter } from '../topic/mod.js';
import {
  type MatchedSite,
  type Matches,
  merged,
  type Realm,
  type Target,
  type TopicRecord,
} from './realm.js';
import type { FilterEntry } from './filter-entry.js';
import type { SharedGroup } from './shared-group.js';

/** Takes publications to other members of the cluster. */
export interface RemoteRouter {
  /** At start, when the sessions are loaded. */
  resume(now: number): void;
  isReachable(site: Site): boolean;
  /** Each of `sites` has matching subscribers of its own. */
  forward(
    publication: Publication,
    sites: readonly MatchedSite[],
    kept: readonly FilterEntry[],
    mountpoint: string,
    now: number,
  ): void;
  /**
   * Keeps it here for sessions in `kept` whose member cannot have it now. After `forward`; returns
   * for how many.
   */
  park(publication: Publication, kept: readonly FilterEntry[], now: number): number;
  /**
   * Keeps it here for a session of `group` elsewhere. False: there is none that outlives its
   * connection.
   */
  parkInGroup(publication: Publication, group: SharedGroup, now: number): boolean;
  /** The same as {@link forwardToGroup}, and no publisher waits for it. */
  forwardOurs(
    publication: Publication,
    group: SharedGroup,
    site: Site,
    mountpoint: string,
    now: number,
  ): void;
  /** One subscriber of `group` at `site` is to get it. */
  forwardToGroup(
    publication: Publication,
    group: SharedGroup,
    site: Site,
    mountpoint: string,
    now: number,
  ): void;
  /** What the acknowledgement of what was forwarded since the last call waits for. */
  takeConfirmation(): Confirmation | undefined;
  /** What SUBACK waits for: all members that are up know of what changed in this turn. */
  confirmSubscribed(): Confirmation | undefined;
}

/** Who a message comes from that was published here, for `Receiver.silentFrom`. */
export const here: Site = '';

const noExceptions: readonly string[] = [];

/**
 * Brings a publication to the sessions that want it. The loop in `route` is the broker's hottest.
 */
export class Router {
  /** Undefined: a node without a cluster. */
  remote: RemoteRouter | undefined;
  readonly #metrics: Metrics;
  readonly #random: Random;

  constructor(metrics: Metrics, random: Random) {
    this.#metrics = metrics;
    this.#random = random;
  }

  /**
   * Delivers to every matching session and to one member of every matching group. `publisher` is
   * the publishing session, for No Local. Returns whether anything matched.
   * Statements: [MQTT5-3.3.2-3] [MQTT3-3.3.2-3]
   */
  route(
    publication: Publication,
    record: TopicRecord,
    publisher: Receiver | undefined,
    policy: SharedSubscriptionPolicy,
    now: number,
  ): boolean {
    const { targets, groups, sites, kept } = record.realm.matchesOf(record);
    this.#deliver(publication, record, targets, publisher, here, noExceptions, now);
    const { mountpoint } = record.realm;
    for (const group of groups) {
      this.routeToGroup(publication, group, mountpoint, policy, now);
    }
    const count = targets.length + groups.length;
    this.#metrics.routerMatchesLocal += count;
    const { remote } = this;
    if (remote === undefined) return count > 0;
    if (sites.length > 0) {
      this.#metrics.routerMatchesRemote += sites.length;
      remote.forward(publication, sites, kept, mountpoint, now);
    }
    const isKept = kept.length > 0 && publication.qos > 0;
    const parked = isKept ? remote.park(publication, kept, now) : 0;
    return count + sites.length + parked > 0;
  }

  /** A message of the member `from`: to every matching session here, and no further. */
  deliver(
    publication: Publication,
    record: TopicRecord,
    from: Site,
    except: readonly string[],
    now: number,
  ): void {
    const { targets } = record.realm.matchesOf(record);
    this.#deliver(publication, record, targets, undefined, from, except, now);
    this.#metrics.routerMatchesLocal += targets.length;
  }

  /** The same for one member of a group. False: nobody here can take it. */
  deliverToGroup(publication: Publication, group: SharedGroup, now: number): boolean {
    const { qos, publisher } = publication;
    const member = group.pick('prefer_local', qos, publisher, this.#random);
    if (member === undefined) return false;
    this.#metrics.routerMatchesLocal += 1;
    member.session.deliver(publication, member, deliveredQoS(qos, member), now);
    return true;
  }

  #deliver(
    publication: Publication,
    record: TopicRecord,
    targets: readonly Target[],
    publisher: Receiver | undefined,
    from: Site,
    except: readonly string[],
    now: number,
  ): void {
    const published = publication.qos;
    for (let at = 0; at < targets.length; at += 1) {
      let target = targets[at] as Target;
      const { session } = target;
      if (session.silentFrom?.has(from) === true) continue;
      if (except.length > 0 && except.includes(session.clientIdentifier)) continue;
      if (session === publisher) {
        const own = ownTarget(record, session, target);
        if (own === undefined) continue;
        target = own;
      }
      session.deliver(publication, target, deliveredQoS(published, target), now);
    }
  }

  /** The session of a member is over: its message goes to another member of the group. */
  reroute(entry: Entry, realm: Realm, policy: SharedSubscriptionPolicy, now: number): void {
    const { group, message } = entry;
    if (group === undefined) return;
    const shared = realm.existingFilter(group.filter)?.local?.groups?.get(group.group);
    if (shared === undefined) return;
    const member = shared.pick(policy, message.qos, message.publisher, this.#random);
    if (member === undefined) {
      message.isOurs = true;
      this.#rerouteElsewhere(message, shared, realm.mountpoint, policy, now);
      return;
    }
    const qos = deliveredQoS(message.qos, member);
    const retain = entry.retain && member.retainAsPublished;
    const { subscriptionIdentifiers } = member;
    message.isOurs = true;
    member.session.accept(new Entry(message, qos, retain, subscriptionIdentifiers, group), now);
  }

  /** First to who keeps it: it is in the store here until it is there. */
  #rerouteElsewhere(
    message: Message,
    group: SharedGroup,
    mountpoint: string,
    policy: SharedSubscriptionPolicy,
    now: number,
  ): void {
    const { remote } = this;
    if (remote === undefined || policy === 'local_only') return;
    const publication = new Publication();
    publication.fromMessage(message);
    const { qos, publisher } = message;
    if (qos > 0 && remote.parkInGroup(publication, group, now)) return;
    const reachable = (site: Site): boolean => remote.isReachable(site);
    const site = group.pickSite(policy, qos, publisher, this.#random, undefined, reachable);
    if (site !== undefined) remote.forwardOurs(publication, group, site, mountpoint, now);
  }

  /**
   * A message that could not be brought to another member: it stays here, for a session of this
   * node or for one that is to have it.
   */
  keepForGroup(
    publication: Publication,
    group: SharedGroup,
    policy: SharedSubscriptionPolicy,
    now: number,
  ): void {
    const { qos, publisher } = publication;
    const member = group.pick(policy, qos, publisher, this.#random);
    if (member !== undefined) {
      member.session.deliver(publication, member, deliveredQoS(qos, member), now);
    } else if (this.remote?.parkInGroup(publication, group, now) !== true) {
      this.#metrics.queueMessageUnhandled += 1;
    }
  }

  /** To one member of the group, here or elsewhere. */
  routeToGroup(
    publication: Publication,
    group: SharedGroup,
    mountpoint: string,
    policy: SharedSubscriptionPolicy,
    now: number,
  ): void {
    const { qos, publisher } = publication;
    const member = group.pick(policy, qos, publisher, this.#random);
    const { remote } = this;
    if (remote !== undefined && group.remotes.size > 0) {
      const reachable = (site: Site): boolean => remote.isReachable(site);
      const site = group.pickSite(policy, qos, publisher, this.#random, member, reachable);
      if (site !== undefined) {
        remote.forwardToGroup(publication, group, site, mountpoint, now);
        return;
      }
    }
    if (member !== undefined) {
      member.session.deliver(publication, member, deliveredQoS(qos, member), now);
      return;
    }
    const mayPark = qos > 0 && policy !== 'local_only';
    const isParked = mayPark && remote?.parkInGroup(publication, group, now) === true;
    if (!isParked) this.#metrics.queueMessageUnhandled += 1;
  }
}

/** True when a message of this QoS would have to be stored for one of the matching sessions. */
export function needsStore(matches: Matches, published: QoS): boolean {
  if (published === 0 && !matches.targets.some(upgrades)) return false;
  const isKept = (target: Target): boolean =>
    target.session.persistent && deliveredQoS(published, target) > 0;
  if (matches.targets.some(isKept)) return true;
  return matches.groups.some((group) => group.members().some(isKept));
}

function upgrades(target: Target): boolean {
  return target.session.limits.upgradeOutgoingQoS;
}

/**
 * [MQTT5-3.8.4-8]: the lower of the two, unless `upgrade_outgoing_qos`.
 * Statements: [MQTT5-4.8.2-3] [MQTT3-3.8.4-6]
 */
function deliveredQoS(published: QoS, target: Target): QoS {
  if (published >= target.qos || upgrades(target)) return target.qos;
  return published;
}

/** What the publisher itself gets: its No Local subscriptions do not count [MQTT5-3.8.3-3]. */
function ownTarget(record: TopicRecord, session: Receiver, target: Target): Target | undefined {
  if (session.noLocalCount === 0) return target;
  let own: Target | undefined;
  for (const subscription of session.subscriptions.values()) {
    if (subscription.noLocal || subscription.group !== undefined) continue;
    if (!matchesFilter(subscription.filter, record.name)) continue;
    own = own === undefined ? subscription : merged(own, subscription);
  }
  return own;
}
