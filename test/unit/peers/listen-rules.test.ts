/** Who may be listened for, and under which address a node is reached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { advertisedAddress, listenProblem, parsePeerAddress } from '../../../src/peers/mod.js';

const open = { type: 'vmq', name: 'default', host: '10.0.0.7', port: 44053 } as const;
const secret = 'Zm9ydHktZm91ciBjaGFyYWN0ZXJz';

describe('the cluster listener', () => {
  for (const [cookie, why] of [
    ['', /distributed_cookie is not set/],
    ['vmq', /VerneMQ's default that everybody knows/],
    ['fifteen letters', /fewer than 16 characters/],
  ] as const) {
    it(`is not opened beyond loopback with the cookie "${cookie}", and says how to make one`, () => {
      const problem = listenProblem(open, cookie) ?? '';
      assert.match(problem, why);
      assert.match(problem, /^listener\.vmq\.default is not opened on 10\.0\.0\.7:44053/);
      assert.match(problem, /`openssl rand -base64 32`/);
      if (cookie.length > 3) assert.ok(!problem.includes(cookie));
      for (const host of ['127.0.0.1', '127.0.0.3', '::1', 'localhost', '::ffff:127.0.0.1']) {
        assert.equal(listenProblem({ ...open, host }, cookie), undefined, host);
      }
    });
  }

  it('is opened anywhere with a secret cookie, but never as a file', () => {
    for (const host of ['10.0.0.7', '0.0.0.0', '::']) {
      assert.equal(listenProblem({ ...open, host }, secret), undefined);
    }
    assert.match(listenProblem({ ...open, host: '' }, secret) ?? '', /an address and a port/);
  });
});

describe('the advertised address', () => {
  const facts = { option: '', nodeName: 'NautilusMQ@10.0.0.7', listenerPort: 5000 };

  it('is the host of the node name with the port of the listener', () => {
    assert.deepEqual(advertisedAddress(facts), { address: '10.0.0.7:5000', isLoopback: false });
    const six = advertisedAddress({ ...facts, nodeName: 'NautilusMQ@fd00::7' });
    assert.deepEqual(six, { address: '[fd00::7]:5000', isLoopback: false });
    const none = advertisedAddress({ ...facts, listenerPort: undefined });
    assert.deepEqual(none, { address: '10.0.0.7:44053', isLoopback: false });
    const local = advertisedAddress({ ...facts, nodeName: 'NautilusMQ@127.0.0.1' });
    assert.deepEqual(local, { address: '127.0.0.1:5000', isLoopback: true });
  });

  it('is the option where that is set', () => {
    const address = advertisedAddress({ ...facts, option: 'broker-7.example:6000' });
    assert.deepEqual(address, { address: 'broker-7.example:6000', isLoopback: false });
  });

  it('is never a wildcard, nor what is no address', () => {
    for (const option of ['0.0.0.0', '[::]:44053', 'a:b:c', 'host:0', 'host:70000']) {
      const said = advertisedAddress({ ...facts, option });
      assert.ok('problem' in said, option);
      assert.match(said.problem, /set cluster\.advertised_address to HOST:PORT/);
    }
    const byName = advertisedAddress({ ...facts, nodeName: 'NautilusMQ@0.0.0.0' });
    assert.ok('problem' in byName);
    assert.match(byName.problem, /^nodename: 0\.0\.0\.0 is no address/);
  });
});

describe('the address of a node', () => {
  it('is read with and without its port', () => {
    assert.deepEqual(parsePeerAddress('10.0.0.7'), { host: '10.0.0.7', port: 44053 });
    assert.deepEqual(parsePeerAddress('[fd00::7]:1'), { host: 'fd00::7', port: 1 });
    assert.deepEqual(parsePeerAddress('my_node-1.x', 7), { host: 'my_node-1.x', port: 7 });
  });

  it('is refused where it could be read in two ways', () => {
    const wrong = ['fd00::7', '10.0.0.256'].map((text) => parsePeerAddress(text)) as string[];
    assert.match(wrong[0] ?? '', /write \[fd00::7\]:44053/);
    assert.match(wrong[1] ?? '', /is no address of a node/);
  });
});
