/**
 * session: one machine per client. Owns what the specifications demand of a connection and of a
 * session: CONNECT, QoS 1 and 2, what is in flight, flow control, wills, topic aliases, deadlines.
 * Never routes, never touches a socket or the disk: those are verbs of ClientHost and ClientLink.
 *
 *   bytes ──▶ Client ──▶ Handshake ──▶ Connected ─┬─▶ PublishIntake ────────▶ host.publish
 *                                                 ├─▶ SubscriptionRequests ─▶ host.subscribe
 *                                                 └─▶ ClientOutput ◀──────── Session.deliver
 */
export { Client } from './client.js';
export { Confirmation } from './confirmation.js';
export type { Durability, DurabilityWaiter, DurableSession } from './durability.js';
export { type GatedClient, type GateOperation, type Gates, openGates } from './gates.js';
export type {
  ClientHost,
  ClientLog,
  ClientPort,
  PublishOutcome,
  Registration,
  TopicHandle,
} from './host.js';
export { type ClientLimits, limitsOf } from './limits.js';
export type {
  AcceptLink,
  ClientLink,
  CloseCause,
  LinkHandler,
  ListenerFacts,
  PeerFacts,
} from './link.js';
export { Session } from './session.js';
export {
  type DropReason,
  neverExpires,
  type Retained,
  type RetainedView,
  type SessionHost,
} from './session-ports.js';
export {
  type Settings,
  type SharedSubscriptionPolicy,
} from './settings.js';
export { type DeliveryTarget, type Receiver, Subscription } from './subscription.js';
export { readWill, type SessionWill, writeWill } from './will.js';
