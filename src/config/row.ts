/** How a value is written in the file, and what it becomes in `Options`. */
export type ValueType =
  /** `on` or `off` → boolean. */
  | 'flag'
  /** Decimal → number, in the row's unit. */
  | 'integer'
  /** Decimal, with KB, MB or GB behind it if wanted → number. */
  | 'bytes'
  /** `<n>s|h|d|w|m|y` → seconds; the row's `absent` word → undefined. */
  | 'duration'
  /** One of `values`; the row's `absent` word → undefined. */
  | 'enum'
  | 'string'
  /** A path; relative ones start at the directory in which the broker was started. */
  | 'path'
  /** Entries with the row's separator between → array of strings. */
  | 'list'
  /** Protocol levels of CONNECT → array of numbers. */
  | 'versions'
  /** A prefix of topics without its last `/`; `off` → ''. */
  | 'mountpoint'
  /** Names of curves, as an Erlang list or with `:` between → `:` between. */
  | 'curves';

/** What all options of the table have. A row is data: `as const`, so that types follow from it. */
export interface Row {
  /** As in the file. For options of listeners only the last part. */
  readonly key: string;
  readonly type: ValueType;
  /** As it would be written in the file. */
  readonly default: string;
  /** What is read is this many of these; absent where the type says it. */
  readonly unit?: string;
  /** Inclusive, in the value's unit. Absent: 0. */
  readonly min?: number;
  /** Inclusive. Absent: 2^53 - 1. */
  readonly max?: number;
  /** The word `infinity` is allowed and becomes Infinity. */
  readonly orInfinity?: true;
  /** The word that becomes undefined. */
  readonly absent?: string;
  /** Of an enum; of a list, where only these may be in it. */
  readonly values?: readonly string[];
  /** Of a list; a comma unless given. */
  readonly separator?: string;
  /** Units that a duration may have; all unless given. */
  readonly units?: string;
  /** Can be changed while the broker runs. */
  readonly live?: true;
  /** A secret: its value is never repeated in a message. */
  readonly secret?: true;
  /** What it does, and what raising or lowering it costs. Lines of one paragraph. */
  readonly text: string | readonly string[];
}

/** An option of a listener. */
export interface ListenerRow extends Row {
  readonly types: readonly ListenerType[];
  /** Where it may stand; `named` is always possible. */
  readonly levels: readonly ('global' | 'type' | 'named')[];
  /** Accepted and without effect, for this reason. */
  readonly ignored?: string;
}

export type ListenerType = 'tcp' | 'ssl' | 'ws' | 'wss' | 'vmq' | 'vmqs' | 'http' | 'https';

/** An option of a part that this version does not have yet: read, checked, reported once. */
export interface LaterRow extends Row {
  /** Parts in `<>` stand for any name. */
  readonly key: string;
}

/** Options that have no meaning here. */
export interface IgnoredRow {
  /** Parts in `<>` stand for any name, and `*` at the end for anything. */
  readonly keys: readonly string[];
  readonly reason: string | readonly string[];
}

type CamelPart<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelPart<Rest>>}`
  : Name;

/** `vmq_acl.acl_file` → `vmqAclAclFile`, at the level of types. */
export type CamelCase<Key extends string> = Key extends `${infer First}.${infer Rest}`
  ? `${CamelPart<First>}${Capitalize<CamelCase<Rest>>}`
  : CamelPart<Key>;

/** `vmq_acl.acl_file` → `vmqAclAclFile`. */
export function camelCase(key: string): string {
  return key.replace(/[._]([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

type EnumValue<R> = R extends { readonly values: readonly (infer Value)[] }
  ? R extends { readonly absent: infer Absent }
    ? Exclude<Value, Absent> | undefined
    : Value
  : string;

/** What the value of a row becomes. */
export type ValueOf<R extends { readonly type: ValueType }> = R['type'] extends 'flag'
  ? boolean
  : R['type'] extends 'integer' | 'bytes'
    ? number
    : R['type'] extends 'duration'
      ? number | undefined
      : R['type'] extends 'enum'
        ? EnumValue<R>
        : R['type'] extends 'list'
          ? readonly string[]
          : R['type'] extends 'versions'
            ? readonly number[]
            : string;

export function textOf(text: string | readonly string[]): string {
  return typeof text === 'string' ? text : text.join(' ');
}
