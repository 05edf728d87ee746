import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Classification } from '../../../src/cluster/membership/mod.js';
import type { Policies, Policy } from '../../../src/cluster/netsplit/mod.js';
import {
  type ClusterReport,
  type MembershipNews,
  reportOf,
} from '../../../src/cluster/report/mod.js';

const start = Date.UTC(2026, 10, 23, 10, 0, 0);

const names: Readonly<Record<string, string>> = {
  A: 'VerneMQ@172.26.16.13',
  B: 'VerneMQ@172.16.16.13',
  C: 'VerneMQ@172.19.0.6',
};

function all(policy: Policy): Policies {
  return { connect: policy, publish: policy, subscribe: policy, unsubscribe: policy };
}

interface Facts {
  readonly down?: Readonly<Record<string, Classification>>;
  readonly suspect?: string;
  readonly policy?: Policy;
  readonly sites?: string;
  readonly heldBack?: string;
  readonly hasLeft?: boolean;
  /** A and C say that they do not reach each other. */
  readonly cut?: boolean;
  readonly wayTo?: string;
  readonly changes?: MembershipNews['changes'];
}

/** Of node B. */
function report({
  down = {},
  suspect,
  policy = 'off',
  sites = 'ABC',
  heldBack = '',
  hasLeft = false,
  cut = false,
  wayTo = '',
  changes = [],
}: Facts): ClusterReport {
  const members = Array.from(sites, (site) => {
    const isDown = site in down;
    const state = isDown ? 'down' : site === suspect ? 'suspect' : 'up';
    return {
      site,
      name: names[site] ?? site,
      state,
      downSince: isDown ? start : undefined,
    } as const;
  });
  return reportOf({
    view: { self: 'B', members, tiebreak: '' },
    policies: all(policy),
    classify: (site) => down[site] ?? { kind: 'up' },
    wayTo: () => wayTo,
    matrix: [
      { observer: 'B', words: new Map(members.map(({ site, state }) => [site, state])) },
      { observer: 'A', words: cut ? new Map([['C', 'down'] as const]) : undefined },
      {
        observer: 'C',
        words: new Map([['A', cut || 'A' in down ? 'down' : 'up'] as const, ['B', 'up'] as const]),
      },
    ],
    news: { heldBack, hasLeft, changes },
    now: start + 93_784_000,
  });
}

const dead: Classification = { kind: 'dead', asked: ['C'] };

describe('the report of a cluster', () => {
  it('is the table of two columns that operators know, sorted by name', () => {
    const { table, rows, exitCode } = report({ down: { A: dead } });
    assert.equal(
      table,
      [
        '+--------------------+-------+',
        '| Node               |Running|',
        '+--------------------+-------+',
        '|VerneMQ@172.16.16.13| true  |',
        '| VerneMQ@172.19.0.6 | true  |',
        '|VerneMQ@172.26.16.13| false |',
        '+--------------------+-------+',
        '',
      ].join('\n'),
    );
    assert.deepEqual(rows, [
      { Node: 'VerneMQ@172.16.16.13', Running: true },
      { Node: 'VerneMQ@172.19.0.6', Running: true },
      { Node: 'VerneMQ@172.26.16.13', Running: false },
    ]);
    assert.equal(exitCode, 2);
  });

  it('leaves the blank before a title out where the names are no wider', () => {
    const members = [{ site: 'B', name: 'a@b', state: 'up', downSince: undefined } as const];
    const { table, exitCode } = reportOf({
      view: { self: 'B', members, tiebreak: '' },
      policies: all('off'),
      classify: () => ({ kind: 'up' }),
      wayTo: () => '',
      matrix: [],
      news: { heldBack: '', hasLeft: false, changes: [] },
      now: start,
    });
    const border = '+----+-------+';
    assert.equal(
      table,
      [border, '|Node|Running|', border, '|a@b | true  |', border, ''].join('\n'),
    );
    assert.equal(exitCode, 0);
  });

  it('says who is dead since when, what clients get for each operation, and what to do', () => {
    assert.deepEqual(report({ down: { A: dead } }).sentences, [
      'Member VerneMQ@172.26.16.13 is missing since 2026-11-23T10:00:00Z (1 d 2 h): dead, for no other member sees it either (asked: VerneMQ@172.19.0.6).',
      'CONNECT is refused (CONNACK 3, in MQTT 5 0x88, and the connection is closed): allow_register_during_netsplit = off.',
      'PUBLISH is refused (QoS 0 is dropped; QoS 1 and 2 get 0x83 in MQTT 5 and no acknowledgement before it): allow_publish_during_netsplit = off.',
      'SUBSCRIBE is refused (SUBACK 0x80, in MQTT 5 0x83): allow_subscribe_during_netsplit = off.',
      'UNSUBSCRIBE is refused (UNSUBACK 0x83 in MQTT 5, no answer before it): allow_unsubscribe_during_netsplit = off.',
      'What to do: start VerneMQ@172.26.16.13 again (if its process still runs, it hangs: end it first), or repair the way there. Restarting this node will not help.',
      'Only if it will never return: vmq-admin cluster leave node=VerneMQ@172.26.16.13.',
      'To serve clients here meanwhile: vmq-admin set allow_register_during_netsplit=majority allow_publish_during_netsplit=majority allow_subscribe_during_netsplit=majority allow_unsubscribe_during_netsplit=majority',
    ]);
  });

  it('tells a member that is cut off from one that is dead', () => {
    const { sentences } = report({ down: { A: { kind: 'cutOff', seenBy: ['C'] } }, policy: 'on' });
    assert.match(
      sentences[0] ?? '',
      /: cut off, for this node does not reach it, but others do \(VerneMQ@172\.19\.0\.6\)\.$/,
    );
    assert.equal(sentences[1], 'CONNECT is served: allow_register_during_netsplit = on.');
    assert.equal(
      sentences.at(-1),
      'What to do: repair the network between this node and VerneMQ@172.26.16.13. Restarting either will not help.',
    );
  });

  it('claims no more than it can know of a member that only just went, or that nobody else can be asked about', () => {
    const unclear = report({ down: { A: { kind: 'unclear' } } }).sentences[0] ?? '';
    assert.match(unclear, /: it went a moment ago, and whether others see it will be known in/);
    const alone = report({ down: { A: { kind: 'dead', asked: [] } } }).sentences[0] ?? '';
    assert.match(
      alone,
      /: it is dead or cut off; there is no other member that this node could ask/,
    );
  });

  it('names the risk of serving where there is no majority', () => {
    const down = { A: dead, C: { kind: 'dead', asked: [] } } as const;
    const { sentences } = report({ down, policy: 'majority' });
    assert.equal(
      sentences[2],
      'CONNECT is refused (CONNACK 3, in MQTT 5 0x88, and the connection is closed): allow_register_during_netsplit = majority, and 1 of 3 members reachable, no majority.',
    );
    assert.match(sentences.at(-2) ?? '', /: vmq-admin set allow_register_during_netsplit=on /);
    assert.match(sentences.at(-1) ?? '', /both sides may then have one of the same Client Identi/);
  });

  it('says nothing when all is well, and warns where losing one member would stop it', () => {
    assert.deepEqual(report({ policy: 'majority' }).sentences, []);
    assert.deepEqual(report({ sites: 'B' }).sentences, []);
    assert.match(
      report({}).sentences.join('\n'),
      /^Note: losing any one member will stop this cluster: .* to majority\.$/,
    );
  });

  it('counts a member that is looked for as there, and says why clients wait at a start', () => {
    const heldBack = 'members are looked for';
    const { sentences, exitCode } = report({ suspect: 'A', policy: 'majority', heldBack });
    assert.deepEqual(sentences, [
      'Clients are not served yet: members are looked for.',
      'Looked for at the moment: VerneMQ@172.26.16.13. For some seconds that counts as there.',
    ]);
    assert.equal(exitCode, 0);
  });

  it('does not say what clients get while no port is open', () => {
    const { sentences } = report({ down: { A: dead }, heldBack: 'members are looked for' });
    assert.deepEqual(
      sentences.filter((text) => /^(CONNECT|PUBLISH|To serve)/.test(text)),
      [],
    );
  });

  it('tells of two others that do not reach each other', () => {
    const { sentences, exitCode } = report({ policy: 'majority', cut: true });
    assert.deepEqual(sentences, [
      'Members VerneMQ@172.19.0.6 and VerneMQ@172.26.16.13 do not reach each other, though this node reaches both. Between their clients only messages for persistent sessions wait, the rest is lost: repair the network between them.',
    ]);
    assert.equal(exitCode, 0);
  });

  it('says what came of the last attempt to reach it', () => {
    const wayTo = 'This node dials it at 10.0.0.9:44053: cannot be reached: nothing listens there.';
    const [first = ''] = report({ down: { A: dead }, wayTo }).sentences;
    assert.ok(first.endsWith(`(asked: VerneMQ@172.19.0.6). ${wayTo}`), first);
  });

  it('suspects the own network where no other member can be reached', () => {
    const down = { A: dead, C: dead };
    const { sentences } = report({ down, policy: 'majority' });
    assert.ok(sentences.some((text) => text.startsWith('No other member is reachable')));
    assert.ok(
      sentences.some((text) =>
        /node=VerneMQ@172\.19\.0\.6 --force and .*; --force, because/.test(text),
      ),
    );
  });

  it('says of a node that left that it is to be stopped, and nothing of what it once was', () => {
    const heldBack = 'this node has left the cluster';
    const { sentences, exitCode } = report({ down: { A: dead }, heldBack, hasLeft: true });
    assert.deepEqual(sentences, [
      'This node serves nobody, for it is no member any more: this node has left the cluster.',
      'What to do: stop it. It can join again when it is started with an empty data directory.',
    ]);
    assert.equal(exitCode, 2);
  });

  it('tells of a join or leave that is under way, and who carries it out', () => {
    const changeOf = (state: 'joining' | 'leaving', coordinator: string) =>
      ({ subject: 'D', name: 'd@h', state, coordinator, stamp: 1 }) as const;
    const changes = [changeOf('joining', 'A'), changeOf('leaving', 'C')];
    assert.deepEqual(report({ changes, policy: 'majority' }).sentences, [
      'Node d@h is joining, carried out by VerneMQ@172.26.16.13.',
      'Member d@h is leaving, carried out by VerneMQ@172.19.0.6: its sessions and messages move to other members.',
    ]);
    assert.ok(
      report({ changes, down: { A: dead } }).sentences.includes(
        'Node d@h is joining, but VerneMQ@172.26.16.13, which carries that out, is missing: it will take that back, or another member repeats it.',
      ),
    );
  });

  it('never has a bar or the words of the second column in a sentence, for scripts that read it', () => {
    const kinds: readonly Classification[] = [
      dead,
      { kind: 'dead', asked: [] },
      { kind: 'cutOff', seenBy: ['C'] },
      { kind: 'unclear' },
    ];
    for (const kind of kinds) {
      for (const policy of ['off', 'on', 'majority'] as const) {
        for (const sites of ['AB', 'ABC', 'ABCD']) {
          const down = { A: kind };
          const texts = [
            ...report({ down, policy, sites }).sentences,
            ...report({ policy, sites }).sentences,
          ];
          for (const text of texts) assert.doesNotMatch(text, /\||true|false|\n/);
        }
      }
    }
  });

  it('shows who sees whom, with a question mark for those that say nothing', () => {
    const { matrix, matrixRows } = report({ down: { A: dead } });
    assert.equal(
      matrix,
      [
        '+--------------------+--------------------+------------------+--------------------+',
        '| Seen by            |VerneMQ@172.16.16.13|VerneMQ@172.19.0.6|VerneMQ@172.26.16.13|',
        '+--------------------+--------------------+------------------+--------------------+',
        '|VerneMQ@172.16.16.13|        self        |        up        |        down        |',
        '|VerneMQ@172.26.16.13|         ?          |        ?         |        self        |',
        '| VerneMQ@172.19.0.6 |         up         |       self       |        down        |',
        '+--------------------+--------------------+------------------+--------------------+',
        '',
      ].join('\n'),
    );
    assert.deepEqual(matrixRows[1], {
      'Seen by': 'VerneMQ@172.26.16.13',
      'VerneMQ@172.16.16.13': null,
      'VerneMQ@172.19.0.6': null,
      'VerneMQ@172.26.16.13': 'self',
    });
  });
});
