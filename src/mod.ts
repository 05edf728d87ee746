/**
 * NautilusMQ as a library: `import { createNode } from 'nautilusmq'` runs a broker inside a Node.js
 * program. See docs/embedding.md for an example that runs.
 */
import type { AuthBackend } from './auth/mod.js';
import type { OwnPublish } from './broker/mod.js';
import { loadConfiguration } from './config/mod.js';
import type { ListenerRow } from './listeners/mod.js';
import { type Log, openLog } from './log/mod.js';
import { Node } from './node.js';
import { logOptionsOf } from './node-settings.js';

export type {
  Allow,
  AuthBackend,
  ClientFacts,
  Decision,
  Deny,
  EnhancedAnswer,
  EnhancedRequest,
  ListenerFacts,
  Next,
  PeerFacts,
  PublishModifiers,
  PublishRequest,
  RegisterModifiers,
  RegisterRequest,
  Reply,
  SubscribeModifiers,
  SubscribeRequest,
  SubscribeVerdict,
  UnsubscribeModifiers,
  UnsubscribeRequest,
} from './auth/mod.js';
export type { OwnPublish } from './broker/mod.js';
export type { ListenerRow } from './listeners/mod.js';
export type { Log } from './log/mod.js';
export type { Sample } from './metrics/mod.js';
export type { ProtocolVersion, QoS, SubscriptionRequest } from './packet/mod.js';
export { ReasonCode } from './packet/mod.js';

export interface NodeOptions {
  /** Options by their configuration names, as `nautilusmq describe` explains them. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Where log lines go; absent: as `log.console` in `config` says, which is off unless given. */
  readonly log?: Log;
  /** Asked before the password and ACL files, in this order. */
  readonly auth?: readonly AuthBackend[];
}

/** A broker that runs in this process. */
export interface EmbeddedNode {
  /** With the real ports, where the configuration said 0. */
  readonly listeners: readonly ListenerRow[];
  /** Counters and gauges under VerneMQ's names. */
  metrics(): ReturnType<Node['metrics']['snapshot']>;
  /** Publishes as the broker: not authorised; any topic, `$`-topics included. */
  publish(message: OwnPublish): void;
  /** Stops serving, writes and closes the store. Idempotent. */
  close(): Promise<void>;
}

/** The configuration has errors. `message` holds one line per error. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'CONFIGURATION';
}

/**
 * Starts a broker. Without `config` it listens on 127.0.0.1:1883 and for WebSocket on
 * 127.0.0.1:8080 and stores under ./data. Rejects with {@link ConfigurationError}, or with an error
 * that has a stable `code` (`EADDRINUSE`, `STORE_LOCKED`, …) and a message of one line.
 */
export async function createNode(options: NodeOptions = {}): Promise<EmbeddedNode> {
  const given = { 'log.console': 'off', ...options.config };
  const overrides = Object.entries(given).map(([key, value]) => `${key}=${textOf(value)}`);
  const { configuration, problems } = loadConfiguration({ overrides });
  if (configuration === undefined) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    throw new ConfigurationError(errors.map(({ message }) => message).join('\n'));
  }
  const isTerminal = process.stdout.isTTY;
  const log = options.log ?? openLog(logOptionsOf(configuration.options, isTerminal));
  const backends = options.auth ?? [];
  const { node } = await Node.open({ configuration, log, backends });
  try {
    await node.serve();
  } catch (error) {
    await node.close();
    throw error;
  }
  return {
    get listeners(): readonly ListenerRow[] {
      return node.listeners;
    },
    metrics: () => node.metrics.snapshot(),
    publish: (message) => node.publish(message),
    close: async () => {
      await node.close();
      if (options.log === undefined) await log.close();
    },
  };
}

function textOf(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}
