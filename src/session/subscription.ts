import type { GroupReference } from '../queue/mod.js';
import type { QoS, RetainHandling } from '../packet/mod.js';
import type { Session } from './session.js';

/** What a matching message needs to know of one receiver. */
export interface DeliveryTarget {
  readonly session: Session;
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
  readonly session: Session;
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

  constructor(
    session: Session,
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
