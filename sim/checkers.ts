import { DeliveryIndex, kindOf, nameOf, partsOf } from './delivery-index.js';
import { nothingFromBefore } from './freshness.js';
import { endedWithWill, wasDisturbed, wereApart } from './circumstances.js';
import type { Delivery, History, Publication, Subscription, Violation } from './history.js';

/** A rule that a finished run must obey. */
export interface Checker {
  /** As in the design, section 6. */
  readonly rule: string;
  check(index: DeliveryIndex): Iterable<Omit<Violation, 'rule'>>;
}

type Broken = Omit<Violation, 'rule'>;

function broken(what: string, ...about: (string | Publication)[]): Broken {
  const words = about.map((one) => (typeof one === 'string' ? one : `#${one.id}`));
  return { what, about: words };
}

/**
 * An acknowledged message of QoS 1 or 2 reaches every persistent subscriber whose subscription was
 * acknowledged before the publish and still stands; as many fewer as the broker said it dropped.
 */
const nothingLost: Checker = {
  rule: 'no acknowledged message is lost',
  *check(index) {
    const missing = new Map<string, Publication[]>();
    for (const subscription of standing(index.history)) {
      const { group, filter } = partsOf(subscription.filter);
      if (group !== undefined) continue;
      const { clientIdentifier } = subscription;
      for (const publication of index.owedTo(subscription, filter)) {
        if (index.of(clientIdentifier, publication).length > 0) continue;
        if (endedWithWill(index.history, publication)) continue;
        const list = missing.get(clientIdentifier) ?? [];
        missing.set(clientIdentifier, [...list, publication]);
      }
    }
    for (const [client, publications] of missing) {
      if (publications.length <= (index.history.drops.get(client) ?? 0)) continue;
      for (const publication of publications) {
        yield broken(`${client} never got ${nameOf(publication)}`, publication, client);
      }
    }
  },
};

/** Persistent, acknowledged, and nobody ended it. */
function standing({ subscriptions }: History): Subscription[] {
  return subscriptions.filter(
    ({ isPersistent, acknowledgedAt, endRequestedAt, qos }) =>
      isPersistent && acknowledgedAt !== undefined && endRequestedAt === undefined && qos > 0,
  );
}

/** The same for shared subscriptions: some member gets it. */
const nothingLostInGroups: Checker = {
  rule: 'no acknowledged message of a shared subscription is lost',
  *check(index) {
    const { history } = index;
    for (const [name, members] of membersByGroup(history)) {
      const firm = standing(history).filter((one) => members.includes(one));
      const owed = new Set(firm.flatMap((one) => [...index.owedTo(one, partsOf(name).filter)]));
      for (const publication of owed) {
        if (members.some((member) => index.of(member.clientIdentifier, publication).length > 0)) {
          continue;
        }
        if (members.some((member) => mayKeep(member, publication, history))) continue;
        yield broken(`nobody of ${name} got ${nameOf(publication)}`, publication);
      }
    }
  },
};

/** Whether `member` may have taken a message with it that it never got. */
function mayKeep(member: Subscription, publication: Publication, history: History): boolean {
  const { isPersistent, endRequestedAt, endedAt = Number.POSITIVE_INFINITY } = member;
  const { firstSentAt, qos } = publication;
  // QoS 2 that was under way to a session that ended goes to nobody else (MQTT 5, 4.8.2).
  if (qos === 2 && !isPersistent) return true;
  if (qos === 2 && endRequestedAt !== undefined && endedAt >= firstSentAt) return true;
  // What only a session in memory had ends with the process.
  return !isPersistent && history.nodeEnds.some((at) => at >= firstSentAt);
}

function membersByGroup({ subscriptions }: History): Map<string, Subscription[]> {
  const groups = new Map<string, Subscription[]>();
  for (const subscription of subscriptions) {
    const { filter } = subscription;
    if (partsOf(filter).group === undefined) continue;
    groups.set(filter, [...(groups.get(filter) ?? []), subscription]);
  }
  return groups;
}

const exactlyOnce: Checker = {
  rule: 'QoS 2 comes exactly once',
  *check(index) {
    for (const [client, publications] of index.clients) {
      for (const [publication, deliveries] of publications) {
        if (kindOf(publication) === 'r' || publication.isWill) continue;
        for (const ofSession of bySession(deliveries)) {
          const times = ofSession.filter(({ qos }) => qos === 2).length;
          if (times < 2 || wereApart(index.history, publication, ofSession)) continue;
          yield broken(`${client} got ${nameOf(publication)} ${times} times`, publication, client);
        }
      }
    }
  },
};

const exactlyOnceInGroups: Checker = {
  rule: 'QoS 2 comes to one member of a group',
  *check(index) {
    const { history } = index;
    for (const [name, members] of membersByGroup(history)) {
      const clients = [...new Set(members.map(({ clientIdentifier }) => clientIdentifier))];
      for (const publication of history.publications) {
        if (publication.qos < 2 || kindOf(publication) !== 's') continue;
        // From an older disk come queues whose messages others got meanwhile.
        if (history.setbacks.some(({ at }) => at >= publication.firstSentAt)) continue;
        const got = clients.filter((client) => index.of(client, publication).length > 0);
        if (got.length < 2 || mayHaveBeenForgotten(members, got, history)) continue;
        const deliveries = got.flatMap((client) => index.of(client, publication));
        if (wereApart(history, publication, deliveries)) continue;
        const who = got.join(' and ');
        yield broken(`${who} of ${name} got ${nameOf(publication)}`, publication, ...got);
      }
    }
  },
};

/**
 * What a session that is not persistent got may come before the broker knows that it owns it; a
 * crash then makes it new.
 */
function mayHaveBeenForgotten(
  members: readonly Subscription[],
  got: readonly string[],
  { nodeEnds }: History,
): boolean {
  if (nodeEnds.length === 0) return false;
  return members.some((one) => !one.isPersistent && got.includes(one.clientIdentifier));
}

/** Within a session, counting the first time that a message came. */
const order: Checker = {
  rule: 'messages of one publisher, topic and QoS keep their order',
  *check(index) {
    for (const ofSession of bySession(index.history.deliveries)) {
      const last = new Map<string, Publication>();
      for (const delivery of firstOfEach(ofSession)) {
        const { publication, qos, at, session, clientIdentifier: client } = delivery;
        const { publisher, topicName, isWill } = publication;
        if (isWill || kindOf(publication) !== 't') continue;
        // Of both QoS: a subscription may change its own while messages are on their way.
        const way = [...publication.nodes].join(' ');
        const line = `${publisher} ${topicName} ${publication.qos} ${qos} ${way}`;
        const before = last.get(line);
        last.set(line, publication);
        if (before === undefined || before.id < publication.id) continue;
        // Its first copy may have gone by while nobody was there to keep it; this is another one.
        if (publication.sends > 1 && !index.wasOwed(client, publication)) continue;
        if (mayHaveMissedRefusal(publication, index.history)) continue;
        if (mayHaveBeenStranded(session, publication, at, index.history)) continue;
        const what = `${client} got ${nameOf(publication)} after #${before.id}`;
        yield broken(what, publication, before, client);
      }
    }
  },
};

/**
 * The broker said no to a version 5 client that went away before it read so: what it sends again
 * comes after those that were accepted meanwhile.
 */
function mayHaveMissedRefusal(publication: Publication, history: History): boolean {
  const { canBeRefused, sends, firstSentAt, lastSentAt } = publication;
  return canBeRefused && sends > 1 && history.anyRefused(firstSentAt, lastSentAt);
}

/** A session that moves leaves something behind on a node that is not there; that follows. */
function mayHaveBeenStranded(
  session: number,
  publication: Publication,
  at: number,
  history: History,
): boolean {
  const hasMoved = (history.homes.get(session)?.size ?? 0) > 1;
  return hasMoved && wasDisturbed(history, publication.firstSentAt, at);
}

function firstOfEach(deliveries: readonly Delivery[]): Delivery[] {
  const seen = new Set<Publication>();
  return deliveries.filter(({ publication }) => !seen.has(publication) && seen.add(publication));
}

/** A copy that is not marked as one needs a reason: sent again, or a broker that forgot. */
const duplicates: Checker = {
  rule: 'QoS 1 comes again only after it was sent again',
  *check(index) {
    const { nodeEnds } = index.history;
    for (const [client, publications] of index.clients) {
      for (const [publication, deliveries] of publications) {
        if (kindOf(publication) === 'r' || publication.isWill) continue;
        for (const ofSession of bySession(deliveries)) {
          const unmarked = ofSession.filter(({ dup, qos }) => !dup && qos === 1);
          const last = unmarked.at(-1)?.at ?? 0;
          const crashes = nodeEnds.filter(
            (at) => at >= publication.firstSentAt && at <= last,
          ).length;
          const allowed = publication.sends * (1 + crashes);
          if (unmarked.length <= allowed) continue;
          const { history } = index;
          const { firstSentAt } = publication;
          // Members send each other again what was in doubt, or what a disk did not take.
          const isInDoubt =
            wasDisturbed(history, firstSentAt, last) || history.anyRefused(firstSentAt, last);
          if (index.isCluster && isInDoubt) continue;
          const what = `${client} got ${nameOf(publication)} ${unmarked.length} times, unmarked`;
          yield broken(what, publication, client);
        }
      }
    }
  },
};

function bySession(deliveries: readonly Delivery[]): Delivery[][] {
  const sessions = new Map<number, Delivery[]>();
  for (const delivery of deliveries) {
    const { session } = delivery;
    sessions.set(session, [...(sessions.get(session) ?? []), delivery]);
  }
  return [...sessions.values()];
}

const willsOnce: Checker = {
  rule: 'a will fires at most once',
  *check(index) {
    for (const [client, publications] of index.clients) {
      for (const [publication, deliveries] of publications) {
        if (!publication.isWill) continue;
        const fresh = deliveries.filter(({ dup, qos }) => !dup || qos === 2);
        const crashes = publication.qos === 2 ? 0 : index.history.nodeEnds.length;
        if (fresh.length <= 1 + crashes) continue;
        const what = `${client} got the will ${nameOf(publication)} ${fresh.length} times`;
        yield broken(what, publication, client);
      }
    }
  },
};

/** Milliseconds that a node and its clients may need to get going again after a trouble. */
const recoveryMs = 1500;

const deadlines: Checker = {
  rule: 'no operation waits beyond its deadline',
  *check({ history }) {
    for (const { kind, client, node, askedAt, endedAt, allowedMs } of history.slow) {
      const subjects = new Set([node, `${client}~${node}`]);
      if (kind !== 'publish') subjects.add(`${node} store`);
      const excused = history.troubles
        .filter(({ subject }) => subjects.has(subject))
        .map(({ from, until }) => [Math.max(from, askedAt), Math.min(until + recoveryMs, endedAt)]);
      const waited = endedAt - askedAt - covered(excused as [number, number][]);
      if (waited <= allowedMs) continue;
      const what = `${client} waited ${Math.round(waited)} ms for ${node} to answer (${kind})`;
      yield broken(what, client);
    }
  },
};

/** Total length of intervals that may overlap. */
function covered(intervals: [number, number][]): number {
  let total = 0;
  let reached = 0;
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total;
}

const checkers: readonly Checker[] = [
  nothingLost,
  nothingLostInGroups,
  exactlyOnce,
  exactlyOnceInGroups,
  order,
  duplicates,
  willsOnce,
  deadlines,
  nothingFromBefore,
];

/** Everything that is wrong with a finished run, with what its parts saw while it ran. */
export function checkHistory(history: History): Violation[] {
  const index = new DeliveryIndex(history);
  const found = checkers.flatMap(({ rule, check }) =>
    [...check(index)].map((one): Violation => ({ rule, ...one })),
  );
  return [...history.violations, ...found];
}
