/** What whole nodes say of their cluster: `cluster show`, and the story in the log. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClusterSimCore, memberOn } from '../../sim/cluster-core.js';
import { wholeBody } from '../../src/cluster/link/mod.js';
import type { Policies, Policy } from '../../src/cluster/netsplit/mod.js';
import { founded, nodeOf } from './membership-rig.js';

function all(policy: Policy): Policies {
  return { connect: policy, publish: policy, subscribe: policy, unsubscribe: policy };
}

describe('the report of a node of three', () => {
  it('is good while all are there, and names who died as soon as it is missed', () => {
    const { rig, nodes } = founded();
    const { sentences, exitCode, rows } = rig.cluster('a').report(rig.now('a'));
    assert.equal(exitCode, 0);
    assert.ok(
      sentences.every((sentence) => sentence.startsWith('Note: ')),
      sentences.join('\n'),
    );
    assert.deepEqual(rows, [
      { Node: 'NautilusMQ@a', Running: true },
      { Node: 'NautilusMQ@b', Running: true },
      { Node: 'NautilusMQ@c', Running: true },
    ]);
    nodeOf(nodes, 'b').crash('machine');
    rig.run(8000);
    const report = rig.cluster('a').report(rig.now('a'));
    assert.equal(report.exitCode, 2);
    const [absence = ''] = report.sentences;
    assert.match(absence, /^Member NautilusMQ@b is missing since .*Z \(\d+ s\): dead, /);
    assert.match(absence, /no other member sees it either \(asked: NautilusMQ@c\)\. (This|It is) /);
    assert.deepEqual(report.matrixRows[2], {
      'Seen by': 'NautilusMQ@c',
      'NautilusMQ@a': 'up',
      'NautilusMQ@b': 'down',
      'NautilusMQ@c': 'self',
    });
  });

  it('follows policies that change while a member is missing, and so do the gates, at once', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'b').crash('machine');
    rig.run(8000);
    const cluster = rig.cluster('a');
    const told: string[] = [];
    for (const policy of ['on', 'off', 'majority'] as const) {
      cluster.setPolicies(all(policy), rig.now('a'));
      const refusal = cluster.gates.refusal('connect', undefined);
      const connect = cluster.report(rig.now('a')).sentences.find((one) => one.startsWith('CONN'));
      told.push(`${policy}: ${refusal === undefined ? 'allowed' : 'refused'}, ${connect}`);
    }
    const key = 'allow_register_during_netsplit';
    assert.deepEqual(told, [
      `on: allowed, CONNECT is served: ${key} = on.`,
      `off: refused, CONNECT is refused (CONNACK 3, in MQTT 5 0x88, and the connection is closed): ${key} = off.`,
      `majority: allowed, CONNECT is served: ${key} = majority, and 2 of 3 members reachable, a majority.`,
    ]);
    assert.match(
      rig.told(),
      /netsplit goes on: member NautilusMQ@b unreachable since .*; refused: /,
    );
  });
});

describe('the counters of a node', () => {
  it('know splits, and bytes that a missing member was not sent', () => {
    const { rig, nodes } = founded();
    const { broker, cluster } = nodeOf(nodes, 'a').core as ClusterSimCore;
    const { metrics } = broker;
    nodeOf(nodes, 'b').crash('machine');
    rig.run(8000);
    assert.deepEqual([metrics.netsplitDetected, metrics.netsplitResolved], [1, 0]);
    assert.equal(metrics.clusterBytesDropped, 0);
    cluster.traffic.sendOnce(memberOn('b').site, wholeBody(Buffer.alloc(12)));
    assert.equal(metrics.clusterBytesDropped, 12);
    assert.equal(metrics.queueMessageDrop, 1);
    nodeOf(nodes, 'b').start();
    rig.run(8000);
    assert.deepEqual([metrics.netsplitDetected, metrics.netsplitResolved], [1, 1]);
    const names = new Set([...metrics.snapshot()].map(({ name }) => name));
    for (const name of ['sent', 'received', 'dropped'])
      assert.ok(names.has(`cluster_bytes_${name}`));
    assert.ok(names.has('netsplit_detected') && names.has('netsplit_resolved'));
  });
});

describe('the story of a cluster in the log', () => {
  it('tells exchanges, what they repaired, what was pushed, and links that come and go', () => {
    const { rig, nodes } = founded();
    rig.run(40_000);
    const story = rig.told();
    assert.match(story, /exchange started with NautilusMQ@b/);
    assert.match(story, /exchange completed with NautilusMQ@\w: \d+ rows? \(\d+ bytes\) repaired/);
    assert.match(story, /exchange completed with NautilusMQ@\w: nothing repaired/);
    assert.match(story, /pushed \d+ rows? \(\d+ bytes\) to \d members/);
    assert.match(story, /sent a snapshot of NautilusMQ@a's rows to NautilusMQ@b: 3 rows \(\d+ by/);
    assert.match(story, /cluster link is up/);
    assert.doesNotMatch(story, /cluster link is down/);
    nodeOf(nodes, 'b').crash('process');
    rig.run(2000);
    assert.match(rig.told(), /cluster link is down: /);
  });
});
