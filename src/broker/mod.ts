/**
 * broker: one node's core. Owns which session exists, what matches a topic, what is retained, and
 * the order of events; never touches sockets, disks, clocks or processes.
 *
 *   accept(link) ─▶ Client ─▶ publish ─▶ Router ─▶ Session.deliver ─▶ link.writer
 *                     │                    └▶ Journal ─▶ store ─▶ (durable) ─▶ held acks
 *                     └▶ register ─▶ SessionRegistry        tick(now) ─▶ deadlines, wills, expiry
 */
export { Broker, type BrokerHost, type OwnPublish } from './broker.js';
export { clustered } from './clustered.js';
export type { RouteOut } from './local-routes.js';
export type { MatchedSite } from './realm.js';
export type { RemoteRouter } from './router.js';
export type { SharedGroup } from './shared-group.js';
