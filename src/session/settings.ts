/**
 * What the core is told of the configuration: a frozen record, made from the option table by the
 * node. The comments name the option. Live changes replace the record as a whole.
 */
export interface Settings {
  /** nodename */
  readonly nodeName: string;
  /** allow_anonymous */
  readonly allowAnonymous: boolean;
  /** max_client_id_size, bytes of UTF-8 */
  readonly maxClientIdSize: number;
  /** max_subscriptions_per_client; 0 unlimited */
  readonly maxSubscriptionsPerClient: number;
  /** persistent_client_expiration, seconds; undefined never (3.x clients with clean session 0) */
  readonly persistentClientExpiration: number | undefined;
  /** max_session_expiry_interval, seconds; undefined: as the client asks (v5) */
  readonly maxSessionExpiryInterval: number | undefined;
  /** max_last_will_delay, seconds; undefined: as the client asks */
  readonly maxLastWillDelay: number | undefined;
  /** max_inflight_messages (3.x), 0 unlimited */
  readonly maxInflightMessages: number;
  /** max_online_messages, -1 unlimited */
  readonly maxOnlineMessages: number;
  /** max_offline_messages, -1 unlimited */
  readonly maxOfflineMessages: number;
  /** override_max_online_messages */
  readonly overrideMaxOnlineMessages: boolean;
  /** queue_type */
  readonly queueType: 'fifo' | 'lifo';
  /** retry_interval, milliseconds (3.x); 0 off */
  readonly retryIntervalMs: number;
  /** upgrade_outgoing_qos */
  readonly upgradeOutgoingQoS: boolean;
  /** max_message_size, bytes of a whole packet; 0: the protocol's 268,435,460 */
  readonly maxMessageSize: number;
  /** max_message_rate, PUBLISH per second and client; 0 unlimited */
  readonly maxMessageRate: number;
  /** topic_max_depth, levels */
  readonly topicMaxDepth: number;
  /** receive_max_client: caps what a v5 client asks for */
  readonly receiveMaxClient: number;
  /** receive_max_broker: announced to v5 clients, enforced for all */
  readonly receiveMaxBroker: number;
  /** topic_alias_max_client: inbound aliases, announced; 0 none */
  readonly topicAliasMaxClient: number;
  /** topic_alias_max_broker: outbound aliases; 0 none */
  readonly topicAliasMaxBroker: number;
  /** shared_subscription_policy */
  readonly sharedSubscriptionPolicy: SharedSubscriptionPolicy;
  /** suppress_lwt_on_session_takeover */
  readonly suppressWillOnTakeover: boolean;
  /** cluster.dead_node_wills */
  readonly deadNodeWills: 'majority' | 'on' | 'off';
  /** cluster.dead_node_will_delay, milliseconds */
  readonly deadNodeWillDelayMs: number;
  /** cluster.outbox_max_bytes, of what is parked for each other member; 0 no bound */
  readonly outboxMaxBytes: number;
  /** cluster.outbox_full */
  readonly outboxFull: 'drop' | 'refuse';
  /** mqtt_connect_timeout, milliseconds */
  readonly connectTimeoutMs: number;
  /** max_keepalive, seconds; 0: as the client asks. v5: announced as Server Keep Alive */
  readonly maxKeepAlive: number;
  /** retain_available */
  readonly retainAvailable: boolean;
  /** maximum_qos */
  readonly maximumQoS: 0 | 1 | 2;
  /** retain_max_messages; 0 unlimited */
  readonly maxRetainedMessages: number;
  /** retain_max_bytes; 0 unlimited */
  readonly maxRetainedBytes: number;
  /** expire_retain_cache, seconds between sweeps; 0 off */
  readonly expireRetainCacheSeconds: number;
  /** disconnect_on_unauthorized_publish_v3 (3.1 only) */
  readonly disconnectOnUnauthorizedPublishV3: boolean;
  /** cluster.refused_close_after, milliseconds: see design 5.8, used for a full store too */
  readonly refusedCloseAfterMs: number;
  /**
   * max_write_buffer_size, bytes that a connection may have unsent before its queue holds messages
   */
  readonly maxWriteBufferBytes: number;
}

/** Design 5.6 and reference 4.6. */
const sharedSubscriptionPolicies = [
  'prefer_local',
  'random',
  'local_only',
  'prefer_online_before_local',
  'round_robin',
  'hash_client_id',
] as const;
export type SharedSubscriptionPolicy = (typeof sharedSubscriptionPolicies)[number];

export function isSharedSubscriptionPolicy(value: string): value is SharedSubscriptionPolicy {
  return (sharedSubscriptionPolicies as readonly string[]).includes(value);
}
