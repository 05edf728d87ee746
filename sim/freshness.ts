import type { Checker } from './checkers.js';
import { kindOf, matches, nameOf, partsOf } from './delivery-index.js';
import type { Delivery, History } from './history.js';

/** So long, in ms, a message may be under way that nobody waits for. */
const underWayMs = 3000;

/**
 * What was acknowledged before a session asked for it is not for that session: a clean start starts
 * clean, whatever comes back later. Retained messages are, and what a group had left over.
 * The design (5.7) discards "remnants and subscriptions of an older born": what comes at QoS 0 is
 * no remnant, for no queue of a session that is away has it. It was on a slow link all the time.
 */
export const nothingFromBefore: Checker = {
  rule: 'a session gets nothing from before its time',
  *check({ history }) {
    for (const delivery of history.deliveries) {
      const { publication, clientIdentifier, session } = delivery;
      if (publication.isWill || kindOf(publication) !== 't' || delivery.qos === 0) continue;
      const { acknowledgedAt } = publication;
      if (acknowledgedAt === undefined || !isLate(delivery, acknowledgedAt, history)) continue;
      const what = `session ${session} of ${clientIdentifier} got ${nameOf(publication)}`;
      yield { what, about: [`#${publication.id}`, clientIdentifier] };
    }
  },
};

/** Every subscription that could have brought it was asked for after it was acknowledged. */
function isLate(delivery: Delivery, acknowledgedAt: number, { subscriptions }: History): boolean {
  const { session, publication } = delivery;
  const all = subscriptions.filter(
    (one) => one.session === session && matches(partsOf(one.filter).filter, publication.topicName),
  );
  const latest = acknowledgedAt + underWayMs;
  return all.length > 0 && all.every((one) => one.isPersistent && one.requestedAt > latest);
}
