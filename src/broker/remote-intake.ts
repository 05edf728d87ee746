import { assert, ByteReader } from '../base/mod.js';
import { type Arrived, type Arriving, RefusedBecause } from '../cluster/flow/mod.js';
import type { Site, Stamp } from '../cluster/identity/mod.js';
import { type Envelope, readEnvelope } from '../cluster/routing/mod.js';
import type { Journal } from '../journal/mod.js';
import {
  Decoder,
  isSameTopic,
  PacketType,
  type PublishView,
  readTopicName,
} from '../packet/mod.js';
import type { Publication } from '../queue/mod.js';
import { checkTopicName } from '../topic/mod.js';
import type { FilterEntry } from './filter-entry.js';
import type { Realm, TopicRecord } from './realm.js';
import { needsStore, type Router } from './router.js';

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

const taken: Arrived = { refused: 0, ticket: 0 };
const noMember: Arrived = { refused: RefusedBecause.NoMember, ticket: 0 };
const storeRefuses: Arrived = { refused: RefusedBecause.Store, ticket: 0 };

/**
 * Messages that other members send for subscribers here. They go to those and no further: who else
 * gets them was decided where they were published.
 */
export class RemoteIntake implements Arriving {
  isMalformed = false;
  readonly #host: RemoteIntakeHost;
  #decoder = newDecoder();
  /** Of the frame that is being read: who sent it, its envelope, and what is to be read of it. */
  #from: Site = '';
  #envelope: Envelope | undefined = undefined;
  #body: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The topic of the last message: neighbours mostly have one. */
  #topic: TopicRecord | undefined = undefined;

  constructor(host: RemoteIntakeHost) {
    this.#host = host;
  }

  /**
   * A frame of `from`: an envelope and PUBLISH packets in `body` from `start` on, which must stay
   * as it is until writers are settled. What was left of the frame before is forgotten.
   */
  open(from: Site, body: Uint8Array, start: number): this {
    const reader = new ByteReader(body, start);
    const envelope = readEnvelope(reader);
    if (this.#at !== this.#body.length) this.#decoder = newDecoder();
    this.#from = from;
    this.#envelope = envelope;
    this.#body = body;
    this.#at = reader.position;
    // A frame without a message is none.
    this.isMalformed = envelope === undefined || this.#at === body.length;
    if (envelope === undefined) return this;
    this.#decoder.protocolVersion = envelope.version;
    this.#decoder.feed(body, this.#at, body.length);
    if (this.#topic?.realm.mountpoint !== envelope.mountpoint) this.#topic = undefined;
    return this;
  }

  next(): boolean {
    if (this.isMalformed || this.#at === this.#body.length) return false;
    this.isMalformed = !this.#decode();
    if (!this.isMalformed) return true;
    this.#decoder = newDecoder();
    return false;
  }

  deliver(now: number): Arrived {
    const { publication, durability } = this.#host;
    const topic = this.#topic;
    const envelope = this.#envelope;
    assert(topic !== undefined && envelope !== undefined, 'next comes first');
    fill(publication, this.#decoder.publish, topic, envelope, now);
    if (publication.qos > 0 && durability.refusing && this.#mustStore(topic)) return storeRefuses;
    const before = durability.changeCount;
    if (!this.#deliver(topic, envelope, now)) return noMember;
    if (durability.changeCount === before) return taken;
    return { refused: 0, ticket: durability.ticket };
  }

  /** A message that this node sent: the publication is filled with it. */
  matchSent(envelope: Envelope, packet: Uint8Array, now: number): MatchedBody {
    const decoder = newDecoder();
    decoder.protocolVersion = envelope.version;
    decoder.feed(packet, 0, packet.length);
    const isPublish = decoder.next() === PacketType.Publish;
    const topic = isPublish ? this.#topicOf(decoder.publish, envelope.mountpoint) : undefined;
    assert(topic !== undefined, 'this node wrote it');
    const { publication } = this.#host;
    fill(publication, decoder.publish, topic, envelope, now);
    return { publication, kept: topic.realm.matchesOf(topic).kept };
  }

  /** Reads the next packet and its topic. False: it is not what a member would send. */
  #decode(): boolean {
    const decoder = this.#decoder;
    if (decoder.next() !== PacketType.Publish) return false;
    const { publish } = decoder;
    this.#at = publish.packetEnd;
    const last = this.#topic;
    if (last !== undefined && isSameTopic(publish, last.bytes)) return true;
    this.#topic = this.#topicOf(publish, (this.#envelope as Envelope).mountpoint);
    return this.#topic !== undefined;
  }

  #topicOf(view: PublishView, mountpoint: string): TopicRecord | undefined {
    const name = readTopicName(view);
    if (name === undefined || name === '') return undefined;
    const realm = this.#host.realm(mountpoint);
    const known = realm.knownTopic(name);
    if (known !== undefined) return known;
    const isSound = checkTopicName(name, Number.POSITIVE_INFINITY) === undefined;
    return isSound ? realm.topic(name) : undefined;
  }

  #deliver(topic: TopicRecord, envelope: Envelope, now: number): boolean {
    const { group, filter, except, retainStamp } = envelope;
    const { publication, router } = this.#host;
    if (group === '') {
      const from = this.#from;
      if (retainStamp > 0) this.#host.retainedPassed(topic, retainStamp, from);
      router.deliver(publication, topic, from, except, now);
      return true;
    }
    const shared = topic.realm.existingFilter(filter)?.local?.groups?.get(group);
    return shared !== undefined && router.deliverToGroup(publication, shared, now);
  }

  #mustStore(topic: TopicRecord): boolean {
    return needsStore(topic.realm.matchesOf(topic), this.#host.publication.qos);
  }
}

function fill(
  publication: Publication,
  view: PublishView,
  topic: TopicRecord,
  envelope: Envelope,
  now: number,
): void {
  const { version, publisher, retain, expiresInMs } = envelope;
  publication.fromView(view, version, topic.name, topic.bytes, publisher, now);
  publication.retain = retain;
  if (expiresInMs >= 0) publication.expiresAt = now + Math.max(1, expiresInMs);
}

function newDecoder(): Decoder {
  return new Decoder(packetBytesMax);
}
