import type { Random } from '../base/mod.js';
import type { GroupReference } from '../queue/mod.js';
import type { QoS } from '../packet/mod.js';
import type { SharedSubscriptionPolicy, Subscription } from '../session/mod.js';

/**
 * The members of one shared subscription, `$share/name/filter` (MQTT 5 section 4.8.2). Each message
 * goes to one of them, picked by policy.
 */
export class SharedGroup implements GroupReference {
  readonly group: string;
  readonly filter: string;
  readonly #members: Subscription[] = [];
  #next = 0;

  constructor(group: string, filter: string) {
    this.group = group;
    this.filter = filter;
  }

  get size(): number {
    return this.#members.length;
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

/** FNV-1a over UTF-16 units: spreads identifiers, nothing more. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
