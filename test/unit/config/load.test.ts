import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Configuration,
  loadConfiguration,
  type LoadInput,
  type Problem,
} from '../../../src/config/mod.js';

function inFile(text: string, more: LoadInput = {}): LoadInput {
  return { ...more, file: { text, fileName: 'a.conf' } };
}

function loaded(input: LoadInput): Configuration {
  const { configuration, problems } = loadConfiguration(input);
  assert.ok(configuration !== undefined, JSON.stringify(problems));
  return configuration;
}

function problemsOf(input: LoadInput): string[] {
  const lineOf = ({ fileName, line, severity, message }: Problem): string =>
    `${fileName ?? ''}:${line ?? ''} ${severity}: ${message}`;
  return loadConfiguration(input).problems.map(lineOf);
}

function onlyProblem(input: LoadInput): string {
  const problems = problemsOf(input);
  assert.equal(problems.length, 1, problems.join('\n'));
  return problems[0] as string;
}

function addressesOf({ listeners }: Configuration): string[] {
  return listeners.map(({ type, name, host, port }) => `${type}.${name} ${host}:${port}`);
}

test('comments, blank lines, CRLF, a byte order mark and spaces are no part of a value', () => {
  const text = '\uFEFF# first\r\n\r\n  retry_interval   =  7 # seconds\r\n\tnodename=a@b\r\n';
  const { options } = loaded(inFile(text));
  assert.equal(options.retryInterval, 7);
  assert.equal(options.nodename, 'a@b');
  assert.deepEqual(problemsOf(inFile(text)), []);
});

test('quotes keep what would be a comment, and an empty value', () => {
  const text = "vmq_acl.acl_file = 'my # file' # where";
  assert.deepEqual(problemsOf(inFile(text)), []);
  assert.equal(loaded(inFile(text)).options.vmqAclAclFile, 'my # file');
  assert.equal(loaded(inFile("systree_mountpoint = ''")).options.systreeMountpoint, '');
});

test('a # inside a value without quotes stays, with a warning that VerneMQ ends the value there', () => {
  const text = 'vmq_acl.acl_file = my#file';
  assert.equal(loaded(inFile(text)).options.vmqAclAclFile, 'my#file');
  assert.match(onlyProblem(inFile(text)), /^a\.conf:1 warning: vmq_acl\.acl_file: .*quotes$/);
});

test('of a key that is written twice the last line counts, with a warning that names both', () => {
  const text = 'retry_interval = 5\n\nretry_interval = 6\n';
  assert.equal(loaded(inFile(text)).options.retryInterval, 6);
  assert.match(onlyProblem(inFile(text)), /^a\.conf:3 warning: retry_interval .*1 .*3/);
});

test('all problems are reported together, each with its line', () => {
  const text =
    'max_inflight_message = 3\nretry_interval = soon\njust words\nallow_anonymous = maybe\n';
  const problems = problemsOf(inFile(text));
  assert.equal(problems.length, 4);
  assert.match(problems[0] as string, /^a\.conf:1 error: .*did you mean max_inflight_messages\?$/);
  assert.match(
    problems[1] as string,
    /^a\.conf:2 error: retry_interval = soon: must be an integer/,
  );
  assert.match(problems[2] as string, /^a\.conf:3 error: .*key = value/);
  assert.match(
    problems[3] as string,
    /^a\.conf:4 error: allow_anonymous = maybe: must be on or off/,
  );
  assert.equal(loadConfiguration(inFile(text)).configuration, undefined);
});

test('numbers outside their bounds are refused, and the bounds are named', () => {
  assert.match(onlyProblem(inFile('receive_max_broker = 65536')), /from 1 to 65535/);
  assert.match(onlyProblem(inFile('maximum_qos = 3')), /from 0 to 2/);
  assert.match(onlyProblem(inFile('max_online_messages = -2')), /from -1/);
  assert.match(onlyProblem(inFile('retry_interval = 1.5')), /must be an integer/);
});

test('sizes may have KB, MB or GB behind them', () => {
  const text = 'max_message_size = 2MB\nlistener.max_pending_bytes = 1 GB\n';
  const { options } = loaded(inFile(text));
  assert.equal(options.maxMessageSize, 2 * 1024 * 1024);
  assert.equal(options.listenerMaxPendingBytes, 1024 ** 3);
});

test('durations have units in which a month is four weeks and a year forty-eight', () => {
  const of = (text: string): number | undefined =>
    loaded(inFile(`persistent_client_expiration = ${text}`)).options.persistentClientExpiration;
  assert.equal(of('2h'), 7200);
  assert.equal(of('3d'), 3 * 86400);
  assert.equal(of('1w'), 7 * 86400);
  assert.equal(of('1m'), 28 * 86400);
  assert.equal(of('1y'), 336 * 86400);
  assert.equal(of('never'), undefined);
  assert.match(onlyProblem(inFile('persistent_client_expiration = 5')), /never/);
});

test('flags may be true and false', () => {
  const { options } = loaded(inFile('store.sync = false\nretain_available = true'));
  assert.equal(options.storeSync, false);
  assert.equal(options.retainAvailable, true);
});

test('a secret is never repeated in a message', () => {
  const text =
    "listener.tcp.x = 127.0.0.1:0\ndistributed_cookie = ''\nvmq_bridge.tcp.b.password = $(hidden)\n";
  assert.ok(!problemsOf(inFile(text)).some((problem) => problem.includes('hidden')));
});

test('the environment counts over the file, and --set over both', () => {
  const input = inFile('retry_interval = 1\nmax_inflight_messages = 1\nmax_online_messages = 1\n', {
    environment: {
      NAUTILUSMQ__MAX_INFLIGHT_MESSAGES: '2',
      NAUTILUSMQ__MAX_ONLINE_MESSAGES: '2',
      NAUTILUSMQ__LOG__CONSOLE__LEVEL: 'debug',
      NAUTILUSMQ_CONFIG: '/somewhere',
    },
    overrides: ['max_online_messages=3'],
  });
  const { options, explicit } = loaded(input);
  assert.equal(options.retryInterval, 1);
  assert.equal(options.maxInflightMessages, 2);
  assert.equal(options.maxOnlineMessages, 3);
  assert.equal(options.logConsoleLevel, 'debug');
  assert.deepEqual(problemsOf(input), []);
  assert.ok(explicit.has('log.console.level'));
  assert.ok(!explicit.has('nodename'));
});

test('an unknown variable is warned about, an unknown --set refused', () => {
  const environment = { NAUTILUSMQ__RETRY_INTERVALL: '3', OTHER__THING: '4' };
  assert.match(
    onlyProblem({ environment }),
    /^: warning: NAUTILUSMQ__RETRY_INTERVALL: .*retry_interval/,
  );
  assert.match(
    onlyProblem({ overrides: ['retry_intervall=3'] }),
    /^: error: --set retry_intervall/,
  );
  assert.match(onlyProblem({ overrides: ['nothing'] }), /^: error: .*key=value/);
});

test('a bad value in the environment is an error that names the variable', () => {
  const problem = onlyProblem({ environment: { NAUTILUSMQ__RETRY_INTERVAL: 'x' } });
  assert.match(problem, /^: error: NAUTILUSMQ__RETRY_INTERVAL: retry_interval = x/);
});

test('without a file there are two listeners on loopback', () => {
  assert.deepEqual(addressesOf(loaded({})), [
    'tcp.default 127.0.0.1:1883',
    'ws.default 127.0.0.1:8080',
  ]);
});

test('a file has the listeners that it names, and no others', () => {
  assert.deepEqual(addressesOf(loaded(inFile(''))), []);
  const text =
    'listener.tcp.a = 127.0.0.1:1\nlistener.tcp.b = [::1]:2\nlistener.ws.c = localhost:0\n';
  assert.deepEqual(addressesOf(loaded(inFile(text))), [
    'tcp.a 127.0.0.1:1',
    'tcp.b ::1:2',
    'ws.c localhost:0',
  ]);
});

test('a built-in listener gives way to one of its name or its port, or to off', () => {
  const withSet = (...overrides: string[]): string[] => addressesOf(loaded({ overrides }));
  const ws = 'ws.default 127.0.0.1:8080';
  assert.deepEqual(withSet('listener.tcp.default=127.0.0.1:2000'), [
    'tcp.default 127.0.0.1:2000',
    ws,
  ]);
  assert.deepEqual(withSet('listener.tcp.public=0.0.0.0:1883'), [ws, 'tcp.public 0.0.0.0:1883']);
  assert.deepEqual(withSet('listener.tcp.default=off'), [ws]);
  const more = withSet('listener.tcp.more=127.0.0.1:1884');
  assert.deepEqual(more, ['tcp.default 127.0.0.1:1883', ws, 'tcp.more 127.0.0.1:1884']);
});

test('the nearest level of an option of listeners counts', () => {
  const text = [
    'listener.tcp.a = 127.0.0.1:1',
    'listener.tcp.b = 127.0.0.1:2',
    'listener.ws.c = 127.0.0.1:3',
    'listener.max_connections = 10',
    'listener.tcp.max_connections = 20',
    'listener.tcp.a.max_connections = 30',
  ].join('\n');
  const limits = loaded(inFile(text)).listeners.map(({ maxConnections }) => maxConnections);
  assert.deepEqual(limits, [30, 20, 10]);
});

test('an option in a place where it cannot stand is refused with the place where it can', () => {
  const text = 'listener.tcp.allow_anonymous_override = on';
  assert.match(onlyProblem(inFile(text)), /listener\.<type>\.<name>\.allow_anonymous_override/);
  assert.match(onlyProblem(inFile('listener.tcp.a.certfile = x')), /ssl/);
});

test('options of a listener that does not exist are warned about', () => {
  const text = 'listener.tcp.defualt.mountpoint = x\nlistener.tcp.default = 127.0.0.1:1\n';
  assert.match(onlyProblem(inFile(text)), /^a\.conf:1 warning: .*listener\.tcp\.defualt/);
});

test('addresses that cannot be are refused', () => {
  for (const address of [
    '1883',
    '127.0.0.1',
    '300.0.0.1:1',
    '127.0.0.1:65536',
    '[::1:5',
    'local:',
  ]) {
    const problems = problemsOf(inFile(`listener.tcp.a = ${address}`));
    assert.equal(problems.length, 1, address);
    assert.match(problems[0] as string, /^a\.conf:1 error: listener\.tcp\.a = /);
  }
});

test('two listeners cannot share a port, wildcards included', () => {
  const clash = (a: string, b: string): boolean =>
    problemsOf(inFile(`listener.tcp.a = ${a}\nlistener.ws.b = ${b}\n`)).some((problem) =>
      problem.startsWith('a.conf:2 error: listener.ws.b has the address of listener.tcp.a'),
    );
  assert.ok(clash('127.0.0.1:5', '127.0.0.1:5'));
  assert.ok(clash('0.0.0.0:5', '127.0.0.1:5'));
  assert.ok(clash('127.0.0.1:5', '[::]:5'));
  assert.ok(clash('local:/run/a:0', 'local:/run/a:0'));
  assert.ok(!clash('0.0.0.0:5', '[::1]:5'));
  assert.ok(!clash('127.0.0.1:0', '127.0.0.1:0'));
  assert.ok(!clash('local:/run/a:0', 'local:/run/b:0'));
});

test('a listener that asks for X-Forwarded-For is warned of where it trusts no proxy', () => {
  const xff = 'listener.ws.a = 127.0.0.1:8080\nlistener.ws.a.proxy_xff_support = on\n';
  const trusts = `${xff}listener.ws.a.proxy_xff_trusted_intermediate = 10.0.0.1\n`;
  assert.match(onlyProblem(inFile(xff)), /warning: .*proxy_xff_trusted_intermediate/);
  assert.deepEqual(problemsOf(inFile(trusts)), []);
});

test('a TLS listener needs certificate and key, and a CA to require certificates', () => {
  const start = 'listener.ssl.a = 127.0.0.1:1\n';
  const problems = problemsOf(inFile(start));
  assert.equal(problems.length, 2);
  assert.match(problems[0] as string, /listener\.ssl\.a\.certfile/);
  assert.match(problems[1] as string, /listener\.ssl\.a\.keyfile/);
  const files = 'listener.ssl.certfile = c\nlistener.ssl.keyfile = k\n';
  assert.deepEqual(problemsOf(inFile(start + files)), []);
  const required = `${start}${files}listener.ssl.a.require_certificate = on\n`;
  assert.match(onlyProblem(inFile(required)), /listener\.ssl\.a\.cafile/);
});

test('a listener may have a chain of back ends of its own', () => {
  const text = 'listener.tcp.a = 127.0.0.1:1\nlistener.tcp.a.auth_plugins = vmq_passwd\n';
  const { configuration, problems } = loadConfiguration(inFile(text));
  assert.deepEqual(problems, []);
  assert.deepEqual(configuration?.listeners[0]?.authPlugins, ['vmq_passwd']);
});

test('a configuration cannot be changed in any part', () => {
  const configuration = loaded({});
  assert.throws(() => Object.assign(configuration, { allowAnonymous: true }), TypeError);
  assert.throws(() => Object.assign(configuration.options, { nodename: 'x' }), TypeError);
  assert.throws(() => Object.assign(configuration.listeners[0] as object, { port: 1 }), TypeError);
  const { allowedProtocolVersions } = configuration.listeners[0] as {
    allowedProtocolVersions: object;
  };
  assert.throws(() => Object.assign(allowedProtocolVersions, { 0: 9 }), TypeError);
});
