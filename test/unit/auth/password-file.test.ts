import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PasswordBackend } from '../../../src/auth/files/password-backend.js';
import {
  type Decision,
  formatUser,
  type HashParameters,
  type PasswordEntry,
  type PasswordFile,
  parsePasswords,
  type RegisterModifiers,
  type RegisterRequest,
  userNameProblem,
  withoutUser,
  withUser,
} from '../../../src/auth/mod.js';
import { ReasonCode } from '../../../src/packet/mod.js';
import { registerRequest } from './requests.js';

// Written by mosquitto_passwd 2.0.11 for the passwords `secret` and `x`.
const alice =
  'alice:$7$101$oaiTjZ6JWIY03abg$baGggZso08uYHDxy35PYyHiL0IWqYeMqAtCwjB7OdSa9FE5MgxdSdWEvtICBrtaeKtYPHT7X0S64xiTomFNCxQ==';
const carol =
  'carol:$6$tfLQPOCw6dkncvZV$2AUIHcDKZrk28ie+dXS//rHD+DtdZPb9+r74w31xhIwfeSwk2DczHydNAwiXjmSIvl41DdtRSS8p/EFYtH9IUw==';

function parsed(...lines: string[]): PasswordFile {
  const { content, problems } = parsePasswords(lines.join('\n'));
  assert.deepEqual(problems, undefined);
  return content;
}

function entryFor(password: string, scheme: '$6$' | '$7$' = '$7$', iterations = 2): PasswordEntry {
  const salt = randomBytes(12);
  const hash =
    scheme === '$6$'
      ? createHash('sha512').update(password).update(salt).digest()
      : pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return { scheme, iterations: scheme === '$6$' ? 1 : iterations, salt, hash };
}

/** Counts hashes and lets the test decide when one is done. */
class Hashing {
  readonly asked: HashParameters[] = [];
  readonly #pending: Array<() => void> = [];

  readonly derive = (
    password: Uint8Array,
    salt: Uint8Array,
    parameters: HashParameters,
  ): Promise<Uint8Array> => {
    this.asked.push(parameters);
    return new Promise((resolve) => {
      this.#pending.push(() => {
        resolve(pbkdf2Sync(password, salt, parameters.iterations, 64, 'sha512'));
      });
    });
  };

  finishOne(): void {
    this.#pending.shift()?.();
  }
}

function login(
  backend: PasswordBackend,
  changes: Partial<RegisterRequest>,
): Promise<Decision<RegisterModifiers>> {
  return new Promise((resolve) => {
    const decision = backend.onRegister(registerRequest(changes), resolve);
    if (decision !== undefined) resolve(decision);
  });
}

function as(userName: string, password: string): Partial<RegisterRequest> {
  return { userName, password: Buffer.from(password) };
}

test('hashes of Mosquitto 1 and VerneMQ ($6$) and of Mosquitto 2 ($7$) are read', async () => {
  const backend = new PasswordBackend();
  backend.replace(parsed(alice, '# comment', '', `${carol}\r`));
  assert.equal((await login(backend, as('alice', 'secret'))).verdict, 'allow');
  assert.equal((await login(backend, as('carol', 'x'))).verdict, 'allow');
  for (const [user, password] of [
    ['alice', 'x'],
    ['carol', 'secret'],
    ['alice', ''],
  ] as const) {
    const decision = await login(backend, as(user, password));
    assert.equal(
      decision.verdict === 'deny' && decision.reasonCode,
      ReasonCode.BadUserNameOrPassword,
    );
  }
});

test('what is written is read back the same', () => {
  for (const entry of [entryFor('a', '$6$'), entryFor('b', '$7$', 7)]) {
    const line = formatUser('jos\u00e9 with blank', entry);
    const read = parsed(line).byUser.get('jos\u00e9 with blank') as PasswordEntry;
    assert.deepEqual({ ...read, salt: Buffer.from(read.salt) }, entry);
  }
  assert.equal(formatUser('alice', parsed(alice).byUser.get('alice') as PasswordEntry), alice);
});

test('an unknown user, or none, or no password, is left to the next back end', async () => {
  const backend = new PasswordBackend();
  backend.replace(parsed(alice));
  assert.equal((await login(backend, as('mallory', 'secret'))).verdict, 'next');
  assert.equal((await login(backend, { userName: undefined })).verdict, 'next');
  assert.equal((await login(backend, { password: undefined })).verdict, 'next');
});

test('an unknown user costs the same hash as most of the users in the file', async () => {
  const hashing = new Hashing();
  const backend = new PasswordBackend(hashing.derive);
  backend.replace(
    parsed(
      formatUser('a', entryFor('pw', '$6$')),
      formatUser('b', entryFor('pw', '$7$', 5)),
      formatUser('c', entryFor('pw', '$7$', 5)),
      formatUser('d', entryFor('pw', '$7$', 9)),
    ),
  );
  const unknown = login(backend, as('nobody', 'pw'));
  const known = login(backend, as('b', 'wrong'));
  hashing.finishOne();
  hashing.finishOne();
  assert.equal((await unknown).verdict, 'next');
  assert.equal((await known).verdict, 'deny');
  assert.deepEqual(
    hashing.asked.map(({ iterations }) => iterations),
    [5, 5],
  );
});

test('at most two hashes run at once and the rest waits in order', async () => {
  const hashing = new Hashing();
  const backend = new PasswordBackend(hashing.derive);
  const users = ['a', 'b', 'c', 'd'];
  backend.replace(parsed(...users.map((user) => formatUser(user, entryFor(user)))));
  const done: string[] = [];
  const logins = users.map((user) =>
    login(backend, as(user, user)).then(({ verdict }) => done.push(`${user} ${verdict}`)),
  );
  assert.equal(hashing.asked.length, 2);
  hashing.finishOne();
  await logins[0];
  assert.equal(hashing.asked.length, 3);
  for (let left = 0; left < 3; left += 1) {
    hashing.finishOne();
    await logins[left + 1];
  }
  assert.deepEqual(done, ['a allow', 'b allow', 'c allow', 'd allow']);
});

test('a login beyond the queue is told that the server is busy', () => {
  const hashing = new Hashing();
  const backend = new PasswordBackend(hashing.derive);
  backend.replace(parsed(alice));
  const later = (): void => {};
  for (let at = 0; at < 1002; at += 1) {
    const request = registerRequest(as('alice', `guess ${at}`));
    assert.equal(backend.onRegister(request, later), undefined);
  }
  const decision = backend.onRegister(registerRequest(as('alice', 'one more')), later);
  assert.equal(decision?.verdict === 'deny' && decision.reasonCode, ReasonCode.ServerBusy);
});

test('a password that was proved is not hashed again until the file changes', async () => {
  const hashing = new Hashing();
  const backend = new PasswordBackend(hashing.derive);
  backend.replace(parsed(formatUser('a', entryFor('pw'))));
  const together = [login(backend, as('a', 'pw')), login(backend, as('a', 'pw'))];
  const third = login(backend, as('a', 'pw'));
  hashing.finishOne();
  hashing.finishOne();
  for (const one of [...together, third]) assert.equal((await one).verdict, 'allow');
  assert.equal(hashing.asked.length, 2);
  assert.equal((await login(backend, as('a', 'pw'))).verdict, 'allow');
  assert.equal(hashing.asked.length, 2);
  const wrong = login(backend, as('a', 'wrong'));
  hashing.finishOne();
  assert.equal((await wrong).verdict, 'deny');
  backend.replace(parsed(formatUser('a', entryFor('new'))));
  const old = login(backend, as('a', 'pw'));
  hashing.finishOne();
  assert.equal((await old).verdict, 'deny');
});

test('the password of a waiting login survives the reuse of its packet', async () => {
  const hashing = new Hashing();
  const backend = new PasswordBackend(hashing.derive);
  backend.replace(parsed(formatUser('a', entryFor('x')), formatUser('b', entryFor('pw'))));
  void login(backend, as('a', '1'));
  void login(backend, as('a', '2'));
  const password = Buffer.from('pw');
  const third = login(backend, { userName: 'b', password });
  password.fill(0);
  for (let left = 0; left < 3; left += 1) {
    hashing.finishOne();
    await new Promise(setImmediate);
  }
  assert.equal((await third).verdict, 'allow');
});

test('a hash that fails denies', async () => {
  const backend = new PasswordBackend(() => Promise.reject(new Error('out of memory')));
  backend.replace(parsed(alice));
  assert.equal((await login(backend, as('alice', 'secret'))).verdict, 'deny');
});

test('mistakes are all reported with line and column, and no message holds the line', () => {
  const { problems } = parsePasswords(
    [
      alice,
      'hunter2',
      'bob:hunter2',
      ':$6$AAAA$AAAA',
      'dan:$6$AAAA$AAAA',
      'eve:$7$0$AAAA$AAAA',
      'fay:$7$101$hun!er2$AAAA',
      alice,
      'gus:$5$hunter2',
    ].join('\n'),
  );
  assert.deepEqual(
    problems?.map(({ line, column }) => [line, column]),
    [
      [2, 1],
      [3, 5],
      [4, 1],
      [5, 5],
      [6, 5],
      [7, 5],
      [8, 1],
      [9, 5],
    ],
  );
  assert.ok(!JSON.stringify(problems).includes('hunter2'));
  assert.match(problems?.[1]?.message ?? '', /vmq-passwd -U/);
});

test('user names that would break the format are refused', () => {
  for (const name of ['', 'a:b', 'a\nb', 'a\u0000', '\u007f', '#a', 'x'.repeat(65_536)]) {
    assert.notEqual(userNameProblem(name), undefined, JSON.stringify(name));
  }
  for (const name of ['a', 'a b', 'j\u00f6rg', '$7$'])
    assert.equal(userNameProblem(name), undefined);
});

test('changing and deleting a user leaves the other lines as they are', () => {
  const text = `# ours\n${alice}\n\n${carol}\n`;
  const entry = entryFor('new');
  assert.equal(
    withUser(text, 'alice', entry),
    `# ours\n${formatUser('alice', entry)}\n\n${carol}\n`,
  );
  assert.equal(withUser(text, 'al', entry), `${text}${formatUser('al', entry)}\n`);
  assert.equal(withUser('', 'a', entry), `${formatUser('a', entry)}\n`);
  assert.equal(withoutUser(text, 'carol'), `# ours\n${alice}\n\n`);
  assert.equal(withoutUser(text, 'car'), undefined);
});
