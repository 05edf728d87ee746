/**
 * Checks of our own invariants. On in production: a failed assertion costs one connection (the edge
 * catches it and closes that connection), or in cluster code the process, which is then restarted.
 */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws {@link AssertionFailure} when `condition` is false. Never used for a peer's mistakes. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Ends an exhaustive `switch`: the compiler proves that it is not reached. */
export function assertNever(value: never): never {
  throw new AssertionFailure(`unexpected value ${String(value)}`);
}
