/**
 * cluster: this node as a member. Puts the rooms below together and owns who is a member, what is
 * on disk of all this, and who hears what; never routes a message, never owns a session.
 *
 *   identity ◀─ link, metadata, membership, netsplit, routing ◀─ exchange, flow ◀─ Cluster
 *
 * What the edge does with a {@link Cluster}, besides ticks and turns:
 * - `seeds(addresses)` after it is made, and again whenever `cluster.dns` was looked up; with
 *   `settings.founding` set, a first start waits for more than half of the founders;
 * - opens client listeners when `host.startGateOpened` is called; `startGate.reason` says what is
 *   waited for;
 * - `join(address, force, now, done)` and `leave(name, options, now, done)` for `vmq-admin`: `done`
 *   is called once with `{ ok, text }`, and `text` is for the operator;
 * - `members`, `stateOf`, `accept` for connections of the cluster listener, `close` at the end.
 */
export { Cluster } from './cluster.js';
export type { ClusterHost, ClusterSettings } from './cluster-host.js';
export type { PresenceView } from './presence.js';
export { loadCluster } from './row-disk.js';
