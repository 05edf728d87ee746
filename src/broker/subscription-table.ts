import type { Journal } from '../journal/mod.js';
import type { Session, Subscription } from '../session/mod.js';
import type { Realm } from './realm.js';
import { SharedGroup } from './shared-group.js';

/** Brings subscriptions into the routing of a realm and out of it. */
export class SubscriptionTable {
  readonly #journal: Journal;
  #count = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Subscriptions of all sessions. */
  get count(): number {
    return this.#count;
  }

  /** Adds or replaces [MQTT5-3.8.4-3]. True: the session did not have this Topic Filter. */
  subscribe(realm: Realm, session: Session, subscription: Subscription): boolean {
    const { topicFilter } = subscription;
    const previous = session.subscriptions.get(topicFilter);
    if (previous !== undefined) {
      subscription.storeNumber = previous.storeNumber;
      if (previous.noLocal) session.noLocalCount -= 1;
      this.#count -= 1;
    }
    session.subscriptions.set(topicFilter, subscription);
    this.insert(realm, subscription);
    if (session.persistent) this.#journal.subscribed(session, subscription);
    return previous === undefined;
  }

  /**
   * False: the session has no such subscription.
   * The same filter, character by character; what is in flight stays: [MQTT5-3.10.4-1]
   * [MQTT5-3.10.4-2] [MQTT5-3.10.4-3] [MQTT3-3.10.4-1] [MQTT3-3.10.4-2] [MQTT3-3.10.4-3]
   */
  unsubscribe(realm: Realm, session: Session, topicFilter: string): boolean {
    const subscription = session.subscriptions.get(topicFilter);
    if (subscription === undefined) return false;
    session.subscriptions.delete(topicFilter);
    this.drop(realm, subscription);
    this.#journal.unsubscribed(session, subscription);
    return true;
  }

  /** Into the routing; the session's own map is the caller's. */
  insert(realm: Realm, subscription: Subscription): void {
    const { session, group, filter } = subscription;
    const entry = realm.filter(filter);
    if (group === undefined) {
      entry.subscriptions.set(session, subscription);
    } else {
      entry.groups ??= new Map();
      let shared = entry.groups.get(group.group);
      if (shared === undefined) {
        shared = new SharedGroup(group.group, filter);
        entry.groups.set(group.group, shared);
      }
      shared.add(subscription);
    }
    if (subscription.noLocal) session.noLocalCount += 1;
    this.#count += 1;
    realm.changed(entry);
  }

  /** Out of the routing. */
  drop(realm: Realm, subscription: Subscription): void {
    const { session, group, filter } = subscription;
    const entry = realm.existingFilter(filter);
    if (entry === undefined) return;
    if (group === undefined) {
      entry.subscriptions.delete(session);
    } else {
      const shared = entry.groups?.get(group.group);
      shared?.remove(subscription);
      if (shared?.size === 0) entry.groups?.delete(group.group);
    }
    if (subscription.noLocal) session.noLocalCount -= 1;
    this.#count -= 1;
    realm.changed(entry);
  }
}
