import { SeededRandom } from '../src/base/mod.js';

/** A seeded generator with the questions that a simulation asks. */
export class Chance extends SeededRandom {
  /** True in `share` of all cases (0 to 1). */
  isHit(share: number): boolean {
    return this.next() < share;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** Mostly near `mean`, now and then a multiple of it: exponential, at most ten means. */
  around(mean: number): number {
    return Math.min(-Math.log(1 - this.next()) * mean, mean * 10);
  }

  /** One of `choices`, of which there must be one. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)] as Choice;
  }

  /** One of `choices`, each as likely as its weight. */
  weighted<Choice>(choices: readonly (readonly [weight: number, choice: Choice])[]): Choice {
    let left = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return (choices.at(-1) as readonly [number, Choice])[1];
  }
}

/**
 * The chances of one run. Every concern has a generator of its own, which follows from the seed and
 * its name, so that one more question asked in one place changes no answer in another.
 */
export class Chances {
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  of(concern: string): Chance {
    let hash = 0x811c9dc5 ^ this.seed;
    for (let at = 0; at < concern.length; at += 1) {
      hash = Math.imul(hash ^ concern.charCodeAt(at), 0x01000193);
    }
    const chance = new Chance(hash ^ Math.imul(this.seed + 1, 0x9e3779b1));
    // Neighbouring seeds give neighbouring states: the first numbers would be alike.
    for (let round = 0; round < 4; round += 1) chance.next();
    return chance;
  }
}
