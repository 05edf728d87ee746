import type { accessRows } from './options-access.js';
import type { clusterRows } from './options-cluster.js';
import type { listenerRows } from './options-listener.js';
import type { messageRows } from './options-message.js';
import type { nodeRows, reportRows } from './options-process.js';
import type { sessionRows } from './options-session.js';
import type { CamelCase, ValueOf } from './row.js';

type ActiveRow =
  | (typeof accessRows)[number]
  | (typeof clusterRows)[number]
  | (typeof messageRows)[number]
  | (typeof nodeRows)[number]
  | (typeof reportRows)[number]
  | (typeof sessionRows)[number];

type ActiveListenerRow = Exclude<(typeof listenerRows)[number], { readonly ignored: string }>;

/**
 * Every option but those of listeners, under its key in camelCase: `vmq_acl.acl_file` is
 * `vmqAclAclFile`. Values are in the unit of the row; durations in seconds, undefined for never.
 */
export type Options = {
  readonly [R in ActiveRow as CamelCase<R['key']>]: ValueOf<R>;
};

type ListenerOptionValues = {
  readonly [R in ActiveListenerRow as CamelCase<R['key']>]: ValueOf<R>;
};

/** One listener for clients, with every option resolved: its own, its type's, everyone's. */
export interface ListenerConfiguration extends ListenerOptionValues {
  readonly type: 'tcp' | 'ssl' | 'ws' | 'wss';
  readonly name: string;
  /** '' for a unix socket; IPv6 without brackets. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Path of a unix socket; undefined: TCP. */
  readonly path: string | undefined;
}

/** One listener for other nodes; options of clients mean nothing to it. */
export interface PeerListenerConfiguration extends ListenerOptionValues {
  readonly type: 'vmq' | 'vmqs';
  readonly name: string;
  /** '' for a unix socket, which is refused; IPv6 without brackets. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

/** What the node starts with. Frozen through and through. */
export interface Configuration {
  readonly options: Options;
  /** For clients. */
  readonly listeners: readonly ListenerConfiguration[];
  readonly peerListeners: readonly PeerListenerConfiguration[];
  /** Keys that were written in the file, the environment or with --set. */
  readonly explicit: ReadonlySet<string>;
  /** Whether anonymous clients are let in: see `anonymousRule`. */
  readonly allowAnonymous: boolean;
  /** Why, as a sentence for the start message. */
  readonly anonymousReason: string;
}
