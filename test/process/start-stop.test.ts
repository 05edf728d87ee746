/** The command from outside: what it says when it cannot start, and how it stops. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ReasonCode } from '../../src/packet/mod.js';
import {
  BrokerProcess,
  command,
  temporaryDirectory,
  usualSettings,
} from '../fixtures/broker-process.js';
import * as write from '../fixtures/client-packets.js';
import { MqttSocket } from '../fixtures/mqtt-socket.js';

function temporary(t: TestContext): string {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  return path;
}

async function start(t: TestContext, directory: string): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start({ directory });
  t.after(() => broker.kill());
  return broker;
}

/** Runs the command to its end, which must be a refusal. Returns what it said. */
function refusalOf(words: readonly string[], settings: Record<string, string> = {}): string {
  const all = Object.entries({ ...usualSettings, ...settings });
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [command, 'start', ...words, ...all.flatMap(([key, value]) => ['--set', `${key}=${value}`])],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, NAUTILUSMQ_CONFIG: undefined } },
  );
  assert.equal(status, 1, stderr);
  assert.equal(stdout, '');
  return stderr;
}

describe('a start that cannot be', () => {
  it('says in one line that a port is in use, and what to do', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const text = refusalOf([], {
      'listener.tcp.default': `127.0.0.1:${port}`,
      platform_data_dir: temporary(t),
    });
    assert.match(
      text,
      new RegExp(`^nautilusmq: 127\\.0\\.0\\.1:${port} is in use: stop [^\\n]+\\n$`),
    );
  });

  it('says in one line that the data directory cannot be written', (t) => {
    const file = join(temporary(t), 'file');
    writeFileSync(file, '');
    const text = refusalOf([], { platform_data_dir: join(file, 'data') });
    assert.match(text, /^nautilusmq: [^\n]*file\/data[^\n]* check its owner[^\n]*\n$/);
  });

  it('says in one line that the configuration file is missing', () => {
    const text = refusalOf(['--config', 'no-such-file.conf']);
    const line = /^nautilusmq: configuration file no-such-file\.conf cannot be read: [^\n]+\n$/;
    assert.match(text, line);
  });

  it('says in one line that a certificate is missing, and by which option', (t) => {
    const text = refusalOf([], {
      'listener.ssl.default': '127.0.0.1:0',
      'listener.ssl.certfile': 'no-such.pem',
      'listener.ssl.keyfile': 'no-such.key',
      platform_data_dir: temporary(t),
    });
    assert.match(text, /certfile[^\n]*no-such\.pem[^\n]*\n$/);
    assert.equal(text.trim().split('\n').length, 1, text);
  });

  it('names every wrong option, with file and line', (t) => {
    const file = join(temporary(t), 'wrong.conf');
    writeFileSync(file, 'max_client_id_size = many\n\nmax_client_id_sice = 3\n');
    const text = refusalOf(['--config', file]);
    assert.match(text, /wrong\.conf:1: error: [^\n]*max_client_id_size/);
    assert.match(text, /wrong\.conf:3: error: [^\n]*max_client_id_sice/);
    assert.match(text, /^nautilusmq: [^\n]*wrong\.conf has errors: not started$/m);
  });

  it('names the process that has the data directory', async (t) => {
    const directory = join(temporary(t), 'data');
    const broker = await start(t, directory);
    const text = refusalOf([], { platform_data_dir: directory });
    assert.match(text, /^nautilusmq: [^\n]+\n$/);
    assert.match(text, new RegExp(`\\b${broker.pid}\\b`));
    const client = await MqttSocket.connect(broker.port, 4);
    client.drop();
  });
});

describe('a running broker', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops on ${signal}: clients are told, the exit code is 0`, async (t) => {
      const broker = await start(t, join(temporary(t), 'data'));
      const modern = await MqttSocket.connect(broker.port, 5);
      const old = await MqttSocket.connect(broker.port, 4);
      const exit = broker.signal(signal);
      const { reasonCode } = await modern.next('disconnect');
      assert.equal(reasonCode, ReasonCode.ServerShuttingDown);
      await modern.closed();
      await old.closed();
      assert.deepEqual(old.received, []);
      assert.deepEqual(await exit, { code: 0, signal: null });
    });
  }

  it('stops within seconds though a client does not read and another says nothing', async (t) => {
    const broker = await start(t, join(temporary(t), 'data'));
    const deaf = await MqttSocket.connect(broker.port, 5);
    deaf.socket.pause();
    deaf.send(write.subscribe(5, 1, [{ topicFilter: '#' }]));
    const payload = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 16; count += 1) {
      deaf.send(write.publish(5, { topicName: 'x', payload }));
    }
    const silent = await MqttSocket.open(broker.port);
    const before = performance.now();
    assert.equal((await broker.stop()).code, 0);
    assert.ok(performance.now() - before < 8000);
    deaf.drop();
    silent.drop();
  });

  it('has everything again after SIGTERM: sessions, messages, retained messages', async (t) => {
    const directory = join(temporary(t), 'data');
    const persistent = {
      clientIdentifier: 'kept',
      cleanStart: false,
      properties: { sessionExpiryInterval: 600 },
    };
    let broker = await start(t, directory);
    const first = await MqttSocket.connect(broker.port, 5, persistent);
    first.send(write.subscribe(5, 1, [{ topicFilter: 'a/+', qos: 2 }]));
    await first.next('suback');
    first.drop();
    const publisher = await MqttSocket.connect(broker.port, 4);
    for (const packetIdentifier of [1, 2]) {
      const topicName = `a/${packetIdentifier}`;
      const message = { topicName, qos: 1, packetIdentifier, retain: packetIdentifier === 2 };
      publisher.send(write.publish(4, { ...message, payload: topicName }));
      await publisher.next('puback');
    }
    assert.equal((await broker.stop()).code, 0);
    broker = await start(t, directory);
    const again = await MqttSocket.connect(broker.port, 5, persistent);
    assert.ok(again.connack.sessionPresent);
    assert.equal((await again.next('publish')).topicName, 'a/1');
    assert.equal((await again.next('publish')).topicName, 'a/2');
    const fresh = await MqttSocket.connect(broker.port, 5);
    fresh.send(write.subscribe(5, 1, [{ topicFilter: '#' }]));
    await fresh.next('suback');
    const retained = await fresh.next('publish');
    assert.ok(retained.retain && retained.payload.toString() === 'a/2');
    again.drop();
    fresh.drop();
  });

  it('opens nothing when one of its listeners cannot be opened', (t) => {
    const directory = temporary(t);
    const path = join(directory, 'broker.sock');
    mkdirSync(path);
    const text = refusalOf([], {
      'listener.tcp.socket': `local:${path}:0`,
      platform_data_dir: join(directory, 'data'),
    });
    assert.equal(text.trim().split('\n').length, 1, text);
  });
});
