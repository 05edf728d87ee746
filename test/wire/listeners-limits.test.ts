/**
 * Limits that hold before MQTT: connections, rates and failed logins, bytes of incomplete packets.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Certificates, hasOpenssl, tlsOptions } from '../fixtures/certificates.js';
import {
  dialTcp,
  dialTls,
  dialUnix,
  dialWebSocket,
  ListenerRig,
  listenerOptions,
  type Peer,
  type RigLimits,
} from '../fixtures/listener-rig.js';

function rigFor(t: TestContext, limits: RigLimits = {}): ListenerRig {
  const rig = new ListenerRig(limits);
  t.after(() => rig.close());
  return rig;
}

/** A connection that a proxy announces as one from `host`. */
async function dialFrom(port: number, host: string): Promise<Peer> {
  const peer = await dialTcp(port);
  const family = host.includes(':') ? 'TCP6' : 'TCP4';
  peer.send(`PROXY ${family} ${host} ${host} 1000 1883\r\n`);
  return peer;
}

describe('max_connections', () => {
  const kinds = [
    { type: 'tcp' as const, dial: dialTcp },
    { type: 'ssl' as const, dial: (port: number) => dialTls(port) },
    {
      type: 'ws' as const,
      dial: async (port: number) => (await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`)).peer,
    },
  ];
  for (const { type, dial } of kinds) {
    const title = `${type}: so many are served, one more is closed, and a free place is taken again`;
    if (type === 'ssl' && !hasOpenssl) it.skip(`${title} (skipped: openssl is not installed)`);
    else
      it(title, async (t) => {
        const tls = type === 'ssl' ? tlsOptions(new Certificates().server) : undefined;
        const rig = rigFor(t);
        const port = await rig.open({ type, tls, maxConnections: 3 });
        const peers = [await dial(port), await dial(port), await dial(port)];
        const handlers = [await rig.accepted(), await rig.accepted(), await rig.accepted()];
        const fourth = await dialTcp(port);
        await fourth.closed();
        assert.equal(rig.handlers.length, 3);
        assert.ok(rig.logged(/max_connections/) !== undefined);
        peers[1]?.drop();
        await rig.watch.until('a free place', () => handlers[1]?.closes.length === 1);
        await dial(port);
        await rig.accepted();
        assert.equal(rig.listeners.show()[0]?.activeConnections, 3);
      });
  }
});

describe('max_connect_rate', () => {
  it('holds per address, lets bursts of two seconds through, and recovers', async (t) => {
    const rig = rigFor(t, { maxConnectRate: 2 });
    const port = await rig.open({ proxyProtocol: true });
    for (let count = 0; count < 4; count += 1) {
      await dialFrom(port, '192.0.2.1');
      await rig.accepted();
    }
    await (await dialFrom(port, '192.0.2.1')).closed();
    await dialFrom(port, '192.0.2.2');
    await rig.accepted();
    rig.now += 600;
    await dialFrom(port, '192.0.2.1');
    await rig.accepted();
    await (await dialFrom(port, '192.0.2.1')).closed();
    assert.equal(rig.handlers.length, 6);
  });

  it('counts an IPv6 network of 64 bits as one address', async (t) => {
    const rig = rigFor(t, { maxConnectRate: 1 });
    const port = await rig.open({ proxyProtocol: true });
    await dialFrom(port, '2001:db8::1');
    await rig.accepted();
    await dialFrom(port, '2001:db8:0:0:5::2');
    await rig.accepted();
    await (await dialFrom(port, '2001:db8::3')).closed();
    await dialFrom(port, '2001:db8:0:1::1');
    await rig.accepted();
  });

  it('does not hold for loopback', async (t) => {
    const rig = rigFor(t, { maxConnectRate: 1 });
    const port = await rig.open();
    for (let count = 0; count < 10; count += 1) {
      await dialTcp(port);
      await rig.accepted();
    }
  });
});

describe('max_failed_logins', () => {
  it('refuses the address for the rest of the minute, nobody else', async (t) => {
    const rig = rigFor(t, { maxFailedLogins: 3 });
    const port = await rig.open({ proxyProtocol: true });
    for (let count = 0; count < 3; count += 1) {
      await dialFrom(port, '192.0.2.1');
      await rig.accepted();
      rig.listeners.noteFailedLogin('192.0.2.1');
    }
    await (await dialFrom(port, '192.0.2.1')).closed();
    await dialFrom(port, '192.0.2.2');
    await rig.accepted();
    assert.ok(rig.logged(/max_failed_logins/) !== undefined);
    rig.now += 60_000;
    await dialFrom(port, '192.0.2.1');
    await rig.accepted();
  });

  it('holds for loopback, too', async (t) => {
    const rig = rigFor(t, { maxFailedLogins: 1 });
    const port = await rig.open();
    rig.listeners.noteFailedLogin('127.0.0.1');
    await (await dialTcp(port)).closed();
    assert.equal(rig.handlers.length, 0);
  });
});

describe('listener.max_pending_bytes', () => {
  it('closes the connection with the most when all together have too many', async (t) => {
    const rig = rigFor(t, { maxPendingBytes: 1000 });
    const port = await rig.open();
    const [first, second] = [await dialTcp(port), await dialTcp(port)];
    const [small, large] = [await rig.accepted(), await rig.accepted()];
    for (const handler of [small, large]) {
      handler.onData = (bytes) => {
        handler.pendingBytes += bytes.length;
      };
    }
    second.send(Buffer.alloc(700));
    await rig.watch.until('700', () => large.pendingBytes === 700);
    first.send(Buffer.alloc(250));
    await rig.watch.until('250', () => small.pendingBytes === 250);
    assert.deepEqual(large.disconnects, []);
    first.send(Buffer.alloc(100));
    await second.closed();
    assert.deepEqual(
      large.disconnects.map(({ reasonCode }) => reasonCode),
      [0x97],
    );
    assert.deepEqual(small.disconnects, []);
    await rig.watch.until('onClosed', () => large.closes.length === 1);
    first.send(Buffer.alloc(600));
    await rig.watch.until('950', () => small.pendingBytes === 950);
    assert.deepEqual(small.disconnects, [], 'what the closed one had counts no more');
  });
});

describe('opening', () => {
  it('says what is in use and what to do, and closes what was open already', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const rig = rigFor(t);
    const opening = rig.listeners.start([
      listenerOptions({ name: 'good' }),
      listenerOptions({ name: 'taken', port }),
    ]);
    await assert.rejects(opening, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'EADDRINUSE');
      assert.match(
        error.message,
        new RegExp(`^127\\.0\\.0\\.1:${port} is in use: .*listener\\.tcp\\.taken`),
      );
      return !error.message.includes('\n');
    });
    assert.deepEqual(rig.listeners.show(), []);
  });

  it('takes over the socket file of a process that died, not of one that lives', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-socket-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, 'mqtt.sock');
    const first = rigFor(t);
    await first.open({ host: '', path });
    const second = rigFor(t);
    await assert.rejects(second.open({ host: '', path }), /another process listens on it/);
    (await dialUnix(path)).drop();
    await first.close();
    const left =
      'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
    spawnSync(process.execPath, ['-e', left, path]);
    assert.ok(existsSync(path));
    await second.open({ host: '', path });
    await dialUnix(path);
    await second.accepted();
  });
});
