import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { SeededRandom } from '../../../src/base/mod.js';
import type { Interval, RowKind } from '../../../src/cluster/metadata/mod.js';
import { assertEqual, kinds, Node, othersOf, quiet, siteOf } from './metadata-rig.js';

interface Sent {
  readonly to: Node;
  readonly interval: Interval;
}

/** Nodes over a network that loses, repeats and reorders, with crashes. */
class Storm {
  readonly #random: SeededRandom;
  readonly nodes: Node[];
  readonly #keys: number;
  #sent: Sent[] = [];
  now = 1_000_000;
  #stamp = 1;

  constructor(seed: number, size: number, keys: number) {
    this.#random = new SeededRandom(seed);
    this.#keys = keys;
    const sites = Array.from({ length: size }, (_, at) => siteOf(at + 1));
    this.nodes = sites.map((site) => new Node(site, sites));
  }

  step(): void {
    const node = this.#any(this.nodes);
    const other = this.#any(this.nodes);
    const what = this.#random.below(100);
    if (what < 40) this.#change(node);
    else if (what < 50) node.commit();
    else if (what < 60) this.#push(node);
    else if (what < 70) this.#ask(node, other);
    else if (what < 90) this.#arrive();
    else if (what < 94) node.tables.step(2);
    else if (what < 96) node.act();
    else if (what < 98) this.#pass(node);
    else if (what < 99) node.tables.mask(other.site, this.#random.below(2) === 0);
    else if (this.#random.below(3) === 0) node.start();
  }

  #change(node: Node): void {
    const kind = this.#any<RowKind>(kinds);
    const key = `key ${this.#random.below(this.#keys)}`;
    this.#stamp += 1;
    const what = this.#random.below(10);
    if (what < 6) node.put(kind, key, `value ${this.#stamp}`.repeat(what), this.#stamp);
    else if (what < 9) node.tables.remove(kind, key);
    else node.tables.override(kind, key, this.#stamp);
  }

  #push(node: Node): void {
    const bytesMax = this.#random.below(600);
    for (;;) {
      const interval = node.tables.pushable(bytesMax);
      if (interval === undefined) return;
      for (const to of this.nodes) if (to !== node) this.#send(to, interval);
    }
  }

  #ask(node: Node, other: Node): void {
    if (node === other) return;
    const bytesMax = this.#random.below(600);
    for (const ask of node.tables.missing(other.site, other.tables.vector())) {
      const interval = other.tables.interval(ask, bytesMax);
      if (interval !== undefined) this.#send(node, interval);
    }
  }

  /** Lost sometimes, twice sometimes, in any order. */
  #send(to: Node, interval: Interval): void {
    for (let copies = this.#random.below(4); copies > 0; copies -= 2) {
      this.#sent.push({ to, interval });
    }
  }

  #arrive(): void {
    const at = this.#random.below(Math.max(1, this.#sent.length));
    const [sent] = this.#sent.splice(at, 1);
    if (sent === undefined) return;
    const result = sent.to.take(sent.interval, this.now);
    if (result.outcome !== 'more' && result.outcome !== 'gap') return;
    const { ask } = result;
    const peer = this.#any(this.nodes);
    const interval = peer === sent.to ? undefined : peer.tables.interval(ask, 300);
    if (interval !== undefined) this.#send(sent.to, interval);
  }

  #pass(node: Node): void {
    this.now += this.#random.below(100_000);
    node.tables.tick(this.now, othersOf(node, this.nodes));
  }

  calm(): void {
    this.now += 60_000;
    for (const node of this.nodes) {
      for (const { site } of this.nodes) node.tables.mask(site, false);
      node.tables.tick(this.now, othersOf(node, this.nodes));
    }
    quiet(this.nodes, 500, this.now);
  }

  #any<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T;
  }
}

describe('tables that exchange intervals', () => {
  it('are equal after quiet, whatever was lost, repeated, reordered or restarted', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const storm = new Storm(seed, 2 + (seed % 4), 1 + (seed % 40));
      try {
        for (let phase = 0; phase < 3; phase += 1) {
          for (let at = 0; at < 400; at += 1) storm.step();
          storm.calm();
          assertEqual(storm.nodes);
        }
        // Nothing is left that only waits for others.
        for (let round = 0; round < 10; round += 1) storm.calm();
        assertEqual(storm.nodes);
        for (const node of storm.nodes) {
          const overrides = [...node.rowsOf(node.site).values()].filter((row) => row.isOverride);
          assert.deepEqual(overrides, [], 'overrides that nothing needs');
        }
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
