import { isUtf8 } from 'node:buffer';
import type { Decision, Deny, Next, PublishModifiers } from '../auth/mod.js';
import {
  canForward,
  encodeForwardProperties,
  isSameTopic,
  type PublishView,
  type QoS,
  ReasonCode,
  readTopicName,
} from '../packet/mod.js';
import { Message } from '../queue/mod.js';
import { checkTopicName } from '../topic/mod.js';
import { IncomingAliases } from './aliases.js';
import { type ConnectedClient, Wait } from './connection.js';
import { refusalOf } from './refusal.js';
import type { TopicHandle } from './host.js';

/** Milliseconds of the window in which `max_message_rate` counts. */
const rateWindowMs = 1000;

/**
 * PUBLISH and PUBREL from one client: checks, topic alias, authorisation, flow control, and the
 * answer in its order. QoS 0 to a topic that was used before allocates nothing.
 */
export class PublishIntake {
  readonly #connected: ConnectedClient;
  /**
   * QoS 2 identifiers of earlier connections, not repeated on this one: they do not count, since
   * flow control begins anew with each connection (MQTT 5 section 4.9).
   */
  readonly #inherited: Set<number> | undefined;
  #aliases: IncomingAliases | undefined;
  /** The topic of the last PUBLISH: most clients stay with one. */
  #lastTopic: TopicHandle | undefined;
  /** `#authorisedTopic` may be published to as long as the chain has this revision. */
  #authorisedTopic: TopicHandle | undefined;
  #authorisedRevision = 0;
  #rateWindowStart = 0;
  #rateCount = 0;

  constructor(connected: ConnectedClient) {
    this.#connected = connected;
    const { received } = connected.session;
    if (received !== undefined && received.size > 0) this.#inherited = new Set(received.keys());
  }

  onPublish(view: PublishView, now: number): void {
    const { host, counters, client, limits } = this.#connected;
    const { settings } = host;
    counters.publishReceived += 1;
    if (view.qos > settings.maximumQoS) {
      client.disconnect(ReasonCode.QoSNotSupported, 'QoS above maximum_qos [MQTT5-3.2.2-11]', now);
      return;
    }
    if (view.retain && !settings.retainAvailable) {
      const reason = 'retain_available is off [MQTT5-3.2.2-14]';
      client.disconnect(ReasonCode.RetainNotSupported, reason, now);
      return;
    }
    const topic = this.#topicOf(view, now);
    if (topic === undefined) return;
    if (view.qos > 0 && !this.#admit(view, now)) return;
    if (limits.maxMessageRate > 0) this.#throttle(limits.maxMessageRate, now);
    if (view.payloadFormatIndicator === 1 && !isPayloadUtf8(view)) {
      const code = ReasonCode.PayloadFormatInvalid;
      this.#refuse(view.qos, view.packetIdentifier, code, 'the payload is not UTF-8');
      return;
    }
    if (topic.name.charCodeAt(0) === 0x24) {
      this.#onReservedTopic(view);
      return;
    }
    host.publication.fromView(
      view,
      this.#connected.version,
      topic.name,
      topic.bytes,
      this.#connected.facts.clientIdentifier,
      now,
    );
    if (client.auth.hasPublish && !this.#isAuthorised(topic)) this.#authorise(view, topic, now);
    else this.#publish(topic, view.qos, view.packetIdentifier, now);
  }

  /** False: it was dealt with, being a repetition or one too many. */
  #admit(view: PublishView, now: number): boolean {
    const { host, client, output, session } = this.#connected;
    const { packetIdentifier } = view;
    const ticket = view.qos === 2 ? session.received?.get(packetIdentifier) : undefined;
    const isRepeated = ticket !== undefined;
    if (isRepeated) this.#inherited?.delete(packetIdentifier);
    else output.unanswered += 1;
    const accepted = (session.received?.size ?? 0) - (this.#inherited?.size ?? 0);
    if (output.unanswered + accepted > host.settings.receiveMaxBroker) {
      const reason = 'more QoS 1 and 2 messages than Receive Maximum [MQTT5-3.3.4-7]';
      client.disconnect(ReasonCode.ReceiveMaximumExceeded, reason, now);
      return false;
    }
    if (isRepeated) {
      // [MQTT5-4.3.3-10], [MQTT3-4.3.3-2]: acknowledged again, not delivered again.
      output.answerPublish(2, packetIdentifier, ReasonCode.Success, ticket, undefined);
    }
    return !isRepeated;
  }

  /** A QoS 2 message is ours: its identifier is in use until PUBREL. */
  #accept(packetIdentifier: number, ticket: number): void {
    const { output, session } = this.#connected;
    session.received ??= new Map();
    session.received.set(packetIdentifier, ticket);
    this.#inherited?.delete(packetIdentifier);
    output.unanswered -= 1;
  }

  /**
   * PUBREL: the identifier is free; it is confirmed once that is durable [MQTT5-4.3.3-11].
   * Statements: [MQTT5-4.3.3-12] [MQTT3-4.3.3-2]
   */
  onPubrel(packetIdentifier: number): void {
    const { session, output, version, host } = this.#connected;
    const known = session.received?.delete(packetIdentifier) === true;
    this.#inherited?.delete(packetIdentifier);
    if (known && session.persistent) host.durability.stateChanged(session);
    // Also for an unknown identifier: an earlier PUBREL may have freed it, not durably yet.
    const ticket = session.persistent ? host.durability.ticket : 0;
    const unknown = version === 5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    output.answerPubrel(packetIdentifier, known ? ReasonCode.Success : unknown, ticket);
  }

  // Answered as the QoS asks, once the message is owned: [MQTT5-3.3.4-1] [MQTT5-4.3.2-4]
  // [MQTT5-4.3.2-5] [MQTT5-4.3.3-8] [MQTT3-3.3.4-1] [MQTT3-4.3.2-2]
  #publish(topic: TopicHandle, qos: QoS, packetIdentifier: number, now: number): void {
    const connected = this.#connected;
    const { host, output, session } = connected;
    if (qos > 0 && connected.isRefusing) {
      output.unanswered -= 1;
      return;
    }
    if (!host.gates.isOpen) {
      const closed = connected.gateRefusal('publish', now);
      if (closed !== undefined) {
        this.#refuse(qos, packetIdentifier, ReasonCode.ImplementationSpecificError, closed);
        if (qos > 0) connected.onRefused('publish', now);
        return;
      }
    }
    const outcome = host.publish(topic, session, now);
    if (qos === 0) return;
    if (outcome.refused !== 0) {
      this.#refuse(qos, packetIdentifier, outcome.refused, outcome.reason);
      connected.onRefused('store', now);
      return;
    }
    let ticket = outcome.ticket;
    if (qos === 2) {
      if (session.persistent) {
        host.durability.stateChanged(session);
        ticket = host.durability.ticket;
      }
      this.#accept(packetIdentifier, ticket);
    }
    const isUnmatched = !outcome.matched && connected.version === 5;
    const reason = isUnmatched ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
    const { confirmation } = outcome;
    output.answerPublish(qos, packetIdentifier, reason, ticket, undefined, confirmation);
    if (ticket !== 0 && host.isBacklogged) {
      connected.client.block(Wait.Backlog);
      host.waitForBacklog(connected.client);
    }
  }

  /**
   * v5: PUBACK or PUBREC with the reason. 3.x has no way to say no: nothing is sent.
   * The identifier is free again [MQTT5-4.3.3-9]
   */
  #refuse(
    qos: QoS,
    packetIdentifier: number,
    reasonCode: number,
    reason: string | undefined,
  ): void {
    const { output, version } = this.#connected;
    if (qos === 0) return;
    if (version === 5) output.answerPublish(qos, packetIdentifier, reasonCode, 0, reason);
    else output.unanswered -= 1;
  }

  /** A client's PUBLISH to a $-topic: refused in v5, acknowledged and dropped in 3.x. */
  #onReservedTopic(view: PublishView): void {
    const { version, output } = this.#connected;
    if (version === 5) {
      const code = ReasonCode.NotAuthorized;
      this.#refuse(view.qos, view.packetIdentifier, code, '$-topics are the server’s');
      return;
    }
    if (view.qos === 0) return;
    if (view.qos === 2) this.#accept(view.packetIdentifier, 0);
    output.answerPublish(view.qos, view.packetIdentifier, ReasonCode.Success, 0, undefined);
  }

  /** The topic, by alias, from the last packet, or looked up. Undefined: disconnected. */
  #topicOf(view: PublishView, now: number): TopicHandle | undefined {
    const last = this.#lastTopic;
    if (view.topicAlias === 0 && last !== undefined && isSameTopic(view, last.bytes)) return last;
    if (view.topicAlias !== 0) return this.#topicOfAlias(view, now);
    const topic = this.#lookUp(view, now);
    if (topic !== undefined) this.#lastTopic = topic;
    return topic;
  }

  #topicOfAlias(view: PublishView, now: number): TopicHandle | undefined {
    const { client, host } = this.#connected;
    this.#aliases ??= new IncomingAliases(host.settings.topicAliasMaxClient);
    let reasonCode = this.#aliases.check(view.topicAlias);
    if (reasonCode !== 0) {
      client.disconnect(reasonCode, 'topic alias above Topic Alias Maximum [MQTT5-3.3.2-9]', now);
      return undefined;
    }
    if (view.topicStart === view.topicEnd) {
      const known = this.#aliases.get(view.topicAlias);
      if (known === undefined) {
        client.disconnect(ReasonCode.ProtocolError, 'topic alias was never set', now);
      }
      return known;
    }
    const topic = this.#lookUp(view, now);
    if (topic === undefined) return undefined;
    reasonCode = this.#aliases.set(view.topicAlias, topic);
    if (reasonCode === 0) return topic;
    client.disconnect(reasonCode, 'topic names under aliases take more than 1 MiB', now);
    return undefined;
  }

  #lookUp(view: PublishView, now: number): TopicHandle | undefined {
    const { client, host, facts } = this.#connected;
    const name = readTopicName(view);
    if (name === undefined) {
      const reason = 'Topic Name is not well-formed UTF-8 [MQTT5-3.3.2-1]';
      client.disconnect(ReasonCode.MalformedPacket, reason, now);
      return undefined;
    }
    const known = host.knownTopic(facts.mountpoint, name);
    if (known !== undefined) return known;
    const problem = checkTopicName(name, host.settings.topicMaxDepth);
    if (problem !== undefined) {
      client.disconnect(ReasonCode.TopicNameInvalid, problem.reason, now);
      return undefined;
    }
    return host.topic(facts.mountpoint, name);
  }

  #isAuthorised(topic: TopicHandle): boolean {
    const { auth } = this.#connected.client;
    return topic === this.#authorisedTopic && this.#authorisedRevision === auth.revision;
  }

  #authorise(view: PublishView, topic: TopicHandle, now: number): void {
    const { host, client, facts } = this.#connected;
    const { qos, packetIdentifier } = view;
    const { auth } = client;
    const { publication } = host;
    let isLate = false;
    // An answer that comes later needs bytes that stay.
    let kept: Message | undefined;
    const decision = auth.publish(
      {
        client: facts,
        topicName: topic.name,
        payload: auth.publishSynchronous
          ? view.bytes.subarray(view.payloadStart, view.payloadEnd)
          : publication.message().payload,
        qos,
        retain: view.retain,
        isWill: false,
      },
      (late) => {
        if (!isLate || kept === undefined) return;
        const message = kept;
        client.decided((when) => {
          publication.fromMessage(message);
          this.#onDecision(late, topic, message, qos, packetIdentifier, when);
        });
      },
    );
    isLate = true;
    if (decision === undefined) {
      kept = publication.message();
      client.block(Wait.Decision);
      return;
    }
    if (decision.verdict === 'allow' && decision.modifiers === undefined) {
      if (auth.publishCacheable) {
        this.#authorisedTopic = topic;
        this.#authorisedRevision = auth.revision;
      }
      this.#publish(topic, qos, packetIdentifier, now);
      return;
    }
    this.#onDecision(decision, topic, undefined, qos, packetIdentifier, now);
  }

  #onDecision(
    decision: Decision<PublishModifiers>,
    topic: TopicHandle,
    kept: Message | undefined,
    qos: QoS,
    packetIdentifier: number,
    now: number,
  ): void {
    if (decision.verdict !== 'allow') {
      this.#onUnauthorised(topic, qos, packetIdentifier, decision, now);
      return;
    }
    const { host, facts } = this.#connected;
    const { modifiers } = decision;
    if (modifiers === undefined) {
      this.#publish(topic, qos, packetIdentifier, now);
      return;
    }
    const problem = changeProblem(modifiers, host.settings.topicMaxDepth);
    if (problem !== undefined) {
      host.log.warn(
        { client: facts.clientIdentifier, topic: topic.name },
        `a back end made a message of it that cannot be sent: ${problem.reason}`,
      );
      this.#onUnauthorised(topic, qos, packetIdentifier, problem, now);
      return;
    }
    const changed = changedMessage(kept ?? host.publication.message(), modifiers);
    host.publication.fromMessage(changed);
    const target = host.topic(modifiers.mountpoint ?? facts.mountpoint, changed.topicName);
    this.#publish(target, qos, packetIdentifier, now);
    const throttle = modifiers.throttleMs ?? 0;
    if (throttle > 0 && !this.#connected.client.isClosed) {
      this.#connected.delayReading(now + throttle, now);
    }
  }

  /**
   * v5: 0x87. 3.1.1: closed. 3.1: looks accepted, unless configured otherwise (reference 4.5).
   * Statements: [MQTT3-3.3.5-2]
   */
  #onUnauthorised(
    topic: TopicHandle,
    qos: QoS,
    packetIdentifier: number,
    decision: Deny | Next,
    now: number,
  ): void {
    const { version, counters, client, host, facts, output } = this.#connected;
    counters.publishAuthError += 1;
    host.log.debug(
      { client: facts.clientIdentifier, user: facts.userName, topic: topic.name },
      'publish not authorised',
    );
    if (version === 5) {
      const { reasonCode, reason } = refusalOf(decision);
      this.#refuse(qos, packetIdentifier, reasonCode, reason);
      return;
    }
    if (version === 4 || host.settings.disconnectOnUnauthorizedPublishV3) {
      client.disconnect(ReasonCode.NotAuthorized, `publish to ${topic.name} not authorised`, now);
      return;
    }
    if (qos === 0) return;
    if (qos === 2) this.#accept(packetIdentifier, 0);
    output.answerPublish(qos, packetIdentifier, ReasonCode.Success, 0, undefined);
  }

  #throttle(maxMessageRate: number, now: number): void {
    if (now - this.#rateWindowStart >= rateWindowMs) {
      this.#rateWindowStart = now;
      this.#rateCount = 0;
    }
    this.#rateCount += 1;
    if (this.#rateCount >= maxMessageRate) {
      this.#connected.delayReading(this.#rateWindowStart + rateWindowMs, now);
    }
  }
}

function isPayloadUtf8(view: PublishView): boolean {
  return isUtf8(view.bytes.subarray(view.payloadStart, view.payloadEnd));
}

/** Back ends may be written by others: subscribers must not get what is no PUBLISH. */
function changeProblem(modifiers: PublishModifiers, topicMaxDepth: number): Deny | undefined {
  const { topicName, properties } = modifiers;
  const named = topicName === undefined ? undefined : checkTopicName(topicName, topicMaxDepth);
  const tooLong =
    properties === undefined || canForward(properties) ? undefined : 'a property is too long';
  const reason = named?.reason ?? tooLong;
  if (reason === undefined) return undefined;
  return { verdict: 'deny', reasonCode: ReasonCode.ImplementationSpecificError, reason };
}

function changedMessage(message: Message, modifiers: PublishModifiers): Message {
  const topicName = modifiers.topicName ?? message.topicName;
  const isSame = topicName === message.topicName;
  const { properties } = modifiers;
  return new Message(
    topicName,
    isSame ? message.topic : Buffer.from(topicName, 'utf8'),
    modifiers.payload ?? message.payload,
    properties === undefined ? message.properties : encodeForwardProperties(properties),
    modifiers.qos ?? message.qos,
    modifiers.retain ?? message.retain,
    message.expiresAt,
    message.publisher,
  );
}
