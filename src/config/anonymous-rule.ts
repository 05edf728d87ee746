import { type Address, addressText, isLoopback } from './address.js';

export interface AnonymousFacts {
  /** allow_anonymous where it is written, in the file, the environment or with --set. */
  readonly written: boolean | undefined;
  readonly hasFile: boolean;
  readonly listeners: readonly (Address & {
    readonly type: string;
    readonly name: string;
    readonly allowAnonymousOverride: boolean;
  })[];
}

export interface AnonymousAnswer {
  readonly allowed: boolean;
  /** One sentence for the start message. */
  readonly reason: string;
}

/**
 * Whether clients without a user name are let in. What is written counts. Where nothing is
 * written they are let in only when there is no configuration file and every listener is on
 * loopback: a single listener that others can reach closes all of them.
 */
export function anonymousRule({ written, hasFile, listeners }: AnonymousFacts): AnonymousAnswer {
  if (written === true) {
    const reason = 'Anonymous clients are let in everywhere: allow_anonymous = on is written.';
    return { allowed: true, reason };
  }
  const open = listeners.find((listener) => !isLoopback(listener));
  if (written === undefined && !hasFile && listeners.length > 0 && open === undefined) {
    const reason =
      'Anonymous clients are let in: there is no configuration file and every listener is on loopback.';
    return { allowed: true, reason };
  }
  const overrides = listeners
    .filter(({ allowAnonymousOverride }) => allowAnonymousOverride)
    .map(({ type, name }) => `listener.${type}.${name}`);
  const except =
    overrides.length === 0 ? '' : ` except on ${overrides.join(', ')} (allow_anonymous_override)`;
  return { allowed: false, reason: `Anonymous clients are refused${except}: ${whyRefused()}.` };

  function whyRefused(): string {
    if (written === false) return 'allow_anonymous = off is written';
    if (hasFile) return 'the configuration file does not say allow_anonymous = on';
    if (open === undefined) return 'there is no listener';
    const name = `listener.${open.type}.${open.name}`;
    return `${name} (${addressText(open)}) is not on loopback, and allow_anonymous = on is not written`;
  }
}
