const censored = '[not logged]';
/** Names that a secret or a payload has in packets, requests and settings. */
const secretNames: ReadonlySet<string> = new Set([
  'password',
  'payload',
  'authenticationData',
  'correlationData',
  'keypasswd',
  'passphrase',
  'distributed_cookie',
  'authorization',
]);
/** Levels of objects within objects that are looked into. */
const depthMax = 3;

/**
 * `fields` without secrets. A second line of defence: our own lines do not hold any. Flat fields,
 * the usual case, are returned as they are; a line costs a look at each name.
 */
export function withoutSecrets(
  fields: Record<string, unknown>,
  depth = 1,
): Record<string, unknown> {
  let changed: Record<string, unknown> | undefined;
  for (const name in fields) {
    const value = fields[name];
    let kept: unknown = value;
    if (secretNames.has(name)) kept = value === undefined ? undefined : censored;
    else if (depth < depthMax && isPlainObject(value)) kept = withoutSecrets(value, depth + 1);
    if (kept === value) continue;
    changed ??= { ...fields };
    changed[name] = kept;
  }
  return changed ?? fields;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
