/** Who becomes a member and who leaves, with whole nodes in the simulator. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memberOn } from '../../sim/cluster-core.js';
import { RowKind } from '../../src/cluster/metadata/mod.js';
import { founded, founders, leaving, nodeOf, Rig } from './membership-rig.js';

describe('founders with the same seeds', () => {
  it('become one cluster, and serve', () => {
    const { rig } = founded();
    for (const name of founders) {
      assert.deepEqual(rig.cluster(name).startGate, { isOpen: true, reason: '' }, rig.told());
    }
  });

  it('serve nobody before more than half of them have met', () => {
    const rig = new Rig();
    rig.add('a', { seeds: founders });
    rig.run(30_000);
    const { isOpen, reason } = rig.cluster('a').startGate;
    assert.equal(isOpen, false);
    assert.match(reason, /^waiting for founders: 1 met, 2 of 3 needed/);
    assert.match(rig.told(), /waiting for founders: .*\(b:44053: /);
    rig.add('c', { seeds: founders });
    rig.run(6000);
    rig.assertViews({ a: 'AC', c: 'AC' });
    assert.ok(rig.cluster('a').startGate.isOpen, rig.told());
    assert.ok(rig.cluster('c').startGate.isOpen);
    rig.add('b', { seeds: founders });
    rig.run(6000);
    rig.assertViews({ a: 'ABC', b: 'ABC', c: 'ABC' });
    assert.ok(rig.cluster('b').startGate.isOpen);
  });

  it('do not take themselves for all of them while they know no other', () => {
    const rig = new Rig();
    const node = rig.add('a', { seeds: founders, expectedMembers: 0 });
    for (const seeds of [[], ['a:44053']]) {
      rig.cluster('a').seeds(seeds);
      rig.run(5000);
      const { isOpen, reason } = rig.cluster('a').startGate;
      assert.equal(isOpen, false);
      assert.match(reason, /name no other node; .* set cluster\.expected_members = 1$/);
    }
    node.crash('process');
    rig.add('a', { seeds: founders, expectedMembers: 1 });
    rig.run(500);
    assert.ok(rig.cluster('a').startGate.isOpen);
  });

  it('that were alone go on waiting after a restart', () => {
    const rig = new Rig();
    const node = rig.add('a', { seeds: founders });
    rig.run(2000);
    node.crash('process');
    node.start();
    rig.run(5000);
    assert.equal(rig.cluster('a').startGate.isOpen, false);
  });

  it('of a founded cluster start again by what is on their disks', () => {
    const { rig, nodes } = founded();
    for (const name of founders) nodeOf(nodes, name).crash('machine');
    rig.run(1000);
    nodeOf(nodes, 'b').start();
    rig.run(5000);
    rig.assertViews({ b: 'aBc' });
    assert.ok(rig.cluster('b').startGate.isOpen);
    assert.match(rig.told(), /members NautilusMQ@a, NautilusMQ@c could not be reached within 2000/);
    assert.match(
      rig.told(),
      /restarting this node will not help: start NautilusMQ@a, NautilusMQ@c/,
    );
  });
});

describe('a node that is started again and again while a member is missing', () => {
  it('says that this does not help, and where to look', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'c').crash('machine');
    const node = nodeOf(nodes, 'b');
    for (let left = 3; left > 0; left -= 1) {
      node.crash('process');
      rig.run(60_000);
      node.start();
      rig.run(10_000);
    }
    assert.match(
      rig.told(),
      /this node was started 4 times within 30 minutes while NautilusMQ@c could not be/,
    );
    assert.match(
      rig.told(),
      /restarting this node will not help: start NautilusMQ@c, or, if it will/,
    );
  });
});

describe('a node that joins', () => {
  it('is known to all, and knows all, though it was a cluster of its own', () => {
    const { rig } = founded();
    rig.add('d');
    rig.run(500);
    assert.ok(rig.cluster('d').startGate.isOpen);
    const { ok, text } = rig.join('d', 'b');
    assert.ok(ok, text);
    assert.match(text, /in the cluster of NautilusMQ@a, NautilusMQ@b, NautilusMQ@c, NautilusMQ@d/);
    rig.run(6000);
    rig.assertViews({ a: 'ABCD', b: 'ABCD', c: 'ABCD', d: 'ABCD' });
  });

  it('is known to a member that was away meanwhile', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'c').crash('machine');
    rig.run(4000);
    rig.add('d');
    rig.run(500);
    assert.ok(rig.join('d', 'a').ok, rig.told());
    nodeOf(nodes, 'c').start();
    rig.run(10_000);
    rig.assertViews({ a: 'ABCD', b: 'ABCD', c: 'ABCD', d: 'ABCD' });
  });

  it('is refused where no majority is reachable, unless it is forced', () => {
    const { rig, nodes } = founded();
    for (const name of ['b', 'c']) nodeOf(nodes, name).crash('machine');
    rig.run(4000);
    rig.add('d');
    rig.run(500);
    const refused = rig.join('d', 'a');
    assert.equal(refused.ok, false);
    assert.match(refused.text, /only 1 of 3 members are reachable, and a change needs 2/);
    assert.match(refused.text, /missing: NautilusMQ@b, NautilusMQ@c/);
    assert.match(refused.text, /cluster leave node=NautilusMQ@b --force\), at the risk/);
    assert.ok(rig.join('d', 'a', true).ok, rig.told());
    for (const name of ['b', 'c']) nodeOf(nodes, name).start();
    rig.run(10_000);
    rig.assertViews({ a: 'ABCD', b: 'ABCD', c: 'ABCD', d: 'ABCD' });
  });

  it('is told that nobody is at the address', () => {
    const rig = new Rig();
    rig.add('a');
    rig.run(100);
    const { ok, text } = rig.join('a', 'nowhere');
    assert.equal(ok, false);
    assert.match(text, /^nowhere:44053: /);
  });

  it('and dies before it hears that it is in, hears it when it is back', () => {
    for (const name of ['d', '0']) {
      const { rig } = founded();
      const node = rig.add(name);
      rig.run(500);
      const now = rig.now(name);
      rig.cluster(name).join('b:44053', false, now, () => assert.fail('it was dead by then'));
      while (!/joins: 4 members/.test(rig.told())) rig.run(1);
      node.crash('process');
      rig.run(5000);
      node.start();
      rig.run(60_000);
      const all = name === 'd' ? 'ABCD' : '0ABC';
      rig.assertViews({ a: all, b: all, c: all, [name]: all });
    }
  });

  it('counts as reachable while it is looked for, so nobody is refused for its sake', () => {
    const { rig } = founded();
    const node = rig.add('d');
    rig.run(500);
    assert.ok(rig.join('d', 'b').ok);
    for (let left = 20; left > 0; left -= 1) {
      assert.ok(rig.cluster('a').gates.isOpen, rig.told());
      rig.run(50);
    }
    node.crash('machine');
    rig.run(4000);
    assert.equal(rig.cluster('a').gates.isOpen, false);
  });

  it('does not come with a cluster of its own', () => {
    const { rig } = founded();
    rig.add('d');
    rig.run(100);
    const { ok, text } = rig.join('a', 'd');
    assert.equal(ok, false);
    assert.match(
      text,
      /in a cluster with NautilusMQ@b, NautilusMQ@c already: to join another one, it must/,
    );
  });

  it('does not mind others that join at the same moment, at the same member or another one', () => {
    const newcomers = { d: 'a', e: 'b', f: 'c', g: 'a' };
    const { rig } = founded();
    for (const name of Object.keys(newcomers)) rig.add(name);
    rig.run(100);
    const ends: string[] = [];
    const now = rig.now('d');
    for (const [name, at] of Object.entries(newcomers)) {
      rig.cluster(name).join(`${at}:44053`, false, now, ({ text }) => void ends.push(text));
    }
    rig.run(12_000);
    assert.equal(ends.filter((text) => text.startsWith('this node is in the cluster')).length, 4);
    const all = 'ABCDEFG';
    rig.assertViews({ a: all, b: all, c: all, d: all, e: all, f: all, g: all });
  });

  it('at one of two members does not mind that another joins at the other', () => {
    const rig = new Rig();
    for (const name of ['a', 'b', 'd', 'e']) rig.add(name);
    rig.run(100);
    assert.ok(rig.join('b', 'a').ok);
    rig.run(1000);
    const ends: boolean[] = [];
    const now = rig.now('d');
    rig.cluster('d').join('a:44053', false, now, ({ ok }) => void ends.push(ok));
    rig.cluster('e').join('b:44053', false, now, ({ ok }) => void ends.push(ok));
    rig.run(8000);
    assert.deepEqual(ends, [true, true], rig.told());
    rig.assertViews({ a: 'ABDE', d: 'ABDE' });
  });

  it('is told what is under way when that does not end within 5 s', () => {
    const { rig } = founded();
    rig.add('d');
    rig.cluster('c').leaveHost = {
      isEmpty: () => false,
      isHandedOver: () => false,
      drain() {},
      resume() {},
      adopt: () => true,
    };
    rig.run(500);
    const long = { ...leaving, timeoutMs: 30_000 };
    rig.cluster('a').leave('NautilusMQ@c', long, rig.now('a'), () => undefined);
    rig.run(200);
    for (const at of ['a', 'b']) {
      const { ok, text } = rig.join('d', at);
      assert.equal(ok, false);
      assert.match(text, /another change is under way \(NautilusMQ@c leaves\), .* try again when/);
    }
  });

  it('twice is told that it is in already', () => {
    const { rig } = founded();
    rig.add('d');
    rig.run(500);
    assert.ok(rig.join('d', 'b').ok);
    assert.deepEqual(rig.join('d', 'a'), {
      ok: true,
      text: 'this node is in a cluster with NautilusMQ@a, NautilusMQ@b, NautilusMQ@c already',
    });
  });

  it('with an empty disk takes the place of its lost self', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'c').crash('process');
    rig.run(8000);
    rig.add('c', { seeds: founders, life: '2' });
    rig.run(10_000);
    rig.assertViews({ a: 'ABC', b: 'ABC', c: 'ABC' });
    const sites = rig.cluster('a').members.map(({ site }) => site);
    assert.ok(sites.includes(memberOn('c', '2').site));
    assert.ok(!sites.includes(memberOn('c').site));
    assert.match(rig.told(), /NautilusMQ@c joins in place of its lost self/);
  });
});

describe('a member that moves to another machine', () => {
  it('tells the others, who dial it there', () => {
    const { rig, nodes } = founded();
    const [node] = [nodeOf(nodes, 'c')];
    node.crash('machine');
    rig.run(5000);
    rig.add('x', { seeds: founders, from: node });
    rig.run(40_000);
    rig.assertViews({ a: 'ABX', b: 'ABX', x: 'ABX' });
  });

  it('finds one that moved as well by its seeds', () => {
    const { rig, nodes } = founded();
    for (const name of founders) nodeOf(nodes, name).crash('machine');
    rig.run(5000);
    rig.add('x', { seeds: ['x', 'y'], from: nodeOf(nodes, 'c') });
    rig.run(10_000);
    rig.add('y', { seeds: ['x', 'y'], from: nodeOf(nodes, 'a') });
    rig.run(60_000);
    rig.assertViews({ x: 'bXY', y: 'bXY' });
  });
});

describe('a member that leaves', () => {
  it('while it is dead is no member any more, and is told so when it returns', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'c').crash('machine');
    rig.run(6000);
    const { ok, text } = rig.leave('a', 'c');
    assert.ok(ok, text);
    assert.match(text, /NautilusMQ@c leaves: 2 members/);
    rig.run(1000);
    rig.assertViews({ a: 'AB', b: 'AB' });
    nodeOf(nodes, 'c').start();
    rig.run(10_000);
    rig.assertViews({ a: 'AB', b: 'AB' });
    assert.match(rig.told(), /NautilusMQ@c has left the cluster: start it with an empty data dir/);
  });

  it('leaves its retained messages and settings to the others, as they were stamped', () => {
    const { rig, nodes } = founded();
    const { tables, stamps } = rig.cluster('c');
    const value = Buffer.from('a message');
    const { stamp } = tables.put(RowKind.Retain, 'topic', value, stamps.next(rig.now('c')));
    tables.put(RowKind.Setting, 'name', value, stamps.next(rig.now('c')));
    rig.run(1000);
    nodeOf(nodes, 'c').crash('machine');
    rig.run(6000);
    let steps = 0;
    const adopt = (): boolean => (steps += 1) === 3;
    rig.cluster('a').leaveHost = {
      isEmpty: () => false,
      isHandedOver: () => true,
      drain() {},
      resume() {},
      adopt,
    };
    assert.ok(rig.leave('a', 'c').ok, rig.told());
    assert.equal(steps, 3, 'sessions are claimed before it is gone');
    rig.run(2000);
    for (const name of ['a', 'b']) {
      const row = rig.cluster(name).tables.winner(RowKind.Retain, 'topic');
      assert.deepEqual(row?.value, new Uint8Array(value));
      assert.equal(row?.site, memberOn('a').site);
      assert.equal(row?.stamp, stamp);
      assert.ok(rig.cluster(name).tables.winner(RowKind.Setting, 'name') !== undefined);
    }
  });

  it('says so itself to one that was away meanwhile', () => {
    const { rig, nodes } = founded();
    nodeOf(nodes, 'c').crash('machine');
    rig.run(5000);
    rig.cluster('a').leaveHost = {
      isEmpty: () => true,
      isHandedOver: () => true,
      drain() {},
      resume() {},
      adopt: () => true,
    };
    assert.ok(rig.leave('b', 'a').ok, rig.told());
    nodeOf(nodes, 'b').crash('machine');
    nodeOf(nodes, 'c').start();
    rig.run(60_000);
    rig.assertViews({ c: 'bC' });
  });

  it('stays gone when whoever removed it has left as well, and all were restarted', () => {
    const { rig, nodes } = founded();
    rig.add('d', { seeds: founders });
    rig.run(6000);
    rig.assertViews({ a: 'ABCD', d: 'ABCD' });
    nodeOf(nodes, 'c').crash('machine');
    rig.run(6000);
    assert.ok(rig.leave('b', 'c').ok, rig.told());
    nodeOf(nodes, 'b').crash('machine');
    rig.run(6000);
    assert.ok(rig.leave('a', 'b').ok, rig.told());
    rig.run(1000);
    rig.assertViews({ a: 'AD', d: 'AD' });
    nodeOf(nodes, 'a').crash('process');
    nodeOf(nodes, 'a').start();
    nodeOf(nodes, 'c').start();
    rig.run(10_000);
    rig.assertViews({ a: 'AD', d: 'AD' });
  });

  it('gives away what it holds, sends new clients elsewhere, and ends', () => {
    const { rig } = founded();
    let held = 3;
    rig.cluster('c').leaveHost = {
      isEmpty: () => held === 0,
      isHandedOver: () => true,
      drain: () => void (held = Math.max(0, held - 1)),
      resume: () => assert.fail('it leaves'),
      adopt: () => true,
    };
    const { ok, text } = rig.leave('a', 'c');
    assert.ok(ok, text);
    assert.equal(held, 0);
    rig.run(2000);
    rig.assertViews({ a: 'AB', b: 'AB' });
    assert.match(rig.cluster('c').gates.refusal('connect', undefined) ?? '', /has left/);
    assert.match(rig.told(), /this node has left the cluster, and serves nobody any more/);
  });

  it('stays when it cannot give away what it holds in time', () => {
    const { rig } = founded();
    let resumed = 0;
    rig.cluster('c').leaveHost = {
      isEmpty: () => false,
      isHandedOver: () => true,
      drain: () => {},
      resume: () => void (resumed += 1),
      adopt: () => true,
    };
    const { ok, text } = rig.leave('a', 'c');
    assert.equal(ok, false);
    assert.match(text, /NautilusMQ@c leaves: taken back, for not everything was handed over/);
    rig.run(8000);
    assert.equal(resumed, 1);
    rig.assertViews({ a: 'ABC', b: 'ABC', c: 'ABC' });
    assert.equal(rig.cluster('c').gates.refusal('connect', undefined), undefined);
  });

  it('may be asked itself: another member carries it out', () => {
    const { rig } = founded();
    rig.cluster('c').leaveHost = {
      isEmpty: () => true,
      isHandedOver: () => true,
      drain() {},
      resume() {},
      adopt: () => true,
    };
    const { ok, text } = rig.leave('c', 'c');
    assert.ok(ok, text);
    rig.run(2000);
    rig.assertViews({ a: 'AB', b: 'AB' });
  });

  it('needs a majority, or force that names its risk', () => {
    const { rig, nodes } = founded();
    for (const name of ['b', 'c']) nodeOf(nodes, name).crash('machine');
    rig.run(6000);
    const refused = rig.leave('a', 'c');
    assert.equal(refused.ok, false);
    assert.match(refused.text, /only 1 of 3 members are reachable/);
    const forced = rig.leave('a', 'c', { ...leaving, force: true });
    assert.ok(forced.ok);
    assert.match(forced.text, /forced without a majority: should the members that could not be/);
    rig.run(100);
    rig.assertViews({ a: 'Ab' });
  });

  it('is called by its name: another one is not known', () => {
    const { rig } = founded();
    const { ok, text } = rig.leave('a', 'x');
    assert.equal(ok, false);
    assert.match(text, /no member is called NautilusMQ@x: the members are NautilusMQ@a, /);
  });
});
