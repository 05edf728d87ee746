import { mayNotKnow } from './knowable.js';
import type { Delivery, History, Publication, Subscription } from './history.js';

/** `$share/group/filter` in its parts; group `undefined` for an ordinary subscription. */
export function partsOf(filter: string): { group: string | undefined; filter: string } {
  if (!filter.startsWith('$share/')) return { group: undefined, filter };
  const [, group, ...rest] = filter.split('/');
  return { group, filter: rest.join('/') };
}

/** Whether a filter, without its group, takes a topic name that does not begin with `$`. */
export function matches(filter: string, topicName: string): boolean {
  const wanted = filter.split('/');
  const levels = topicName.split('/');
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true;
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}

/** The deliveries of a run by client and publication, for rules that ask per pair. */
export class DeliveryIndex {
  readonly history: History;
  readonly #byClient = new Map<string, Map<Publication, Delivery[]>>();

  constructor(history: History) {
    this.history = history;
    for (const delivery of history.deliveries) {
      const { clientIdentifier, publication } = delivery;
      let ofClient = this.#byClient.get(clientIdentifier);
      if (ofClient === undefined) this.#byClient.set(clientIdentifier, (ofClient = new Map()));
      const list = ofClient.get(publication);
      if (list === undefined) ofClient.set(publication, [delivery]);
      else list.push(delivery);
    }
  }

  /** Nodes know each other, and hand over what they have. */
  get isCluster(): boolean {
    return this.history.isCluster;
  }

  /** Every client that got something, with what it got, in the order of the first delivery. */
  get clients(): Iterable<readonly [string, ReadonlyMap<Publication, readonly Delivery[]>]> {
    return this.#byClient;
  }

  of(clientIdentifier: string, publication: Publication): readonly Delivery[] {
    return this.#byClient.get(clientIdentifier)?.get(publication) ?? [];
  }

  /** Whether a session was there from the first sending on that keeps what its client misses. */
  wasOwed(clientIdentifier: string, publication: Publication): boolean {
    return this.history.subscriptions.some(
      (one) =>
        one.clientIdentifier === clientIdentifier &&
        one.isPersistent &&
        one.qos > 0 &&
        one.acknowledgedAt !== undefined &&
        one.acknowledgedAt <= publication.firstSentAt &&
        (one.endRequestedAt ?? Number.POSITIVE_INFINITY) > publication.firstSentAt &&
        matches(partsOf(one.filter).filter, publication.topicName),
    );
  }

  /** Publications that `subscription` is owed, if nobody shares it and it has not ended. */
  *owedTo(subscription: Subscription, filter: string): Generator<Publication> {
    const { acknowledgedAt, acknowledgedBy } = subscription;
    if (acknowledgedAt === undefined || acknowledgedBy === undefined) return;
    for (const publication of this.history.publications) {
      if (publication.qos === 0 || publication.acknowledgedAt === undefined) continue;
      const { firstSentAt, acknowledgedBy: by } = publication;
      if (firstSentAt < acknowledgedAt || !matches(filter, publication.topicName)) continue;
      // Whoever took it could not know of the subscription.
      const { history } = this;
      if (
        by !== undefined &&
        mayNotKnow(history, acknowledgedBy, by, acknowledgedAt, firstSentAt)
      ) {
        continue;
      }
      yield publication;
    }
  }
}

/** How rules call a message: to be found in the story. */
export function nameOf({ id, topicName, qos, publisher }: Publication): string {
  return `#${id} (${topicName}, QoS ${qos}, from ${publisher})`;
}

/** `t`, `s`, `r` or `w`: what a topic is for. */
export function kindOf({ topicName }: Publication): string {
  return topicName.split('/').at(-2) ?? '';
}
