import type {
  Deny,
  EnhancedAnswer,
  Next,
  RegisterModifiers,
  RegisterRequest,
} from '../auth/mod.js';
import {
  type AuthPacket,
  type ConnectPacket,
  PacketType,
  type Properties,
  type ProtocolError,
  ReasonCode,
  reasonCodeName,
  writeAuth,
  writeConnack,
} from '../packet/mod.js';
import { checkTopicName } from '../topic/mod.js';
import { type Connection, Wait } from './connection.js';
import { connackReasonOf, effectiveExpiry, identityProblem, willOf } from './connect-rules.js';
import type { Registration } from './host.js';
import { limitsOf } from './limits.js';
import type { CloseCause } from './link.js';
import type { SessionWill } from './will.js';

/**
 *   waiting for CONNECT ─▶ deciding ◀──▶ challenged (AUTH) ─▶ registering ─▶ (Connected takes over)
 */
type Step =
  | { readonly name: 'waiting' }
  | { readonly name: 'deciding'; readonly connect: ConnectPacket }
  | { readonly name: 'challenged'; readonly connect: ConnectPacket; readonly state: unknown }
  | { readonly name: 'registering'; readonly connect: ConnectPacket };

/**
 * From the first byte to the CONNACK: checks of CONNECT (MQTT 5 section 3.1, 3.1.1 section 3.1),
 * authentication, the authorisation of the will. The session itself is the broker's.
 * What goes wrong ends the connection, and nothing but CONNACK and AUTH leaves meanwhile:
 * [MQTT5-3.1.4-1] [MQTT5-3.1.4-2] [MQTT5-3.1.4-6] [MQTT5-3.2.0-1] [MQTT5-3.2.0-2] [MQTT5-3.14.0-1]
 * [MQTT3-3.1.4-1] [MQTT3-3.1.4-5] [MQTT3-3.2.0-1] [MQTT3-3.2.2-6]
 */
export class Handshake {
  readonly #client: Connection;
  #step: Step = { name: 'waiting' };
  /** Set when the server made the identifier [MQTT5-3.2.2-16]. */
  #assignedIdentifier: string | undefined;
  #clientIdentifier = '';
  #mountpoint: string;
  /** Authentication Data for CONNACK, from the last round of enhanced authentication. */
  #authenticationData: Uint8Array | undefined;

  constructor(client: Connection, _now: number) {
    this.#client = client;
    this.#mountpoint = client.link.peer.listener.mountpoint;
  }

  onPacket(type: PacketType, now: number): void {
    const packet = this.#client.decoder.packet;
    const step = this.#step;
    if (type === PacketType.Connect && packet?.type === PacketType.Connect) {
      if (step.name === 'waiting') this.#onConnect(packet, now);
      else this.refuse(ReasonCode.ProtocolError, 'a second CONNECT [MQTT5-3.1.0-2]');
      return;
    }
    if (
      type === PacketType.Auth &&
      packet?.type === PacketType.Auth &&
      step.name === 'challenged'
    ) {
      this.#onAuth(packet, step, now);
      return;
    }
    // [MQTT5-3.1.2-30]: during enhanced authentication only AUTH and DISCONNECT may come.
    if (type === PacketType.Disconnect) this.#client.closeQuietly('abort');
    else this.refuse(ReasonCode.ProtocolError, 'only AUTH or DISCONNECT may come before CONNACK');
  }

  onMalformed(error: ProtocolError): void {
    const { host, decoder, link } = this.#client;
    host.log.info(
      { peer: link.peer.host, listener: link.peer.listener.name, statement: error.statement },
      `connection closed: ${error.reason}`,
    );
    if (error.reasonCode === ReasonCode.UnsupportedProtocolVersion) {
      // [MQTT3-3.1.2-2] [MQTT5-3.1.2-2]: in the form of the version that is nearest.
      const version = decoder.protocolVersion === 5 ? 5 : 4;
      this.#writeRefusal(version, error.reasonCode, error.reason);
      this.#client.closeQuietly('flush');
    } else if (decoder.protocolVersion === 5) {
      this.#writeRefusal(5, error.reasonCode, error.reason, undefined);
      this.#client.closeQuietly('flush');
    } else {
      this.#client.closeQuietly('abort');
    }
  }

  onTimeout(_now: number): void {
    const { host, link } = this.#client;
    host.metrics.socketCloseTimeout += 1;
    host.log.info(
      { peer: link.peer.host, listener: link.peer.listener.name },
      `connection closed: no complete CONNECT within mqtt_connect_timeout`,
    );
    this.#client.closeQuietly('abort');
  }

  onConnectionLost(cause: CloseCause): void {
    const { host, link } = this.#client;
    host.log.debug({ peer: link.peer.host, cause: cause.kind }, 'connection ended before CONNACK');
  }

  /**
   * CONNACK with an error, then the connection ends [MQTT5-3.2.2-7], [MQTT3-3.2.2-5]. `level`:
   * debug for what is said elsewhere, once a minute.
   */
  refuse(reasonCode: number, reason: string, deny?: Deny, level: 'info' | 'debug' = 'info'): void {
    const { host, link, decoder } = this.#client;
    const step = this.#step;
    host.log[level](
      {
        client: this.#clientIdentifier,
        mountpoint: this.#mountpoint,
        peer: link.peer.host,
        port: link.peer.port,
        listener: link.peer.listener.name,
        code: reasonCodeName(reasonCode),
      },
      `can't register client {${this.#mountpoint}, ${this.#clientIdentifier}} due to reason ${reason}`,
    );
    if (step.name !== 'waiting' && decoder.protocolVersion !== 0) {
      const code = connackReasonOf(reasonCode);
      this.#writeRefusal(decoder.protocolVersion, code, reason, deny);
      this.#client.closeQuietly('flush');
    } else {
      this.#client.closeQuietly('abort');
    }
  }

  /**
   * What CONNACK tells a v5 client that was accepted; only what differs from the defaults.
   * Statements: [MQTT5-3.1.2-28] [MQTT5-3.1.3-7] [MQTT5-3.2.2-9] [MQTT5-3.2.2-22] [MQTT5-4.12.0-6]
   */
  connackProperties(registration: Registration): Properties {
    const { connect, limits } = registration;
    const settings = this.#client.host.settings;
    const properties: Properties = {};
    if (connect.protocolVersion !== 5) return properties;
    const asked = connect.properties.sessionExpiryInterval ?? 0;
    if (registration.expiryInterval !== asked) {
      properties.sessionExpiryInterval = registration.expiryInterval;
    }
    if (settings.receiveMaxBroker < 65_535) properties.receiveMaximum = settings.receiveMaxBroker;
    if (settings.maximumQoS < 2) properties.maximumQoS = settings.maximumQoS;
    if (!settings.retainAvailable) properties.retainAvailable = 0;
    if (limits.maxMessageSize > 0) properties.maximumPacketSize = limits.maxMessageSize;
    if (this.#assignedIdentifier !== undefined) {
      properties.assignedClientIdentifier = this.#assignedIdentifier;
    }
    if (settings.topicAliasMaxClient > 0)
      properties.topicAliasMaximum = settings.topicAliasMaxClient;
    const { maxKeepAlive } = settings;
    if (maxKeepAlive > 0 && (connect.keepAlive === 0 || connect.keepAlive > maxKeepAlive)) {
      properties.serverKeepAlive = maxKeepAlive;
    }
    const method = connect.properties.authenticationMethod;
    if (method !== undefined) {
      properties.authenticationMethod = method;
      if (this.#authenticationData !== undefined) {
        properties.authenticationData = this.#authenticationData;
      }
    }
    return properties;
  }

  #onConnect(connect: ConnectPacket, now: number): void {
    const { host, link } = this.#client;
    this.#step = { name: 'deciding', connect };
    this.#clientIdentifier = connect.clientIdentifier;
    const counters = connect.protocolVersion === 5 ? host.metrics.v5 : host.metrics.v4;
    counters.connectReceived += 1;
    const level = connect.protocolVersion | (connect.bridge ? 0x80 : 0);
    if (!link.peer.listener.allowedProtocolVersions.includes(level)) {
      this.refuse(
        ReasonCode.UnsupportedProtocolVersion,
        `unsupported_protocol_version: level ${level} is not in allowed_protocol_versions`,
      );
      return;
    }
    const problem = identityProblem(connect, host.settings) ?? this.#willProblem(connect);
    if (problem !== undefined) {
      this.refuse(problem.reasonCode, problem.reason);
      return;
    }
    if (connect.clientIdentifier === '') {
      this.#clientIdentifier = host.newClientIdentifier(this.#mountpoint);
      this.#assignedIdentifier = this.#clientIdentifier;
    }
    if (connect.properties.authenticationMethod !== undefined) {
      this.#askEnhanced(connect, connect.properties.authenticationData, undefined, now);
    } else if (host.settings.allowAnonymous || link.peer.listener.allowAnonymousOverride) {
      this.#authenticated(connect, undefined, now);
    } else {
      this.#askPassword(connect, now);
    }
  }

  #request(connect: ConnectPacket): RegisterRequest {
    return {
      peer: this.#client.link.peer,
      protocolVersion: connect.protocolVersion,
      mountpoint: this.#mountpoint,
      clientIdentifier: this.#clientIdentifier,
      userName: this.#client.link.peer.identity ?? connect.userName,
      password: connect.password,
      cleanStart: connect.cleanStart,
      properties: connect.properties,
    };
  }

  #askPassword(connect: ConnectPacket, now: number): void {
    const client = this.#client;
    let isLate = false;
    const decision = client.auth.register(this.#request(connect), (late) => {
      if (isLate) client.decided((when) => this.#onDecision(connect, late, when));
    });
    isLate = true;
    if (decision === undefined) client.block(Wait.Decision);
    else this.#onDecision(connect, decision, now);
  }

  #onDecision(
    connect: ConnectPacket,
    decision:
      | { verdict: 'allow'; modifiers: RegisterModifiers | undefined }
      | Deny
      | { verdict: 'next' },
    now: number,
  ): void {
    if (decision.verdict === 'allow') {
      this.#authenticated(connect, decision.modifiers, now);
      return;
    }
    this.#noteFailure(decision);
    if (decision.verdict === 'deny') this.refuse(decision.reasonCode, decision.reason, decision);
    else this.refuse(ReasonCode.NotAuthorized, 'no authentication back end knows this client');
  }

  /** Wrong credentials count against the address; a server that is busy or broken does not. */
  #noteFailure(decision: Deny | Next): void {
    const code = decision.verdict === 'deny' ? decision.reasonCode : ReasonCode.NotAuthorized;
    if (code === ReasonCode.ServerBusy || code === ReasonCode.ImplementationSpecificError) return;
    this.#client.host.loginFailed(this.#client.link.peer.host);
  }

  #askEnhanced(
    connect: ConnectPacket,
    authenticationData: Uint8Array | undefined,
    state: unknown,
    now: number,
  ): void {
    const client = this.#client;
    let isLate = false;
    const answer = client.auth.enhanced(
      {
        client: this.#request(connect),
        authenticationMethod: connect.properties.authenticationMethod as string,
        authenticationData,
        reAuthentication: false,
        state,
      },
      (late) => {
        if (isLate) client.decided((when) => this.#onEnhanced(connect, late, when));
      },
    );
    isLate = true;
    if (answer === undefined) client.block(Wait.Decision);
    else this.#onEnhanced(connect, answer, now);
  }

  // Statements: [MQTT5-4.12.0-2] [MQTT5-4.12.0-4]
  #onEnhanced(connect: ConnectPacket, answer: EnhancedAnswer, now: number): void {
    const { host, link } = this.#client;
    switch (answer.verdict) {
      case 'continue': {
        this.#step = { name: 'challenged', connect, state: answer.state };
        const data = answer.authenticationData;
        const properties = {
          authenticationMethod: connect.properties.authenticationMethod as string,
          ...(data === undefined ? {} : { authenticationData: data }),
        };
        const maximum = connect.properties.maximumPacketSize;
        const code = ReasonCode.ContinueAuthentication;
        if (!writeAuth(link.writer, code, properties, maximum)) {
          const reason = 'AUTH is larger than the client’s Maximum Packet Size [MQTT5-3.1.2-24]';
          this.refuse(ReasonCode.PacketTooLarge, reason);
          return;
        }
        host.metrics.v5.authSent.add(code);
        link.touch();
        return;
      }
      case 'allow':
        this.#authenticationData = answer.authenticationData;
        this.#authenticated(connect, answer.modifiers, now);
        return;
      case 'deny':
        this.#noteFailure(answer);
        this.refuse(answer.reasonCode, answer.reason, answer);
    }
  }

  #onAuth(packet: AuthPacket, step: Step & { name: 'challenged' }, now: number): void {
    this.#client.host.metrics.v5.authReceived.add(packet.reasonCode);
    const method = step.connect.properties.authenticationMethod;
    if (packet.reasonCode !== ReasonCode.ContinueAuthentication) {
      this.refuse(
        ReasonCode.ProtocolError,
        'AUTH must continue the authentication [MQTT5-4.12.0-3]',
      );
      return;
    }
    if (packet.properties.authenticationMethod !== method) {
      this.refuse(ReasonCode.ProtocolError, 'AUTH names another method [MQTT5-4.12.0-5]');
      return;
    }
    this.#step = { name: 'deciding', connect: step.connect };
    this.#askEnhanced(step.connect, packet.properties.authenticationData, step.state, now);
  }

  #authenticated(
    connect: ConnectPacket,
    modifiers: RegisterModifiers | undefined,
    now: number,
  ): void {
    if (modifiers?.mountpoint !== undefined) this.#mountpoint = modifiers.mountpoint;
    if (modifiers?.clientIdentifier !== undefined) {
      this.#clientIdentifier = modifiers.clientIdentifier;
      this.#assignedIdentifier = modifiers.clientIdentifier;
    }
    const userName = modifiers?.userName ?? this.#client.link.peer.identity ?? connect.userName;
    const { settings } = this.#client.host;
    const will = connect.will === undefined ? undefined : willOf(connect.will, settings);
    const registration: Registration = {
      client: this.#client,
      connect: { ...connect, userName, password: undefined, will: undefined },
      mountpoint: this.#mountpoint,
      clientIdentifier: this.#clientIdentifier,
      cleanStart: modifiers?.cleanSession ?? connect.cleanStart,
      expiryInterval: modifiers?.sessionExpiryInterval ?? effectiveExpiry(connect, settings),
      will,
      limits: limitsOf(settings, this.#client.link.peer.listener.maxConnectionLifetime, modifiers),
    };
    if (will === undefined) this.#register(registration, now);
    else this.#authoriseWill(registration, will, now);
  }

  /**
   * As VerneMQ: the will is authorised as the publish that it will be, when the client connects.
   */
  #authoriseWill(registration: Registration, will: SessionWill, now: number): void {
    const client = this.#client;
    const { auth } = client;
    if (!auth.hasPublish) {
      this.#register(registration, now);
      return;
    }
    let isLate = false;
    const decide = (verdict: string, when: number): void => {
      if (verdict === 'allow') this.#register(registration, when);
      else this.refuse(ReasonCode.NotAuthorized, `not_authorized: will topic ${will.topicName}`);
    };
    const decision = auth.publish(
      {
        client: {
          mountpoint: registration.mountpoint,
          clientIdentifier: registration.clientIdentifier,
          userName: registration.connect.userName,
          protocolVersion: registration.connect.protocolVersion,
        },
        topicName: will.topicName,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
        isWill: true,
      },
      (late) => {
        if (isLate) client.decided((when) => decide(late.verdict, when));
      },
    );
    isLate = true;
    if (decision === undefined) client.block(Wait.Decision);
    else decide(decision.verdict, now);
  }

  #register(registration: Registration, now: number): void {
    const { gates } = this.#client.host;
    if (!gates.isOpen) {
      const closed = gates.refusal('connect', registration.limits.gates.connect);
      if (closed !== undefined) {
        gates.noteRefused('connect', registration, now);
        // The gates log a refusal a minute: a cluster that refuses has thousands of clients.
        this.refuse(ReasonCode.ServerUnavailable, `not_ready: ${closed}`, undefined, 'debug');
        return;
      }
    }
    this.#step = { name: 'registering', connect: registration.connect };
    const client = this.#client;
    client.host.register(registration, now);
    // Another member has the session. What the client sends meanwhile is for later [MQTT5-3.1.4-5].
    if (!client.isClosed && !client.isConnected) client.block(Wait.Session);
  }

  #willProblem(connect: ConnectPacket): { reasonCode: number; reason: string } | undefined {
    const will = connect.will;
    if (will === undefined) return undefined;
    const { settings } = this.#client.host;
    const problem = checkTopicName(will.topicName, settings.topicMaxDepth);
    if (problem !== undefined) {
      return { reasonCode: ReasonCode.TopicNameInvalid, reason: `will topic: ${problem.reason}` };
    }
    if (will.topicName.startsWith('$')) {
      return {
        reasonCode: ReasonCode.NotAuthorized,
        reason: 'will topic: $-topics are the server’s',
      };
    }
    if (will.qos > settings.maximumQoS) {
      // [MQTT5-3.2.2-12]
      return { reasonCode: ReasonCode.QoSNotSupported, reason: 'will QoS is above maximum_qos' };
    }
    if (will.retain && !settings.retainAvailable) {
      // [MQTT5-3.2.2-13]
      return { reasonCode: ReasonCode.RetainNotSupported, reason: 'retain_available is off' };
    }
    return undefined;
  }

  // Statements: [MQTT5-3.1.3-8] [MQTT5-3.2.2-8] [MQTT5-4.13.2-1] [MQTT3-3.1.3-9]
  #writeRefusal(version: 3 | 4 | 5, reasonCode: number, reason: string, deny?: Deny): void {
    const { host, link } = this.#client;
    const properties: Properties = {};
    // A stranger is not told why, unless the back end says so; our own checks always say.
    if (deny === undefined || deny.tellClient === true) properties.reasonString = reason;
    if (deny?.serverReference !== undefined) properties.serverReference = deny.serverReference;
    const step = this.#step;
    const connect = step.name === 'waiting' ? undefined : step.connect;
    const maximum = connect?.properties.maximumPacketSize;
    if (!writeConnack(link.writer, version, false, reasonCode, properties, maximum)) return;
    if (version === 5) host.metrics.v5.connackSent.add(reasonCode);
    else host.metrics.v4.connackSent.add(reasonCode);
    link.touch();
  }
}
