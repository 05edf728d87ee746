import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LargeMap, NumberColumn, SeededRandom, TextSlots } from '../../../src/base/mod.js';
import { textHash } from '../../../src/base/text-hash.js';

/** Texts and their slots, as plainly as they can be kept. */
function checkAgainst(slots: TextSlots, model: Map<string, number>): void {
  assert.equal(slots.size, model.size);
  for (const [text, slot] of model) {
    assert.equal(slots.slotOf(text), slot);
    assert.equal(slots.textOf(slot), text);
    assert.ok(slot < slots.end);
  }
  let taken = 0;
  for (let slot = 0; slot < slots.end; slot += 1) {
    if (slots.textOf(slot) !== undefined) taken += 1;
  }
  assert.equal(taken, model.size, 'no slot is taken but those');
}

describe('slots of texts', () => {
  it('are found by their texts, keep their numbers, and are given away again', () => {
    const step = fc.record({ text: fc.string({ maxLength: 3 }), isAdd: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slots = new TextSlots();
        const model = new Map<string, number>();
        for (const { text, isAdd } of steps) {
          const known = model.get(text);
          assert.equal(slots.slotOf(text), known ?? -1);
          if (isAdd && known === undefined) model.set(text, slots.add(text));
          if (!isAdd && known !== undefined) {
            slots.free(known);
            model.delete(text);
          }
        }
        checkAgainst(slots, model);
      }),
    );
  });

  it('stay right while many thousands come and go, and say when a chunk is empty', () => {
    const random = new SeededRandom(7);
    const slots = new TextSlots();
    const model = new Map<string, number>();
    const numbers = new NumberColumn();
    for (const [count, keeps] of [
      [9000, 1],
      [3000, 0.1],
      [12_000, 0.5],
      [0, 0],
    ] as const) {
      for (let left = count; left > 0; left -= 1) {
        const text = `device/${random.below(20_000)}`;
        if (model.has(text)) continue;
        const slot = slots.add(text);
        model.set(text, slot);
        numbers.set(slot, slot / 2);
      }
      checkAgainst(slots, model);
      for (const [text, slot] of [...model]) {
        assert.equal(numbers.get(slot), slot / 2);
        if (random.below(1000) < keeps * 1000) continue;
        if (slots.free(slot)) numbers.drop(slot);
        model.delete(text);
      }
      checkAgainst(slots, model);
    }
    assert.equal(slots.size, 0);
    assert.equal(slots.slotOf('device/1'), -1);
  });

  it('assert that a slot is let go once', () => {
    const slots = new TextSlots();
    const slot = slots.add('a');
    slots.free(slot);
    assert.throws(() => slots.free(slot), /let go once/);
  });
});

describe('the hash of a text', () => {
  it('differs for texts that differ in one place, in length, or in a trailing zero', () => {
    const texts = [
      '',
      '\0',
      '\0\0',
      'a',
      'b',
      'ab',
      'ba',
      'a/b',
      'a/c',
      'a'.repeat(256),
      'é',
      '😀',
    ];
    assert.equal(new Set(texts.map(textHash)).size, texts.length);
  });

  it('spreads over all bits: texts that count up fill buckets evenly', () => {
    for (const shift of [0, 10, 22]) {
      const buckets = new Array<number>(1024).fill(0);
      for (let at = 0; at < 102_400; at += 1) {
        const bucket = (textHash(`device/${at}/command`) >>> shift) & 1023;
        buckets[bucket] = (buckets[bucket] as number) + 1;
      }
      assert.ok(Math.max(...buckets) < 160, `${Math.max(...buckets)} in one, 100 expected`);
      assert.ok(Math.min(...buckets) > 50, `${Math.min(...buckets)} in one, 100 expected`);
    }
  });
});

describe('a large map', () => {
  it('is a map, below and above the size at which it changes its shape', () => {
    const random = new SeededRandom(3);
    const large = new LargeMap<number>();
    const model = new Map<string, number>();
    for (const below of [500, 5000, 900, 6000, 10]) {
      for (let step = 0; step < 12_000; step += 1) {
        const text = `${random.below(below)}`;
        if (random.below(5) < 3) {
          large.set(text, step);
          model.set(text, step);
        } else assert.equal(large.delete(text), model.delete(text));
      }
      for (const text of [...model.keys()].filter((each) => Number(each) >= below / 9)) {
        assert.equal(large.get(text), model.get(text));
        if (random.below(2) === 0) assert.equal(large.delete(text), model.delete(text));
      }
      assert.equal(large.size, model.size);
      const sorted = (entries: Iterable<[string, number]>): unknown => [...entries].sort();
      assert.deepEqual(sorted(large), sorted(model));
    }
  });
});
