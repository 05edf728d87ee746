import type { RouteName, RouteValue } from '../cluster/routing/mod.js';
import type { FilterEntry, LocalSubscribers } from './filter-entry.js';
import type { Realm } from './realm.js';
import type { SharedGroup } from './shared-group.js';

/** Who is told what this node's subscribers want: the rows that other members route by. */
export interface RouteOut {
  /** `value` undefined: nobody here wants it any more. */
  routeChanged(name: RouteName, value: RouteValue | undefined): void;
}

/**
 * Gathers what changed in a turn, so that a filter that a thousand clients subscribe to and leave
 * again is one row or none.
 *
 * ```
 *  subscribe, connect, … ──▶ touched ──▶ (end of turn) flush ──▶ routeChanged, if it differs
 * ```
 */
export class LocalRoutes {
  #out: RouteOut | undefined;
  readonly #touched = new Map<FilterEntry, Realm>();

  /** From now on `out` is told, beginning with what `touched` was called for. */
  connect(out: RouteOut): void {
    this.#out = out;
  }

  get isConnected(): boolean {
    return this.#out !== undefined;
  }

  /** Subscribers of `entry` changed, or whether they are connected. Before an empty group goes. */
  touched(realm: Realm, entry: FilterEntry): void {
    if (this.#out === undefined) return;
    this.#touched.set(entry, realm);
    for (const group of entry.local?.groups?.values() ?? []) {
      if (group.isEmpty) this.#announceGroup(realm, entry, group, undefined);
    }
  }

  flush(): void {
    if (this.#touched.size === 0) return;
    for (const [entry, realm] of this.#touched) {
      const { local } = entry;
      const value = local === undefined ? undefined : valueOf(local);
      if (local !== undefined && !isSame(value, local.announced)) {
        local.announced = value;
        const { mountpoint } = realm;
        this.#out?.routeChanged({ mountpoint, group: '', filter: entry.filter }, value);
      }
      for (const group of local?.groups?.values() ?? []) {
        this.#announceGroup(realm, entry, group, groupValueOf(group));
      }
    }
    this.#touched.clear();
  }

  #announceGroup(
    { mountpoint }: Realm,
    { filter }: FilterEntry,
    group: SharedGroup,
    value: RouteValue | undefined,
  ): void {
    if (isSame(value, group.announced)) return;
    group.announced = value;
    this.#out?.routeChanged({ mountpoint, group: group.group, filter }, value);
  }
}

function valueOf(local: LocalSubscribers): RouteValue | undefined {
  if (local.subscriptions.size === 0) return undefined;
  return { hasPersistent: local.persistentCount > 0, online: 0, total: 0 };
}

function groupValueOf(group: SharedGroup): RouteValue | undefined {
  const members = group.members();
  if (members.length === 0) return undefined;
  return {
    hasPersistent: members.some(({ session }) => session.persistent),
    online: members.reduce((sum, { session }) => sum + (session.isConnected ? 1 : 0), 0),
    total: members.length,
  };
}

function isSame(one: RouteValue | undefined, other: RouteValue | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.hasPersistent === other.hasPersistent &&
    one.online === other.online &&
    one.total === other.total
  );
}
