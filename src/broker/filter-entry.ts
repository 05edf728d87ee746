import type { RouteValue } from '../cluster/routing/mod.js';
import type { Receiver, Subscription } from '../session/mod.js';
import type { KeptSubscriptions } from './kept-subscription.js';
import type { RemoteSites } from './remote-sites.js';
import { SharedGroup } from './shared-group.js';

/** The subscribers of one Topic Filter. There may be a million that only other members know. */
export interface FilterEntry {
  readonly filter: string;
  /** Members with subscribers of their own, and whether persistent ones are among them. */
  remotes: RemoteSites | undefined;
  /** All else. Undefined: nobody but those. */
  local: LocalSubscribers | undefined;
}

/** Who subscribes here, or may come here. */
export interface LocalSubscribers {
  readonly subscriptions: Map<Receiver, Subscription>;
  /** Of `subscriptions`, those of persistent sessions. */
  persistentCount: number;
  /** By name; undefined as long as there is none. */
  groups: Map<string, SharedGroup> | undefined;
  /** Of sessions of other members; not of shared subscriptions. */
  kept: KeptSubscriptions | undefined;
  /** What the other members were told of `subscriptions`; see {@link LocalRoutes}. */
  announced: RouteValue | undefined;
}

export function localOf(entry: FilterEntry): LocalSubscribers {
  entry.local ??= {
    subscriptions: new Map(),
    persistentCount: 0,
    groups: undefined,
    kept: undefined,
    announced: undefined,
  };
  return entry.local;
}

/** The group of that name, made when it is the first of its kind. */
export function groupOf(entry: FilterEntry, name: string): SharedGroup {
  const local = localOf(entry);
  local.groups ??= new Map();
  let group = local.groups.get(name);
  if (group === undefined) {
    group = new SharedGroup(name, entry.filter);
    local.groups.set(name, group);
  }
  return group;
}

export function dropEmptyGroup(entry: FilterEntry, name: string): void {
  const groups = entry.local?.groups;
  if (groups?.get(name)?.isEmpty === true) groups.delete(name);
}
