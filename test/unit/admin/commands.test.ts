/** What operators type, and what they get. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands, isSwitchOf, parseArguments, resolveRequest } from '../../../src/admin/mod.js';
import { type AdminResponse, runCommand } from '../../../src/admin/run-command.js';
import { clusterTable, FakeNode } from './fake-node.js';

/** Runs a command line on the node. */
async function typed(line: string, node: FakeNode = new FakeNode()): Promise<AdminResponse> {
  const argv = line.split(' ').filter((word) => word !== '');
  const request = parseArguments(argv, isSwitchOf(commands));
  const resolved = resolveRequest(commands, request);
  return resolved.kind === 'answer' ? resolved.response : runCommand(resolved, node, request);
}

function ok(text: string): AdminResponse {
  return { exitCode: 0, text, isAlert: false };
}

describe('cluster show', () => {
  it('prints the table as it is', async () => {
    assert.deepEqual(await typed('cluster show'), ok(clusterTable));
  });

  it('prints sentences after a blank line', async () => {
    const node = new FakeNode();
    node.view = { ...node.view, sentences: ['b is missing.', 'Start it.'] };
    const { text } = await typed('cluster show', node);
    assert.equal(text, `${clusterTable}\nb is missing.\nStart it.\n`);
  });

  it('prints who sees whom with --detail, between table and sentences', async () => {
    const node = new FakeNode();
    node.view = { ...node.view, sentences: ['b is missing.'] };
    const { text } = await typed('cluster show --detail', node);
    assert.equal(text, `${clusterTable}\na sees b\n\nb is missing.\n`);
  });

  it('exits with 2 for a missing member only with --check, and still prints the table', async () => {
    const node = new FakeNode();
    node.view = { ...node.view, exitCode: 2 };
    assert.equal((await typed('cluster show', node)).exitCode, 0);
    const checked = await typed('cluster show --check', node);
    assert.deepEqual(checked, { exitCode: 2, text: clusterTable, isAlert: false });
  });

  for (const form of ['--format=json', '--format json']) {
    it(`prints VerneMQ's object with ${form}`, async () => {
      const { text } = await typed(`cluster show ${form}`);
      assert.equal(text, '{"type":"table","table":[{"Node":"a@10.0.0.1","Running":true}]}\n');
    });
  }

  it('adds sentences and the matrix to the object', async () => {
    const node = new FakeNode();
    node.view = { ...node.view, sentences: ['b is missing.'] };
    const { text } = await typed('cluster show --detail --format=json', node);
    assert.deepEqual(JSON.parse(text), {
      type: 'table',
      table: [{ Node: 'a@10.0.0.1', Running: true }],
      notes: ['b is missing.'],
      matrix: [{ Node: 'a', b: 'up' }],
    });
  });
});

describe('cluster join', () => {
  for (const address of ['NautilusMQ@10.0.0.2', '10.0.0.2:44053', '[::1]:44053']) {
    it(`hands over ${address}`, async () => {
      const node = new FakeNode();
      assert.deepEqual(await typed(`cluster join discovery-node=${address}`, node), ok('Done\n'));
      assert.deepEqual(node.joined, [address]);
    });
  }

  it('exits with 1 and says why on standard error when the node refuses', async () => {
    const node = new FakeNode();
    node.result = { ok: false, text: 'Nobody answers there.' };
    const response = await typed('cluster join discovery-node=b@h', node);
    assert.deepEqual(response, { exitCode: 1, text: 'Nobody answers there.\n', isAlert: true });
    const { text } = await typed('cluster join discovery-node=b@h --format=json', node);
    const alert = [{ type: 'text', text: 'Nobody answers there.' }];
    assert.deepEqual(JSON.parse(text), { type: 'alert', alert });
  });
});

describe('cluster leave', () => {
  const usual = { kill: false, intervalMs: 5000, timeoutMs: 60_000, force: false };
  const forms: Record<string, object> = {
    'node=b@h': {},
    'node=b@h -k': { kill: true },
    'node=b@h --kill_sessions': { kill: true },
    'node=b@h -k -i 2 -t 30': { kill: true, intervalMs: 2000, timeoutMs: 30_000 },
    'node=b@h -i2 -t30 -k': { kill: true, intervalMs: 2000, timeoutMs: 30_000 },
    'node=b@h -k -i=2 -t=30': { kill: true, intervalMs: 2000, timeoutMs: 30_000 },
    'node=b@h --interval=2 --timeout=30': { intervalMs: 2000, timeoutMs: 30_000 },
    'node=b@h --interval 2 --timeout 30': { intervalMs: 2000, timeoutMs: 30_000 },
    'node=b@h --summary-interval=7': { intervalMs: 7000 },
    '-k --force node=b@h': { kill: true, force: true },
    '-t 30 node=b@h': { timeoutMs: 30_000 },
  };
  for (const [words, expected] of Object.entries(forms)) {
    it(`understands ${words}`, async () => {
      const node = new FakeNode();
      assert.deepEqual(await typed(`cluster leave ${words}`, node), ok('Done\n'));
      assert.deepEqual(node.left, [['b@h', { ...usual, ...expected }]]);
    });
  }
});

describe('other commands:', () => {
  it('node status is a table, and one object for machines', async () => {
    const { text } = await typed('node status');
    const lines = ['+----------+-----+', '|   Name   |Value|', '+----------+-----+'];
    lines.push('|num_online|  3  |', '| version  |1.2.3|', '+----------+-----+', '');
    assert.equal(text, lines.join('\n'));
    const json = await typed('node status --format=json');
    const table = [{ num_online: 3, version: '1.2.3' }];
    assert.deepEqual(JSON.parse(json.text), { type: 'table', table });
  });

  it('version says what the node runs', async () => {
    assert.deepEqual(await typed('version'), ok('NautilusMQ 1.2.3\n'));
  });
});

describe('a mistake', () => {
  const mistakes: Record<string, RegExp> = {
    'cluster leave': /^cluster leave needs node=NAME\n\nUsage: vmq-admin cluster leave node=NAME /,
    'cluster leave node=': /^cluster leave needs node=NAME\n/,
    'cluster leave node=a node=b': /^node= is given twice\n/,
    'cluster leave nod=a': /^cluster leave has no 'nod='\n/,
    'cluster leave b@h': /^cluster leave takes no word 'b@h'\n/,
    'cluster leave node=b --hard': /^cluster leave has no option '--hard'\n/,
    'cluster leave node=b -x': /^cluster leave has no option '-x'\n/,
    'cluster leave node=b -kyes': /^-k takes no value\n/,
    'cluster leave node=b --force=on': /^--force takes no value\n/,
    'cluster leave node=b -t': /^-t takes a number of seconds from 1 to 86400\n/,
    'cluster leave node=b -t 0': /^-t takes a number of seconds/,
    'cluster leave node=b -t 1.5': /^-t takes a number of seconds/,
    'cluster leave node=b -t 99999': /^-t takes a number of seconds/,
    'cluster leave node=b -t -5': /^-t takes a number of seconds/,
    'cluster show --format=xml': /^--format is json or human\n/,
    'cluster show --check=yes': /^--check takes no value\n/,
  };
  for (const [line, expected] of Object.entries(mistakes)) {
    it(`is refused with the reason and the usage: ${line}`, async () => {
      const node = new FakeNode();
      const { exitCode, text, isAlert } = await typed(line, node);
      assert.equal(exitCode, 1);
      assert.equal(isAlert, true);
      assert.match(text, expected);
      assert.deepEqual(node.left, []);
    });
  }

  it('in a word names the nearest command and the usage', async () => {
    for (const line of ['clustr show', 'cluster shwo', 'Cluster Show']) {
      const { exitCode, text, isAlert } = await typed(line);
      assert.equal(exitCode, 1);
      assert.equal(isAlert, true);
      const first = `There is no command '${line}'.\n\nDid you mean\n  vmq-admin cluster show [`;
      assert.ok(text.startsWith(first), text);
      assert.match(text, /\n\nUsage: vmq-admin /);
    }
  });

  it('that resembles nothing gets the list of commands', async () => {
    const { text } = await typed('xyzzy');
    assert.match(text, /^There is no command 'xyzzy'\.\n\nUsage: vmq-admin COMMAND/);
  });

  it('does not bring control characters onto the terminal', async () => {
    const { text } = await typed('\u001B[31mred');
    assert.match(text, /^There is no command '\?\[31mred'/);
  });
});

describe('help', () => {
  it('is there at every level, and is no mistake', async () => {
    for (const flag of ['--help', '-h']) {
      const levels: Record<string, RegExp> = {
        '': /^Usage: vmq-admin COMMAND[^]*cluster show {2}[^]*node status/,
        cluster: /^Usage: vmq-admin cluster COMMAND[^]*cluster join/,
        'cluster leave': /^Usage: vmq-admin cluster leave node=NAME \[-k\|--kill_sessions\]/,
      };
      for (const [words, expected] of Object.entries(levels)) {
        const { exitCode, text, isAlert } = await typed(`${words} ${flag}`);
        assert.deepEqual([exitCode, isAlert], [0, false]);
        assert.match(text, expected);
      }
    }
  });

  it('of a group shows only its commands', async () => {
    assert.doesNotMatch((await typed('cluster --help')).text, /node status/);
  });

  it('is what a group without a command gets, which does nothing', async () => {
    const { exitCode, text } = await typed('cluster');
    assert.equal(exitCode, 1);
    assert.match(text, /^Usage: vmq-admin cluster COMMAND/);
  });

  it('keeps to 100 columns but for usage lines, and names every flag', async () => {
    for (const command of commands) {
      const { text } = await typed(`${command.words.join(' ')} --help`);
      const long = text.split('\n').filter((line) => line.length > 100);
      assert.deepEqual(
        long.filter((line) => !line.startsWith('Usage: ')),
        [],
      );
      for (const flag of command.flags) assert.match(text, new RegExp(`--${flag.name}\\b`));
    }
  });
});

describe('set and show', () => {
  it('hand settings of any key to the node, in their order', async () => {
    const node = new FakeNode();
    const response = await typed('set allow_publish_during_netsplit=on a.b=c=d', node);
    assert.deepEqual(response, ok('Done\n'));
    assert.deepEqual(node.set, [
      ['allow_publish_during_netsplit', 'on'],
      ['a.b', 'c=d'],
    ]);
  });

  it('want settings as KEY=VALUE, at least one', async () => {
    const usage = 'Usage: vmq-admin set KEY=VALUE …';
    assert.equal((await typed('set')).text, `set needs KEY=VALUE\n\n${usage}\n`);
    assert.equal((await typed('set max_rate')).text, `set takes no word 'max_rate'\n\n${usage}\n`);
  });

  it('show options that are named in a row of the node, as VerneMQ does', async () => {
    const node = new FakeNode();
    node.options = [['queue_type', 'fifo']];
    assert.deepEqual(
      await typed('show queue_type', node),
      ok(
        [
          '+-------------------+----------+',
          '|       node        |queue_type|',
          '+-------------------+----------+',
          '|NautilusMQ@10.0.0.1|   fifo   |',
          '+-------------------+----------+',
          '',
        ].join('\n'),
      ),
    );
    const { text } = await typed('show queue_type --format=json', node);
    assert.deepEqual(JSON.parse(text), {
      type: 'table',
      table: [{ node: 'NautilusMQ@10.0.0.1', queue_type: 'fifo' }],
    });
    assert.deepEqual(node.shown, ['queue_type', 'queue_type']);
  });

  it('show every option in a list when none is named', async () => {
    const node = new FakeNode();
    node.options = [['queue_type', 'fifo']];
    const { text } = await typed('show --format=json', node);
    assert.deepEqual(JSON.parse(text), {
      type: 'table',
      table: [{ option: 'queue_type', value: 'fifo' }],
    });
  });

  it('say what is wrong with a name', async () => {
    const node = new FakeNode();
    node.options = { wrong: ['There is no option x.'] };
    const response = await typed('show x', node);
    assert.deepEqual(response, { exitCode: 1, text: 'There is no option x.\n', isAlert: true });
  });
});

describe("a command of VerneMQ's that is not taken", () => {
  const lines = [
    ...['cluster status', 'config show app=vmq_server', 'describe max_client_id_size'],
    ...['node start', 'node stop', 'node history', 'node swc_sync_status', 'node upgrade'],
    ...['session show --client_id --limit=5', 'session disconnect client-id=x -c'],
    ...['retain show', 'retain delete -t x', 'retain delete-expired', 'listener show --tls'],
    ...['listener start address=0.0.0.0 port=1 --websocket', 'plugin enable -n x', 'metrics show'],
    ...['metrics reset', 'api-key create', 'trace client client-id=x', 'tls check', 'log level'],
    ...['webhooks show', 'bridge show', 'script load path=x', 'webui install'],
  ];
  for (const line of lines) {
    it(`is answered with what to do instead: ${line}`, async () => {
      const { exitCode, text, isAlert } = await typed(line);
      assert.deepEqual([exitCode, isAlert], [1, true]);
      assert.match(text, /^'[^']+' (is|has) .*\.\n$/);
    });
  }

  it('names the node by its configuration where VerneMQ has -n', async () => {
    for (const line of ['cluster show -n a@h', 'node status --all']) {
      const { exitCode, text } = await typed(line);
      assert.equal(exitCode, 1);
      assert.match(text, /is not taken here: a command is for the node whose configuration/);
    }
  });
});
