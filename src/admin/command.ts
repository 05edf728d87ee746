import type { AdminNode, JsonValue } from './admin-node.js';

/** An argument of the form key=value. All of them must be given. */
export interface Key {
  readonly name: string;
  /** What stands for the value in the usage. */
  readonly placeholder: string;
  readonly text: string;
}

/** An option of a command. */
export interface Flag {
  /** The long name, without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Other long names that mean the same. */
  readonly aliases?: readonly string[];
  /** A switch has no value; seconds are a whole number from 1 to 86,400. */
  readonly type: 'switch' | 'seconds';
  readonly text: string;
}

/** What a handler is given: only keys and flags of its row, checked and under their long names. */
export interface Invocation {
  key(name: string): string;
  /** What the row takes besides its keys: names have no value. In the order given. */
  readonly rest: readonly (readonly [name: string, value: string])[];
  has(flag: string): boolean;
  /** Milliseconds of a flag in seconds; `otherwise` when it was not given. */
  milliseconds(flag: string, otherwise: number): number;
}

/** What a command did, for both formats. */
export interface Outcome {
  /** 0 done; 1 not done; 2 a check found something. */
  readonly exitCode: number;
  /** For people. */
  readonly text: string;
  /** For `--format=json`; without it the text in an object. */
  readonly json?: JsonValue;
}

/** A row of the table of commands. */
export interface Command {
  readonly words: readonly string[];
  readonly keys: readonly Key[];
  readonly flags: readonly Flag[];
  /** Words besides the keys: `KEY=VALUE` of any key, at least one; or names, or none. */
  readonly rest?: 'settings' | 'names';
  /** Half a line for the list of commands. */
  readonly summary: string;
  /** Lines for the command's own help. */
  readonly text: readonly string[];
  /** It changes something: a line in the log says who asked for what. */
  readonly changes: boolean;
  /** Milliseconds after which the answer is not waited for; the action goes on. */
  limitMs(invocation: Invocation): number;
  run(node: AdminNode, invocation: Invocation): Outcome | Promise<Outcome>;
}

/** Milliseconds that a command may take unless its row says more. */
export const usualLimitMs = 60_000;
/** Seconds that a flag may name at most: a day. */
export const secondsMax = 86_400;
/** The program's name in usages. */
export const program = 'vmq-admin';
