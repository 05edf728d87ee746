import type { RouteValue } from '../cluster/routing/mod.js';
import type { Receiver, Subscription } from '../session/mod.js';
import type { KeptSubscriptions } from './kept-subscription.js';
import type { RemoteSites } from './remote-sites.js';
import { SharedGroup } from './shared-group.js';

/** The subscribers of one Topic Filter. */
export interface FilterEntry {
  readonly filter: string;
  /** {@link noSubscriptions} until there is one. */
  subscriptions: Map<Receiver, Subscription>;
  /** Of `subscriptions`, those of persistent sessions. */
  persistentCount: number;
  /** By name; undefined as long as there is none. */
  groups: Map<string, SharedGroup> | undefined;
  /** Members with subscribers of their own, and whether persistent ones are among them. */
  remotes: RemoteSites | undefined;
  /** Of sessions of other members; not of shared subscriptions. */
  kept: KeptSubscriptions | undefined;
  /** What the other members were told of `subscriptions`; see {@link LocalRoutes}. */
  announced: RouteValue | undefined;
}

/** Nothing is ever put in. A million filters of other members need no map of their own. */
export const noSubscriptions: Map<Receiver, Subscription> = new Map();

/** The group of that name, made when it is the first of its kind. */
export function groupOf(entry: FilterEntry, name: string): SharedGroup {
  entry.groups ??= new Map();
  let group = entry.groups.get(name);
  if (group === undefined) {
    group = new SharedGroup(name, entry.filter);
    entry.groups.set(name, group);
  }
  return group;
}

export function dropEmptyGroup(entry: FilterEntry, name: string): void {
  if (entry.groups?.get(name)?.isEmpty === true) entry.groups.delete(name);
}
