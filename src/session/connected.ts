import type { ClientFacts, EnhancedAnswer } from '../auth/mod.js';
import type { VersionCounters } from '../metrics/mod.js';
import {
  type AuthPacket,
  type DisconnectPacket,
  PacketType,
  type Properties,
  type ProtocolVersion,
  ReasonCode,
  reasonCodeName,
  writeAuth,
  writeConnack,
  writePingresp,
  writePubrel,
} from '../packet/mod.js';
import { type ConnectedClient, type Connection, type RefusedBy, Wait } from './connection.js';
import type { GateOperation } from './gates.js';
import type { ClientHost, Registration } from './host.js';
import type { ClientLimits } from './limits.js';
import type { CloseCause } from './link.js';
import { ClientOutput } from './output.js';
import { PublishIntake } from './publish-intake.js';
import { refusalOf } from './refusal.js';
import type { Session } from './session.js';
import { SubscriptionRequests } from './subscription-requests.js';

/** [MQTT5-3.1.2-22]: one and a half times the Keep Alive. */
const keepAliveFactor = 1.5;

/**
 * A client that has its CONNACK. Takes every packet type that a client may send and keeps the
 * deadlines of the connection.
 */
export class Connected implements ConnectedClient {
  readonly client: Connection;
  readonly session: Session;
  readonly output: ClientOutput;
  readonly version: ProtocolVersion;
  readonly counters: VersionCounters;
  readonly limits: ClientLimits;
  readonly facts: ClientFacts;
  readonly isBridge: boolean;
  /** Server Reference for the DISCONNECT that is being sent. */
  redirect: string | undefined = undefined;
  readonly #registration: Registration;
  readonly #intake: PublishIntake;
  readonly #requests: SubscriptionRequests;
  readonly #keepAliveMs: number;
  readonly #connectedAt: number;
  #hasConnack = false;
  /** Milliseconds since the epoch; 0: reading is not delayed. */
  #readAgainAt = 0;
  /** Milliseconds since the epoch at which a 3.x client that was refused is closed; 0: not. */
  #closeAt = 0;
  #refusedBy: RefusedBy = 'store';
  /** State of a re-authentication under way. */
  #reAuthentication: { state: unknown } | undefined;

  constructor(client: Connection, registration: Registration, session: Session, now: number) {
    const { connect, limits } = registration;
    const { settings, metrics } = client.host;
    this.client = client;
    this.session = session;
    this.limits = limits;
    this.version = connect.protocolVersion;
    this.counters = this.version === 5 ? metrics.v5 : metrics.v4;
    this.isBridge = connect.bridge;
    this.facts = {
      mountpoint: registration.mountpoint,
      clientIdentifier: registration.clientIdentifier,
      userName: connect.userName,
      protocolVersion: this.version,
    };
    this.#registration = registration;
    this.#connectedAt = now;
    const { maxKeepAlive } = settings;
    const capped =
      connect.keepAlive === 0 ? maxKeepAlive : Math.min(connect.keepAlive, maxKeepAlive);
    const isCapped = maxKeepAlive > 0 && this.version === 5;
    this.#keepAliveMs = (isCapped ? capped : connect.keepAlive) * 1000 * keepAliveFactor;
    const inflightMax = limits.maxInflightMessages === 0 ? 65_535 : limits.maxInflightMessages;
    const receiveMaximum = connect.properties.receiveMaximum ?? 65_535;
    this.output = new ClientOutput(
      this.version,
      client.link,
      session,
      {
        window:
          this.version === 5 ? Math.min(receiveMaximum, settings.receiveMaxClient) : inflightMax,
        maximumPacketSize: connect.properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
        wantsReasons: connect.properties.requestProblemInformation !== 0,
        topicAliasMaximum: Math.min(
          connect.properties.topicAliasMaximum ?? 0,
          settings.topicAliasMaxBroker,
        ),
      },
      {
        metrics,
        durability: client.host.durability,
        writeBufferLimit: client.host.writeBufferLimit,
        onPublishRefused: (_qos, _identifier, when) => this.onRefused('store', when),
      },
      client,
    );
    this.#intake = new PublishIntake(this);
    this.#requests = new SubscriptionRequests(this);
  }

  get host(): ClientHost {
    return this.client.host;
  }

  get hasConnack(): boolean {
    return this.#hasConnack;
  }

  /**
   * CONNACK, once what it promises is durable; then what waited for this client.
   * Statements: [MQTT5-3.1.4-5] [MQTT3-3.1.4-4]
   */
  begin(properties: Properties, sessionPresent: boolean, ticket: number, now: number): void {
    const { client, output, session } = this;
    client.block(Wait.Connack);
    output.whenDurable(
      ticket,
      (when) => {
        const { writer } = client.link;
        const { maximumPacketSize } = output;
        const code = ReasonCode.Success;
        if (
          !writeConnack(writer, this.version, sessionPresent, code, properties, maximumPacketSize)
        ) {
          this.#onConnackTooLarge(when);
          return;
        }
        this.#hasConnack = true;
        this.counters.connackSent.add(code);
        client.link.touch();
        this.#logConnected(sessionPresent);
        session.attach(output, when);
        this.setDeadline(when);
        client.unblock(Wait.Connack, when);
      },
      now,
    );
  }

  onPacket(type: PacketType, now: number): void {
    const { decoder } = this.client;
    const { ack } = decoder;
    switch (type) {
      case PacketType.Publish:
        this.#intake.onPublish(decoder.publish, now);
        return;
      case PacketType.Puback:
        this.counters.pubackReceived.add(ack.reasonCode);
        if (!this.session.onPuback(ack.packetIdentifier, now))
          this.counters.pubackInvalidError += 1;
        return;
      case PacketType.Pubrec:
        this.#onPubrec(ack.packetIdentifier, ack.reasonCode, now);
        return;
      case PacketType.Pubrel:
        this.counters.pubrelReceived.add(ack.reasonCode);
        this.#intake.onPubrel(ack.packetIdentifier);
        return;
      case PacketType.Pubcomp:
        this.counters.pubcompReceived.add(ack.reasonCode);
        if (!this.session.onPubcomp(ack.packetIdentifier, now)) {
          this.counters.pubcompInvalidError += 1;
        }
        return;
      // Statements: [MQTT5-3.12.4-1] [MQTT3-3.12.4-1]
      case PacketType.Pingreq:
        this.counters.pingreqReceived += 1;
        writePingresp(this.client.link.writer);
        this.counters.pingrespSent += 1;
        this.client.link.touch();
        return;
      default:
        this.#onRarePacket(now);
    }
  }

  onDeadline(now: number): void {
    const { client, limits } = this;
    if (this.#readAgainAt !== 0 && now >= this.#readAgainAt) {
      this.#readAgainAt = 0;
      client.unblock(Wait.Rate, now);
      if (client.isClosed) return;
    }
    if (
      this.#keepAliveMs > 0 &&
      now - client.lastPacketAt >= this.#keepAliveMs &&
      !client.isBlocked
    ) {
      this.counters.keepaliveExpired += 1;
      client.disconnect(ReasonCode.KeepAliveTimeout, 'nothing heard within the keep alive', now);
      return;
    }
    const lifetimeMs = limits.maxConnectionLifetime * 1000;
    if (lifetimeMs > 0 && now - this.#connectedAt >= lifetimeMs) {
      client.disconnect(ReasonCode.MaximumConnectTime, 'max_connection_lifetime is over', now);
      return;
    }
    if (this.#closeAt !== 0 && (now >= this.#closeAt || this.#mayResend())) {
      client.disconnect(
        ReasonCode.QuotaExceeded,
        'closed so that refused messages are resent',
        now,
      );
      return;
    }
    if (this.version !== 5 && limits.retryIntervalMs > 0) {
      this.session.retry(limits.retryIntervalMs, now);
    }
    this.setDeadline(now);
  }

  // The silence that is allowed: [MQTT3-3.1.2-24]
  setDeadline(now: number): void {
    const { limits } = this;
    let deadline = Number.POSITIVE_INFINITY;
    if (this.#keepAliveMs > 0) {
      const silentAt = this.client.lastPacketAt + this.#keepAliveMs;
      deadline = this.client.isBlocked ? Math.max(silentAt, now + 1000) : silentAt;
    }
    if (limits.maxConnectionLifetime > 0) {
      deadline = Math.min(deadline, this.#connectedAt + limits.maxConnectionLifetime * 1000);
    }
    if (this.#readAgainAt !== 0) deadline = Math.min(deadline, this.#readAgainAt);
    if (this.#closeAt !== 0) deadline = Math.min(deadline, now + 1000);
    if (this.version !== 5 && limits.retryIntervalMs > 0) {
      const isSending = this.session.inflightCount > 0;
      const interval = isSending
        ? Math.max(limits.retryIntervalMs / 4, 1000)
        : limits.retryIntervalMs;
      deadline = Math.min(deadline, now + interval);
    }
    if (deadline < Number.POSITIVE_INFINITY) this.host.setDeadline(this.client, deadline);
    else this.host.clearDeadline(this.client);
  }

  delayReading(when: number, now: number): void {
    this.#readAgainAt = Math.max(this.#readAgainAt, when);
    this.client.block(Wait.Rate);
    this.setDeadline(now);
  }

  gateRefusal(operation: GateOperation, now: number): string | undefined {
    const { gates } = this.host;
    if (gates.isOpen) return undefined;
    const closed = gates.refusal(operation, this.limits.gates[operation]);
    if (closed !== undefined) gates.noteRefused(operation, this.session, now);
    return closed;
  }

  onRefused(by: RefusedBy, now: number): void {
    if (by !== 'unsubscribe') this.counters.publishError += 1;
    if (this.version === 5 || this.#closeAt !== 0) return;
    this.#refusedBy = by;
    this.#closeAt = now + this.host.settings.refusedCloseAfterMs;
    this.setDeadline(now);
  }

  /** What stood in the way of this 3.x client is over. */
  #mayResend(): boolean {
    if (this.#refusedBy === 'store') return !this.host.durability.refusing;
    const { gates } = this.host;
    return gates.refusal(this.#refusedBy, this.limits.gates[this.#refusedBy]) === undefined;
  }

  get isRefusing(): boolean {
    return this.#closeAt !== 0;
  }

  onConnectionLost(cause: CloseCause, now: number): void {
    const why = cause.kind === 'error' ? `connection lost: ${cause.message}` : 'connection closed';
    this.#end(why, false, now);
  }

  onDisconnectedByServer(reasonCode: number, reason: string, now: number): void {
    const why = `disconnected by server: ${reasonCodeName(reasonCode)}: ${reason}`;
    this.#end(why, false, now);
  }

  #end(why: string, discardWill: boolean, now: number): void {
    this.output.close();
    this.host.log.info(
      { client: this.session.clientIdentifier, mountpoint: this.session.mountpoint },
      `client disconnected: ${why}`,
    );
    this.host.connectionEnded(this.session, discardWill, now);
  }

  #onRarePacket(now: number): void {
    const packet = this.client.decoder.packet;
    switch (packet?.type) {
      case PacketType.Subscribe:
        this.#requests.onSubscribe(packet, now);
        return;
      case PacketType.Unsubscribe:
        this.#requests.onUnsubscribe(packet, now);
        return;
      case PacketType.Disconnect:
        this.#onDisconnect(packet, now);
        return;
      case PacketType.Auth:
        this.#onAuth(packet, now);
        return;
      default:
        // [MQTT5-3.1.0-2], [MQTT3-3.1.0-2]; other types are the server's to send.
        this.client.disconnect(ReasonCode.ProtocolError, 'packet not allowed here', now);
    }
  }

  /** [MQTT5-3.1.2-24]: not even its CONNACK may be sent, so the client cannot be served. */
  #onConnackTooLarge(now: number): void {
    this.client.closeQuietly('abort');
    this.#end('CONNACK is larger than the client’s Maximum Packet Size', true, now);
  }

  #onPubrec(packetIdentifier: number, reasonCode: number, now: number): void {
    this.counters.pubrecReceived.add(reasonCode);
    if (this.session.onPubrec(packetIdentifier, reasonCode, now)) return;
    this.counters.pubrecInvalidError += 1;
    if (reasonCode >= 0x80) return;
    const unknown = this.version === 5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    writePubrel(this.client.link.writer, this.version, packetIdentifier, unknown);
    this.counters.pubrelSent.add(unknown);
    this.client.link.touch();
  }

  // Nothing is sent after it, and the connection ends [MQTT5-3.14.4-1] [MQTT5-3.14.4-2]
  #onDisconnect(packet: DisconnectPacket, now: number): void {
    this.counters.disconnectReceived.add(packet.reasonCode);
    const interval = packet.properties.sessionExpiryInterval;
    if (interval !== undefined) {
      const asked = this.#registration.connect.properties.sessionExpiryInterval ?? 0;
      if (asked === 0 && interval !== 0) {
        const reason = 'session expiry was 0 in CONNECT and cannot be raised [MQTT5-3.14.2-2]';
        this.client.disconnect(ReasonCode.ProtocolError, reason, now);
        return;
      }
      // Where the server made it 0, nothing of the session was stored: it stays 0.
      if (this.session.persistent) {
        const maximum = this.host.settings.maxSessionExpiryInterval ?? interval;
        this.session.expiryInterval = Math.min(interval, maximum);
        this.host.durability.sessionChanged(this.session);
      }
    }
    // [MQTT5-3.14.4-3], [MQTT3-3.14.4-3]: the will is discarded. Any other reason than a normal
    // disconnection leaves it in force [MQTT5-3.1.2-8], [MQTT5-3.1.2-10].
    const discardWill = packet.reasonCode === ReasonCode.Success;
    this.client.closeQuietly('flush');
    const why = packet.reasonCode === 0 ? 'DISCONNECT' : reasonCodeName(packet.reasonCode);
    this.#end(`by client: ${why}`, discardWill, now);
  }

  /** Re-authentication, MQTT 5 section 4.12.1. */
  #onAuth(packet: AuthPacket, now: number): void {
    this.counters.authReceived.add(packet.reasonCode);
    const { client } = this;
    const method = this.#registration.connect.properties.authenticationMethod;
    if (method === undefined || packet.properties.authenticationMethod !== method) {
      const reason = 'AUTH must name the method of CONNECT [MQTT5-4.12.1-1]';
      client.disconnect(ReasonCode.ProtocolError, reason, now);
      return;
    }
    const isStart = packet.reasonCode === ReasonCode.ReAuthenticate;
    if (isStart === (this.#reAuthentication !== undefined)) {
      client.disconnect(ReasonCode.ProtocolError, 'AUTH out of order', now);
      return;
    }
    let isLate = false;
    const answer = client.auth.enhanced(
      {
        client: {
          peer: client.link.peer,
          protocolVersion: this.version,
          mountpoint: this.facts.mountpoint,
          clientIdentifier: this.facts.clientIdentifier,
          userName: this.facts.userName,
          cleanStart: this.#registration.cleanStart,
          properties: this.#registration.connect.properties,
        },
        authenticationMethod: method,
        authenticationData: packet.properties.authenticationData,
        reAuthentication: true,
        state: this.#reAuthentication?.state,
      },
      (late) => {
        if (isLate) client.decided((when) => this.#onReAuthentication(method, late, when));
      },
    );
    isLate = true;
    if (answer === undefined) client.block(Wait.Decision);
    else this.#onReAuthentication(method, answer, now);
  }

  #onReAuthentication(method: string, answer: EnhancedAnswer, now: number): void {
    if (answer.verdict === 'deny') {
      // [MQTT5-4.12.1-2]; what only the log may say is not for the client.
      this.host.log.info(
        { client: this.facts.clientIdentifier, mountpoint: this.facts.mountpoint },
        `re-authentication failed: ${answer.reason}`,
      );
      const reason = refusalOf(answer).reason ?? 're-authentication failed';
      this.client.disconnect(answer.reasonCode, reason, now);
      return;
    }
    const isDone = answer.verdict === 'allow';
    this.#reAuthentication = answer.verdict === 'continue' ? { state: answer.state } : undefined;
    const reasonCode = isDone ? ReasonCode.Success : ReasonCode.ContinueAuthentication;
    const data = answer.authenticationData;
    const properties = {
      authenticationMethod: method,
      ...(data === undefined ? {} : { authenticationData: data }),
    };
    const { maximumPacketSize } = this.output;
    if (!writeAuth(this.client.link.writer, reasonCode, properties, maximumPacketSize)) {
      const reason = 'AUTH is larger than the client’s Maximum Packet Size';
      this.client.disconnect(ReasonCode.PacketTooLarge, reason, now);
      return;
    }
    this.counters.authSent.add(reasonCode);
    this.client.link.touch();
  }

  #logConnected(sessionPresent: boolean): void {
    const { connect } = this.#registration;
    const { peer } = this.client.link;
    this.host.log.info(
      {
        client: this.facts.clientIdentifier,
        mountpoint: this.facts.mountpoint,
        user: this.facts.userName,
        peer: peer.host,
        port: peer.port,
        listener: peer.listener.name,
        protocol: connect.protocolVersion,
        cleanStart: this.#registration.cleanStart,
        sessionPresent,
        keepAlive: connect.keepAlive,
      },
      'client connected',
    );
  }
}
