import type { Site } from '../cluster/identity/mod.js';
import type { RouteValue } from '../cluster/routing/mod.js';
import type { Journal } from '../journal/mod.js';
import type { Session, Subscription } from '../session/mod.js';
import { dropEmptyGroup, type FilterEntry, groupOf, localOf } from './filter-entry.js';
import { type KeptSubscription, setKept } from './kept-subscription.js';
import type { LocalRoutes } from './local-routes.js';
import type { Realm } from './realm.js';
import { SharedSites } from './remote-sites.js';

/** Brings subscriptions into the routing of a realm and out of it. */
export class SubscriptionTable {
  readonly #journal: Journal;
  readonly #routes: LocalRoutes;
  readonly #sites = new SharedSites();
  #count = 0;

  constructor(journal: Journal, routes: LocalRoutes) {
    this.#journal = journal;
    this.#routes = routes;
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
      const local = localOf(entry);
      const previous = local.subscriptions.get(session);
      if (previous?.countsAsPersistent === true) local.persistentCount -= 1;
      subscription.countsAsPersistent = session.persistent;
      if (session.persistent) local.persistentCount += 1;
      local.subscriptions.set(session, subscription);
    } else groupOf(entry, group.group).add(subscription);
    if (subscription.noLocal) session.noLocalCount += 1;
    this.#count += 1;
    this.#routes.touched(realm, entry);
    realm.changed(entry);
  }

  /** Out of the routing. */
  drop(realm: Realm, subscription: Subscription): void {
    const { session, group, filter } = subscription;
    const entry = realm.existingFilter(filter);
    if (entry === undefined) return;
    if (group === undefined) {
      const local = localOf(entry);
      if (subscription.countsAsPersistent) local.persistentCount -= 1;
      local.subscriptions.delete(session);
    } else entry.local?.groups?.get(group.group)?.remove(subscription);
    if (subscription.noLocal) session.noLocalCount -= 1;
    this.#count -= 1;
    this.#routes.touched(realm, entry);
    if (group !== undefined) dropEmptyGroup(entry, group.group);
    realm.changed(entry);
  }

  /** What another member of the cluster said of one of its filters or groups. */
  setRemote(
    realm: Realm,
    filter: string,
    group: string,
    site: Site,
    value: RouteValue | undefined,
  ): void {
    const entry = value === undefined ? realm.existingFilter(filter) : realm.filter(filter);
    if (entry === undefined) return;
    if (group !== '') setRemoteGroup(entry, group, site, value);
    else entry.remotes = this.#sites.with(entry.remotes, site, value?.hasPersistent);
    realm.changed(entry);
  }

  /** What another member said of a subscription of a session that it has, or had. */
  setKept(
    realm: Realm,
    { filter, group }: { readonly filter: string; readonly group: string | undefined },
    session: string,
    site: Site,
    value: KeptSubscription | undefined,
  ): void {
    const entry = value === undefined ? realm.existingFilter(filter) : realm.filter(filter);
    if (entry === undefined) return;
    if (group === undefined) {
      const local = localOf(entry);
      local.kept ??= new Map();
      setKept(local.kept, session, site, value);
      if (local.kept.size === 0) local.kept = undefined;
    } else {
      setKept(groupOf(entry, group).kept, session, site, value);
      dropEmptyGroup(entry, group);
    }
    realm.changed(entry);
  }

  /** `session` came or went: what others know of its shared subscriptions may differ. */
  presenceChanged(realm: Realm, session: Session): void {
    if (!this.#routes.isConnected) return;
    for (const { group, filter } of session.subscriptions.values()) {
      const entry = group === undefined ? undefined : realm.existingFilter(filter);
      if (entry !== undefined) this.#routes.touched(realm, entry);
    }
  }
}

function setRemoteGroup(
  entry: FilterEntry,
  name: string,
  site: Site,
  value: RouteValue | undefined,
): void {
  if (value === undefined) entry.local?.groups?.get(name)?.remotes.delete(site);
  else groupOf(entry, name).remotes.set(site, value);
  dropEmptyGroup(entry, name);
}
