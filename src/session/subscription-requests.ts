import type { Decision, SubscribeModifiers, UnsubscribeModifiers } from '../auth/mod.js';
import {
  type ProtocolVersion,
  type QoS,
  ReasonCode,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  writeSuback,
  writeUnsuback,
} from '../packet/mod.js';
import { checkTopicFilter, parseSharedFilter } from '../topic/mod.js';
import { type ConnectedClient, Wait } from './connection.js';
import { type Refusal, refusalOf } from './refusal.js';
import { Subscription } from './subscription.js';
import { SubscriptionAnswers } from './subscription-answers.js';

interface ParsedRequest {
  readonly request: SubscriptionRequest;
  readonly group: string | undefined;
  readonly filter: string;
}

/** SUBSCRIBE and UNSUBSCRIBE of one client (MQTT 5 sections 3.8 to 3.11). */
export class SubscriptionRequests {
  readonly #connected: ConnectedClient;
  readonly #answers: SubscriptionAnswers;

  constructor(connected: ConnectedClient) {
    this.#connected = connected;
    this.#answers = new SubscriptionAnswers(connected.client);
  }

  onSubscribe(packet: SubscribePacket, now: number): void {
    const { counters, client, facts } = this.#connected;
    counters.subscribeReceived += 1;
    const parsed: ParsedRequest[] = [];
    for (const request of packet.subscriptions) {
      const one = this.#parse(request, now);
      if (one === undefined) return;
      parsed.push(one);
    }
    if (!client.auth.hasSubscribe) {
      this.#subscribe(packet, parsed, undefined, now);
      return;
    }
    let isLate = false;
    const decision = client.auth.subscribe(
      { client: facts, subscriptions: packet.subscriptions },
      (late) => {
        if (isLate) client.decided((when) => this.#subscribe(packet, parsed, late, when));
      },
    );
    isLate = true;
    if (decision === undefined) client.block(Wait.Decision);
    else this.#subscribe(packet, parsed, decision, now);
  }

  onUnsubscribe(packet: UnsubscribePacket, now: number): void {
    const { counters, client, facts, version } = this.#connected;
    counters.unsubscribeReceived += 1;
    for (const topicFilter of packet.topicFilters) {
      const problem = this.#filterProblem(topicFilter);
      if (problem === undefined) continue;
      const code = version === 5 ? ReasonCode.TopicFilterInvalid : ReasonCode.MalformedPacket;
      client.disconnect(code, problem, now);
      return;
    }
    let isLate = false;
    const decision = client.auth.unsubscribe(
      { client: facts, topicFilters: packet.topicFilters },
      (late) => {
        if (isLate) client.decided((when) => this.#unsubscribe(packet, late, when));
      },
    );
    isLate = true;
    if (decision === undefined) client.block(Wait.Decision);
    else this.#unsubscribe(packet, decision, now);
  }

  /** Undefined: the filter is malformed and the client disconnected. */
  #parse(request: SubscriptionRequest, now: number): ParsedRequest | undefined {
    const { client } = this.#connected;
    const { topicFilter } = request;
    const problem = this.#filterProblem(topicFilter);
    if (problem !== undefined) {
      client.disconnect(ReasonCode.TopicFilterInvalid, problem, now);
      return undefined;
    }
    const shared = parseSharedFilter(topicFilter);
    if (shared === undefined || 'reason' in shared) {
      return { request, group: undefined, filter: topicFilter };
    }
    return { request, group: shared.group, filter: shared.filter };
  }

  #filterProblem(topicFilter: string): string | undefined {
    const depth = this.#connected.host.settings.topicMaxDepth;
    const shared = parseSharedFilter(topicFilter);
    if (shared === undefined) return checkTopicFilter(topicFilter, depth)?.reason;
    if ('reason' in shared) return shared.reason;
    return checkTopicFilter(shared.filter, depth)?.reason;
  }

  // One SUBACK, a code for every filter, in order: [MQTT5-2.2.1-6] [MQTT5-3.8.4-1] [MQTT5-3.8.4-2]
  // [MQTT5-3.8.4-5] [MQTT5-3.9.3-1] [MQTT3-2.3.1-7] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4]
  // [MQTT3-3.8.4-5] [MQTT3-3.9.3-1]
  #subscribe(
    packet: SubscribePacket,
    parsed: readonly ParsedRequest[],
    decision: Decision<SubscribeModifiers> | undefined,
    now: number,
  ): void {
    const { session, output, client, version, host, counters } = this.#connected;
    const codes: number[] = [];
    const retainedFor: Subscription[] = [];
    const since = host.retainedMark;
    let reason = this.#connected.gateRefusal('subscribe', now);
    const closed = reason === undefined ? undefined : { reasonCode: closedCode(version), reason };
    for (let at = 0; at < parsed.length; at += 1) {
      const one = this.#granted(parsed[at] as ParsedRequest, decision, at);
      if ('reasonCode' in one) counters.subscribeAuthError += 1;
      const answer = 'reasonCode' in one ? one : (closed ?? this.#add(one, packet, retainedFor));
      codes.push(answer.reasonCode);
      reason ??= answer.reason;
    }
    if (version === 3 && codes.some((code) => code >= 0x80)) {
      // MQTT 3.1 has no failure code in SUBACK: a grant must not be pretended.
      client.disconnect(ReasonCode.NotAuthorized, 'subscription refused', now);
      return;
    }
    const ticket = session.persistent && !host.durability.refusing ? host.durability.ticket : 0;
    const isAdded = codes.some((code) => code < 0x80);
    this.#answers.answer(
      ticket,
      isAdded ? host.confirmSubscribed() : undefined,
      (when) => {
        const properties = output.reasonProperties(reason);
        const { maximumPacketSize } = output;
        const { writer } = client.link;
        const { packetIdentifier } = packet;
        if (!writeSuback(writer, version, packetIdentifier, codes, properties, maximumPacketSize)) {
          this.#onTooLarge('SUBACK', when);
          return;
        }
        counters.subackSent += 1;
        client.link.touch();
        for (const subscription of retainedFor) {
          host.sendRetained(session, subscription, since, when);
        }
      },
      now,
    );
  }

  /** An answer that this client cannot take must not be sent [MQTT5-3.1.2-24]. */
  #onTooLarge(packetName: string, now: number): void {
    const reason = `${packetName} is larger than the client’s Maximum Packet Size`;
    this.#connected.client.disconnect(ReasonCode.PacketTooLarge, reason, now);
  }

  /** The request as the back ends want it, or the refusal. */
  #granted(
    parsed: ParsedRequest,
    decision: Decision<SubscribeModifiers> | undefined,
    at: number,
  ): ParsedRequest | Refusal {
    if (decision === undefined) return parsed;
    if (decision.verdict !== 'allow') return refusalOf(decision);
    const verdict = decision.modifiers?.verdicts[at];
    if (verdict === undefined) return parsed;
    if ('refused' in verdict) return { reasonCode: verdict.refused, reason: undefined };
    if (verdict.topicFilter === parsed.request.topicFilter && verdict.qos === parsed.request.qos) {
      return parsed;
    }
    const request = { ...parsed.request, topicFilter: verdict.topicFilter, qos: verdict.qos };
    const shared = parseSharedFilter(verdict.topicFilter);
    if (shared === undefined) return { request, group: undefined, filter: verdict.topicFilter };
    if ('reason' in shared) {
      return { reasonCode: ReasonCode.TopicFilterInvalid, reason: shared.reason };
    }
    return { request, group: shared.group, filter: shared.filter };
  }

  /**
   * Adds or replaces one subscription. Returns its code for SUBACK.
   * Statements: [MQTT5-3.2.2-10] [MQTT5-3.8.4-7] [MQTT5-3.9.3-2] [MQTT3-3.8.4-3]
   */
  #add(parsed: ParsedRequest, packet: SubscribePacket, retainedFor: Subscription[]): Refusal {
    const { session, host, isBridge } = this.#connected;
    const { request } = parsed;
    const maximum = host.settings.maxSubscriptionsPerClient;
    const isNewFilter = !session.subscriptions.has(request.topicFilter);
    if (maximum > 0 && isNewFilter && session.subscriptions.size >= maximum) {
      const reason = `max_subscriptions_per_client (${maximum}) is reached`;
      return { reasonCode: ReasonCode.QuotaExceeded, reason };
    }
    if (session.persistent && host.durability.refusing) {
      const reason = 'the subscription could not be stored';
      return { reasonCode: ReasonCode.QuotaExceeded, reason };
    }
    const qos = Math.min(request.qos, host.settings.maximumQoS) as QoS;
    const subscription = new Subscription(
      session,
      request.topicFilter,
      parsed.group,
      parsed.filter,
      {
        qos,
        noLocal: request.noLocal || isBridge,
        retainAsPublished: request.retainAsPublished || isBridge,
        retainHandling: request.retainHandling,
      },
      packet.properties.subscriptionIdentifiers?.[0],
    );
    const isNew = host.subscribe(session, subscription);
    // [MQTT5-3.8.4-4], [MQTT5-3.3.1-9..11]; shared subscriptions get no retained messages.
    const wantsRetained = request.retainHandling === 0 || (request.retainHandling === 1 && isNew);
    if (wantsRetained && parsed.group === undefined) retainedFor.push(subscription);
    return { reasonCode: qos, reason: undefined };
  }

  // One UNSUBACK, whatever was there: [MQTT5-3.10.4-4] [MQTT5-3.10.4-5] [MQTT5-3.10.4-6]
  // [MQTT5-3.11.3-1] [MQTT5-3.11.3-2] [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6]
  #unsubscribe(
    packet: UnsubscribePacket,
    decision: Decision<UnsubscribeModifiers>,
    now: number,
  ): void {
    const { session, host } = this.#connected;
    if (decision.verdict === 'deny') {
      const { reasonCode, reason } = refusalOf(decision);
      const codes = packet.topicFilters.map(() => reasonCode);
      this.#answers.answer(
        0,
        undefined,
        (when) => this.#sendUnsuback(packet, codes, reason, when),
        now,
      );
      return;
    }
    const closed = this.#connected.gateRefusal('unsubscribe', now);
    if (closed !== undefined) {
      this.#refuseUnsubscribe(packet, closed, now);
      return;
    }
    const changed = decision.verdict === 'allow' ? decision.modifiers?.topicFilters : undefined;
    const codes = packet.topicFilters.map((topicFilter, at) =>
      host.unsubscribe(session, changed?.[at] ?? topicFilter)
        ? ReasonCode.Success
        : ReasonCode.NoSubscriptionExisted,
    );
    const ticket = session.persistent && !host.durability.refusing ? host.durability.ticket : 0;
    const answer = (when: number): void => this.#sendUnsuback(packet, codes, undefined, when);
    this.#answers.answer(ticket, undefined, answer, now);
  }

  /** A cluster without a member does not unsubscribe. 3.x has no UNSUBACK that says so. */
  #refuseUnsubscribe(packet: UnsubscribePacket, reason: string, now: number): void {
    if (this.#connected.version !== 5) {
      this.#connected.onRefused('unsubscribe', now);
      return;
    }
    const codes = packet.topicFilters.map(() => ReasonCode.ImplementationSpecificError);
    this.#answers.answer(
      0,
      undefined,
      (when) => this.#sendUnsuback(packet, codes, reason, when),
      now,
    );
  }

  #sendUnsuback(
    packet: UnsubscribePacket,
    codes: readonly number[],
    reason: string | undefined,
    now: number,
  ): void {
    const { output, client, version, counters } = this.#connected;
    const properties = output.reasonProperties(reason);
    const { maximumPacketSize } = output;
    const { writer } = client.link;
    const { packetIdentifier } = packet;
    if (!writeUnsuback(writer, version, packetIdentifier, codes, properties, maximumPacketSize)) {
      this.#onTooLarge('UNSUBACK', now);
      return;
    }
    counters.unsubackSent += 1;
    client.link.touch();
  }
}

function closedCode(version: ProtocolVersion): number {
  return version === 5 ? ReasonCode.ImplementationSpecificError : ReasonCode.UnspecifiedError;
}
