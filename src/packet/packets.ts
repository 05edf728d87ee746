/**
 * The control packets as plain records, one shape for all protocol versions. What a version does
 * not have is absent (`undefined`), never a made-up value.
 *
 * PUBLISH and the four acknowledgements do not appear here: on the hot path the decoder fills one
 * reused view per connection (see decoder.ts) and the encoder takes plain arguments.
 */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** 3 is MQTT 3.1 (`MQIsdp`), 4 is 3.1.1, 5 is 5.0. The bridge bit (0x80) is a field of its own. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

export type UserProperty = readonly [name: string, value: string];

/**
 * All properties of MQTT 5 section 2.2.2.2; which packet may carry which is checked in decoding.
 */
export interface Properties {
  payloadFormatIndicator?: number;
  /** Seconds. */
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** More than one only in a PUBLISH that the server sends. */
  subscriptionIdentifiers?: number[];
  /** Seconds; 0xffffffff never expires. */
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  /** Seconds. */
  serverKeepAlive?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: number;
  /** Seconds. */
  willDelayInterval?: number;
  requestResponseInformation?: number;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQoS?: number;
  retainAvailable?: number;
  /** In order of appearance [MQTT5-3.3.2-17]. */
  userProperties?: UserProperty[];
  /** Bytes of a whole control packet. */
  maximumPacketSize?: number;
  wildcardSubscriptionAvailable?: number;
  subscriptionIdentifierAvailable?: number;
  sharedSubscriptionAvailable?: number;
}

export interface Will {
  topicName: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  /** Will Properties; empty for 3.x. */
  properties: Properties;
}

export interface ConnectPacket {
  type: typeof PacketType.Connect;
  protocolVersion: ProtocolVersion;
  /** The protocol level byte had bit 7 set (131, 132): a bridge, as Mosquitto marks it. */
  bridge: boolean;
  cleanStart: boolean;
  /** Seconds; 0 switches the keep alive off. */
  keepAlive: number;
  /** May be empty; what an empty one means differs by version. */
  clientIdentifier: string;
  userName: string | undefined;
  password: Uint8Array | undefined;
  will: Will | undefined;
  /** Empty for 3.x. */
  properties: Properties;
}

export type RetainHandling = 0 | 1 | 2;

export interface SubscriptionRequest {
  /** As received, including `$share/…`. Valid UTF-8; its filter syntax is checked by `topic`. */
  topicFilter: string;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
}

export interface SubscribePacket {
  type: typeof PacketType.Subscribe;
  packetIdentifier: number;
  subscriptions: SubscriptionRequest[];
  properties: Properties;
}

export interface UnsubscribePacket {
  type: typeof PacketType.Unsubscribe;
  packetIdentifier: number;
  topicFilters: string[];
  properties: Properties;
}

export interface PingreqPacket {
  type: typeof PacketType.Pingreq;
}

export interface DisconnectPacket {
  type: typeof PacketType.Disconnect;
  /** 0 for 3.x. */
  reasonCode: number;
  properties: Properties;
}

export interface AuthPacket {
  type: typeof PacketType.Auth;
  reasonCode: number;
  properties: Properties;
}

/** Packets that a client sends, other than PUBLISH and the acknowledgements of publishes. */
export type ClientPacket =
  | ConnectPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;

/** What a peer did wrong: returned, never thrown across rooms. */
export interface ProtocolError {
  readonly reasonCode: number;
  /** One sentence for the log and the Reason String; holds no payload and no password. */
  readonly reason: string;
  /** The specification statement that was broken, as `MQTT5-2.2.2-1` or `MQTT3-1.5.3-1`. */
  readonly statement: string | undefined;
}
