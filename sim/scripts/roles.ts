import type { ClientPlan } from '../client.js';

/** A version 5 client that does nothing by itself. */
export function role(device: string, given: Partial<ClientPlan> = {}): ClientPlan {
  return {
    device,
    clientIdentifier: device,
    version: 5,
    isPersistent: true,
    addresses: ['node1:1883'],
    wanted: [],
    publishes: undefined,
    will: undefined,
    restlessnessMs: Number.POSITIVE_INFINITY,
    ...given,
  };
}

/** A client with a session that stays, or (`isPersistent` false) ends with its connection. */
export function subscriber(
  device: string,
  filter: string,
  qos: number,
  isPersistent = true,
): ClientPlan {
  return role(device, { wanted: [{ filter, qos }], isPersistent });
}

/** A client that publishes to one topic at one QoS. */
export function publisher(
  device: string,
  topicName: string,
  qos: number,
  retain = false,
): ClientPlan {
  const publishes = { topicNames: [topicName], qualities: [[1, qos]], retain, everyMs: 0 } as const;
  return role(device, { publishes });
}
