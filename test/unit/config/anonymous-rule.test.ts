import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AnonymousAnswer,
  loadConfiguration,
  type LoadInput,
} from '../../../src/config/mod.js';

function answerTo(input: LoadInput): AnonymousAnswer {
  const { configuration, problems } = loadConfiguration(input);
  assert.ok(configuration !== undefined, JSON.stringify(problems));
  return { allowed: configuration.allowAnonymous, reason: configuration.anonymousReason };
}

const file = (text: string): LoadInput => ({ file: { text, fileName: 'a.conf' } });
const set = (...overrides: string[]): LoadInput => ({ overrides });

test('without a file and with all listeners on loopback anybody is let in, and told so', () => {
  const { allowed, reason } = answerTo({});
  assert.equal(allowed, true);
  assert.match(reason, /no configuration file and every listener is on loopback/);
});

test('other loopback addresses and unix sockets leave it on', () => {
  const loopback = [
    '127.8.8.8:1',
    '[::1]:1',
    'localhost:1',
    '[::ffff:127.0.0.1]:1',
    'local:/run/s:0',
  ];
  for (const address of loopback) {
    assert.equal(answerTo(set(`listener.tcp.x=${address}`)).allowed, true, address);
  }
});

test('one listener that others can reach turns it off for all, and is named', () => {
  for (const address of [
    '0.0.0.0:1',
    '[::]:1',
    '192.168.1.1:1',
    'broker.example.com:1',
    '[::2]:1',
  ]) {
    const { allowed, reason } = answerTo(set(`listener.tcp.x=${address}`));
    assert.equal(allowed, false, address);
    assert.match(reason, /listener\.tcp\.x/);
  }
});

test('a listener from the environment counts like one from --set', () => {
  const environment = { NAUTILUSMQ__LISTENER__WS__X: '0.0.0.0:1' };
  assert.equal(answerTo({ environment }).allowed, false);
});

test('what is written counts, wherever listeners are', () => {
  assert.equal(answerTo(set('allow_anonymous=off')).allowed, false);
  assert.equal(answerTo(set('allow_anonymous=on', 'listener.tcp.x=0.0.0.0:1')).allowed, true);
  assert.equal(answerTo(file('allow_anonymous = on\nlistener.tcp.x = 0.0.0.0:1')).allowed, true);
});

test('with a file it is off unless the file says on, even on loopback', () => {
  const { allowed, reason } = answerTo(file('listener.tcp.x = 127.0.0.1:1'));
  assert.equal(allowed, false);
  assert.match(reason, /does not say allow_anonymous = on/);
  assert.equal(answerTo(file('')).allowed, false);
});

test('a listener that lets anybody in is named in the reason', () => {
  const text = 'listener.tcp.x = 127.0.0.1:1\nlistener.tcp.x.allow_anonymous_override = on';
  const { allowed, reason } = answerTo(file(text));
  assert.equal(allowed, false);
  assert.match(reason, /except on listener\.tcp\.x/);
});
