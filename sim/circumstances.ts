import type { Delivery, History, Publication, Trouble } from './history.js';

const ofNodes = /^node\d+(?:~node\d+)?$/;

/** Milliseconds after a trouble within which what it held back still comes. */
const returnMs = 5000;

function overlaps({ from, until }: Trouble, since: number, to: number): boolean {
  return from <= to && until + returnMs >= since;
}

/** Whether a node, or something between two, had a trouble that touches the time. */
export function wasDisturbed({ troubles }: History, since: number, to: number): boolean {
  return troubles.some((one) => ofNodes.test(one.subject) && overlaps(one, since, to));
}

/** Milliseconds that a will which is due may take to be told to all who are up. */
const tellingMs = 5000;

/**
 * Whether the node of a will ended when that was due and perhaps not out yet. "A will fires at most
 * once" (design 6): first all hear that it is about to, and who ends meanwhile leaves it.
 */
export function endedWithWill({ troubles }: History, will: Publication): boolean {
  const { isWill, acknowledgedAt: dueAt, nodes } = will;
  if (!isWill || dueAt === undefined) return false;
  return troubles.some(
    ({ subject, isDown, from }) =>
      isDown && nodes.has(subject) && from >= dueAt && from <= dueAt + tellingMs,
  );
}

/**
 * Whether what is promised while the owners of publisher and subscriber stay connected (5.7) is
 * not promised for a message: they were apart, or one moved away from a node that could not tell.
 * Who owned the subscriber when it was published may be neither where it was published nor where it
 * came: it has taken the message, moved the session on, and could not say so to the publisher's.
 */
export function wereApart(
  history: History,
  publication: Publication,
  deliveries: readonly Delivery[],
): boolean {
  const receivers = new Set(deliveries.map(({ node }) => node));
  const homes = new Set(
    deliveries.flatMap(({ session }) => [...(history.homes.get(session) ?? [])]),
  );
  const involved = new Set([...publication.nodes, ...receivers, ...homes]);
  if (involved.size < 2) return false;
  const hasMoved = publication.nodes.size > 1 || homes.size > 1;
  const since = publication.firstSentAt;
  const to = deliveries.at(-1)?.at ?? history.now;
  return history.troubles.some((trouble) => {
    if (!overlaps(trouble, since, to)) return false;
    const nodes = trouble.subject.split('~');
    if (!nodes.every((node) => involved.has(node))) return false;
    return nodes.length === 2 || trouble.isAbsence || (hasMoved && trouble.isDown);
  });
}
