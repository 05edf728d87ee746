import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAcl } from '../../../src/auth/mod.js';
import {
  type Configuration,
  loadConfiguration,
  type Problem,
  referencePage,
} from '../../../src/config/mod.js';

function load(fileName: string): { configuration: Configuration; problems: readonly Problem[] } {
  const text = readFileSync(fileName, 'utf8');
  const { configuration, problems } = loadConfiguration({ file: { text, fileName } });
  assert.ok(configuration !== undefined, JSON.stringify(problems, undefined, 2));
  return { configuration, problems };
}

/** Keys of a file, in its order, read without the code under test. */
function keysOf(fileName: string): string[] {
  const lines = readFileSync(fileName, 'utf8').split('\n');
  return lines.filter((line) => /^[a-z]/.test(line)).map((line) => line.split(' ')[0] ?? '');
}

function mentions(problems: readonly Problem[], key: string): number {
  return problems.filter(({ message }) => message.startsWith(`${key} `)).length;
}

test('the shipped file has no error or warning, and nothing in it is without effect', () => {
  assert.deepEqual(load('etc/nautilusmq.conf').problems, []);
});

/** Of three members one may die; the defaults are VerneMQ's. */
const duringNetsplit = {
  allowRegisterDuringNetsplit: 'majority',
  allowPublishDuringNetsplit: 'majority',
  allowSubscribeDuringNetsplit: 'majority',
  allowUnsubscribeDuringNetsplit: 'majority',
};

test('the shipped file opens loopback only, lets nobody in without a password, and keeps defaults', () => {
  const { configuration } = load('etc/nautilusmq.conf');
  assert.equal(configuration.allowAnonymous, false);
  assert.deepEqual(
    configuration.listeners.map(({ type, host, port }) => `${type} ${host}:${port}`),
    ['tcp 127.0.0.1:1883', 'ws 127.0.0.1:8080'],
  );
  const builtIn = loadConfiguration({}).configuration?.options;
  const { options } = configuration;
  assert.deepEqual(
    {
      ...options,
      allowAnonymous: false,
      logConsoleFileFormat: builtIn?.logConsoleFileFormat,
      logConsoleRotationSize: builtIn?.logConsoleRotationSize,
      logConsoleRotationCompressOnRotate: builtIn?.logConsoleRotationCompressOnRotate,
    },
    { ...builtIn, allowAnonymous: false, ...duringNetsplit },
  );
});

test('what the shipped file shows in comments is right too', () => {
  const text = readFileSync('etc/nautilusmq.conf', 'utf8').replace(
    /^# (?=listener\.[\w.]+ = )/gm,
    '',
  );
  const { configuration, problems } = loadConfiguration({ file: { text, fileName: 'shown' } });
  assert.deepEqual(
    problems.filter(({ severity }) => severity !== 'info'),
    [],
  );
  assert.equal(configuration?.listeners.length, 8);
  assert.equal(configuration?.peerListeners.length, 2);
});

test('the shipped ACL file grants everything to who was let in', () => {
  const parsed = parseAcl(readFileSync('etc/vmq.acl', 'utf8'));
  assert.ok(parsed.content !== undefined);
  const client = { mountpoint: '', clientIdentifier: 'c', userName: 'u' };
  assert.equal(parsed.content.publish('a/b', client), 'granted');
});

for (const name of ['vernemq', 'vernemq-hidden']) {
  test(`${name}.conf loads as it is, and no key without effect is told of twice`, () => {
    const fileName = `test/fixtures/config/${name}.conf`;
    const { problems } = load(fileName);
    for (const { severity, message, fileName: file, line } of problems) {
      const isOrphan = message.includes('has no effect: there is no listener.');
      assert.equal(severity, isOrphan ? 'warning' : 'info', message);
      assert.equal(file, fileName);
      assert.ok(line !== undefined && line > 0);
    }
    for (const key of keysOf(fileName)) assert.ok(mentions(problems, key) <= 1, key);
  });
}

test('each key of VerneMQ that does not act is reported once, with the reason', () => {
  const { problems } = load('test/fixtures/config/vernemq.conf');
  const ignored = ['erlang.async_threads', 'leveldb.maximum_memory.percent', 'metadata_plugin'];
  for (const key of [...ignored, 'listener.nr_of_acceptors', 'plugins.mine.path', 'log.error']) {
    const found = problems.filter(({ message }) => message.startsWith(`${key} is ignored: `));
    assert.equal(found.length, 1, key);
  }
  const later = ['listener.http.default'];
  for (const key of [...later, 'vmq_webhooks.auth.hook', 'vmq_bridge.tcp.br0.topic.1']) {
    const found = problems.filter(({ message }) => message.startsWith(`${key} is not yet active`));
    assert.equal(found.length, 1, key);
  }
});

test('a file of VerneMQ means here what it means there', () => {
  const { configuration } = load('test/fixtures/config/vernemq.conf');
  const { options, listeners } = configuration;
  assert.equal(options.nodename, 'VerneMQ@127.0.0.1');
  assert.equal(options.persistentClientExpiration, 7 * 86400);
  assert.equal(options.maxLastWillDelay, undefined);
  assert.equal(options.logConsole, 'file');
  assert.equal(options.vmqAclAclFile, '/etc/vernemq/vmq.acl');
  const byKey = new Map(listeners.map((each) => [`${each.type}.${each.name}`, each]));
  assert.equal(byKey.get('tcp.default')?.maxConnections, Infinity);
  assert.equal(byKey.get('tcp.internal')?.maxConnections, 10000);
  assert.equal(byKey.get('tcp.internal')?.host, '::1');
  assert.equal(byKey.get('tcp.internal')?.mountpoint, 'inside');
  assert.equal(byKey.get('tcp.internal')?.proxyProtocol, true);
  assert.equal(byKey.get('tcp.socket')?.path, '/tmp/vernemq.sock');
  assert.deepEqual(byKey.get('ws.default')?.proxyXffTrustedIntermediate, ['10.0.0.1', '10.0.0.2']);
  assert.equal(byKey.get('ssl.default')?.certfile, '/etc/vernemq/cert.pem');
  assert.equal(byKey.get('ssl.default')?.eccs, 'secp384r1:secp521r1');
  assert.equal(byKey.get('ssl.default')?.requireCertificate, true);
  assert.equal(byKey.size, 5);
  assert.equal(configuration.peerListeners[0]?.port, 44053);
  assert.equal(options.allowPublishDuringNetsplit, 'on');
});

test('hidden keys of VerneMQ act where they have a meaning', () => {
  const { configuration } = load('test/fixtures/config/vernemq-hidden.conf');
  const { options, listeners } = configuration;
  assert.equal(options.queueType, 'lifo');
  assert.equal(options.maxMessageRate, 100);
  assert.equal(options.mqttConnectTimeout, 6000);
  assert.equal(options.systreeMountpoint, 'inside');
  assert.equal(options.systreeQos, 1);
  assert.equal(options.suppressLwtOnSessionTakeover, true);
  assert.equal(options.topicAliasMaxClient, 10);
  assert.equal(options.topicAliasMaxBroker, 11);
  assert.equal(options.receiveMaxClient, 1000);
  assert.equal(options.receiveMaxBroker, 1001);
  assert.equal(options.disconnectOnUnauthorizedPublishV3, true);
  const psk = listeners.find(({ name }) => name === 'psk');
  assert.equal(psk?.pskSupport, true);
  assert.equal(psk?.pskIdentityHint, 'hint');
  assert.equal(psk?.pskfile, '/etc/vernemq/vmq.psk');
});

test('docs/reference.md is what the option table says', () => {
  const page = referencePage();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync('docs/reference.md', page);
  const message = 'the table changed: UPDATE_DOCS=1 npm test -- unit/config writes the page anew';
  assert.equal(readFileSync('docs/reference.md', 'utf8'), page, message);
});
