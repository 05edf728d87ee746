import { startsWith } from './usage.js';

/** VerneMQ's commands that are not taken here. */
interface ForeignCommands {
  /** First words; each stands for all that begin with them. */
  readonly beginnings: readonly string[];
  /** Why not, and what to do instead. */
  readonly answer: string;
}

const notYet = 'is not built yet';

const rows: readonly ForeignCommands[] = [
  {
    beginnings: ['cluster status'],
    answer: 'is called `vmq-admin cluster show`; --detail adds who sees whom.',
  },
  {
    beginnings: ['config show', 'config reset'],
    answer:
      'is not needed: `vmq-admin show` prints what is in force, and what `set` changed holds until the restart.',
  },
  {
    beginnings: ['describe'],
    answer: 'is a command of the broker: `nautilusmq describe KEY`.',
  },
  {
    beginnings: ['node start'],
    answer: 'is `nautilusmq start`: a node is one process, which ends with its service.',
  },
  {
    beginnings: ['node stop'],
    answer: 'is SIGTERM: stop the service of the node (systemctl stop, docker stop, Ctrl-C).',
  },
  {
    beginnings: ['node history', 'node swc_sync_status', 'node flag_as_init_synced'],
    answer:
      'has no meaning here: a node with sessions may join, and `vmq-admin cluster show --detail` says who has what.',
  },
  {
    beginnings: ['node upgrade'],
    answer:
      'is done by restarting: stop one node, install the new version, start it, and go on with the next when `vmq-admin cluster show --check` exits with 0.',
  },
  {
    beginnings: ['session'],
    answer: `${notYet}. \`vmq-admin node status\` counts sessions; a session ends when a client connects with its Client Identifier and clean start; a changed ACL file holds for the next SUBSCRIBE and PUBLISH.`,
  },
  {
    beginnings: ['retain delete-expired'],
    answer: 'is not needed: what has expired is not delivered; expire_retain_cache removes it.',
  },
  {
    beginnings: ['retain'],
    answer: `${notYet}. \`mosquitto_sub --retained-only -v -t '#'\` lists retained messages; \`mosquitto_pub -r -n -t TOPIC\` deletes one.`,
  },
  {
    beginnings: ['listener'],
    answer: `${notYet}. Listeners are lines of the configuration file (listener.tcp.NAME = ADDRESS:PORT), and a restart opens them; the log of the start lists them.`,
  },
  {
    beginnings: ['plugin'],
    answer:
      'has no meaning here: what VerneMQ has as plugins is built in, and switched in the configuration file (plugins.vmq_acl, plugins.vmq_passwd).',
  },
  {
    beginnings: ['metrics'],
    answer: `${notYet}. Metrics are published under $SYS/NODENAME/ (systree_enabled), and \`vmq-admin node status\` has the most important ones.`,
  },
  {
    beginnings: ['api-key'],
    answer: `${notYet}, and neither is the HTTP interface that would ask for one: vmq-admin is for the owner of the data directory.`,
  },
  {
    beginnings: ['trace'],
    answer: `${notYet}. \`vmq-admin set log.console.level=debug\` logs each packet's handling, on this node; \`=info\` ends it.`,
  },
  {
    beginnings: ['tls'],
    answer:
      'is not needed: certificates, keys and CRLs are read again when their files change. `openssl x509 -noout -enddate -in FILE` says how long one is valid.',
  },
  {
    beginnings: ['log'],
    answer: 'is `vmq-admin show log.console.level` and `vmq-admin set log.console.level=debug`.',
  },
  { beginnings: ['webhooks', 'bridge', 'webui'], answer: `${notYet}.` },
  {
    beginnings: ['script'],
    answer: 'has no meaning here: Lua scripts are not run.',
  },
];

/** What is said to a command of VerneMQ's that is not taken; undefined: it is none. */
export function foreignAnswer(words: readonly string[]): string | undefined {
  for (const { beginnings, answer } of rows) {
    const beginning = beginnings.find((text) => startsWith(words, text.split(' ')));
    if (beginning === undefined) continue;
    return `'${words.join(' ')}' ${answer}`;
  }
  return undefined;
}

/** What is said to a flag of VerneMQ's that this command does not have; undefined: it is none. */
export function foreignFlag(name: string): string | undefined {
  if (!['n', 'node', 'a', 'all'].includes(name)) return undefined;
  const flag = name.length === 1 ? `-${name}` : `--${name}`;
  return `${flag} is not taken here: a command is for the node whose configuration vmq-admin reads, so run it on that node, or with its --config FILE`;
}
