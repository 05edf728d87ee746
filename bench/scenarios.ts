/** The scenarios: the load that each one is, and the figures made of what the generator prints. */
import type { BrokerName } from './brokers.js';
import type { LoadResult } from './load.js';

/** One figure of a scenario. `target` is what this project set out to reach. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly value: (result: LoadResult) => number;
  readonly target?: number | undefined;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Who can do this at all; all when absent. */
  readonly brokers?: readonly BrokerName[];
  /** 2: publishers on one node of a cluster, subscribers on the other; both nodes' cost counts. */
  readonly nodes?: 1 | 2;
  readonly load: (pace: Pace) => readonly string[];
  readonly figures: readonly Figure[];
}

/** How long the warm-up and the measured part last; `quick` also makes counted loads smaller. */
export interface Pace {
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly quick: boolean;
}

const MILLION = 1_000_000;

/** A number of the result, through objects by `.`; 0 when there is none. */
export function numberAt(result: LoadResult, path: string): number {
  let value: LoadResult[string] | undefined = result;
  for (const name of path.split('.')) {
    value = typeof value === 'object' && name in value ? (value as LoadResult)[name] : undefined;
  }
  return typeof value === 'number' ? value : 0;
}

function ratio(over: string, under: string, scale = 1): (result: LoadResult) => number {
  return (result) => (numberAt(result, over) / numberAt(result, under)) * scale;
}

function at(path: string, scale = 1): (result: LoadResult) => number {
  return (result) => numberAt(result, path) * scale;
}

interface TrafficTargets {
  readonly cpu?: number;
  readonly p99Ms?: number;
}

/** Figures of publishers and subscribers; per delivery, which for fan-out is not per publish. */
function trafficFigures(targets: TrafficTargets = {}): readonly Figure[] {
  const cpu = ratio('broker_cpu_seconds', 'deliveries', MILLION);
  const load = ratio('load_cpu_seconds', 'deliveries', MILLION);
  const others = ratio('others_cpu_seconds', 'seconds');
  return [
    { name: 'CPU per million', unit: 's', better: 'lower', value: cpu, target: targets.cpu },
    {
      name: 'throughput',
      unit: 'k/s',
      better: 'higher',
      value: ratio('deliveries', 'seconds', 1e-3),
    },
    { name: 'p50', unit: 'ms', better: 'lower', value: at('latency.p50_us', 1e-3) },
    {
      name: 'p99',
      unit: 'ms',
      better: 'lower',
      value: at('latency.p99_us', 1e-3),
      target: targets.p99Ms,
    },
    { name: 'p99.9', unit: 'ms', better: 'lower', value: at('latency.p999_us', 1e-3) },
    { name: 'memory', unit: 'MB', better: 'lower', value: at('rss_bytes', 1e-6) },
    { name: "generator's CPU per million", unit: 's', better: 'lower', value: load },
    { name: 'other processes', unit: 'cores', better: 'lower', value: others },
  ];
}

/** Options of the generator; `true` is one without a value. */
type LoadOptions = Readonly<Record<string, string | number | true>>;

/** Arguments of publishers and subscribers over the scenario's time. */
function traffic(pace: Pace, options: LoadOptions): string[] {
  const time = { warmup: pace.warmupSeconds, seconds: pace.seconds };
  return Object.entries<string | number | true>({ ...time, ...options }).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
}

const pairs = { publishers: 10, subscribers: 10, 'pause-us': 500 };

const throughputScenarios: readonly Scenario[] = [
  {
    name: 'qos0-pairs',
    title: 'QoS 0, 10 pairs, pipelined',
    load: (pace) => traffic(pace, { ...pairs, qos: 0, unreceived: 500 }),
    figures: trafficFigures({ cpu: 1.2 }),
  },
  {
    name: 'qos1-pairs',
    title: 'QoS 1, 10 pairs, pipelined, clean sessions',
    load: (pace) => traffic(pace, { ...pairs, qos: 1, window: 100, unreceived: 500 }),
    figures: trafficFigures({ cpu: 3.5 }),
  },
  {
    name: 'qos2-pairs',
    title: 'QoS 2, 10 pairs, 20 in flight, clean sessions',
    load: (pace) => traffic(pace, { ...pairs, qos: 2, window: 20, 'pause-us': 250 }),
    figures: trafficFigures({ cpu: 8 }),
  },
  {
    name: 'fanout-500-qos0',
    title: 'fan-out 1 to 500, QoS 0',
    load: (pace) => traffic(pace, { ...fanout(500), qos: 0 }),
    figures: trafficFigures({ cpu: 1.2 }),
  },
  {
    name: 'fanout-200-qos1',
    title: 'fan-out 1 to 200, QoS 1',
    load: (pace) => traffic(pace, { ...fanout(200), qos: 1, window: 20 }),
    figures: trafficFigures({ cpu: 3 }),
  },
  {
    name: 'fanin-200-qos0',
    title: 'fan-in 200 to 1, QoS 0',
    load: (pace) =>
      traffic(pace, {
        topology: 'fanin',
        publishers: 200,
        subscribers: 1,
        unreceived: 20,
        'pause-us': 500,
      }),
    figures: trafficFigures({ cpu: 1.5 }),
  },
];

function fanout(subscribers: number): LoadOptions {
  return { topology: 'fanout', publishers: 1, subscribers, unreceived: 20, 'pause-us': 500 };
}

const spread = { publishers: 200, subscribers: 200, rate: 5_000, 'tick-us': 1_000 };

const latencyScenarios: readonly Scenario[] = [
  {
    name: 'spread-5000-qos0',
    title: '5,000 messages/s spread over 200 pairs, QoS 0',
    load: (pace) => traffic(pace, { ...spread, qos: 0 }),
    figures: trafficFigures({ cpu: 65, p99Ms: 2 }),
  },
  {
    name: 'spread-5000-qos1',
    title: '5,000 messages/s spread over 200 pairs, QoS 1',
    load: (pace) => traffic(pace, { ...spread, qos: 1 }),
    figures: trafficFigures({ cpu: 95 }),
  },
  {
    name: 'qos1-persistent-synced',
    title: 'QoS 1, 10 pairs, pipelined, persistent sessions, synced to disk',
    brokers: ['ours'],
    load: (pace) =>
      traffic(pace, { ...pairs, qos: 1, window: 64, 'pause-us': 0, persistent: true }),
    figures: [
      ...trafficFigures({ cpu: 9, p99Ms: 15 }),
      { name: 'ack p99', unit: 'ms', better: 'lower', value: at('ack_latency.p99_us', 1e-3) },
    ],
  },
];

const clusterScenarios: readonly Scenario[] = [
  {
    name: 'cluster-qos0-pairs',
    title: 'QoS 0, 10 pairs across two nodes, pipelined',
    brokers: ['ours'],
    nodes: 2,
    load: (pace) => traffic(pace, { ...pairs, qos: 0, unreceived: 500 }),
    figures: trafficFigures({ cpu: 2.5 }),
  },
  {
    name: 'cluster-qos1-pairs',
    title: 'QoS 1, 10 pairs across two nodes, pipelined, clean sessions',
    brokers: ['ours'],
    nodes: 2,
    load: (pace) => traffic(pace, { ...pairs, qos: 1, window: 100, unreceived: 500 }),
    figures: trafficFigures({ cpu: 8 }),
  },
  {
    name: 'cluster-spread-5000-qos0',
    title: '5,000 messages/s spread over 200 pairs across two nodes, QoS 0',
    brokers: ['ours'],
    nodes: 2,
    load: (pace) => traffic(pace, { ...spread, qos: 0 }),
    figures: trafficFigures({ cpu: 120, p99Ms: 2 }),
  },
  {
    name: 'cluster-qos1-persistent',
    title: 'QoS 1, 10 pairs across two nodes, persistent sessions, synced to disk',
    brokers: ['ours'],
    nodes: 2,
    load: (pace) => traffic(pace, { ...pairs, qos: 1, window: 64, persistent: true }),
    figures: [
      ...trafficFigures(),
      { name: 'ack p99', unit: 'ms', better: 'lower', value: at('ack_latency.p99_us', 1e-3) },
    ],
  },
];

/** The median over the rounds of a retained run. */
function medianOfRounds(path: string): (result: LoadResult) => number {
  return (result) => {
    const rounds = Array.isArray(result['rounds']) ? (result['rounds'] as LoadResult[]) : [];
    const values = rounds.map((round) => numberAt(round, path)).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)] ?? 0;
  };
}

function connecting(pace: Pace, concurrency: number): string[] {
  const connections = pace.quick ? 1_000 : 5_000;
  return [
    '--mode',
    'connect',
    '--connections',
    `${connections}`,
    '--concurrency',
    `${concurrency}`,
  ];
}

function connectFigures(target?: number): readonly Figure[] {
  return [
    {
      name: 'connections',
      unit: '/s',
      better: 'higher',
      value: at('connections_per_second'),
      target,
    },
    {
      name: 'CPU per thousand',
      unit: 's',
      better: 'lower',
      value: ratio('broker_cpu_seconds', 'connections', 1e3),
    },
  ];
}

const connectionScenarios: readonly Scenario[] = [
  {
    name: 'idle-memory',
    title: '5,000 idle connections',
    load: (pace) => ['--mode', 'idle', '--connections', pace.quick ? '1000' : '5000'],
    figures: [
      {
        name: 'memory per connection',
        unit: 'KB',
        better: 'lower',
        value: at('bytes_per_connection', 1 / 1024),
        target: 10,
      },
      { name: 'memory before', unit: 'MB', better: 'lower', value: at('rss_before_bytes', 1e-6) },
      { name: 'memory with all', unit: 'MB', better: 'lower', value: at('rss_bytes', 1e-6) },
    ],
  },
  {
    name: 'connect-rate',
    title: 'connecting, 64 at a time, all stay connected',
    load: (pace) => connecting(pace, 64),
    figures: connectFigures(5_000),
  },
  {
    name: 'connect-sequential',
    title: 'connecting, one after the other, all stay connected',
    load: (pace) => connecting(pace, 1),
    figures: connectFigures(),
  },
];

const storageScenarios: readonly Scenario[] = [
  {
    name: 'retained-50000',
    title: '50,000 retained messages to a new subscriber of #',
    load: () => ['--mode', 'retained', '--messages', '50000', '--rounds', '5', '--window', '500'],
    figures: [
      {
        name: 'delivered',
        unit: 'k/s',
        better: 'higher',
        value: (result) => medianOfRounds('per_second')(result) / 1e3,
        target: 400,
      },
      {
        name: 'stored',
        unit: 'k/s',
        better: 'higher',
        value: ratio('messages', 'fill_seconds', 1e-3),
      },
      { name: 'memory', unit: 'MB', better: 'lower', value: at('fill_rss_bytes', 1e-6) },
    ],
  },
  {
    name: 'offline-100x1000',
    title: '100 offline sessions, 1,000 QoS 1 messages each (ours synced, others in memory)',
    load: () => [
      ...['--mode', 'offline', '--sessions', '100', '--messages', '1000'],
      ...['--window', '640', '--concurrency', '100'],
    ],
    figures: [
      {
        name: 'enqueue',
        unit: 'k/s',
        better: 'higher',
        value: at('enqueue_per_second', 1e-3),
        target: 60,
      },
      {
        name: 'drain',
        unit: 'k/s',
        better: 'higher',
        value: at('drain_per_second', 1e-3),
        target: 200,
      },
      {
        name: 'enqueue CPU per million',
        unit: 's',
        better: 'lower',
        value: ratio('enqueue_broker_cpu_seconds', 'messages', MILLION),
      },
      {
        name: 'drain CPU per million',
        unit: 's',
        better: 'lower',
        value: ratio('drain_broker_cpu_seconds', 'messages', MILLION),
      },
      { name: 'memory', unit: 'MB', better: 'lower', value: at('enqueue_rss_bytes', 1e-6) },
    ],
  },
];

/** 100 subscribers with `filters` wildcard filters each, every one of them matched in turn. */
function manyFilters(pace: Pace, filters: number): string[] {
  const clients = { publishers: 100, subscribers: 100, filters };
  return traffic(pace, { ...clients, qos: 0, unreceived: 50, 'pause-us': 1_000 });
}

const subscribeRate: Figure = {
  name: 'subscribe',
  unit: 'k/s',
  better: 'higher',
  value: ratio('subscriptions', 'subscribe_seconds', 1e-3),
  target: 180,
};

const subscriptionScenarios: readonly Scenario[] = [
  {
    name: 'subscribe-100000-plus',
    title: '100,000 subscriptions with + on 100 clients: subscribe, then publish to them',
    load: (pace) => manyFilters(pace, 1_000),
    figures: [subscribeRate, ...trafficFigures({ cpu: 3 })],
  },
];

/** One row each of the speed table that this project is measured by. */
export const scenarios: readonly Scenario[] = [
  ...throughputScenarios,
  ...latencyScenarios,
  ...connectionScenarios,
  ...storageScenarios,
  ...subscriptionScenarios,
  ...clusterScenarios,
];

/** Measures the generator itself, against sockets that only forward. */
export const generatorScenario: Scenario = {
  name: 'generator',
  title: 'QoS 0, 10 pairs, through bare sockets',
  load: (pace) => traffic(pace, { ...pairs, qos: 0, unreceived: 500 }),
  figures: [
    {
      name: "generator's CPU per million",
      unit: 's',
      better: 'lower',
      value: ratio('load_cpu_seconds', 'deliveries', MILLION),
    },
    {
      name: 'throughput',
      unit: 'k/s',
      better: 'higher',
      value: ratio('deliveries', 'seconds', 1e-3),
    },
  ],
};

/** Files that a broker and the generator need beside one per client. */
const FILE_RESERVE = 300;

/**
 * The curves: cost per message must stay level while clients or unrelated subscriptions grow.
 * Points above `fileLimit` (open files per process) are left out.
 */
export function curveScenarios(fileLimit: number): readonly Scenario[] {
  const load = { ...pairs, qos: 0, unreceived: 500 };
  const clients = [100, 1_000, 3_000, 10_000].filter((count) => count + FILE_RESERVE < fileLimit);
  return [
    ...clients.map((count) => ({
      name: `curve-clients-${count}`,
      title: `QoS 0, 10 pairs, beside ${count} connected clients`,
      load: (pace: Pace) => traffic(pace, { ...load, idle: count }),
      figures: trafficFigures(),
    })),
    ...[1_000, 10_000, 100_000, 1_000_000].map((count) => ({
      name: `curve-subscriptions-${count}`,
      title: `QoS 0, 10 pairs, beside ${count} unrelated subscriptions with +`,
      load: (pace: Pace) => traffic(pace, { ...load, unrelated: count }),
      figures: trafficFigures(),
    })),
  ];
}
