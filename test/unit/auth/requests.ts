import type {
  ClientFacts,
  PeerFacts,
  PublishRequest,
  RegisterRequest,
  SubscribeRequest,
} from '../../../src/auth/mod.js';

export const client: ClientFacts = {
  mountpoint: '',
  clientIdentifier: 'c1',
  userName: 'alice',
  protocolVersion: 5,
};

const peer: PeerFacts = {
  host: '127.0.0.1',
  port: 40_000,
  listener: {
    type: 'tcp',
    name: 'default',
    address: '127.0.0.1',
    port: 1883,
    mountpoint: '',
    allowedProtocolVersions: [3, 4, 5],
    allowAnonymousOverride: false,
    authPlugins: [],
    authzPlugins: [],
    maxConnectionLifetime: 0,
  },
  identity: undefined,
  certificate: undefined,
};

export function registerRequest(changes: Partial<RegisterRequest> = {}): RegisterRequest {
  return {
    peer,
    protocolVersion: 5,
    mountpoint: '',
    clientIdentifier: 'c1',
    userName: 'alice',
    password: Buffer.from('secret'),
    cleanStart: true,
    properties: {},
    ...changes,
  };
}

export function publishRequest(
  topicName: string,
  changes: Partial<ClientFacts> = {},
): PublishRequest {
  return {
    client: { ...client, ...changes },
    topicName,
    payload: new Uint8Array(0),
    qos: 0,
    retain: false,
    isWill: false,
  };
}

export function subscribeRequest(...topicFilters: string[]): SubscribeRequest {
  return {
    client,
    subscriptions: topicFilters.map((topicFilter) => ({
      topicFilter,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
  };
}
