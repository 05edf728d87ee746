import type { ActionResult, AdminNode, JsonRow, JsonValue } from './admin-node.js';
import { type Command, type Flag, type Invocation, type Outcome, usualLimitMs } from './command.js';
import { textTable } from './text-table.js';

const usual = (): number => usualLimitMs;

/** VerneMQ's defaults for `cluster leave`. */
const leaveIntervalMs = 5000;
const leaveTimeoutMs = 60_000;
/** Time for moving sessions, which the timeout does not cover. */
const moveLimitMs = 3_600_000;

const clusterShow: Command = {
  words: ['cluster', 'show'],
  keys: [],
  flags: [
    { name: 'detail', type: 'switch', text: 'also who sees whom' },
    { name: 'check', type: 'switch', text: 'exit with 2 when a member is missing' },
  ],
  summary: 'the members, and which of them are running',
  text: [
    'Prints every member and whether this node reaches it. When one is missing, sentences below',
    'the table say since when, who still sees it, what clients get and what to do.',
  ],
  changes: false,
  limitMs: usual,
  run: showCluster,
};

const clusterJoin: Command = {
  words: ['cluster', 'join'],
  keys: [
    {
      name: 'discovery-node',
      placeholder: 'NAME|HOST:PORT',
      text: 'a member: its node name, or the address of its listener.vmq',
    },
  ],
  flags: [],
  summary: 'make this node a member of a cluster',
  text: ['Joins this node to the cluster of another one. Its sessions and messages come along.'],
  changes: true,
  limitMs: usual,
  run: async (node, invocation) => outcomeOf(await node.join(invocation.key('discovery-node'))),
};

const leaveFlags: readonly Flag[] = [
  {
    name: 'kill_sessions',
    short: 'k',
    type: 'switch',
    text: 'close its clients and move their sessions to the other members',
  },
  {
    name: 'summary-interval',
    short: 'i',
    aliases: ['interval'],
    type: 'seconds',
    text: 'taken for the sake of scripts: the node looks every second (5)',
  },
  {
    name: 'timeout',
    short: 't',
    type: 'seconds',
    text: 'how long to wait for clients and members (60)',
  },
  {
    name: 'force',
    type: 'switch',
    text: 'without a majority, or messages left behind: risky',
  },
];

const clusterLeave: Command = {
  words: ['cluster', 'leave'],
  keys: [{ name: 'node', placeholder: 'NAME', text: 'the member that leaves, by its node name' }],
  flags: leaveFlags,
  summary: 'take a member out of the cluster',
  text: [
    'A running member takes no more clients. Those that it has may go by themselves until the',
    'timeout, or are sent away at once with -k; its sessions and messages move to the other members,',
    'then it leaves, or stays where that cannot be done in time. A dead member is removed at once,',
    'and its sessions are adopted by the others.',
  ],
  changes: true,
  limitMs: (invocation) => invocation.milliseconds('timeout', leaveTimeoutMs) + moveLimitMs,
  run: leaveCluster,
};

const nodeStatus: Command = {
  words: ['node', 'status'],
  keys: [],
  flags: [],
  summary: 'clients, messages and subscriptions of this node',
  text: ['Prints counts of clients, messages, queues and subscriptions of this node.'],
  changes: false,
  limitMs: usual,
  run: showStatus,
};

const set: Command = {
  words: ['set'],
  keys: [],
  flags: [],
  rest: 'settings',
  summary: 'change options of this node while it runs',
  text: [
    'Changes options that may change while the node runs; the reference marks them. All of those',
    'given are changed, or none. They hold on this node until it is restarted: write them in its',
    'configuration file too, and ask the other members for the same.',
  ],
  changes: true,
  limitMs: usual,
  run: (node, { rest }) => outcomeOf(node.setOptions(rest)),
};

const show: Command = {
  words: ['show'],
  keys: [],
  flags: [],
  rest: 'names',
  summary: 'options of this node as they are in force',
  text: ['Prints the values of the options named; of all without a name. Secrets are not shown.'],
  changes: false,
  limitMs: usual,
  run: (node, { rest }) =>
    showValues(
      node,
      rest.map(([key]) => key),
    ),
};

const version: Command = {
  words: ['version'],
  keys: [],
  flags: [],
  summary: 'the version that the node runs',
  text: ['Prints the version of the running node, which may not be that of this program.'],
  changes: false,
  limitMs: usual,
  run: (node) => ({
    exitCode: 0,
    text: `NautilusMQ ${node.version}\n`,
    json: { type: 'text', text: node.version },
  }),
};

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  clusterShow,
  clusterJoin,
  clusterLeave,
  nodeStatus,
  set,
  show,
  version,
];

function showCluster(node: AdminNode, invocation: Invocation): Outcome {
  const view = node.clusterView();
  const withMatrix = invocation.has('detail');
  const parts = [view.table];
  if (withMatrix && view.matrix !== '') parts.push(view.matrix);
  if (view.sentences.length > 0) parts.push(`${view.sentences.join('\n')}\n`);
  const json: JsonValue = {
    ...table(view.rows),
    ...(view.sentences.length === 0 ? {} : { notes: view.sentences }),
    ...(withMatrix ? { matrix: view.matrixRows } : {}),
  };
  const exitCode = invocation.has('check') ? view.exitCode : 0;
  return { exitCode, text: parts.join('\n'), json };
}

async function leaveCluster(node: AdminNode, invocation: Invocation): Promise<Outcome> {
  const result = await node.leave(invocation.key('node'), {
    kill: invocation.has('kill_sessions'),
    intervalMs: invocation.milliseconds('summary-interval', leaveIntervalMs),
    timeoutMs: invocation.milliseconds('timeout', leaveTimeoutMs),
    force: invocation.has('force'),
  });
  return outcomeOf(result);
}

function showStatus(node: AdminNode): Outcome {
  const rows = node.status();
  const text = textTable(
    ['Name', 'Value'],
    rows.map(([name, value]) => [name, String(value)]),
  );
  return { exitCode: 0, text, json: table([Object.fromEntries(rows)]) };
}

/** VerneMQ's form for options that are named: a row per node. */
function showValues(node: AdminNode, keys: readonly string[]): Outcome {
  const entries = node.showOptions(keys);
  if ('wrong' in entries) return outcomeOf({ ok: false, text: entries.wrong.join('\n') });
  if (keys.length === 0) {
    const rows = entries.map(([key, value]) => ({ option: key, value }));
    return { exitCode: 0, text: textTable(['option', 'value'], entries), json: table(rows) };
  }
  const titles = ['node', ...entries.map(([key]) => key)];
  const cells = [node.nodeName, ...entries.map(([, value]) => value)];
  const row = Object.fromEntries([['node', node.nodeName], ...entries]);
  return { exitCode: 0, text: textTable(titles, [cells]), json: table([row]) };
}

function outcomeOf({ ok, text }: ActionResult): Outcome {
  return { exitCode: ok ? 0 : 1, text: text.endsWith('\n') ? text : `${text}\n` };
}

function table(rows: readonly JsonRow[]): { readonly [key: string]: JsonValue } {
  return { type: 'table', table: rows };
}
