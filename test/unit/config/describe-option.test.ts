import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeOption, nearestKey, referencePage } from '../../../src/config/mod.js';

test('an option is described with its values, meaning and default', () => {
  const text = describeOption('retry_interval') ?? '';
  assert.match(text, /^retry_interval = s, 0 to 86400/);
  assert.match(text, /Default: 20; can be changed while running/);
});

test('an option of listeners is described under a name, under a pattern, and alone', () => {
  for (const key of [
    'listener.tcp.mine.mountpoint',
    'listener.tcp.<name>.mountpoint',
    'mountpoint',
  ]) {
    assert.match(describeOption(key) ?? '', /Listeners: tcp, ssl, ws, wss/);
  }
  assert.match(describeOption('listener.ssl.<name>') ?? '', /127\.0\.0\.1:1883/);
});

test('options without effect say so', () => {
  assert.match(describeOption('incoming_clustering_buffer_size') ?? '', /Not yet active/);
  assert.match(describeOption('erlang.max_ports') ?? '', /Ignored: .*Erlang/);
  assert.equal(describeOption('no_such_thing'), undefined);
});

test('the nearest key keeps the names in the misspelt one', () => {
  assert.equal(nearestKey('max_onlin_messages'), 'max_online_messages');
  assert.equal(nearestKey('listener.tcp.home.mountpint'), 'listener.tcp.home.mountpoint');
  assert.equal(nearestKey('alow_anonymous'), 'allow_anonymous');
  assert.equal(nearestKey('something_else_entirely'), undefined);
});

test('the reference page has every key that can be described, and renders as tables', () => {
  const page = referencePage();
  for (const key of ['retry_interval', 'cluster.seeds', 'certfile', 'erlang.*', 'vmq_bridge.*']) {
    assert.ok(page.includes(`\`${key}\``), key);
  }
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  assert.ok(rows.length > 100);
  for (const row of rows) assert.ok(row.endsWith(' |'), row);
});
