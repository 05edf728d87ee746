/** What every transport promises to the handler of a connection: one suite, run over each. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ListenerOptions } from '../../src/listeners/mod.js';
import { Certificates, hasOpenssl, tlsOptions } from '../fixtures/certificates.js';
import {
  dialTcp,
  dialTls,
  dialUnix,
  dialWebSocket,
  type FakeHandler,
  ListenerRig,
  type Peer,
} from '../fixtures/listener-rig.js';

interface Transport {
  readonly name: string;
  readonly options: (t: TestContext) => Partial<ListenerOptions>;
  readonly dial: (port: number, path: string | undefined) => Promise<Peer>;
}

/** Linux' TCP sockets over IPv4. */
const socketTable = '/proc/self/net/tcp';

const certificates = hasOpenssl ? new Certificates() : undefined;
const tls = certificates === undefined ? undefined : tlsOptions(certificates.server);

const transports: readonly Transport[] = [
  { name: 'tcp', options: () => ({ type: 'tcp' }), dial: (port) => dialTcp(port) },
  {
    name: 'unix',
    options: (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-socket-'));
      t.after(() => rmSync(directory, { recursive: true, force: true }));
      return { type: 'tcp', host: '', path: join(directory, 'mqtt.sock') };
    },
    dial: (_port, path) => dialUnix(path ?? ''),
  },
  { name: 'ssl', options: () => ({ type: 'ssl', tls }), dial: (port) => dialTls(port) },
  {
    name: 'ws',
    options: () => ({ type: 'ws' }),
    dial: async (port) => (await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`)).peer,
  },
  {
    name: 'wss',
    options: () => ({ type: 'wss', tls }),
    dial: async (port) => (await dialWebSocket(`wss://127.0.0.1:${port}/mqtt`)).peer,
  },
];

interface Setup {
  readonly rig: ListenerRig;
  readonly dial: () => Promise<{ peer: Peer; handler: FakeHandler }>;
}

async function setUp(t: TestContext, { options, dial }: Transport): Promise<Setup> {
  const rig = new ListenerRig();
  const chosen = options(t);
  const port = await rig.open(chosen);
  t.after(() => rig.close());
  return {
    rig,
    dial: async () => {
      const peer = await dial(port, chosen.path);
      t.after(() => peer.drop());
      return { peer, handler: await rig.accepted() };
    },
  };
}

for (const transport of transports) {
  const needsOpenssl = transport.name.endsWith('s') && transport.name !== 'ws';
  const isSkipped = (needsOpenssl || transport.name === 'ssl') && !hasOpenssl;
  if (isSkipped) it.skip(`the contract over ${transport.name} (skipped: openssl is not installed)`);
  else describe(`over ${transport.name}`, () => describeContract(transport));
}

/**
 * Milliseconds until the kernel probes the connections that `port` accepted, one each; undefined:
 * it does not. `tr` 2 in the table is the keep-alive timer, in hundredths of a second.
 */
function probesIn(port: number): (number | undefined)[] {
  const isEstablished = '01';
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync(socketTable, 'utf8').trim().split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, address = '', , state, , timer = ''] = row.trim().split(/\s+/);
    if (!address.endsWith(local) || state !== isEstablished) return [];
    const [kind, when = ''] = timer.split(':');
    return [kind === '02' ? Number.parseInt(when, 16) * 10 : undefined];
  });
}

function describeContract(transport: Transport): void {
  it('bytes come and go in order, none lost, none added', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    handler.onData = (bytes) => handler.write(bytes);
    const sent = randomBytes(3_000_000);
    for (let at = 0; at < sent.length; at += 70_001) peer.send(sent.subarray(at, at + 70_001));
    const received = await peer.bytes(sent.length);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(received), digest(sent));
    assert.equal(rig.counts.in, sent.length);
    assert.equal(rig.counts.out, sent.length);
    assert.equal(rig.counts.open, 1);
  });

  if (transport.name !== 'unix' && existsSync(socketTable)) {
    it('the kernel probes a silent peer after 60 s', async (t) => {
      const { rig, dial } = await setUp(t, transport);
      await dial();
      const port = rig.listeners.show()[0]?.port ?? 0;
      const deadline = Date.now() + 10_000;
      // While something is not acknowledged yet, the table shows that timer instead.
      while (probesIn(port)[0] === undefined && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const [dueMs = 0, ...others] = probesIn(port);
      assert.deepEqual(others, []);
      assert.ok(dueMs > 40_000 && dueMs <= 61_000, `${dueMs}`);
    });
  }

  it('ranges of the received chunk may be written back before it is reused', async (t) => {
    const { dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    handler.onData = (bytes) => {
      handler.link.writer.append(bytes, 0, bytes.length);
      handler.link.touch();
    };
    let expected = '';
    for (let count = 0; count < 50; count += 1) {
      const text = `${count}`.padStart(40, '.');
      expected += text;
      peer.send(text);
      if (count % 7 === 0) await peer.bytes(expected.length);
    }
    assert.equal((await peer.bytes(expected.length)).toString(), expected);
  });

  it('close after a flush lets the last bytes out, and says so once', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    const last = 'x'.repeat(500_000);
    handler.write(last);
    handler.link.close('flush');
    handler.link.close('abort');
    await peer.closed();
    assert.equal(peer.text, last);
    await rig.watch.until('onClosed', () => handler.closes.length > 0);
    assert.deepEqual(handler.closes, [{ kind: 'local' }]);
    assert.equal(rig.counts.close, 1);
    assert.equal(rig.listeners.show()[0]?.activeConnections, 0);
  });

  it('an abort closes at once, nothing comes after onClosed', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    handler.link.close('abort');
    assert.deepEqual(handler.closes, [], 'never within the call');
    await peer.closed();
    await rig.watch.until('onClosed', () => handler.closes.length > 0);
    handler.write('too late');
    handler.link.notifyWhenWritable();
    assert.deepEqual(handler.closes, [{ kind: 'local' }]);
  });

  it('says when the peer has gone', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    peer.send('hello');
    await rig.watch.until('hello', () => handler.text === 'hello');
    peer.stream.end();
    await rig.watch.until('onClosed', () => handler.closes.length > 0);
    assert.deepEqual(handler.closes, [{ kind: 'peer' }]);
  });

  it('reads nothing while paused, and everything afterwards', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    handler.onData = () => handler.link.pauseReading();
    const size = 24 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, 'a');
    for (let at = 0; at < size; at += chunk.length) peer.send(chunk);
    await rig.watch.until('the first chunk', () => handler.receivedBytes > 0);
    const other = await dial();
    other.peer.send('served meanwhile');
    await rig.watch.until('the other', () => other.handler.text === 'served meanwhile');
    assert.ok(handler.receivedBytes < 2 * 1024 * 1024, `${handler.receivedBytes} were read`);
    handler.onData = () => {};
    handler.link.resumeReading();
    await rig.watch.until('all bytes', () => handler.receivedBytes === size);
  });

  it('tells of a peer that does not read, and when it has caught up', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { peer, handler } = await dial();
    peer.stream.pause();
    const payload = 'y'.repeat(1024 * 1024);
    for (let count = 0; count < 16; count += 1) handler.write(payload);
    const other = await dial();
    other.handler.onData = (bytes) => other.handler.write(bytes);
    other.peer.send('a turn later');
    await other.peer.bytes(12);
    assert.ok(handler.link.bufferedBytes > 0);
    handler.link.notifyWhenWritable();
    assert.equal(handler.writableCount, 0);
    peer.stream.resume();
    await rig.watch.until('onWritable', () => handler.writableCount === 1);
    assert.equal(handler.link.bufferedBytes, 0);
    assert.equal((await peer.bytes(payload.length * 16)).length, payload.length * 16);
  });

  it('asked with nothing unsent, it says writable in a later turn', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const { handler } = await dial();
    handler.link.notifyWhenWritable();
    assert.equal(handler.writableCount, 0);
    await rig.watch.until('onWritable', () => handler.writableCount === 1);
  });

  it('a handler that throws costs its own connection only', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const first = await dial();
    const second = await dial();
    first.handler.onData = () => {
      throw new Error('a fault of ours');
    };
    first.peer.send('x');
    await first.peer.closed();
    await rig.watch.until('onClosed', () => first.handler.closes.length > 0);
    second.peer.send('still here');
    await rig.watch.until('the second', () => second.handler.text === 'still here');
    assert.ok(rig.logged(/internal fault/) !== undefined);
  });

  it('stopping tells every handler, lets its last bytes out and waits for the end', async (t) => {
    const { rig, dial } = await setUp(t, transport);
    const [first, second] = [await dial(), await dial()];
    await rig.close();
    for (const { handler, peer } of [first, second]) {
      assert.equal(handler.disconnects[0]?.reasonCode, 0x8b);
      assert.equal(handler.closes.length, 1);
      await peer.closed();
      assert.equal(peer.text, 'bye');
    }
    assert.equal(rig.listeners.show()[0]?.status, 'stopped');
  });
}
