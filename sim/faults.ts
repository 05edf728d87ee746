import type { Chance } from './chance.js';
import type { Fault, FaultClass, FaultGround } from './fault.js';
import { faultClasses } from './fault-classes.js';

/** Faults under way at the same time, at most. */
const atOnceMax = 3;

/**
 * Breaks things at random and mends them after a while. Which classes a run uses at all is up to
 * its seed: with all of them at once nothing would ever get far enough to be lost.
 */
export class Faults {
  readonly #ground: FaultGround;
  readonly #chance: Chance;
  readonly #classes: readonly FaultClass[];
  readonly #meanGapMs: number;
  readonly #active = new Set<() => void>();
  #isOver = false;

  constructor(ground: FaultGround, chance: Chance) {
    this.#ground = ground;
    this.#chance = chance;
    const possible = faultClasses.filter(
      ({ isBetweenNodes }) => ground.isCluster || !isBetweenNodes,
    );
    const share = chance.pick([0.15, 0.4, 1]);
    const chosen = possible.filter(() => chance.isHit(share));
    this.#classes = chosen.length > 0 ? chosen : [chance.pick(possible)];
    this.#meanGapMs = chance.pick([400, 1000, 3000]);
  }

  start(): void {
    this.#later();
  }

  /** Everything is mended; nothing breaks any more. */
  heal(): void {
    this.#isOver = true;
    for (const mend of [...this.#active]) mend();
  }

  #later(): void {
    this.#ground.scheduler.after(this.#chance.around(this.#meanGapMs), () => {
      if (this.#isOver) return;
      if (this.#active.size < atOnceMax) this.#breakSomething();
      this.#later();
    });
  }

  #breakSomething(): void {
    const choices = this.#classes.map((one) => [one.weight, one] as const);
    const { name, begin } = this.#chance.weighted(choices);
    const fault = begin(this.#ground, this.#chance);
    if (fault === undefined) return;
    const { history, story } = this.#ground;
    history.count(`fault: ${name}`);
    story.tell('fault', () => `${name}: ${fault.where}`);
    if (fault.mend !== undefined) this.#mendLater(name, fault, fault.mend);
  }

  #mendLater(name: string, fault: Fault, mend: () => void): void {
    const { history, story, scheduler } = this.#ground;
    const troubles = fault.troubles.map((subject) =>
      history.troubleBegan(subject, name === 'event loop stalled' ? 'absence' : 'other'),
    );
    const end = (): void => {
      if (!this.#active.delete(end)) return;
      story.tell('fault', () => `over: ${name}: ${fault.where}`);
      mend();
      for (const trouble of troubles) history.troubleEnded(trouble);
    };
    this.#active.add(end);
    scheduler.after(fault.durationMs, end);
  }
}
