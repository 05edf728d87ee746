import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics, type Sample } from '../../../src/metrics/mod.js';

function samplesOf(metrics: Metrics, name: string): Sample[] {
  return [...metrics.snapshot()].filter((sample) => sample.name === name);
}

function valueOf(metrics: Metrics, name: string, labels: Record<string, string>): number {
  const found = samplesOf(metrics, name).filter((sample) =>
    Object.entries(labels).every(([label, value]) =>
      sample.labels.some((pair) => pair[0] === label && pair[1] === value),
    ),
  );
  assert.equal(
    found.length,
    1,
    `${found.length} samples of ${name} with ${JSON.stringify(labels)}`,
  );
  return (found[0] as Sample).value;
}

test('a packet is counted under its protocol version', () => {
  const metrics = new Metrics();
  metrics.v4.publishReceived += 2;
  metrics.v5.publishReceived += 3;
  assert.equal(valueOf(metrics, 'mqtt_publish_received', { mqtt_version: '4' }), 2);
  assert.equal(valueOf(metrics, 'mqtt_publish_received', { mqtt_version: '5' }), 3);
});

test('MQTT 5 acknowledgements are told by reason code and 3.x ones as one number', () => {
  const metrics = new Metrics();
  metrics.v5.pubackSent.add(0x00);
  metrics.v5.pubackSent.add(0x10);
  metrics.v5.pubackSent.add(0x10);
  metrics.v4.pubackSent.add(0x00);
  assert.equal(valueOf(metrics, 'mqtt_puback_sent', { reason_code: 'no_matching_subscribers' }), 2);
  assert.equal(valueOf(metrics, 'mqtt_puback_sent', { reason_code: 'success' }), 1);
  assert.equal(valueOf(metrics, 'mqtt_puback_sent', { mqtt_version: '4' }), 1);
});

test('a disconnect with code 0 is a normal disconnect, not a success', () => {
  const metrics = new Metrics();
  metrics.v5.disconnectReceived.add(0);
  assert.equal(
    valueOf(metrics, 'mqtt_disconnect_received', { reason_code: 'normal_disconnect' }),
    1,
  );
});

test('a code outside the usual ones appears once it was counted', () => {
  const metrics = new Metrics();
  const codes = (): string[] =>
    samplesOf(metrics, 'mqtt_pubcomp_sent').flatMap(({ labels }) =>
      labels.filter(([label]) => label === 'reason_code').map(([, value]) => value),
    );
  assert.deepEqual(codes(), ['success', 'packet_id_not_found']);
  metrics.v5.pubcompSent.add(0x91);
  metrics.v5.pubcompSent.add(0xee);
  assert.deepEqual(codes(), ['success', 'packet_id_not_found', 'packet_id_in_use', '0xee']);
});

test('CONNACK to 3.x clients is counted by return code, whichever code was added', () => {
  const metrics = new Metrics();
  metrics.v4.connackSent.add(0);
  metrics.v4.connackSent.add(5);
  metrics.v4.connackSent.add(0x87);
  metrics.v4.connackSent.add(0x86);
  metrics.v4.connackSent.add(0x97);
  const sent = (label: string): number =>
    valueOf(metrics, 'mqtt_connack_sent', { mqtt_version: '4', return_code: label });
  assert.equal(sent('success'), 1);
  assert.equal(sent('not_authorized'), 2);
  assert.equal(sent('bad_username_or_password'), 1);
  assert.equal(sent('server_unavailable'), 1);
  assert.equal(valueOf(metrics, 'mqtt_connack_bad_credentials_sent', {}), 1);
  assert.equal(valueOf(metrics, 'mqtt_connack_accepted_sent', {}), 1);
});

test('a gauge reads its supplier when asked', () => {
  const metrics = new Metrics();
  let retained = 1;
  metrics.gauge('retain_messages', 'The number of retained messages.', () => retained);
  assert.equal(valueOf(metrics, 'retain_messages', {}), 1);
  retained = 7;
  assert.equal(valueOf(metrics, 'retain_messages', {}), 7);
  assert.equal(samplesOf(metrics, 'retain_messages')[0]?.type, 'gauge');
});

test('two gauges of one name, or one with a strange name, are our own mistake', () => {
  const metrics = new Metrics();
  metrics.gauge('queue_processes', 'The number of queues.', () => 0);
  assert.throws(() => metrics.gauge('queue_processes', 'Again.', () => 0));
  assert.throws(() => metrics.gauge('Queue-Processes', 'Odd.', () => 0));
});

test('samples of one name come together, with one type and one help text', () => {
  const metrics = new Metrics();
  metrics.v5.authSent.add(0x18);
  const seen = new Map<string, Sample>();
  let last = '';
  for (const sample of metrics.snapshot()) {
    const first = seen.get(sample.name);
    if (first === undefined) seen.set(sample.name, sample);
    else {
      assert.equal(sample.name, last, `${sample.name} is scattered`);
      assert.equal(sample.help, first.help);
      assert.equal(sample.type, first.type);
    }
    last = sample.name;
  }
  assert.ok(seen.size > 50);
});

test('no two samples share name and labels, and all survive JSON', () => {
  const metrics = new Metrics();
  for (let code = 0; code < 256; code += 1) {
    metrics.v5.disconnectSent.add(code);
    metrics.v4.connackSent.add(code);
  }
  const samples = [...metrics.snapshot()];
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, labels]));
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(JSON.parse(JSON.stringify(samples)), samples);
});

test('$SYS topics sum over labels and split the name on underscores', () => {
  const metrics = new Metrics();
  metrics.v4.subscribeReceived = 2;
  metrics.v5.subscribeReceived = 5;
  metrics.v5.pubrecSent.add(0x00);
  metrics.v5.pubrecSent.add(0x87);
  metrics.bytesReceived = 9_007_199_254_740_991;
  const topics = new Map(metrics.sysTopics('n1@localhost'));
  assert.equal(topics.get('$SYS/n1@localhost/mqtt/subscribe/received'), '7');
  assert.equal(topics.get('$SYS/n1@localhost/mqtt/pubrec/sent'), '2');
  assert.equal(topics.get('$SYS/n1@localhost/bytes/received'), '9007199254740991');
  assert.equal(topics.get('$SYS/n1@localhost/client/keepalive/expired'), '0');
});
