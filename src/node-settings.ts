import type { ClusterSettings } from './cluster/mod.js';
import type { Policies } from './cluster/netsplit/mod.js';
import type {
  Configuration,
  ListenerConfiguration,
  Options,
  PeerListenerConfiguration,
} from './config/mod.js';
import type { ListenerOptions, TlsOptions } from './listeners/mod.js';
import type { LogOptions } from './log/mod.js';
import type { PeerListenerOptions } from './peers/mod.js';
import type { Settings } from './session/mod.js';

/**
 * The slices of the configuration that the rooms are given. The only place that knows both names.
 */
export function settingsOf({ options, allowAnonymous }: Configuration): Settings {
  return Object.freeze({
    nodeName: options.nodename,
    allowAnonymous,
    maxClientIdSize: options.maxClientIdSize,
    maxSubscriptionsPerClient: options.maxSubscriptionsPerClient,
    persistentClientExpiration: options.persistentClientExpiration,
    maxSessionExpiryInterval: options.maxSessionExpiryInterval,
    maxLastWillDelay: options.maxLastWillDelay,
    maxInflightMessages: options.maxInflightMessages,
    maxOnlineMessages: options.maxOnlineMessages,
    maxOfflineMessages: options.maxOfflineMessages,
    overrideMaxOnlineMessages: options.overrideMaxOnlineMessages,
    queueType: options.queueType,
    retryIntervalMs: options.retryInterval * 1000,
    upgradeOutgoingQoS: options.upgradeOutgoingQos,
    maxMessageSize: options.maxMessageSize,
    maxMessageRate: options.maxMessageRate,
    topicMaxDepth: options.topicMaxDepth,
    receiveMaxClient: options.receiveMaxClient,
    receiveMaxBroker: options.receiveMaxBroker,
    topicAliasMaxClient: options.topicAliasMaxClient,
    topicAliasMaxBroker: options.topicAliasMaxBroker,
    sharedSubscriptionPolicy: options.sharedSubscriptionPolicy,
    suppressWillOnTakeover: options.suppressLwtOnSessionTakeover,
    deadNodeWills: options.clusterDeadNodeWills,
    deadNodeWillDelayMs: options.clusterDeadNodeWillDelay * 1000,
    outboxMaxBytes: options.clusterOutboxMaxBytes,
    outboxFull: options.clusterOutboxFull,
    connectTimeoutMs: options.mqttConnectTimeout,
    maxKeepAlive: options.maxKeepalive,
    retainAvailable: options.retainAvailable,
    maximumQoS: options.maximumQos as 0 | 1 | 2,
    maxRetainedMessages: options.retainMaxMessages,
    maxRetainedBytes: options.retainMaxBytes,
    expireRetainCacheSeconds: options.expireRetainCache,
    disconnectOnUnauthorizedPublishV3: options.disconnectOnUnauthorizedPublishV3,
    refusedCloseAfterMs: options.clusterRefusedCloseAfter,
    maxWriteBufferBytes: options.maxWriteBufferSize,
  });
}

/** What the control lane holds for a kernel that does not take it: rows, requests, heartbeats. */
const controlUnsentMax = 4 * 1024 * 1024;

/** All but the address, which depends on what is bound. */
export function clusterSettingsOf(options: Options): Omit<ClusterSettings, 'address'> {
  const { clusterSeeds, clusterDns, clusterExpectedMembers: expectedMembers } = options;
  return {
    clusterName: options.clusterName,
    nodeName: options.nodename,
    cookie: Buffer.from(options.distributedCookie),
    policies: policiesOf(options),
    tiebreak: options.clusterTiebreak,
    founding: clusterSeeds.length > 0 || clusterDns !== '' ? { expectedMembers } : undefined,
    startWaitMs: options.clusterStartWait,
    ackTimeoutMs: options.clusterAckTimeout,
    reconnectGraceMs: options.clusterReconnectGrace,
    failureTimeoutMs: options.clusterFailureTimeout,
    maxClockSkewMs: options.clusterMaxClockSkew * 1000,
    unsentMax: { 0: controlUnsentMax, 1: options.outgoingClusteringBufferSize },
  };
}

export function policiesOf(options: Options): Policies {
  return {
    connect: options.allowRegisterDuringNetsplit,
    publish: options.allowPublishDuringNetsplit,
    subscribe: options.allowSubscribeDuringNetsplit,
    unsubscribe: options.allowUnsubscribeDuringNetsplit,
  };
}

export function peerListenerOptionsOf(listener: PeerListenerConfiguration): PeerListenerOptions {
  const { type, name, host, port, maxConnections } = listener;
  if (type === 'vmq') return { type, name, host, port, maxConnections, tls: undefined };
  const { cafile, certfile, keyfile, crlfile, keypasswd, ciphers, eccs } = listener;
  const { tlsVersion, tlsHandshakeTimeout } = listener;
  const files = { cafile, certfile, keyfile, crlfile, keypasswd };
  const tls = { ...files, ciphers, eccs, tlsVersion, tlsHandshakeTimeout };
  return { type, name, host, port, maxConnections, tls };
}

export function listenerOptionsOf(
  listener: ListenerConfiguration,
  options: Options,
): ListenerOptions {
  const isSecure = listener.type === 'ssl' || listener.type === 'wss';
  return {
    type: listener.type,
    name: listener.name,
    host: listener.host,
    port: listener.port,
    path: listener.path,
    maxConnections: listener.maxConnections,
    maxConnectionLifetime: listener.maxConnectionLifetime,
    mountpoint: listener.mountpoint,
    allowedProtocolVersions: listener.allowedProtocolVersions,
    allowAnonymousOverride: listener.allowAnonymousOverride,
    authPlugins: listener.authPlugins,
    authzPlugins: listener.authzPlugins,
    forwardConnectionOpts: listener.forwardConnectionOpts,
    proxyProtocol: listener.proxyProtocol,
    proxyProtocolUseCnAsUsername: listener.proxyProtocolUseCnAsUsername,
    proxyXffSupport: listener.proxyXffSupport,
    proxyXffTrustedIntermediate: listener.proxyXffTrustedIntermediate,
    proxyXffUseCnAsUsername: listener.proxyXffUseCnAsUsername,
    proxyXffCnHeader: listener.proxyXffCnHeader.toLowerCase(),
    allowedOrigins: listener.allowedOrigins,
    maxWsFrameSize: options.maxWsFrameSize,
    tls: isSecure ? tlsOptionsOf(listener, options) : undefined,
  };
}

function tlsOptionsOf(listener: ListenerConfiguration, options: Options): TlsOptions {
  return {
    cafile: listener.cafile,
    certfile: listener.certfile,
    keyfile: listener.keyfile,
    crlfile: listener.crlfile,
    keypasswd: listener.keypasswd,
    ciphers: listener.ciphers,
    eccs: listener.eccs,
    tlsVersion: listener.tlsVersion,
    requireCertificate: listener.requireCertificate,
    useIdentityAsUsername: listener.useIdentityAsUsername,
    tlsHandshakeTimeout: listener.tlsHandshakeTimeout,
    pskSupport: listener.pskSupport,
    pskIdentityHint: listener.pskIdentityHint,
    pskfile: listener.pskfile,
    pskfileSeparator: listener.pskfileSeparator,
    crlRefreshInterval: options.crlRefreshInterval,
  };
}

export function logOptionsOf(options: Options, isTerminal: boolean): LogOptions {
  const rotation = {
    size: options.logConsoleRotationSize,
    keep: options.logConsoleRotationKeep,
    compress: options.logConsoleRotationCompressOnRotate,
  };
  return {
    console: options.logConsole,
    level: options.logConsoleLevel,
    format: options.logConsoleConsoleFormat,
    file: { file: options.logConsoleFile, format: options.logConsoleFileFormat, rotation },
    errors: undefined,
    isTerminal,
    base: { node: options.nodename },
  };
}
