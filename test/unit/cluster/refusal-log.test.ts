import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Refusal } from '../../../src/cluster/link/mod.js';
import { hostOf, RefusalLog } from '../../../src/cluster/refusal-log.js';

const start = 1_800_000_000_000;

function refusal(name: string): Refusal {
  const boot = { counter: 1, nonce: '00'.repeat(8) };
  const peer = { site: '0a'.repeat(16), boot, name, isProved: name !== '' };
  return { code: 2, sentence: 'not a member', by: 'peer', peer, highestBoot: 0 };
}

describe('the log of refused connections', () => {
  it('says the same of the same node once a minute', () => {
    const lines: string[] = [];
    const warn = ({ peer }: { peer?: unknown }, text: string): void =>
      void lines.push(`${String(peer)}: ${text}`);
    const log = new RefusalLog({ info() {}, debug() {}, warn });
    log.note(refusal('b@h'), '10.0.0.1:5000', start);
    log.note(refusal('b@h'), '10.0.0.1:5001', start + 59_999);
    log.note(refusal(''), '10.0.0.1:5002', start + 59_999);
    log.note(refusal('b@h'), '10.0.0.1:5003', start + 60_000);
    const text = 'cluster connection refused: not a member';
    assert.deepEqual(lines, [`b@h: ${text}`, `10.0.0.1:5002: ${text}`, `b@h: ${text}`]);
  });

  it('says the same of a stranger once a minute, whatever his port and what he claims', () => {
    let lines = 0;
    const log = new RefusalLog({ info() {}, debug() {}, warn: () => void (lines += 1) });
    for (let port = 0; port < 1000; port += 1) {
      const sentence = `version ${port} is not known`;
      log.note({ ...refusal(''), sentence }, hostOf(`10.0.0.1:${port}`), start);
    }
    assert.equal(lines, 1);
    log.note({ ...refusal(''), code: 1 }, hostOf('10.0.0.1:5'), start);
    log.note(refusal(''), hostOf('[fd00::1]:5'), start);
    log.note(refusal(''), hostOf('10.0.0.1:5'), start + 60_000);
    assert.equal(lines, 4, 'another reason, another host, a minute later');
  });

  it('says no more of strangers than it may, and a member is still heard', () => {
    let lines = 0;
    const log = new RefusalLog({ info() {}, debug() {}, warn: () => void (lines += 1) });
    for (let host = 0; host < 1000; host += 1) {
      log.note(refusal(''), `10.0.${host >> 8}.${host & 255}:1`, start);
    }
    assert.equal(lines, 256);
    log.note(refusal('b@h'), '10.0.0.1:5000', start);
    assert.equal(lines, 257);
  });
});
