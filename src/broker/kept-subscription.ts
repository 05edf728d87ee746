import type { Site } from '../cluster/identity/mod.js';
import type { QoS } from '../packet/mod.js';

/** A subscription of a session that another member has. */
export interface KeptSubscription {
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

/** Sessions of other members that outlive connections, by their key: what each member said. */
export type KeptSubscriptions = Map<string, Map<Site, KeptSubscription>>;

/** `value` undefined: `site` says nothing of the session any more. */
export function setKept(
  sessions: KeptSubscriptions,
  session: string,
  site: Site,
  value: KeptSubscription | undefined,
): void {
  const bySite = sessions.get(session);
  if (value === undefined) {
    bySite?.delete(site);
    if (bySite?.size === 0) sessions.delete(session);
  } else if (bySite === undefined) sessions.set(session, new Map([[site, value]]));
  else bySite.set(site, value);
}
