import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ReasonCode } from '../../packet/mod.js';
import {
  type AuthBackend,
  type Decision,
  type Deny,
  type HashParameters,
  noPasswords,
  type PasswordEntry,
  type PasswordFile,
  type RegisterModifiers,
  type RegisterRequest,
  type Reply,
} from '../mod.js';
import { derive as deriveOnPool, sha512 } from './password-hash.js';
import { WorkQueue } from './work-queue.js';

/** Hashes that run at once: half of libuv's thread pool. */
const runningMax = 2;
/** Logins that wait for a hash; more are told that the server is busy. */
const waitingMax = 1000;

const allowed: Decision<never> = { verdict: 'allow', modifiers: undefined };
const unknown: Decision<never> = { verdict: 'next' };
const wrongPassword: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'invalid_credentials',
};
const busy: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.ServerBusy,
  reason: `server_busy: ${waitingMax} logins wait for their password check`,
};
const failed: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.UnspecifiedError,
  reason: 'the password could not be checked',
};

export type Derive = (
  password: Uint8Array,
  salt: Uint8Array,
  parameters: HashParameters,
) => Promise<Uint8Array>;

/**
 * Decides on CONNECT by a password file: right allows, wrong denies, an unknown user or a CONNECT
 * without user name or password is left to the next back end (reference 8.3). A user who is not
 * in the file costs the same hash as most who are, so that time does not tell who exists.
 */
export class PasswordBackend implements AuthBackend {
  readonly name = 'vmq_passwd';
  readonly #derive: Derive;
  readonly #queue = new WorkQueue(runningMax, waitingMax);
  readonly #dummySalt = randomBytes(12);
  readonly #dummyHash = randomBytes(64);
  /**
   * What a user's accepted password looks like under a key that exists only in this process: a
   * fleet that shares one password, or a client that reconnects, costs one hash and not thousands.
   */
  readonly #key = randomBytes(32);
  #accepted = new WeakMap<PasswordEntry, Buffer>();
  #file: PasswordFile = noPasswords;

  constructor(derive: Derive = deriveOnPool) {
    this.#derive = derive;
  }

  /** Puts another file's content in force. Logins that are being checked keep the old. */
  replace(file: PasswordFile): void {
    this.#file = file;
    this.#accepted = new WeakMap();
  }

  onRegister(
    { userName, password }: RegisterRequest,
    reply: Reply<RegisterModifiers>,
  ): Decision<RegisterModifiers> | undefined {
    if (userName === undefined || password === undefined) return unknown;
    const { byUser, usual } = this.#file;
    // Nothing to find out about a file without users.
    if (byUser.size === 0) return unknown;
    const known = byUser.get(userName);
    const entry = known ?? { ...usual, salt: this.#dummySalt, hash: this.#dummyHash };
    if (entry.scheme === '$6$') {
      return decide(known, timingSafeEqual(sha512(password, entry.salt), entry.hash));
    }
    const tag = createHmac('sha256', this.#key).update(password).digest();
    if (this.#wasAccepted(entry, tag)) return allowed;
    // A copy: the packet's bytes may be overwritten before the hash has been made.
    const copy = Uint8Array.from(password);
    const isQueued = this.#queue.add(async () => {
      reply(await this.#check(copy, tag, entry, known));
    });
    return isQueued ? undefined : busy;
  }

  async #check(
    password: Uint8Array,
    tag: Buffer,
    entry: PasswordEntry,
    known: PasswordEntry | undefined,
  ): Promise<Decision<RegisterModifiers>> {
    // Another connection may have proved the same password while this one waited.
    if (this.#wasAccepted(entry, tag)) return allowed;
    let isRight: boolean;
    try {
      isRight = timingSafeEqual(await this.#derive(password, entry.salt, entry), entry.hash);
    } catch {
      return failed;
    }
    if (isRight && known !== undefined) this.#accepted.set(known, tag);
    return decide(known, isRight);
  }

  #wasAccepted(entry: PasswordEntry, tag: Buffer): boolean {
    const accepted = this.#accepted.get(entry);
    return accepted !== undefined && timingSafeEqual(accepted, tag);
  }
}

function decide(known: PasswordEntry | undefined, isRight: boolean): Decision<RegisterModifiers> {
  if (known === undefined) return unknown;
  return isRight ? allowed : wrongPassword;
}
