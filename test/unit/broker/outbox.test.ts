import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outbox, type OutboxSettings } from '../../../src/broker/outbox.js';

function rig(settings: OutboxSettings) {
  const lines: string[] = [];
  const note = (_fields: object, text: string): void => void lines.push(text);
  const sizes = new Map<string, number>();
  const outbox = new Outbox({
    log: { info: note, warn: note, debug: note },
    settings: () => settings,
    sizes: () => new Map(sizes),
    nameOf: (site) => `node ${site}`,
  });
  return { outbox, lines, sizes };
}

describe('the bound of what is kept for other members', () => {
  it('holds for each of them', () => {
    const { outbox } = rig({ outboxMaxBytes: 100, outboxFull: 'drop' });
    assert.ok(outbox.admit('a', 60));
    assert.ok(outbox.admit('b', 60));
    assert.ok(!outbox.admit('a', 41));
    assert.ok(outbox.admit('a', 40));
    assert.equal(outbox.isRefusing, false);
  });

  it('has room again when messages have gone to their member', () => {
    const { outbox, sizes } = rig({ outboxMaxBytes: 100, outboxFull: 'refuse' });
    assert.ok(outbox.admit('a', 100));
    sizes.set('a', 30);
    outbox.tick(1000);
    assert.ok(outbox.admit('a', 70));
    assert.ok(!outbox.admit('a', 1));
    assert.ok(outbox.isRefusing);
  });

  it('is told of at 50, 80 and 100 percent, once each, and again after calm', () => {
    const { outbox, lines, sizes } = rig({ outboxMaxBytes: 100, outboxFull: 'drop' });
    const told: number[] = [];
    for (const [second, size] of [10, 50, 79, 60, 85, 100, 100, 20, 55].entries()) {
      sizes.set('a', size);
      outbox.tick(second * 1000);
      told.push(lines.length);
    }
    assert.deepEqual(told, [0, 1, 1, 1, 2, 3, 3, 3, 4]);
    const dropped = 'of cluster.outbox_max_bytes; beyond 100 % they are dropped';
    assert.equal(lines[1], `messages kept for node a take 80 % ${dropped}`);
  });

  it('of 0 is none', () => {
    const { outbox, lines } = rig({ outboxMaxBytes: 0, outboxFull: 'drop' });
    assert.ok(outbox.admit('a', 2 ** 40));
    outbox.tick(0);
    assert.deepEqual(lines, []);
  });
});
