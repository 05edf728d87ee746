/**
 * cluster: this node as a member. Puts the rooms below together and owns who is a member, what is
 * on disk of all this, and who hears what; never routes a message, never owns a session.
 *
 *   identity ◀─ link, metadata, membership, netsplit, routing ◀─ exchange, flow ◀─ Cluster
 */
export {
  Cluster,
  type ClusterHost,
  type ClusterSettings,
  type Founder,
} from './cluster.js';
