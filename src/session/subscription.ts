import type { Entry, GroupReference, Publication } from '../queue/mod.js';
import type { QoS, RetainHandling } from '../packet/mod.js';
import type { ClientLimits } from './limits.js';

/** A session as routing sees it: it receives, and it remembers its own subscriptions. */
export interface Receiver {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly persistent: boolean;
  readonly limits: ClientLimits;
  readonly isConnected: boolean;
  /** Can take a message now without queueing it. For shared subscriptions. */
  readonly isReady: boolean;
  /** By Topic Filter as the client sent it. Changed by the broker only. */
  readonly subscriptions: Map<string, Subscription>;
  /** How many of them have No Local. Kept by the broker. */
  noLocalCount: number;
  /** Used by the router to merge overlapping subscriptions. */
  matchMark: number;
  matchIndex: number;
  /** Members (sites; '' this node) whose messages it does not take: they send them elsewhere. */
  silentFrom: Set<string> | undefined;
  /** A message matched one of the subscriptions. `qos` is already the one to deliver with. */
  deliver(publication: Publication, target: DeliveryTarget, qos: QoS, now: number): void;
  /** A kept message comes in, from another member of a shared group. */
  accept(entry: Entry, now: number): void;
}

/** What a matching message needs to know of one receiver. */
export interface DeliveryTarget {
  readonly session: Receiver;
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  /** In ascending order of their subscriptions; undefined when none has an identifier. */
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly group: GroupReference | undefined;
}

/**
 * One subscription of one session. As long as no other subscription of the session matches the same
 * topic, it is the delivery target itself, so routing tables hold no copies.
 */
export class Subscription implements DeliveryTarget {
  readonly session: Receiver;
  /** As the client sent it, `$share/…` included; the key in `Session.subscriptions`. */
  readonly topicFilter: string;
  /** What is matched: the part behind `$share/group/`, or all of it. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly group: GroupReference | undefined;
  /** Number of its record in the `subscription` table, unique in the session; 0: not persisted. */
  storeNumber = 0;
  /** It is counted among the persistent subscribers of its filter. Kept by the broker. */
  countsAsPersistent = false;

  constructor(
    session: Receiver,
    topicFilter: string,
    group: string | undefined,
    filter: string,
    options: {
      readonly qos: QoS;
      readonly noLocal: boolean;
      readonly retainAsPublished: boolean;
      readonly retainHandling: RetainHandling;
    },
    subscriptionIdentifier: number | undefined,
  ) {
    this.session = session;
    this.topicFilter = topicFilter;
    this.filter = filter;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.subscriptionIdentifiers =
      subscriptionIdentifier === undefined ? undefined : [subscriptionIdentifier];
    this.group = group === undefined ? undefined : { group, filter };
  }
}
