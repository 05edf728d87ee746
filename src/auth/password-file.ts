import { Buffer } from 'node:buffer';
import { type FileProblem, linesOf, type Parsed } from './file-problem.js';

/** How a password becomes a hash; equal parameters cost equal time. */
export interface HashParameters {
  /** `$6$`: SHA-512 over password and salt, once. `$7$`: PBKDF2 with HMAC-SHA-512. */
  readonly scheme: '$6$' | '$7$';
  /** Of PBKDF2; 1 for `$6$`. */
  readonly iterations: number;
}

/** One user's password, hashed. */
export interface PasswordEntry extends HashParameters {
  readonly salt: Uint8Array;
  /** 64 bytes. */
  readonly hash: Uint8Array;
}

/** A password file's content. */
export interface PasswordFile {
  readonly byUser: ReadonlyMap<string, PasswordEntry>;
  /** The parameters of most users: what an unknown user's login must cost too. */
  readonly usual: HashParameters;
}

/** Bytes of every hash in the file. */
export const hashBytes = 64;
/** Highest accepted count; more would take tens of seconds for one login. */
export const iterationsMax = 10_000_000;

const hashed = /^\$(6)\$([^$]+)\$([^$]+)$|^\$(7)\$(\d{1,8})\$([^$]+)\$([^$]+)$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const noPasswords: PasswordFile = {
  byUser: new Map(),
  usual: { scheme: '$7$', iterations: 1 },
};

/**
 * Reads lines of `user:$6$<salt>$<hash>` (VerneMQ, Mosquitto up to 1.6) and
 * `user:$7$<iterations>$<salt>$<hash>` (Mosquitto 2), salt and hash in base64. Empty lines and
 * those that start with `#` are skipped.
 */
export function parsePasswords(text: string): Parsed<PasswordFile> {
  const byUser = new Map<string, PasswordEntry>();
  const lineOf = new Map<string, number>();
  const problems: FileProblem[] = [];
  for (const [at, content] of linesOf(text).entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const line = at + 1;
    const colon = content.indexOf(':');
    if (colon === -1) {
      problems.push({ line, column: 1, message: 'a line is <user>:<hash>; there is no colon' });
      continue;
    }
    const user = content.slice(0, colon);
    const earlier = lineOf.get(user);
    const problem =
      userNameProblem(user) ??
      (earlier === undefined ? undefined : `the user is on line ${earlier} already`);
    if (problem !== undefined) {
      problems.push({ line, column: 1, message: problem });
      continue;
    }
    lineOf.set(user, line);
    const entry = parseHash(content.slice(colon + 1).trimEnd());
    if (typeof entry === 'string') problems.push({ line, column: colon + 2, message: entry });
    else byUser.set(user, entry);
  }
  return problems.length > 0 ? { problems } : { content: { byUser, usual: usualOf(byUser) } };
}

/** The entry, or what is wrong with it. The text may be a password and is in no message. */
export function parseHash(text: string): PasswordEntry | string {
  const parts = hashed.exec(text);
  if (parts === null) {
    const isHash = /^\$\d+\$/.test(text);
    return isHash
      ? 'the hash is neither $6$<salt>$<hash> nor $7$<iterations>$<salt>$<hash>'
      : 'the password is not hashed; `vmq-passwd -U <file>` hashes what is not';
  }
  const scheme = parts[1] === undefined ? '$7$' : '$6$';
  const iterations = scheme === '$6$' ? 1 : Number(parts[5]);
  const salt = parts[2] ?? parts[6] ?? '';
  const hash = parts[3] ?? parts[7] ?? '';
  if (iterations < 1 || iterations > iterationsMax) {
    return `the iterations are not within 1 to ${iterationsMax}`;
  }
  if (!base64.test(salt)) return 'the salt is not base64';
  const hashBuffer = Buffer.from(hash, 'base64');
  if (!base64.test(hash) || hashBuffer.length !== hashBytes) {
    return `the hash is not ${hashBytes} bytes in base64`;
  }
  return { scheme, iterations, salt: Buffer.from(salt, 'base64'), hash: hashBuffer };
}

/** The line of a user, as Mosquitto and VerneMQ read it. */
export function formatUser(user: string, entry: PasswordEntry): string {
  const salt = Buffer.from(entry.salt).toString('base64');
  const hash = Buffer.from(entry.hash).toString('base64');
  const parameters = entry.scheme === '$6$' ? '' : `${entry.iterations}$`;
  return `${user}:${entry.scheme}${parameters}${salt}$${hash}`;
}

/** Why `user` cannot stand in a password file, or undefined. */
export function userNameProblem(user: string): string | undefined {
  if (user === '') return 'the user name is empty';
  if (user.includes(':')) return 'a user name must not contain ":"';
  if (/[\u0000-\u001f\u007f-\u009f]/.test(user)) {
    return 'a user name must not contain control characters';
  }
  if (user.startsWith('#')) return 'a user name must not start with "#"';
  if (Buffer.byteLength(user, 'utf8') > 65_535) return 'a user name has at most 65,535 bytes';
  return undefined;
}

function usualOf(byUser: ReadonlyMap<string, PasswordEntry>): HashParameters {
  const counts = new Map<string, { count: number; parameters: HashParameters }>();
  let usual = { count: 0, parameters: noPasswords.usual };
  for (const { scheme, iterations } of byUser.values()) {
    const key = `${scheme}${iterations}`;
    const entry = counts.get(key) ?? { count: 0, parameters: { scheme, iterations } };
    entry.count += 1;
    counts.set(key, entry);
    if (entry.count > usual.count) usual = entry;
  }
  return usual.parameters;
}
