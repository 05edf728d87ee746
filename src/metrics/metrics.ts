import { assert } from '../base/mod.js';
import type { CountsByCode } from './counts-by-code.js';
import { reasonLabel, returnCodeOf, returnWords, usualCodes } from './labels.js';
import { codeRows, plainRows, VersionCounters } from './version-counters.js';

/** One number with everything needed to tell it. All samples of a name come one after another. */
export interface Sample {
  /** Without the namespace (`vernemq_`). */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** Without `node`, which the exporter adds. */
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>;
  /** A finite number; counters never fall while the node runs. */
  readonly value: number;
  /** One sentence, the same for all samples of a name. */
  readonly help: string;
}

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** The node's counters since it started, and what its gauges read now. */
export class Metrics {
  readonly v4: VersionCounters = new VersionCounters();
  readonly v5: VersionCounters = new VersionCounters();

  /** Connections accepted by MQTT listeners. */
  socketOpen = 0;
  socketClose = 0;
  /** Connections that ended with an error of the transport. */
  socketError = 0;
  /** Connections without a complete CONNECT within mqtt_connect_timeout. */
  socketCloseTimeout = 0;
  /** Bytes of MQTT, without TLS and WebSocket framing. */
  bytesReceived = 0;
  bytesSent = 0;
  queueSetup = 0;
  /** Sessions that the store had when the node started. */
  queueInitializedFromStorage = 0;
  queueTeardown = 0;
  queueMessageDrop = 0;
  queueMessageExpired = 0;
  queueMessageUnhandled = 0;
  queueMessageIn = 0;
  queueMessageOut = 0;
  routerMatchesLocal = 0;
  routerMatchesRemote = 0;
  netsplitDetected = 0;
  netsplitResolved = 0;
  clusterBytesReceived = 0;
  clusterBytesSent = 0;
  /** Of messages at QoS 0 for members that did not take them. */
  clusterBytesDropped = 0;
  /** Tables of a member that differed at an equal number: a fault of ours. */
  clusterRowsDiverged = 0;
  /** SUBACKs that left before every member that is up knew of the subscription. */
  clusterSubscribeTimeouts = 0;

  readonly #gauges: Gauge[] = [];

  /** Adds a gauge, once per name. `read` is called when somebody asks; it must be quick. */
  gauge(name: string, help: string, read: () => number): void {
    assert(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name), `${name} is no name for a metric`);
    assert(!this.#gauges.some((gauge) => gauge.name === name), `gauge ${name} is there already`);
    this.#gauges.push({ name, help, read });
  }

  /** Every counter and gauge, grouped by name, as `/metrics` and `metrics show` tell them. */
  *snapshot(): IterableIterator<Sample> {
    for (const [field, name, help] of generalRows) {
      yield { name, type: 'counter', labels: [], value: this[field], help };
    }
    for (const { field, name, help } of plainRows) {
      yield counter(name, help, this.v4[field], ['mqtt_version', '4']);
      yield counter(name, help, this.v5[field], ['mqtt_version', '5']);
    }
    yield* connackSamples(this.v4.connackSent, this.v5.connackSent);
    for (const { field, name, help, usual, onlyV5 } of codeRows) {
      if (onlyV5 !== true) {
        yield counter(name, help, this.v4[field].total, ['mqtt_version', '4']);
      }
      yield* byReason(name, help, this.v5[field], usual);
    }
    for (const { name, help, read } of this.#gauges) {
      const value = read();
      assert(Number.isFinite(value), `gauge ${name} read ${value}`);
      yield { name, type: 'gauge', labels: [], value, help };
    }
  }

  /**
   * Full topics under `$SYS/<nodeName>/` with their payloads (reference 7.3): the name's words are
   * the levels, labels are summed up.
   */
  *sysTopics(nodeName: string): IterableIterator<readonly [topic: string, text: string]> {
    const totals = new Map<string, number>();
    for (const { name, value } of this.snapshot()) {
      totals.set(name, (totals.get(name) ?? 0) + value);
    }
    for (const [name, total] of totals) {
      yield [`$SYS/${nodeName}/${name.replaceAll('_', '/')}`, String(Math.trunc(total))];
    }
  }
}

type GeneralField = {
  [Field in keyof Metrics]: Metrics[Field] extends number ? Field : never;
}[keyof Metrics];

const generalRows: ReadonlyArray<readonly [field: GeneralField, name: string, help: string]> = [
  ['socketOpen', 'socket_open', 'The number of times a connection was opened.'],
  ['socketClose', 'socket_close', 'The number of times a connection was closed.'],
  ['socketError', 'socket_error', 'The number of connections that ended with a transport error.'],
  [
    'socketCloseTimeout',
    'socket_close_timeout',
    'The number of connections closed because no CONNECT came in time.',
  ],
  ['bytesReceived', 'bytes_received', 'The number of bytes of MQTT received from clients.'],
  ['bytesSent', 'bytes_sent', 'The number of bytes of MQTT sent to clients.'],
  ['queueSetup', 'queue_setup', 'The number of times a queue was created.'],
  [
    'queueInitializedFromStorage',
    'queue_initialized_from_storage',
    'The number of queues that were loaded from the store.',
  ],
  ['queueTeardown', 'queue_teardown', 'The number of times a queue was removed.'],
  ['queueMessageDrop', 'queue_message_drop', 'The number of messages dropped from full queues.'],
  [
    'queueMessageExpired',
    'queue_message_expired',
    'The number of messages that expired before they were delivered.',
  ],
  [
    'queueMessageUnhandled',
    'queue_message_unhandled',
    'The number of messages that an ended session left undelivered or could not take.',
  ],
  ['queueMessageIn', 'queue_message_in', 'The number of messages that entered queues.'],
  ['queueMessageOut', 'queue_message_out', 'The number of messages sent from queues to clients.'],
  [
    'routerMatchesLocal',
    'router_matches_local',
    'The number of subscriptions on this node that published messages matched.',
  ],
  [
    'routerMatchesRemote',
    'router_matches_remote',
    'The number of subscriptions on other nodes that published messages matched.',
  ],
  ['netsplitDetected', 'netsplit_detected', 'The number of times a member went missing.'],
  ['netsplitResolved', 'netsplit_resolved', 'The number of times all members were back.'],
  ['clusterBytesReceived', 'cluster_bytes_received', 'The number of bytes from other members.'],
  ['clusterBytesSent', 'cluster_bytes_sent', 'The number of bytes to other members.'],
  [
    'clusterBytesDropped',
    'cluster_bytes_dropped',
    'The number of bytes of QoS 0 messages that other members could not be sent.',
  ],
  [
    'clusterRowsDiverged',
    'cluster_rows_diverged',
    'The number of times rows of a member differed from those of another at an equal number.',
  ],
  [
    'clusterSubscribeTimeouts',
    'cluster_subscribe_timeouts',
    'The number of SUBACKs that left before every member that is up knew of the subscription.',
  ],
];

function counter(
  name: string,
  help: string,
  value: number,
  ...labels: ReadonlyArray<readonly [string, string]>
): Sample {
  return { name, type: 'counter', labels, value, help };
}

function* byReason(
  name: string,
  help: string,
  counts: CountsByCode,
  usual: readonly number[],
): IterableIterator<Sample> {
  const isDisconnect = name.startsWith('mqtt_disconnect');
  const codes = new Set([...usual, ...counts.counted()]);
  for (const code of codes) {
    const reason = ['reason_code', reasonLabel(code, isDisconnect)] as const;
    yield counter(name, help, counts.of(code), ['mqtt_version', '5'], reason);
  }
}

/** 3.x: by return code, under the name of today and under the older one with the code in it. */
function* connackSamples(v4: CountsByCode, v5: CountsByCode): IterableIterator<Sample> {
  const byReturnCode = returnWords.map(() => 0);
  for (const code of v4.counted()) {
    const at = returnCodeOf(code);
    byReturnCode[at] = (byReturnCode[at] ?? 0) + v4.of(code);
  }
  const help = 'The number of CONNACK packets sent.';
  for (const [at, [label]] of returnWords.entries()) {
    const value = byReturnCode[at] ?? 0;
    yield counter('mqtt_connack_sent', help, value, ['mqtt_version', '4'], ['return_code', label]);
  }
  yield* byReason('mqtt_connack_sent', help, v5, usualCodes.connack);
  for (const [at, [label, middle]] of returnWords.entries()) {
    const older = `The number of CONNACK packets sent with return code ${label}.`;
    const value = byReturnCode[at] ?? 0;
    yield counter(`mqtt_connack_${middle}_sent`, older, value, ['mqtt_version', '4']);
  }
}
