import { ReasonCode } from '../packet/mod.js';
import { ask, askNow, type BackendFailure, type Hook } from './ask.js';
import type {
  AuthBackend,
  Decision,
  Deny,
  EnhancedAnswer,
  EnhancedRequest,
  PublishModifiers,
  PublishRequest,
  RegisterModifiers,
  RegisterRequest,
  Reply,
  SubscribeModifiers,
  SubscribeRequest,
  UnsubscribeModifiers,
  UnsubscribeRequest,
} from './decisions.js';
import { type SubscribeHook, SubscribeRound } from './subscribe-chain.js';

const unknownClient: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'no authentication back end knows this client',
};
/**
 * 3.x, no user name: Connect Return code 5, as VerneMQ. With one it is 4, the same as for a wrong
 * password: VerneMQ's 5 there tells strangers which users exist.
 */
const anonymousV3: Deny = { ...unknownClient, reasonCode: ReasonCode.NotAuthorized };
const notAuthorised: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.NotAuthorized,
  reason: 'no authorisation back end allows it',
};
const allowed: Decision<never> = { verdict: 'allow', modifiers: undefined };

/**
 * The back ends in their order, asked one after another until one allows or denies (VerneMQ's
 * `all_till_ok`, reference 8.1). Every question either returns its decision or returns undefined
 * and calls `reply` later, once; never both. A back end that throws or answers nonsense denies.
 *
 * Decisions are never `next`: nobody answered means denied, except for UNSUBSCRIBE.
 */
export class AuthChain {
  readonly #register: ReadonlyArray<Hook<RegisterRequest, Decision<RegisterModifiers>>>;
  readonly #publish: ReadonlyArray<Hook<PublishRequest, Decision<PublishModifiers>>>;
  readonly #subscribe: readonly SubscribeHook[];
  readonly #unsubscribe: ReadonlyArray<Hook<UnsubscribeRequest, Decision<UnsubscribeModifiers>>>;
  readonly #byMethod = new Map<string, Hook<EnhancedRequest, EnhancedAnswer>>();
  readonly #changing: readonly AuthBackend[];
  readonly #failed: BackendFailure;
  readonly #authenticating: readonly AuthBackend[];
  readonly #authorising: readonly AuthBackend[];

  /** False: no back end decides about publishing, so it need not be asked. */
  readonly hasPublish: boolean;
  /** False: no back end decides about subscribing, so it need not be asked. */
  readonly hasSubscribe: boolean;
  /** Every back end answers about publishes at once: bytes may be lent to it. */
  readonly publishSynchronous: boolean;
  /** An `allow` without modifiers holds for the client and topic name until `revision` changes. */
  readonly publishCacheable: boolean;

  /**
   * `failed` is told of every mistake of a back end, for the log. `authorising` are asked about
   * publishes and subscriptions, `backends` about who may connect; the same unless given.
   */
  constructor(
    backends: readonly AuthBackend[],
    failed: BackendFailure = ignoreFailure,
    authorising: readonly AuthBackend[] = backends,
  ) {
    this.#failed = failed;
    this.#authenticating = backends;
    this.#authorising = authorising;
    this.#register = backends.flatMap((backend) =>
      hookOf(backend, 'onRegister', backend.onRegister?.bind(backend), false),
    );
    this.#publish = authorising.flatMap((backend) =>
      hookOf(
        backend,
        'onPublish',
        backend.onPublish?.bind(backend),
        backend.publishSynchronous === true,
      ),
    );
    this.#subscribe = authorising.flatMap((backend) =>
      hookOf(backend, 'onSubscribe', backend.onSubscribe?.bind(backend), false),
    );
    this.#unsubscribe = authorising.flatMap((backend) =>
      hookOf(backend, 'onUnsubscribe', backend.onUnsubscribe?.bind(backend), false),
    );
    for (const backend of backends) {
      const [hook] = hookOf(backend, 'onEnhanced', backend.onEnhanced?.bind(backend), false);
      if (hook === undefined) continue;
      for (const method of backend.authenticationMethods ?? []) {
        if (!this.#byMethod.has(method)) this.#byMethod.set(method, hook);
      }
    }
    this.#changing = authorising.filter((backend) => 'revision' in backend);
    this.hasPublish = this.#publish.length > 0;
    this.publishSynchronous = authorising.every(
      (backend) => !('onPublish' in backend) || backend.publishSynchronous === true,
    );
    this.hasSubscribe = this.#subscribe.length > 0;
    this.publishCacheable = authorising.every(
      (backend) => backend.onPublish === undefined || backend.publishCacheable === true,
    );
  }

  /**
   * The chain of a listener with its own lists (`auth_plugins`, `authz_plugins`): only the named
   * back ends, in that order. An empty list leaves the chain's own.
   */
  restrictedTo(authPlugins: readonly string[], authzPlugins: readonly string[]): AuthChain {
    if (authPlugins.length === 0 && authzPlugins.length === 0) return this;
    const named = (
      all: readonly AuthBackend[],
      names: readonly string[],
    ): readonly AuthBackend[] =>
      names.length === 0
        ? all
        : names.flatMap((name) => all.filter((backend) => backend.name === name));
    const authorising = named(this.#authorising, authzPlugins);
    return new AuthChain(named(this.#authenticating, authPlugins), this.#failed, authorising);
  }

  /** Changes whenever a decision that was given earlier may no longer hold. */
  get revision(): number {
    let sum = 0;
    for (let at = 0; at < this.#changing.length; at += 1) {
      sum += (this.#changing[at] as AuthBackend).revision ?? 0;
    }
    return sum;
  }

  /** Whether a client may connect, and under which overrides. */
  register(
    request: RegisterRequest,
    reply: Reply<RegisterModifiers>,
  ): Decision<RegisterModifiers> | undefined {
    const { protocolVersion, userName } = request;
    const isAnonymousV3 = protocolVersion !== 5 && userName === undefined;
    const nobody = isAnonymousV3 ? anonymousV3 : unknownClient;
    return askFrom(this.#register, 0, request, reply, nobody, this.#failed);
  }

  /** Whether a client may publish. Allocates nothing where the back ends are synchronous. */
  publish(
    request: PublishRequest,
    reply: Reply<PublishModifiers>,
  ): Decision<PublishModifiers> | undefined {
    return askFrom(this.#publish, 0, request, reply, notAuthorised, this.#failed);
  }

  /**
   * Which filters a client may subscribe to: `allow` with one verdict for each requested filter.
   */
  subscribe(
    request: SubscribeRequest,
    reply: Reply<SubscribeModifiers>,
  ): Decision<SubscribeModifiers> | undefined {
    return new SubscribeRound(this.#subscribe, request, reply, this.#failed).askFrom(0);
  }

  /** What a client unsubscribes from; allowed as asked where no back end says otherwise. */
  unsubscribe(
    request: UnsubscribeRequest,
    reply: Reply<UnsubscribeModifiers>,
  ): Decision<UnsubscribeModifiers> | undefined {
    return askFrom(this.#unsubscribe, 0, request, reply, allowed, this.#failed);
  }

  /** One round with the first back end that has the method; nobody has it: 0x8C. */
  enhanced(
    request: EnhancedRequest,
    reply: (answer: EnhancedAnswer) => void,
  ): EnhancedAnswer | undefined {
    const hook = this.#byMethod.get(request.authenticationMethod);
    if (hook === undefined) {
      return {
        verdict: 'deny',
        reasonCode: ReasonCode.BadAuthenticationMethod,
        reason: 'no back end has this authentication method [MQTT5-4.12.0-1]',
      };
    }
    return ask(hook, request, reply, this.#failed);
  }
}

function hookOf<Request, Answer>(
  backend: AuthBackend,
  name: string,
  call: Hook<Request, Answer>['call'] | undefined,
  isSynchronous: boolean,
): Array<Hook<Request, Answer>> {
  return call === undefined ? [] : [{ backend: backend.name, name, isSynchronous, call }];
}

function askFrom<Request, Modifiers>(
  hooks: ReadonlyArray<Hook<Request, Decision<Modifiers>>>,
  first: number,
  request: Request,
  reply: Reply<Modifiers>,
  nobody: Decision<Modifiers>,
  failed: BackendFailure,
): Decision<Modifiers> | undefined {
  for (let at = first; at < hooks.length; at += 1) {
    const hook = hooks[at] as Hook<Request, Decision<Modifiers>>;
    const decision = hook.isSynchronous
      ? askNow(hook, request, failed)
      : askSlow(hooks, at, request, reply, nobody, failed);
    if (decision === undefined || decision.verdict !== 'next') return decision;
  }
  return nobody;
}

/** A function of its own, so that the loop above creates no closure for synchronous hooks. */
function askSlow<Request, Modifiers>(
  hooks: ReadonlyArray<Hook<Request, Decision<Modifiers>>>,
  at: number,
  request: Request,
  reply: Reply<Modifiers>,
  nobody: Decision<Modifiers>,
  failed: BackendFailure,
): Decision<Modifiers> | undefined {
  const continueWith: Reply<Modifiers> = (decision) => {
    if (decision.verdict !== 'next') {
      reply(decision);
      return;
    }
    const final = askFrom(hooks, at + 1, request, reply, nobody, failed);
    if (final !== undefined) reply(final);
  };
  return ask(hooks[at] as Hook<Request, Decision<Modifiers>>, request, continueWith, failed);
}

function ignoreFailure(): void {}
