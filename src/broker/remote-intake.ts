import { assert } from '../base/mod.js';
import type { Site, Stamp } from '../cluster/identity/mod.js';
import type { Envelope } from '../cluster/routing/mod.js';
import type { Journal } from '../journal/mod.js';
import { Decoder, PacketType, type PublishView, readTopicName } from '../packet/mod.js';
import type { Publication } from '../queue/mod.js';
import { checkTopicName } from '../topic/mod.js';
import type { FilterEntry } from './filter-entry.js';
import type { Realm, TopicRecord } from './realm.js';
import { needsStore, type Router } from './router.js';

/** What became of a message from another member. One object per node, valid until the next. */
export interface RemoteOutcome {
  /** Why it was not taken: `malformed` is the sender's fault, the others pass. */
  refused: 'malformed' | 'no member' | 'store' | undefined;
  /** Batch that must be durable before it is confirmed; 0: none. */
  ticket: number;
}

/** A message, and the filters by which sessions of other members want it. */
export interface MatchedBody {
  readonly publication: Publication;
  readonly kept: readonly FilterEntry[];
}

export interface RemoteIntakeHost {
  readonly publication: Publication;
  readonly durability: Journal;
  readonly router: Router;
  realm(mountpoint: string): Realm;
  /** A message that `from` retains goes to subscribers here. */
  retainedPassed(topic: TopicRecord, stamp: Stamp, from: Site): void;
}

/** A packet that is larger than any is malformed. */
const packetBytesMax = 268_435_460;

/**
 * Messages that other members send for subscribers here. They go to those and no further: who else
 * gets them was decided where they were published.
 */
export class RemoteIntake {
  readonly #host: RemoteIntakeHost;
  #decoder = newDecoder();
  readonly #outcome: RemoteOutcome = { refused: undefined, ticket: 0 };

  constructor(host: RemoteIntakeHost) {
    this.#host = host;
  }

  /** `packet` is an MQTT 5 PUBLISH; it must stay as it is until the turn's output is flushed. */
  onPublish(from: Site, envelope: Envelope, packet: Uint8Array, now: number): RemoteOutcome {
    const { publication, durability } = this.#host;
    const outcome = this.#outcome;
    outcome.ticket = 0;
    const topic = this.#fill(envelope, packet, now);
    outcome.refused = topic === undefined ? 'malformed' : undefined;
    if (topic === undefined) return outcome;
    if (publication.qos > 0 && durability.refusing && this.#mustStore(topic)) {
      outcome.refused = 'store';
      return outcome;
    }
    const before = durability.changeCount;
    if (!this.#deliver(from, envelope, topic, now)) outcome.refused = 'no member';
    else if (durability.changeCount !== before) outcome.ticket = durability.ticket;
    return outcome;
  }

  #deliver(
    from: Site,
    { group, filter, except, retainStamp }: Envelope,
    topic: TopicRecord,
    now: number,
  ): boolean {
    const { publication, router } = this.#host;
    if (group === '') {
      if (retainStamp > 0) this.#host.retainedPassed(topic, retainStamp, from);
      router.deliver(publication, topic, from, except, now);
      return true;
    }
    const shared = topic.realm.existingFilter(filter)?.groups?.get(group);
    return shared !== undefined && router.deliverToGroup(publication, shared, now);
  }

  /** A message that this node sent: the publication is filled with it. */
  matchSent(envelope: Envelope, packet: Uint8Array, now: number): MatchedBody {
    const topic = this.#fill(envelope, packet, now);
    assert(topic !== undefined, 'this node wrote it');
    return { publication: this.#host.publication, kept: topic.realm.matchesOf(topic).kept };
  }

  /** Fills the publication. Undefined: the packet is not what a member would send. */
  #fill(envelope: Envelope, packet: Uint8Array, now: number): TopicRecord | undefined {
    const { publication } = this.#host;
    const view = this.#decode(packet);
    const name = view === undefined ? undefined : readTopicName(view);
    if (view === undefined || name === undefined || name === '') return undefined;
    const realm = this.#host.realm(envelope.mountpoint);
    const known = realm.knownTopic(name);
    if (known === undefined && checkTopicName(name, Number.POSITIVE_INFINITY) !== undefined) {
      return undefined;
    }
    const topic = known ?? realm.topic(name);
    publication.fromView(view, 5, name, topic.bytes, envelope.publisher, now);
    publication.retain = envelope.retain;
    if (envelope.expiresInMs >= 0) publication.expiresAt = now + Math.max(1, envelope.expiresInMs);
    return topic;
  }

  #decode(packet: Uint8Array): PublishView | undefined {
    const decoder = this.#decoder;
    decoder.feed(packet, 0, packet.length);
    if (decoder.next() === PacketType.Publish && decoder.publish.packetEnd === packet.length) {
      return decoder.publish;
    }
    this.#decoder = newDecoder();
    return undefined;
  }

  #mustStore(topic: TopicRecord): boolean {
    return needsStore(topic.realm.matchesOf(topic), this.#host.publication.qos);
  }
}

function newDecoder(): Decoder {
  const decoder = new Decoder(packetBytesMax);
  decoder.protocolVersion = 5;
  return decoder;
}
