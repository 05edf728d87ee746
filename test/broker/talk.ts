/** Short words for conversations with a whole core, for the conformance tests. */
import assert from 'node:assert/strict';
import type { ProtocolVersion } from '../../src/packet/mod.js';
import {
  connect,
  type ConnectOptions,
  publish,
  type PublishOptions,
  subscribe,
  type SubscriptionOptions,
} from '../fixtures/client-packets.js';
import type { ServerPacket } from '../fixtures/server-packets.js';
import type { Core, TestClient } from './core.js';

export const versions: readonly ProtocolVersion[] = [3, 4, 5];

export type Kind = ServerPacket['kind'];
export type Packet<K extends Kind> = ServerPacket & { kind: K };

/** What makes a session outlive its connection in every version. */
export function persistent(clientIdentifier: string, more: ConnectOptions = {}): ConnectOptions {
  const properties = { sessionExpiryInterval: 3600, ...more.properties };
  return { clientIdentifier, cleanStart: false, ...more, properties };
}

/** The next packet, which must be of `kind`. */
export function next<K extends Kind>(client: TestClient, kind: K): Packet<K> {
  const packet = client.take();
  assert.equal(packet?.kind, kind);
  return packet as Packet<K>;
}

/** A connection whose CONNECT was answered in whatever way. */
export function answered(
  core: Core,
  version: ProtocolVersion,
  options: ConnectOptions,
): { client: TestClient; connack: Packet<'connack'> } {
  const client = core.open(version);
  client.send(connect(version, options));
  return { client, connack: next(client, 'connack') };
}

export function kinds(client: TestClient): Kind[] {
  return client.takeAll().map(({ kind }) => kind);
}

export function payloads(client: TestClient): string[] {
  return client.takePublishes().map(({ payload }) => payload.toString());
}

/** SUBSCRIBE and its SUBACK; what else came stays. */
export function subscribed(
  client: TestClient,
  version: ProtocolVersion,
  ...subscriptions: SubscriptionOptions[]
): Packet<'suback'> {
  client.send(subscribe(version, 1, subscriptions));
  const at = client.received.findIndex(({ kind }) => kind === 'suback');
  assert.ok(at >= 0, 'no SUBACK');
  return client.received.splice(at, 1)[0] as Packet<'suback'>;
}

/** A version 5 client that watches `topicFilter`. */
export function watcher(core: Core, topicFilter: string, qos = 2): TestClient {
  const client = core.connect(5, { clientIdentifier: `watches ${topicFilter}` });
  subscribed(client, 5, { topicFilter, qos, retainAsPublished: true });
  return client;
}

let lastIdentifier = 0;

/** A PUBLISH with a Packet Identifier of its own. */
export function message(
  version: ProtocolVersion,
  topicName: string,
  qos: number,
  payload = 'x',
  more: Partial<PublishOptions> = {},
): Buffer {
  lastIdentifier = (lastIdentifier % 60_000) + 1;
  return publish(version, { topicName, qos, payload, packetIdentifier: lastIdentifier, ...more });
}

/** The Reason Code of the DISCONNECT that came last; undefined for 3.x, which gets none. */
export function disconnectCode(client: TestClient): number | undefined {
  assert.notEqual(client.closed, undefined, 'the connection is open');
  const last = client.takeAll().at(-1);
  return last?.kind === 'disconnect' ? last.reasonCode : undefined;
}
