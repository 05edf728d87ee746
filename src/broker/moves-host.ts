import type { Site, Stamp } from '../cluster/identity/mod.js';
import type { Awaited } from '../cluster/flow/mod.js';
import type { HandedSubscription, Handover, SessionName } from '../cluster/takeover/mod.js';
import type { Message } from '../queue/mod.js';
import type { ClientLog, Session } from '../session/mod.js';
import type { ArrivalsRegistry } from './arrivals.js';
import type { OutboxSettings } from './outbox.js';
import type { ClaimsCluster } from './session-claims.js';

/** The cluster, as far as sessions move in it. */
export interface MovesCluster extends ClaimsCluster {
  stateOf(site: Site): string;
  readonly members: readonly { readonly site: Site; readonly name: string }[];
  handOver(site: Site, handover: Handover, awaited: Awaited | undefined): boolean;
}

/** The sessions of this node. */
export interface MovesRegistry extends ArrivalsRegistry {
  /** The will of a session that was the one of `site`. */
  adoptWill(session: Session, site: Site, now: number): void;
  /** The will that the end of its connection was the reason for goes out before anything else. */
  clientWent(session: Session, now: number): void;
  /** For messages to a session that another member has. */
  createStranded(name: SessionName, born: Stamp, expiryInterval: number): Session;
  /** What `site` says of a subscription; undefined: nothing any more. */
  setKept(
    name: SessionName,
    topicFilter: string,
    site: Site,
    handed: HandedSubscription | undefined,
  ): void;
  /** Puts back one that had gone. */
  restore(session: Session, wasElsewhere: boolean): void;
  /** It is another member's: no deadline, no will, nobody finds it; its routing stays. */
  strand(session: Session): void;
  unsubscribe(session: Session, topicFilter: string): void;
  /** Its subscriptions get messages, or none any more; it keeps them. */
  route(session: Session): void;
  unroute(session: Session): void;
  /** What is left of it goes, with its records. */
  discard(session: Session): void;
  endOf(session: Session, now: number): void;
}

export interface MovesHost {
  readonly log: ClientLog;
  readonly durability: { readonly ticket: number; readonly refusing: boolean };
  turnEndWanted(): void;
  settings(): OutboxSettings;
  /** A message for a session of another member could not be kept here. */
  dropped(clientIdentifier: string, message: Message): void;
}
