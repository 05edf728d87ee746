import type { QoS } from '../packet/mod.js';
import {
  Entry,
  EntryState,
  Inflight,
  packetIdentifierMax,
  type Publication,
  WaitingQueue,
} from '../queue/mod.js';
import type { RetainedCursor } from '../retain/mod.js';
import type { DurableSession } from './durability.js';
import type { ClientLimits } from './limits.js';
import { RetainedWalk } from './retained-walk.js';
import type {
  Channel,
  ChannelOwner,
  DropReason,
  Retained,
  RetainedView,
  SessionHost,
} from './session-ports.js';
import type { DeliveryTarget, Receiver, Subscription } from './subscription.js';
import type { SessionWill } from './will.js';

/**
 * One session: what a Client Identifier has in the broker, with or without a connection
 * (MQTT 5 section 4.1). Subscriptions, the messages on their way, the QoS 2 identifiers received.
 *
 * Lists of messages are made when they are first needed: an idle session is small.
 */
export class Session implements Receiver, DurableSession {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  /** Number of its records in the store; 0: it has none. Set by the journal. */
  storeNumber = 0;
  /** Sequence of the entry that was persisted last. Kept by the journal. */
  lastSequence = 0;
  /** Bytes of the messages that are persisted and not Done. Kept by the journal. */
  storedBytes = 0;
  /** True when the session outlives its connection and so must outlive this process. */
  persistent = false;
  /** Seconds; {@link neverExpires} never. In force once the connection has ended. */
  expiryInterval = 0;
  /** Milliseconds since the epoch; meaningful while `channel` is undefined. */
  disconnectedAt = 0;
  /** Overrides of the last connection; the configured ones for a session loaded at start. */
  limits: ClientLimits;
  /** The connection that has this session, from its registration on, before its CONNACK. */
  owner: ChannelOwner | undefined = undefined;
  /** Set once `owner` has its CONNACK. */
  channel: Channel | undefined = undefined;
  will: SessionWill | undefined = undefined;
  /** Milliseconds since the epoch at which `will` is published; 0: not before a disconnect. */
  willDueAt = 0;
  /** Of the row that tells other members of `will`; 0: none does. Kept by the broker. */
  willStamp = 0;
  /**
   * Packet Identifiers of QoS 2 messages received and not yet released [MQTT5-4.3.3-10], each with
   * the batch that must be durable before its PUBREC leaves.
   */
  received: Map<number, number> | undefined = undefined;
  /** By Topic Filter as the client sent it. Changed by the broker only. */
  readonly subscriptions: Map<string, Subscription> = new Map();
  /** How many of them have No Local. Kept by the broker. */
  noLocalCount = 0;
  /** Used by the router to merge overlapping subscriptions. */
  matchMark = 0;
  matchIndex = 0;
  /** When it was made, as all members know it; 0: this node is alone. Kept by the broker. */
  born = 0;
  /** Of the Packet Identifiers, for new messages. Kept by the broker. */
  identifierRange = 0;
  /** Another member has the session, and this is what it left here. Kept by the broker. */
  isStranded = false;
  /** It came from another member, and no client has had it here since. */
  isUntouched = false;
  silentFrom: Set<string> | undefined = undefined;
  readonly #host: SessionHost;
  #waiting: WaitingQueue | undefined;
  /** QoS 2 that comes later does not overtake it. */
  #lastHeld: Entry | undefined;
  #inflight: Inflight | undefined;
  /** In-flight entries of an earlier connection that must be sent again, in order. */
  #resend: WaitingQueue | undefined;
  /** What came here while older messages are still handed over; behind all others. */
  #behind: WaitingQueue | undefined;
  /** PUBLISH packets of this connection that are not acknowledged. Invariant: ≤ channel.window. */
  #outstanding = 0;
  #retained: RetainedWalk[] | undefined;
  /** Waiting entries whose message expires. */
  #expiring = 0;
  /** While it drains, a session woken with more than `max_online_messages` may hold this many. */
  #wakeAllowance = 0;

  constructor(
    mountpoint: string,
    clientIdentifier: string,
    limits: ClientLimits,
    host: SessionHost,
  ) {
    this.mountpoint = mountpoint;
    this.clientIdentifier = clientIdentifier;
    this.limits = limits;
    this.#host = host;
  }

  get isConnected(): boolean {
    return this.owner !== undefined;
  }

  get waitingCount(): number {
    return (this.#waiting?.length ?? 0) + (this.#resend?.length ?? 0);
  }

  get inflightCount(): number {
    return this.#inflight?.size ?? 0;
  }

  /** Can take a message now without queueing it. For shared subscriptions. */
  get isReady(): boolean {
    const channel = this.channel;
    return channel !== undefined && this.#isDrained() && channel.canWrite() && this.#windowOpen();
  }

  /**
   * A message matched one of the subscriptions. `qos` is already the one to deliver with.
   * In the order in which they come: [MQTT5-4.5.0-1] [MQTT5-4.6.0-5] [MQTT5-4.6.0-6]
   * [MQTT3-4.5.0-1] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6]
   */
  deliver(publication: Publication, target: DeliveryTarget, qos: QoS, now: number): void {
    const channel = this.channel;
    const metrics = this.#host.metrics;
    if (qos === 0) {
      if (channel === undefined) {
        metrics.queueMessageUnhandled += 1;
        return;
      }
      if (this.#isDrained() && channel.canWrite()) {
        if (!channel.writePublication(publication, target, 0, 0, now)) {
          this.#host.messageDropped(this, publication.message(), 'packet_too_large');
        }
        return;
      }
    }
    const retain = publication.retain && target.retainAsPublished;
    const entry = new Entry(
      publication.message(),
      qos,
      retain,
      target.subscriptionIdentifiers,
      target.group,
    );
    metrics.queueMessageIn += 1;
    const direct = qos > 0 && channel !== undefined && this.#isDrained() && this.#windowOpen();
    if (!direct || !channel.canWrite()) {
      this.#enqueue(entry, now);
      return;
    }
    if (this.persistent) this.#host.durability.appended(this, entry);
    this.#startFlight(entry, publication.isReceiveStateKept, now);
    if (entry.state === EntryState.Held) return;
    if (!channel.writePublication(publication, target, qos, entry.packetIdentifier, now)) {
      this.#tooLarge(entry);
    }
  }

  /**
   * Another member hands over what it has of this session: nothing is sent until {@link release},
   * for what comes here directly belongs behind that.
   */
  hold(): void {
    this.#behind ??= new WaitingQueue();
  }

  get isHeld(): boolean {
    return this.#behind !== undefined;
  }

  /**
   * Everything was handed over, or is waited for no longer. What was held back is written anew, so
   * that the store has it in the order in which it will be sent.
   */
  release(now: number): void {
    const behind = this.#behind;
    if (behind === undefined) return;
    this.#behind = undefined;
    for (const held of behind) {
      const { message, qos, retain, subscriptionIdentifiers, group } = held;
      if (held.state === EntryState.Done) continue;
      this.#forget(held);
      message.isOurs = true;
      this.#enqueue(new Entry(message, qos, retain, subscriptionIdentifiers, group), now);
    }
    if (this.channel !== undefined) this.#resendAll();
    this.pump(now);
  }

  /** A message that another member had for this session, in flight there or waiting. */
  acceptMoved(entry: Entry, packetIdentifier: number, isReleased: boolean, now: number): void {
    this.#host.metrics.queueMessageIn += 1;
    if (packetIdentifier === 0 || this.#inflight?.get(packetIdentifier) !== undefined) {
      if (this.#enqueueLast(entry, now)) this.pump(now);
      return;
    }
    entry.packetIdentifier = packetIdentifier;
    entry.state = isReleased ? EntryState.Released : EntryState.Published;
    entry.sentBefore = true;
    this.#inflight ??= new Inflight();
    this.#inflight.restore(entry);
    if (this.persistent) {
      this.#host.durability.appended(this, entry);
      this.#host.durability.stateChanged(this);
    }
    if (this.channel === undefined || this.#behind !== undefined) return;
    this.#resend ??= new WaitingQueue();
    this.#resend.push(entry);
    this.pump(now);
  }

  /** What waits longest behind everything else. */
  get newest(): Entry | undefined {
    return this.#waiting?.last;
  }

  /** The member that has this session now owns `entry`. */
  handedOver(entry: Entry): void {
    if (entry.state === EntryState.Done) return;
    if (entry.packetIdentifier !== 0) this.#inflight?.remove(entry);
    else if (this.#waiting?.peek() === entry) this.#waiting.shift();
    else
      this.#waiting?.filter(
        (one) => one !== entry,
        () => {},
      );
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    if (entry.packetIdentifier === 0 && entry.message.expiresAt !== 0) this.#expiring -= 1;
    this.#forget(entry);
  }

  /** A kept message comes in: from a shared group's other member, or at start. */
  accept(entry: Entry, now: number): void {
    this.#host.metrics.queueMessageIn += 1;
    if (entry.qos === 0 && this.channel === undefined) {
      this.#host.metrics.queueMessageUnhandled += 1;
      return;
    }
    if (this.#enqueue(entry, now)) this.pump(now);
  }

  /** Retained messages for a new subscription follow, as fast as the client takes them. */
  deliverRetained(
    cursor: RetainedCursor<Retained>,
    subscription: Subscription,
    view: RetainedView,
    now: number,
  ): void {
    this.#retained ??= [];
    this.#retained.push(new RetainedWalk(cursor, subscription, view));
    this.pump(now);
  }

  /** Sends what may be sent: what is in flight from before, what waits, retained messages. */
  pump(now: number): void {
    const channel = this.channel;
    if (channel === undefined || this.#behind !== undefined) return;
    while (channel.canWrite()) {
      if (!this.#resendNext(now) && !this.#sendNext(now) && !this.#sendRetained(now)) return;
    }
  }

  /** PUBACK. False: no such message is in flight. */
  onPuback(packetIdentifier: number, now: number): boolean {
    const entry = this.#inflight?.get(packetIdentifier);
    if (entry === undefined || entry.qos !== 1) return false;
    this.#finish(entry);
    if (this.#waiting !== undefined || this.#hasBacklog()) this.pump(now);
    return true;
  }

  /**
   * PUBREC. False: no such message is in flight [MQTT5-4.3.3-3], [MQTT3-4.3.3-1].
   * Statements: [MQTT5-4.3.3-5] [MQTT5-4.3.3-6] [MQTT5-4.4.0-2]
   */
  onPubrec(packetIdentifier: number, reasonCode: number, now: number): boolean {
    const entry = this.#inflight?.get(packetIdentifier);
    if (entry === undefined || entry.qos !== 2) return false;
    if (reasonCode >= 0x80) {
      // [MQTT5-4.3.3-4]: refused by the client, the identifier is free again.
      this.#finish(entry);
      this.pump(now);
      return true;
    }
    if (entry.state !== EntryState.Released) {
      (this.#inflight as Inflight).release(entry);
      if (this.persistent) {
        this.#host.durability.stateChanged(this);
        this.channel?.holdPubrel(entry);
        return true;
      }
    }
    entry.sentAt = now;
    this.channel?.writePubrel(packetIdentifier, 0);
    return true;
  }

  /** PUBCOMP. False: no such message is in flight. */
  onPubcomp(packetIdentifier: number, now: number): boolean {
    const entry = this.#inflight?.get(packetIdentifier);
    if (entry === undefined || entry.state !== EntryState.Released) return false;
    this.#finish(entry);
    this.pump(now);
    return true;
  }

  /** What made `entry` safe to send is durable: its PUBLISH goes out. */
  sendHeld(entry: Entry, now: number): void {
    if (entry.state !== EntryState.Held) return;
    (this.#inflight as Inflight).sent(entry);
    if (!(this.channel as Channel).writeEntry(entry, now)) this.#tooLarge(entry);
    entry.sentBefore = true;
  }

  /**
   * A connection took this session. In-flight messages are sent again, in the order in which they
   * were sent first [MQTT5-4.4.0-1], [MQTT5-4.6.0-1].
   * Statements: [MQTT3-4.4.0-1] [MQTT3-4.6.0-1]
   */
  attach(channel: Channel, now: number): void {
    this.channel = channel;
    this.isUntouched = false;
    this.#outstanding = 0;
    this.#wakeAllowance = this.#waiting?.length ?? 0;
    this.#resendAll();
    this.pump(now);
  }

  /** The connection is gone; the session stays. QoS 0 messages do not wait for the next one. */
  detach(now: number): void {
    const retained = this.#retained;
    this.#retained = undefined;
    this.#resend = undefined;
    this.owner = undefined;
    this.channel = undefined;
    this.#outstanding = 0;
    this.disconnectedAt = now;
    const isForNextConnection = (entry: Entry): boolean => entry.qos > 0;
    this.#behind?.filter(isForNextConnection, () => {});
    this.#waiting?.filter(isForNextConnection, (entry) => {
      if (entry.message.expiresAt !== 0) this.#expiring -= 1;
      this.#forget(entry);
    });
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    if (retained === undefined || !this.persistent) return;
    for (const delivery of retained) this.#keepRetained(delivery, now);
  }

  /**
   * The session is over. Returns the messages of shared groups that others should get.
   * Statements: [MQTT5-4.8.2-4] [MQTT5-4.8.2-6]
   */
  end(): Entry[] {
    const orphans: Entry[] = [];
    for (const entry of this.#inflight ?? []) {
      // [MQTT5-4.8.2-5]: a QoS 2 message that was sent goes to nobody else.
      if (entry.group !== undefined && (entry.qos === 1 || !entry.sentBefore)) orphans.push(entry);
    }
    for (const entry of this.#waiting ?? []) if (entry.group !== undefined) orphans.push(entry);
    for (const entry of this.#behind ?? []) if (entry.group !== undefined) orphans.push(entry);
    this.#inflight = undefined;
    this.#waiting = undefined;
    this.#behind = undefined;
    this.#resend = undefined;
    this.#retained = undefined;
    this.received = undefined;
    return orphans;
  }

  /** 3.x on a live connection: sends again what is older than `retryIntervalMs`. */
  retry(retryIntervalMs: number, now: number): void {
    const channel = this.channel;
    if (channel === undefined) return;
    for (const entry of this.#inflight ?? []) {
      if (!entry.counted || entry.sentAt === 0 || entry.sentAt + retryIntervalMs > now) continue;
      if (!channel.canWrite()) return;
      if (entry.state === EntryState.Released) channel.writePubrel(entry.packetIdentifier, 0);
      else if (entry.state === EntryState.Published) channel.writeEntry(entry, now);
      entry.sentAt = now;
    }
  }

  /** Entries in order: in flight, then waiting. For the journal and for diagnosis. */
  *entries(): Generator<Entry> {
    if (this.#inflight !== undefined) yield* this.#inflight;
    if (this.#waiting !== undefined) yield* this.#waiting;
    if (this.#behind !== undefined) yield* this.#behind;
  }

  inflightEntries(): Iterable<Entry> {
    return this.#inflight ?? [];
  }

  /** Of what waits and has been written, the entry that came first. */
  firstWaiting(): Entry | undefined {
    const behind = firstWritten(this.#behind);
    const waiting = firstWritten(this.#waiting);
    // What is held back and what is handed over meanwhile come by turns.
    if (behind === undefined || waiting === undefined) return behind ?? waiting;
    return behind.sequence < waiting.sequence ? behind : waiting;
  }

  /** At start: puts back what the store had, in order. `packetIdentifier` ≠ 0: it was in flight. */
  restore(entry: Entry): void {
    if (entry.packetIdentifier !== 0) {
      this.#inflight ??= new Inflight();
      this.#inflight.restore(entry);
      return;
    }
    this.#waiting ??= new WaitingQueue();
    this.#waiting.push(entry);
    if (entry.message.expiresAt !== 0) this.#expiring += 1;
  }

  /** The store could not own these: who published them is told so, nobody gets them any more. */
  withdraw(entries: ReadonlySet<Entry>): void {
    for (const entry of entries) {
      if (entry.state !== EntryState.Held) continue;
      this.#inflight?.remove(entry);
      if (entry.counted) this.#outstanding -= 1;
      entry.state = EntryState.Done;
    }
    const isKept = (entry: Entry): boolean => !entries.has(entry);
    this.#waiting?.filter(isKept, (entry) => {
      if (entry.message.expiresAt !== 0) this.#expiring -= 1;
      entry.state = EntryState.Done;
    });
    this.#behind?.filter(isKept, (entry) => {
      entry.state = EntryState.Done;
    });
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    // Room in the window that nobody else would use.
    if (this.#waiting !== undefined || this.#hasBacklog()) this.channel?.pumpLater();
  }

  /**
   * The store could not own what came in batch `refused` or later: when the client sends it again,
   * which may be on another connection, it is new.
   */
  forgetReceived(refused: number): void {
    for (const [packetIdentifier, ticket] of this.received ?? []) {
      if (ticket >= refused) this.received?.delete(packetIdentifier);
    }
  }

  #isDrained(): boolean {
    if (this.#behind !== undefined) return false;
    return this.#waiting === undefined && this.#resend === undefined;
  }

  /** All that is in flight is sent again, in order. */
  #resendAll(): void {
    this.#resend = undefined;
    for (const entry of this.#inflight ?? []) {
      entry.counted = false;
      this.#resend ??= new WaitingQueue();
      this.#resend.push(entry);
    }
  }

  #hasBacklog(): boolean {
    return this.#resend !== undefined || this.#retained !== undefined;
  }

  // Holds back PUBLISH only: [MQTT5-3.3.4-9] [MQTT5-3.3.4-10] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2]
  // [MQTT5-4.9.0-3]
  #windowOpen(): boolean {
    const channel = this.channel as Channel;
    return this.#outstanding < channel.window && this.inflightCount < packetIdentifierMax;
  }

  /**
   * Takes a Packet Identifier; QoS 2 waits for the store where it keeps the message for this
   * session, or (`isReceiveStateKept`) the identifier under which it came.
   * Statements: [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT5-4.3.2-3] [MQTT5-4.3.3-1] [MQTT5-4.3.3-2]
   * [MQTT3-4.3.2-1] [MQTT3-4.3.3-1]
   */
  #startFlight(entry: Entry, isReceiveStateKept: boolean, now: number): void {
    this.#inflight ??= new Inflight();
    this.#inflight.admit(entry, this.identifierRange);
    this.#count(entry, now);
    if (this.persistent) this.#host.durability.stateChanged(this);
    const isForStore = this.persistent || isReceiveStateKept;
    if (entry.qos === 2 && (isForStore || this.#lastHeld?.state === EntryState.Held)) {
      entry.state = EntryState.Held;
      this.#lastHeld = entry;
      (this.channel as Channel).hold(entry, isForStore);
    } else {
      entry.state = EntryState.Published;
      entry.sentBefore = true;
    }
  }

  #count(entry: Entry, now: number): void {
    entry.counted = true;
    entry.sentAt = now;
    this.#outstanding += 1;
  }

  #resendNext(now: number): boolean {
    const resend = this.#resend;
    const entry = resend?.peek();
    if (resend === undefined || entry === undefined) {
      this.#resend = undefined;
      return false;
    }
    const channel = this.channel as Channel;
    const isPublish = entry.state === EntryState.Held || entry.state === EntryState.Published;
    if (isPublish && this.#outstanding >= channel.window) return false;
    resend.shift();
    if (entry.state === EntryState.Released) {
      entry.sentAt = now;
      channel.holdPubrel(entry);
    } else if (entry.state === EntryState.Held) {
      this.#count(entry, now);
      channel.hold(entry, true);
    } else if (entry.state === EntryState.Published) {
      this.#count(entry, now);
      if (!channel.writeEntry(entry, now)) this.#tooLarge(entry);
      entry.sentBefore = true;
    }
    return true;
  }

  // Expiry concerns what has not begun [MQTT5-4.3.3-7] [MQTT5-4.3.3-13]
  #sendNext(now: number): boolean {
    const waiting = this.#waiting;
    const entry = waiting?.peek();
    if (waiting === undefined || entry === undefined) {
      this.#waiting = undefined;
      this.#wakeAllowance = 0;
      return false;
    }
    if (this.#resend !== undefined && entry.qos > 0) return false;
    if (entry.qos > 0 && !this.#windowOpen()) return false;
    waiting.shift();
    if (waiting.length === 0) this.#waiting = undefined;
    if (entry.message.expiresAt !== 0) {
      this.#expiring -= 1;
      if (entry.message.isExpired(now)) {
        this.#drop(entry, 'expired');
        return true;
      }
    }
    this.#send(entry, now);
    return true;
  }

  #send(entry: Entry, now: number): void {
    const channel = this.channel as Channel;
    if (entry.qos > 0) {
      this.#startFlight(entry, false, now);
      if (entry.state === EntryState.Held) return;
      entry.sentBefore = false;
    }
    if (!channel.writeEntry(entry, now)) this.#tooLarge(entry);
    entry.sentBefore = true;
  }

  #sendRetained(now: number): boolean {
    const delivery = this.#retained?.[0];
    if (delivery === undefined) return false;
    if (this.#resend !== undefined) return false;
    const subscription = delivery.subscription;
    if (subscription.qos > 0 && !this.#windowOpen()) return false;
    const entry = delivery.next(now);
    if (entry === undefined && !delivery.isDone) {
      (this.channel as Channel).pumpLater();
      return false;
    }
    if (entry === undefined) {
      (this.#retained as RetainedWalk[]).shift();
      if (this.#retained?.length === 0) this.#retained = undefined;
      return true;
    }
    if (entry.qos > 0 && this.persistent) this.#host.durability.appended(this, entry);
    this.#send(entry, now);
    return true;
  }

  /** A connection ended in the middle of its retained messages: QoS 1 and 2 ones wait. */
  #keepRetained(delivery: RetainedWalk, now: number): void {
    if (delivery.subscription.qos === 0) return;
    while (!delivery.isDone) {
      const entry = delivery.next(now);
      if (entry !== undefined && entry.qos > 0 && !this.#enqueue(entry, now)) return;
    }
  }

  /** Puts `entry` behind all others, or drops by policy. False: it was dropped. */
  #enqueue(entry: Entry, now: number): boolean {
    if (this.#behind === undefined) return this.#enqueueLast(entry, now);
    if (entry.qos > 0 && this.persistent) this.#host.durability.appended(this, entry);
    this.#behind.push(entry);
    return true;
  }

  #enqueueLast(entry: Entry, now: number): boolean {
    const limits = this.limits;
    const limit =
      this.channel === undefined
        ? limits.maxOfflineMessages
        : Math.max(limits.maxOnlineMessages, limits.maxOnlineMessages < 0 ? -1 : this.#allowance());
    this.#waiting ??= new WaitingQueue();
    const waiting = this.#waiting;
    if (limit >= 0 && waiting.length >= limit && this.#expiring > 0) this.#purgeExpired(now);
    if (limit >= 0 && waiting.length >= limit) {
      if (limits.queueType === 'fifo' || limit === 0) {
        if (waiting.length === 0) this.#waiting = undefined;
        this.#host.messageDropped(this, entry.message, 'queue_full');
        return false;
      }
      this.#dropOldest(waiting);
    }
    if (entry.message.expiresAt !== 0) this.#expiring += 1;
    if (entry.qos > 0 && this.persistent) this.#host.durability.appended(this, entry);
    waiting.push(entry);
    return true;
  }

  #allowance(): number {
    return this.limits.overrideMaxOnlineMessages ? this.#wakeAllowance : 0;
  }

  #dropOldest(waiting: WaitingQueue): void {
    const oldest = waiting.shift() as Entry;
    if (oldest.message.expiresAt !== 0) this.#expiring -= 1;
    this.#drop(oldest, 'queue_full');
    // WaitingQueue stays: the caller pushes into it.
  }

  #purgeExpired(now: number): void {
    (this.#waiting as WaitingQueue).filter(
      (entry) => !entry.message.isExpired(now),
      (entry) => {
        this.#expiring -= 1;
        this.#drop(entry, 'expired');
      },
    );
  }

  #drop(entry: Entry, reason: DropReason): void {
    this.#host.messageDropped(this, entry.message, reason);
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    entry.state = EntryState.Done;
    if (entry.sequence !== 0) this.#host.durability.finished(this, entry);
  }

  /** [MQTT5-3.1.2-25]: too large for this client counts as delivered. */
  #tooLarge(entry: Entry): void {
    this.#host.messageDropped(this, entry.message, 'packet_too_large');
    if (entry.qos > 0) this.#finish(entry);
  }

  #finish(entry: Entry): void {
    (this.#inflight as Inflight).remove(entry);
    if (entry.counted) this.#outstanding -= 1;
    entry.counted = false;
    this.#host.metrics.queueMessageOut += 1;
    this.#forget(entry);
  }
}

function firstWritten(queue: WaitingQueue | undefined): Entry | undefined {
  for (const entry of queue ?? []) if (entry.sequence !== 0) return entry;
  return undefined;
}
