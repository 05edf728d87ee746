import type { ActionResult, AdminNode, ClusterView, LeaveOptions, StatusRow } from './admin/mod.js';
import { showOptions } from './config/mod.js';
import type { LiveOptions } from './live-options.js';
import type { Cluster } from './cluster/mod.js';
import { reportOf } from './cluster/report/mod.js';
import type { Metrics } from './metrics/mod.js';
import { policiesOf } from './node-settings.js';
import { parsePeerAddress, peerAddressText } from './peers/mod.js';

export interface AdminNodeParts {
  readonly nodeName: string;
  readonly version: string;
  readonly metrics: Metrics;
  readonly options: LiveOptions;
  /** Undefined: this node is alone. */
  readonly cluster: Cluster | undefined;
  /** The port of a node that is only named. */
  readonly usualPort: number | undefined;
  now(): number;
  /** What a command changed goes out with this turn. */
  turnEndWanted(): void;
}

const alone: ActionResult = {
  ok: false,
  text: 'This node has no cluster listener: set listener.vmq.default = ADDRESS:44053 and a distributed_cookie, and restart it.',
};

/** What `vmq-admin` may ask of this node and do to it. */
export function adminNodeOf(parts: AdminNodeParts): AdminNode {
  const { nodeName, version } = parts;
  return {
    nodeName,
    version,
    clusterView: () => viewOf(parts),
    join: (address) => join(address, parts),
    leave: (name, options) => leave(name, options, parts),
    status: () => [...statusOf(parts.metrics), ['version', version]],
    setOptions: (entries) => parts.options.set(entries),
    showOptions: (keys) => showOptions(parts.options.configuration, keys),
  };
}

/** A node that is alone is a cluster of one. */
function viewOf({ nodeName, cluster, options, ...parts }: AdminNodeParts): ClusterView {
  if (cluster !== undefined) return cluster.report(parts.now());
  const itself = { site: '', name: nodeName, state: 'up', downSince: undefined } as const;
  return reportOf({
    ...{ matrix: [], now: parts.now() },
    news: { heldBack: '', hasLeft: false, changes: [] },
    policies: policiesOf(options.configuration.options),
    view: { self: '', members: [itself], tiebreak: '' },
    classify: () => ({ kind: 'up' }),
    wayTo: () => '',
  });
}

function join(to: string, { cluster, ...parts }: AdminNodeParts): Promise<ActionResult> {
  if (cluster === undefined) return Promise.resolve(alone);
  const address = addressOf(to, parts.usualPort);
  if (typeof address !== 'string') return Promise.resolve({ ok: false, text: address.wrong });
  return new Promise((resolve) => {
    cluster.join(address, false, parts.now(), ({ ok, text }) => {
      resolve({ ok, text: ok ? [text, ...warnings(cluster, parts.now())].join('\n') : text });
    });
    parts.turnEndWanted();
  });
}

const afterLeave =
  'If it still runs, stop it: it serves nobody any more, and joins again only with an empty data directory.';

function leave(
  name: string,
  { force, kill, timeoutMs }: LeaveOptions,
  { cluster, ...parts }: AdminNodeParts,
): Promise<ActionResult> {
  if (cluster === undefined) return Promise.resolve(alone);
  return new Promise((resolve) => {
    cluster.leave(name, { force, kill, timeoutMs }, parts.now(), ({ ok, text }) => {
      resolve({ ok, text: ok ? `${text}\n${afterLeave}` : text });
    });
    parts.turnEndWanted();
  });
}

/** What the settings mean for the day on which a member is lost. */
function warnings(cluster: Cluster, now: number): readonly string[] {
  return cluster.report(now).sentences.filter((sentence) => sentence.startsWith('Note: '));
}

/** NAME@HOST is HOST with the usual port. */
function addressOf(
  text: string,
  usualPort: number | undefined,
): string | { readonly wrong: string } {
  const at = text.indexOf('@');
  const host = text.slice(at + 1);
  const isBare = at !== -1 && host.includes(':') && !host.startsWith('[');
  const to = parsePeerAddress(isBare ? `[${host}]` : host, usualPort);
  return typeof to === 'string' ? { wrong: to } : peerAddressText(to.host, to.port);
}

/** VerneMQ's names, in its order. */
function statusOf(metrics: Metrics): StatusRow[] {
  const values = new Map<string, number>();
  for (const { name, value } of metrics.snapshot()) {
    values.set(name, (values.get(name) ?? 0) + value);
  }
  const of = (name: string): number => values.get(name) ?? 0;
  const online = of('total_active_connections');
  return [
    ['num_online', online],
    ['num_offline', Math.max(0, of('queue_processes') - online)],
    ['msg_in', of('mqtt_publish_received')],
    ['msg_out', of('mqtt_publish_sent')],
    ['queue_in', of('queue_message_in')],
    ['queue_out', of('queue_message_out')],
    ['queue_drop', of('queue_message_drop')],
    ['queue_unhandled', of('queue_message_unhandled')],
    ['num_subscriptions', of('router_subscriptions')],
    ['num_retained', of('retain_messages')],
    ['matches_local', of('router_matches_local')],
    ['matches_remote', of('router_matches_remote')],
  ];
}
