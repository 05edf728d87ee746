import type { Retained } from '../session/mod.js';
import type { Realm } from './realm.js';

/** Topics, or mountpoints, that one step looks at; takes well below a millisecond. */
export const sweepStepMax = 2000;

/**
 * Takes retained messages that have expired out of all mountpoints, in bounded steps. A step goes
 * on where the last one stopped: maps are walked in the order of insertion, whatever is set and
 * deleted between the steps. As many topics are visited as there were when their mountpoint's turn
 * came, so a sweep sees all of them and ends, however fast new ones come.
 */
export class RetainedSweep {
  readonly #realms: ReadonlyMap<string, Realm>;
  readonly #remove: (realm: Realm, retained: Retained) => void;
  #waiting: Iterator<Realm> | undefined;
  #realm: Realm | undefined;
  /** Messages of `#realm` that are still to be looked at, and how many of them. */
  #messages: Iterator<Retained> | undefined;
  #left = 0;
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(
    realms: ReadonlyMap<string, Realm>,
    remove: (realm: Realm, retained: Retained) => void,
  ) {
    this.#realms = realms;
    this.#remove = remove;
  }

  /** A sweep has begun and is not through. */
  get isUnderway(): boolean {
    return this.#waiting !== undefined;
  }

  /** Goes on, or begins. Two steps at one time are one: a flood of callers costs no more. */
  step(now: number): void {
    if (now === this.#steppedAt) return;
    this.#steppedAt = now;
    this.#waiting ??= this.#realms.values();
    for (let steps = sweepStepMax; steps > 0; steps -= 1) {
      const retained = this.#nextMessage();
      if (retained === undefined) {
        if (this.#enterRealm(this.#waiting)) continue;
        this.#waiting = undefined;
        return;
      }
      const realm = this.#realm as Realm;
      if (retained.message.isExpired(now)) this.#remove(realm, retained);
    }
  }

  /** Undefined: the mountpoint is through. */
  #nextMessage(): Retained | undefined {
    if (this.#left === 0) return undefined;
    this.#left -= 1;
    const next = this.#messages?.next();
    return next === undefined || next.done === true ? undefined : next.value;
  }

  /** False: that was the last mountpoint. */
  #enterRealm(waiting: Iterator<Realm>): boolean {
    const next = waiting.next();
    this.#realm = next.done === true ? undefined : next.value;
    this.#messages = this.#realm?.retained[Symbol.iterator]();
    this.#left = this.#realm?.retained.size ?? 0;
    return this.#realm !== undefined;
  }
}
