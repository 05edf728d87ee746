import type { HandedEntry, HandedSubscription } from '../cluster/takeover/mod.js';
import { Entry, Message } from '../queue/mod.js';
import { type Session, Subscription } from '../session/mod.js';
import { parseSharedFilter } from '../topic/mod.js';

/** A message of a session that another member had. Nobody else has it once it is confirmed. */
export function movedEntry(handed: HandedEntry, now: number): Entry {
  const { topic, payload, properties, publishedQoS, publishedRetain, publisher } = handed;
  const expiresAt = handed.expiresInMs < 0 ? 0 : now + Math.max(1, handed.expiresInMs);
  const message = new Message(
    Buffer.from(topic).toString('utf8'),
    topic,
    payload,
    properties,
    publishedQoS,
    publishedRetain,
    expiresAt,
    publisher,
  );
  return new Entry(
    message,
    handed.qos,
    handed.retain,
    handed.subscriptionIdentifiers,
    handed.group,
  );
}

export function movedSubscription(session: Session, handed: HandedSubscription): Subscription {
  const { topicFilter, subscriptionIdentifier } = handed;
  const shared = parseSharedFilter(topicFilter);
  const isShared = shared !== undefined && !('reason' in shared);
  return new Subscription(
    session,
    topicFilter,
    isShared ? shared.group : undefined,
    isShared ? shared.filter : topicFilter,
    handed,
    subscriptionIdentifier,
  );
}
