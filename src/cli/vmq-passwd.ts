#!/usr/bin/env node
/**
 * vmq-passwd: edits password files (reference 8.3), with VerneMQ's options and mosquitto_passwd's
 * `-b`. Exit codes: 0 done; 1 not done, the reason is one line on standard error; 2 wrong usage.
 */
import { Buffer } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import process from 'node:process';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { newEntry, replaceFile, usualIterations } from '../auth/files/mod.js';
import {
  describeProblem,
  formatUser,
  iterationsMax,
  linesOf,
  parseHash,
  parsePasswords,
  userNameProblem,
  withoutUser,
  withUser,
} from '../auth/mod.js';
import { checked, readNewPassword } from './read-password.js';

interface Flags {
  readonly create?: true;
  readonly force?: true;
  readonly delete?: true;
  readonly upgrade?: true;
  readonly batch?: true;
  readonly iterations: number;
}

/** Wrong combination of options: exit code 2. */
class UsageError extends Error {}

const examples = `
Examples:
  vmq-passwd -c vmq.passwd alice           create the file with one user, ask for the password
  vmq-passwd vmq.passwd bob                add bob, or change the password
  vmq-passwd -D vmq.passwd bob             delete bob
  vmq-passwd -b vmq.passwd carol 12345     password as an argument (others can see it in \`ps\`)
  pwgen -s 32 1 | vmq-passwd vmq.passwd d  password from standard input
  vmq-passwd -U vmq.passwd                 hash the passwords of a file of <user>:<password>

A running broker picks the change up within vmq_passwd.password_reload_interval seconds.`;

function command(): Command {
  return new Command('vmq-passwd')
    .description('Adds, changes and deletes users in a password file.')
    .argument('<file>', 'the password file')
    .argument('[user]', 'the user name')
    .argument('[password]', 'the password, with -b')
    .option('-c, --create', 'create the file; an existing one is kept unless -f is given')
    .option('-f, --force', 'with -c: replace an existing file')
    .option('-D, --delete', 'delete the user')
    .option('-U, --upgrade', 'hash the passwords of a plain text file, all at once')
    .option('-b, --batch', 'take the password from the command line')
    .option(
      '-I, --iterations <count>',
      'iterations of PBKDF2-HMAC-SHA512; more make a login and guessing slower alike ' +
        '(210000 is OWASP\u2019s advice for passwords that people choose)',
      parseIterations,
      usualIterations,
    )
    .addHelpText('after', examples)
    .showHelpAfterError('(vmq-passwd --help shows the options)')
    .exitOverride();
}

function parseIterations(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > iterationsMax) {
    throw new InvalidArgumentError(`must be a whole number from 1 to ${iterationsMax}`);
  }
  return count;
}

function checkUsage(flags: Flags, user: string | undefined, password: string | undefined): void {
  const { create, force, delete: isDelete, upgrade, batch } = flags;
  const actions = [create, isDelete, upgrade].filter((flag) => flag === true).length;
  if (actions > 1) throw new UsageError('-c, -D and -U exclude each other');
  if (force === true && create !== true) throw new UsageError('-f belongs to -c');
  if (batch === true && (isDelete === true || upgrade === true)) {
    throw new UsageError('-b sets a password: it goes with neither -D nor -U');
  }
  if (upgrade === true) {
    if (user !== undefined) throw new UsageError('-U takes a file and no user');
    return;
  }
  if (user === undefined) throw new UsageError('the user name is missing');
  if (batch === true && password === undefined) throw new UsageError('-b needs the password');
  if (batch !== true && password !== undefined) {
    throw new UsageError('a password on the command line needs -b');
  }
  const problem = userNameProblem(user);
  if (problem !== undefined) throw new UsageError(problem);
}

async function run(argv: readonly string[]): Promise<void> {
  const program = command().parse(argv, { from: 'user' });
  const [path, user, password] = program.args as [string, string?, string?];
  const flags = program.opts<Flags>();
  checkUsage(flags, user, password);
  if (flags.upgrade === true) {
    await upgradeFile(path, flags.iterations);
    return;
  }
  const name = user as string;
  if (flags.delete === true) {
    const text = withoutUser(await readValid(path), name);
    if (text === undefined) throw new Error(`${path}: there is no user ${name}`);
    await replaceFile(path, text);
    return;
  }
  const before = flags.create === true ? await emptyFile(path, flags) : await readValid(path);
  const bytes =
    password === undefined
      ? await readNewPassword({ input: process.stdin, prompts: process.stderr })
      : checked(Buffer.from(password, 'utf8'));
  await replaceFile(path, withUser(before, name, await newEntry(bytes, flags.iterations)));
}

async function emptyFile(path: string, { force }: Flags): Promise<string> {
  if (force !== true && (await exists(path))) {
    throw new Error(`${path} exists; -cf replaces it, without -c the user is added to it`);
  }
  return '';
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** The file's text, if the broker could read all of it: an edit must not hide another mistake. */
async function readValid(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  checkValid(path, text);
  return text;
}

function checkValid(path: string, text: string): void {
  const [problem] = parsePasswords(text).problems ?? [];
  if (problem !== undefined) throw new Error(describeProblem(path, problem));
}

/** Hashes what is not a hash already; comments and order stay. */
async function upgradeFile(path: string, iterations: number): Promise<void> {
  const lines = linesOf(await readFile(path, 'utf8'));
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const user = line.slice(0, Math.max(colon, 0));
    const problem = colon === -1 ? 'there is no colon' : userNameProblem(user);
    if (problem !== undefined) {
      throw new Error(describeProblem(path, { line: at + 1, column: 1, message: problem }));
    }
    const secret = line.slice(colon + 1);
    if (typeof parseHash(secret) !== 'string') continue;
    const password = checked(Buffer.from(secret, 'utf8'));
    lines[at] = formatUser(user, await newEntry(password, iterations));
  }
  const text = lines.join('\n');
  checkValid(path, text);
  await replaceFile(path, text);
}

function oneLine(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return `${path} does not exist; -c creates it`;
    case 'EACCES':
    case 'EPERM':
      return `${path}: permission denied`;
    case 'EISDIR':
      return 'the password file is a directory';
    default:
      return message.split('\n')[0] ?? '';
  }
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`vmq-passwd: ${oneLine(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
