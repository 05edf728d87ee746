/**
 * Sockets of the cluster over TCP: two real ends that prove themselves, and strangers who do not.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import {
  FrameType,
  helloMax,
  LaneKind,
  type LocalNode,
  type PeerConnection,
} from '../../src/cluster/link/mod.js';
import { PeerError, PeerListener, TcpTransport } from '../../src/peers/mod.js';
import { dialTcp, Watch } from '../fixtures/listener-rig.js';
import { listenerOptions, PeerRig } from '../fixtures/peer-rig.js';

/** The site that is lower dials. */
async function pair(
  t: TestContext,
  dialler: Partial<LocalNode> = {},
): Promise<[PeerRig, PeerRig, number]> {
  const near = new PeerRig(1, dialler);
  const far = new PeerRig(2);
  t.after(() => Promise.all([near.close(), far.close()]));
  return [near, far, await far.listen()];
}

describe('a cluster connection over TCP', () => {
  it('lets two nodes prove themselves to each other', async (t) => {
    const [near, far, port] = await pair(t);
    near.dial(port);
    assert.equal((await near.met()).nodeName, 'node2@one.example');
    const peer = await far.met();
    assert.equal(peer.nodeName, 'node1@one.example');
    assert.equal(peer.lane, LaneKind.Control);
    assert.equal(far.listener?.show().activeConnections, 1);
  });

  it('refuses a node with another cookie, and says the remedy on both sides', async (t) => {
    const [near, far, port] = await pair(t, { cookie: Buffer.from('some other secret of length') });
    near.dial(port);
    for (const rig of [near, far]) {
      const { sentence } = await rig.refused();
      assert.match(sentence, /set distributed_cookie to the same text on both/);
      assert.equal(rig.ready.length, 0);
    }
  });

  it('hangs up on a hello that claims more bytes than a hello may have', async (t) => {
    const [, far, port] = await pair(t);
    const stranger = await dialTcp(port);
    const length = 1 + helloMax + 1;
    stranger.send(Buffer.from([(length & 0x7f) | 0x80, length >> 7, FrameType.Hello]));
    await stranger.closed();
    assert.match((await far.refused()).sentence, /only nodes of this cluster/);
    assert.equal(far.ready.length, 0);
    assert.equal(far.handshakes, 0);
  });

  it('hangs up on bytes that are no hello', async (t) => {
    const [, far, port] = await pair(t);
    const stranger = await dialTcp(port);
    stranger.send('GET / HTTP/1.1\r\nHost: one.example\r\n\r\n');
    await stranger.closed();
    assert.equal(far.ready.length, 0);
  });

  it('hangs up on who says nothing within the time of a handshake', async (t) => {
    const [, far, port] = await pair(t);
    const silent = await dialTcp(port);
    await silent.closed();
    assert.match((await far.refused()).sentence, /did not end within 5 seconds/);
    assert.equal(far.handshakes, 0);
  });

  it('counts what the other end does not take, and delivers it when that reads again', async (t) => {
    const watch = new Watch();
    const rig = new PeerRig(1);
    t.after(() => rig.close());
    const { environment } = rig;
    let taken = 0;
    let other: PeerConnection | undefined;
    const reader = { onOpened: () => {}, onClosed: () => {}, onBytes: noteBytes };
    function noteBytes(bytes: Uint8Array): void {
      taken += bytes.length;
      watch.changed();
    }
    const listener = new PeerListener(listenerOptions, environment, (connection) => {
      other = connection;
      connection.pauseReading();
      watch.changed();
      return reader;
    });
    await listener.open();
    t.after(() => listener.close());
    const transport = new TcpTransport(environment, { tls: undefined });
    t.after(() => transport.close());
    const sender = transport.dial(`127.0.0.1:${listener.port}`, reader);
    await watch.until('a connection', () => other !== undefined);
    // More than the kernel keeps for a reader that does not read.
    const part = Buffer.alloc(1024 * 1024, 7);
    const whole = 32 * part.length;
    for (let sent = 0; sent < whole; sent += part.length) sender.send(part);
    await new Promise((next) => setImmediate(next));
    assert.ok(sender.unsentBytes > whole / 4);
    assert.equal(taken, 0);
    other?.resumeReading();
    await watch.until('all of it', () => taken === whole);
    assert.equal(sender.unsentBytes, 0);
  });

  it('reports a connection that the network ends, once, to both ends', async (t) => {
    const [near, far, port] = await pair(t);
    near.dial(port);
    await Promise.all([near.met(), far.met()]);
    far.ready[0]?.lane.close();
    assert.match(await near.closed(), /closed/);
    assert.deepEqual([near.closes.length, far.closes.length], [1, 0]);
  });

  it('says that nothing listens at an address, and what to look at', async (t) => {
    const near = new PeerRig(1);
    t.after(() => near.close());
    const unused = net.createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as net.AddressInfo;
    unused.close();
    await once(unused, 'close');
    near.dial(port);
    assert.match(await near.closed(), /nothing listens there: is the node running/);
  });
});

describe('a cluster listener', () => {
  it('names the remedy when its port is in use', async (t) => {
    const [near, , port] = await pair(t);
    const isInUse = (error: unknown): boolean =>
      error instanceof PeerError &&
      error.code === 'EADDRINUSE' &&
      /is in use: stop what listens there .* or set listener\.vmq\.default/.test(error.message);
    await assert.rejects(near.listen({ port }), isInUse);
  });

  it('ends its connections when it is closed', async (t) => {
    const [near, far, port] = await pair(t);
    near.dial(port);
    await Promise.all([near.met(), far.met()]);
    await far.listener?.close();
    assert.match(await far.closed(), /closed its cluster listener/);
    await near.closed();
    assert.equal(far.listener?.show().status, 'stopped');
  });
});
