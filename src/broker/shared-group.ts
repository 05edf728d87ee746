import type { Site } from '../cluster/identity/mod.js';
import type { RouteValue } from '../cluster/routing/mod.js';
import type { Random } from '../base/mod.js';
import type { GroupReference } from '../queue/mod.js';
import type { QoS } from '../packet/mod.js';
import type { SharedSubscriptionPolicy, Subscription } from '../session/mod.js';
import type { KeptSubscriptions } from './kept-subscription.js';

/**
 * The members of one shared subscription, `$share/name/filter` (MQTT 5 section 4.8.2). Each message
 * goes to one of them, picked by policy.
 */
export class SharedGroup implements GroupReference {
  readonly group: string;
  readonly filter: string;
  /** Members of the cluster with members of this group, and how many. */
  readonly remotes: Map<Site, RouteValue> = new Map();
  /** Its members of other members of the cluster that outlive connections. */
  readonly kept: KeptSubscriptions = new Map();
  /** What the other members of the cluster were told of this group. */
  announced: RouteValue | undefined;
  readonly #members: Subscription[] = [];
  #next = 0;

  constructor(group: string, filter: string) {
    this.group = group;
    this.filter = filter;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Nobody is in it, here or elsewhere. */
  get isEmpty(): boolean {
    return this.#members.length === 0 && this.remotes.size === 0 && this.kept.size === 0;
  }

  /** Adds, or replaces what the session had here. */
  add(subscription: Subscription): void {
    const at = this.#indexOf(subscription);
    if (at < 0) this.#members.push(subscription);
    else this.#members[at] = subscription;
  }

  remove(subscription: Subscription): void {
    const at = this.#indexOf(subscription);
    if (at >= 0) this.#members.splice(at, 1);
  }

  members(): readonly Subscription[] {
    return this.#members;
  }

  /**
   * The member for a message: first who can take it now, then who is connected, then (QoS 1 and 2)
   * a session that keeps it. Within each the policy decides; on one node all members are local.
   */
  pick(
    policy: SharedSubscriptionPolicy,
    qos: QoS,
    publisher: string,
    random: Random,
  ): Subscription | undefined {
    const members = this.#members;
    const count = members.length;
    if (count === 0) return undefined;
    const start = this.#start(policy, publisher, random, count);
    let connected: Subscription | undefined;
    let offline: Subscription | undefined;
    for (let step = 0; step < count; step += 1) {
      const member = members[(start + step) % count] as Subscription;
      const { session } = member;
      if (session.isReady) return member;
      if (session.isConnected) connected ??= member;
      else if (qos > 0 && member.qos > 0) offline ??= member;
    }
    return connected ?? offline;
  }

  /**
   * The other member of the cluster that a message goes to, or undefined: it stays here. `local` is
   * what `pick` would take here, `isReachable` tells whom messages can be sent to now.
   */
  pickSite(
    policy: SharedSubscriptionPolicy,
    qos: QoS,
    publisher: string,
    random: Random,
    local: Subscription | undefined,
    isReachable: (site: Site) => boolean,
  ): Site | undefined {
    if (policy === 'local_only' || this.remotes.size === 0) return undefined;
    if (policy === 'prefer_local' && local !== undefined) return undefined;
    const reachable = [...this.remotes].filter(([site]) => isReachable(site));
    const online = reachable.reduce((sum, [, { online: count }]) => sum + count, 0);
    const isLocalOnline = local?.session.isConnected === true;
    if (policy === 'prefer_online_before_local' && isLocalOnline) return undefined;
    if (online > 0) {
      const spread = policy !== 'prefer_local' && policy !== 'prefer_online_before_local';
      const here = spread && isLocalOnline ? this.#onlineCount() : 0;
      const at = this.#start(policy, publisher, random, online + here);
      return at < online ? siteAt(reachable, at, (value) => value.online) : undefined;
    }
    if (local !== undefined || qos === 0) return undefined;
    const keeping = reachable.filter(([, { hasPersistent }]) => hasPersistent);
    const kept = keeping.reduce((sum, [, { total }]) => sum + total, 0);
    if (kept === 0) return undefined;
    const at = this.#start(policy, publisher, random, kept);
    return siteAt(keeping, at, (value) => value.total);
  }

  #onlineCount(): number {
    return this.#members.filter(({ session }) => session.isConnected).length;
  }

  #start(
    policy: SharedSubscriptionPolicy,
    publisher: string,
    random: Random,
    count: number,
  ): number {
    switch (policy) {
      case 'round_robin':
        this.#next = (this.#next + 1) % count;
        return this.#next;
      case 'hash_client_id':
        return hashOf(publisher) % count;
      case 'prefer_local':
      case 'random':
      case 'local_only':
      case 'prefer_online_before_local':
        return random.below(count);
    }
  }

  #indexOf(subscription: Subscription): number {
    return this.#members.findIndex((member) => member.session === subscription.session);
  }
}

function siteAt(
  sites: readonly (readonly [Site, RouteValue])[],
  index: number,
  weight: (value: RouteValue) => number,
): Site | undefined {
  let left = index;
  for (const [site, value] of sites) {
    left -= weight(value);
    if (left < 0) return site;
  }
  return undefined;
}

/** FNV-1a over UTF-16 units: spreads identifiers, nothing more. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
