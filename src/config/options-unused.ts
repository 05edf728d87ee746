import type { IgnoredRow } from './row.js';

/** Keys of vernemq.conf that have no meaning here, each with the reason. */
export const ignoredRows: readonly IgnoredRow[] = [
  {
    keys: ['erlang.*', 'runtime_health.*', 'wait_for_proc', 'default_schema_dir'],
    reason: 'it tunes the Erlang virtual machine, and there is none',
  },
  {
    keys: ['leveldb.*', 'vmq_generic_msg_store.*', 'message_store_plugin'],
    reason: 'messages are kept as `store` says',
  },
  {
    keys: ['plumtree.*', 'vmq_swc.*', 'metadata_plugin'],
    reason: 'the cluster replicates its data in its own way, which has nothing to choose',
  },
  {
    keys: ['setup.log_dir', 'setup.data_dir'],
    reason: 'directories are named by platform_data_dir and log.console.file',
  },
  {
    keys: ['plugins.<name>.path', 'plugins.<name>.priority'],
    reason: 'it loads Erlang code, which cannot run here',
  },
  {
    keys: ['vmq_bcrypt.*'],
    reason: 'passwords are hashed in the thread pool of Node.js',
  },
  {
    keys: ['coordinate_registrations', 'queue_deliver_mode'],
    reason: 'a client identifier has one live session, without a lock',
  },
  {
    keys: ['subscriber_retain_mode'],
    reason: 'a retained message is in force before its publisher is acknowledged',
  },
  {
    keys: ['max_drain_time', 'max_msgs_per_drain_step'],
    reason: 'a session moves as a stream under flow control, not in steps',
  },
  {
    keys: ['queue_sup_sup_children', 'fanout.shard_count', 'fanout.async_handoff'],
    reason: 'queues and fan-out are not processes here',
  },
  {
    keys: ['default_reg_view', 'reg_views', 'systree_reg_view'],
    reason: 'there is one routing table',
  },
  {
    keys: ['outgoing_clustering_flush_threshold', 'outgoing_cluster_handshake_ack_timeout'],
    reason: 'links between nodes are flushed once per turn and negotiate their version',
  },
  {
    keys: ['outgoing_connect_options', 'tcp_listen_options'],
    reason: 'they are Erlang socket options; sockets here never delay what is written',
  },
  {
    keys: ['remote_enqueue_timeout', 'cluster_ready_rpc_timeout'],
    reason: 'no call between nodes is waited for; see cluster.ack_timeout',
  },
  {
    keys: ['shared_subscription_timeout_action', 'logging.keepalive_as_warning'],
    reason: 'it has no effect in VerneMQ either',
  },
  {
    keys: ['logging.obfuscation_secret'],
    reason: 'passwords are never logged, so there is nothing to mask',
  },
  {
    keys: ['log.error', 'log.error.*'],
    reason: 'errors are in the log with everything else; log.console says where that is',
  },
  {
    keys: ['log.crash', 'log.crash.*', 'log.sasl', 'log.sasl.*', 'sasl'],
    reason: 'there are no Erlang process reports',
  },
  {
    keys: ['log.syslog', 'log.syslog.*'],
    reason: 'lines on standard output reach syslog through systemd or the container runtime',
  },
  {
    keys: ['log.template', 'log.level'],
    reason: 'lines have one form, and log.console.level is the level',
  },
  {
    keys: [
      'listener.http.<name>.config_mod',
      'listener.http.<name>.config_fun',
      'listener.https.<name>.config_mod',
      'listener.https.<name>.config_fun',
    ],
    reason: 'it names an Erlang function',
  },
  {
    keys: [
      'listener.vmq.<name>.high_watermark',
      'listener.vmq.<name>.low_watermark',
      'listener.vmq.<name>.high_msgq_watermark',
      'listener.vmq.<name>.low_msgq_watermark',
    ],
    reason: 'what a link may hold is bounded per peer, not by marks of an Erlang socket',
  },
];
