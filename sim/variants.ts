import type { Patch } from './patched-build.js';

/**
 * A core that breaks one promise on purpose. If no checker sees it, either the checkers cannot
 * fail, or what the variant leaves out is not needed.
 */
export interface Variant {
  readonly name: string;
  /** What it does wrong, and what comes of it. */
  readonly what: string;
  readonly patches: readonly Patch[];
  /** The script, or the seed of a random run of three members, that shows it. */
  readonly seenIn: string | number;
  /** The rule that is violated, among others perhaps. */
  readonly rule: string;
}

const lost = 'no acknowledged message is lost';

export const variants: readonly Variant[] = [
  {
    name: 'interval check off',
    what: 'rows are taken although some before them are missing, which are then never asked for',
    patches: [
      {
        file: 'cluster/metadata/replica.ts',
        find: 'if (interval.from > table.number || interval.floor > table.number)',
        replace: 'if (false)',
      },
    ],
    seenIn: 'link-lost-under-churn',
    rule: lost,
  },
  {
    name: 'rows dropped before the new table is complete',
    what: 'with the first piece of what a restarted member says all is forgotten that it said before',
    patches: [
      {
        file: 'cluster/metadata/replica.ts',
        find: 'this.#snapshot = new Snapshot(interval, now);',
        replace: 'this.#swap(undefined); this.#snapshot = new Snapshot(interval, now);',
      },
    ],
    seenIn: 'slow-snapshot',
    rule: lost,
  },
  {
    name: 'messages parked for a node',
    what: 'what was kept for a session goes to the member that had it, wherever the session is now',
    patches: [
      {
        file: 'broker/departures.ts',
        find: 'const owner = this.#host.ownerOf(key);',
        replace: 'const owner = (departure.home ??= this.#host.ownerOf(key));',
      },
    ],
    seenIn: 'parked-then-moved',
    rule: lost,
  },
  {
    name: 'no flush mark',
    what: 'the old owner of a session does not wait for what others have sent it already',
    patches: [
      {
        file: 'broker/departures.ts',
        find: 'this.#host.peersUp().filter(',
        replace: '[].filter(',
      },
    ],
    seenIn: 'move-under-fire',
    rule: lost,
  },
  {
    name: 'acknowledge before owning',
    what: 'a member confirms a message before its disk has it',
    patches: [
      {
        file: 'cluster/flow/peer-flow.ts',
        find: 'else if (ticket === 0)',
        replace: 'else if (ticket >= 0)',
      },
    ],
    seenIn: 'receiver-dies-unsynced',
    rule: lost,
  },
  {
    name: 'last writer wins without hand-over',
    what: 'who loses a session throws away what waits in it',
    patches: [
      {
        file: 'broker/session-moves.ts',
        find: 'if (!left.persistent || owner.value.born > left.born)',
        replace: 'if (left !== undefined)',
      },
    ],
    seenIn: 'queue-moves',
    rule: lost,
  },
];

/** Throws when there is none of that name. */
export function variantCalled(name: string): Variant {
  const found = variants.find((variant) => variant.name === name);
  if (found === undefined) {
    const names = variants.map((variant) => variant.name).join(', ');
    throw new Error(`there is no variant "${name}", but ${names}`);
  }
  return found;
}
