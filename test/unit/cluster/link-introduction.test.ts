import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import {
  Acceptor,
  FrameType,
  Lane,
  LaneKind,
  type LaneOut,
  type LinkJudge,
} from '../../../src/cluster/link/mod.js';
import { crypto, FakeNetwork, node, nodeB, start } from './link-rig.js';

describe('an introduction', () => {
  it('goes to an address, whoever is there, asks and is answered', () => {
    const network = new FakeNetwork();
    const said: string[] = [];
    const nothing = { alive() {}, refused() {}, closed: () => void said.push('closed') };
    const judge: LinkJudge = { highestBootOf: () => undefined, admit: () => undefined };
    const asked: LaneOut = {
      ...nothing,
      ready: () => assert.fail('twice'),
      frame(lane, type, body) {
        said.push(`${type} ${Buffer.from(body).toString()}`);
        lane.sendFrame(FrameType.Response, Buffer.from('wait'));
      },
    };
    // The seed has the lower site, so it would be the one that dials a link.
    const acceptor = new Acceptor(
      { local: node(), crypto, judge },
      {
        accepted(lane, peer) {
          said.push(`${peer.nodeName} at ${peer.address}`);
          lane.handTo(asked);
        },
        refused: () => assert.fail('refused'),
        gaveUp: () => assert.fail('gave up'),
      },
    );
    network.listeners.set('seed:1', (connection, now) => acceptor.accept(connection, now));
    const asking: LaneOut = {
      ...nothing,
      ready(lane, peer) {
        said.push(peer.nodeName);
        lane.sendFrame(FrameType.Request, Buffer.from('may I join?'));
      },
      frame(lane, type, body) {
        said.push(`${type} ${Buffer.from(body).toString()}`);
        lane.close();
      },
    };
    const plan = { lane: LaneKind.Introduction, linkId: '00'.repeat(16), site: undefined };
    const context = { local: nodeB(), crypto, judge };
    const lane = Lane.dial(network, 'seed:1', plan, context, asking, start);
    network.settle(start);
    assert.deepEqual(said, [
      'a@one.example',
      'b@two.example at two.example:44053',
      `${FrameType.Request} may I join?`,
      `${FrameType.Response} wait`,
      'closed',
    ]);
    assert.ok(lane.isClosed);
  });

  it('that nobody answers is given up after five seconds', () => {
    const network = new FakeNetwork();
    const said: string[] = [];
    const out = {
      ...{ ready() {}, refused() {}, alive() {}, frame() {} },
      closed: (_lane: Lane, reason: string) => void said.push(reason),
    };
    const judge: LinkJudge = { highestBootOf: () => undefined, admit: () => undefined };
    const plan = { lane: LaneKind.Introduction, linkId: '00'.repeat(16), site: undefined };
    const lane = Lane.dial(network, 'x:1', plan, { local: node(), crypto, judge }, out, start);
    lane.tick(start + 4999);
    assert.deepEqual(said, []);
    lane.tick(start + 5000);
    assert.deepEqual(said, ['the connection was not made within 5 seconds']);
  });
});
