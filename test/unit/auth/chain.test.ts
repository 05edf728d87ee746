import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AuthBackend,
  AuthChain,
  type Decision,
  type EnhancedRequest,
  type PublishModifiers,
  type RegisterModifiers,
  type Reply,
  type SubscribeAnswers,
  type SubscribeModifiers,
  type SubscribeVerdict,
} from '../../../src/auth/mod.js';
import { ReasonCode } from '../../../src/packet/mod.js';
import { client, publishRequest, registerRequest, subscribeRequest } from './requests.js';

const allow: Decision<never> = { verdict: 'allow', modifiers: undefined };
const next: Decision<never> = { verdict: 'next' };

function deny(reasonCode: number): Decision<never> {
  return { verdict: 'deny', reasonCode, reason: 'no' };
}

function unexpected(): never {
  throw new Error('replied later, or twice');
}

/** A back end whose registration answers come from outside. */
class SlowBackend implements AuthBackend {
  readonly name = 'slow';
  reply: Reply<RegisterModifiers> = unexpected;
  onRegister(_request: unknown, reply: Reply<RegisterModifiers>): undefined {
    this.reply = reply;
  }
}

test('next passes the question on, allow and deny end it', () => {
  const asked: string[] = [];
  const answering = (name: string, answer: Decision<RegisterModifiers>): AuthBackend => ({
    name,
    onRegister: () => {
      asked.push(name);
      return answer;
    },
  });
  const chain = new AuthChain([
    answering('first', next),
    answering('second', allow),
    answering('third', deny(ReasonCode.Banned)),
  ]);
  assert.deepEqual(chain.register(registerRequest(), unexpected), allow);
  assert.deepEqual(asked, ['first', 'second']);
});

test('a client that no back end knows is refused, a named one as if its password were wrong', () => {
  const chain = new AuthChain([{ name: 'any', onRegister: () => next }]);
  const v5 = chain.register(registerRequest({ protocolVersion: 5 }), unexpected);
  assert.equal(v5?.verdict === 'deny' && v5.reasonCode, ReasonCode.BadUserNameOrPassword);
  const named = chain.register(registerRequest({ protocolVersion: 4 }), unexpected);
  assert.equal(named?.verdict === 'deny' && named.reasonCode, ReasonCode.BadUserNameOrPassword);
  const anonymous = registerRequest({ protocolVersion: 4, userName: undefined });
  const v4 = chain.register(anonymous, unexpected);
  assert.equal(v4?.verdict === 'deny' && v4.reasonCode, ReasonCode.NotAuthorized);
  const nobody = new AuthChain([]).register(registerRequest(), unexpected);
  assert.equal(nobody?.verdict, 'deny');
});

test('an answer that comes later goes on along the chain', () => {
  const slow = new SlowBackend();
  const slower = new SlowBackend();
  const chain = new AuthChain([slow, { name: 'no hooks' }, slower]);
  const decisions: Array<Decision<RegisterModifiers>> = [];
  assert.equal(
    chain.register(registerRequest(), (decision) => decisions.push(decision)),
    undefined,
  );
  slow.reply(next);
  assert.deepEqual(decisions, []);
  slower.reply({ verdict: 'allow', modifiers: { maxInflightMessages: 3 } });
  assert.deepEqual(decisions, [{ verdict: 'allow', modifiers: { maxInflightMessages: 3 } }]);
});

test('a late next from the last back end is a refusal', () => {
  const slow = new SlowBackend();
  const decisions: Array<Decision<RegisterModifiers>> = [];
  new AuthChain([slow]).register(registerRequest(), (decision) => decisions.push(decision));
  slow.reply(next);
  assert.deepEqual(
    decisions.map(({ verdict }) => verdict),
    ['deny'],
  );
});

test('a second reply is ignored', () => {
  const slow = new SlowBackend();
  const decisions: Array<Decision<RegisterModifiers>> = [];
  new AuthChain([slow]).register(registerRequest(), (decision) => decisions.push(decision));
  slow.reply(deny(ReasonCode.Banned));
  slow.reply(allow);
  assert.deepEqual(decisions, [deny(ReasonCode.Banned)]);
});

test('a reply during the call is the returned decision, and the return value is ignored', () => {
  const backend: AuthBackend = {
    name: 'hasty',
    onRegister: (_request, reply) => {
      reply(deny(ReasonCode.Banned));
      return allow;
    },
  };
  const decision = new AuthChain([backend]).register(registerRequest(), unexpected);
  assert.deepEqual(decision, deny(ReasonCode.Banned));
});

test('a reply after a returned decision is ignored', () => {
  let late: Reply<RegisterModifiers> = unexpected;
  const backend: AuthBackend = {
    name: 'both',
    onRegister: (_request, reply) => {
      late = reply;
      return deny(ReasonCode.Banned);
    },
  };
  assert.deepEqual(
    new AuthChain([backend]).register(registerRequest(), unexpected),
    deny(ReasonCode.Banned),
  );
  late(allow);
});

test('a back end that throws is reported, and the client denied', () => {
  const failures: string[] = [];
  const chain = new AuthChain(
    [
      {
        name: 'broken',
        onRegister: () => {
          throw new Error('boom');
        },
        onPublish: () => {
          throw new Error('boom');
        },
        publishSynchronous: true,
      },
      { name: 'open', onRegister: () => allow, onPublish: () => allow },
    ],
    (backend, hook, error) => failures.push(`${backend} ${hook} ${(error as Error).message}`),
  );
  const registered = chain.register(registerRequest(), unexpected);
  assert.equal(
    registered?.verdict === 'deny' && registered.reasonCode,
    ReasonCode.ImplementationSpecificError,
  );
  assert.equal(chain.publish(publishRequest('a'), unexpected)?.verdict, 'deny');
  assert.deepEqual(failures, ['broken onRegister boom', 'broken onPublish boom']);
});

test('an answer without a known verdict denies, at once and late', () => {
  const failures: string[] = [];
  const nonsense = { verdict: 'ok' } as unknown as Decision<never>;
  const slow = new SlowBackend();
  const note = (backend: string): number => failures.push(backend);
  const hasty = new AuthChain([{ name: 'odd', onRegister: () => nonsense }], note);
  assert.equal(hasty.register(registerRequest(), unexpected)?.verdict, 'deny');
  const decisions: string[] = [];
  new AuthChain([slow], note).register(registerRequest(), ({ verdict }) => decisions.push(verdict));
  slow.reply(nonsense);
  slow.reply(allow);
  assert.deepEqual(decisions, ['deny']);
  assert.deepEqual(failures, ['odd', 'slow']);
});

test('a back end that calls itself synchronous and does not answer denies', () => {
  const chain = new AuthChain([
    { name: 'liar', publishSynchronous: true, onPublish: () => undefined },
  ]);
  assert.equal(chain.publish(publishRequest('a'), unexpected)?.verdict, 'deny');
});

test('publishing is not asked about where no back end decides it', () => {
  const chain = new AuthChain([{ name: 'passwords', onRegister: () => allow }]);
  assert.equal(chain.hasPublish, false);
  assert.equal(chain.hasSubscribe, false);
  assert.equal(new AuthChain([{ name: 'acl', onPublish: () => next }]).hasPublish, true);
});

test('answers may be cached only if every back end that decides on publishing agrees', () => {
  const cacheable: AuthBackend = { name: 'a', onPublish: () => next, publishCacheable: true };
  assert.equal(new AuthChain([cacheable, { name: 'b' }]).publishCacheable, true);
  const payload: AuthBackend = { name: 'c', onPublish: () => next };
  assert.equal(new AuthChain([cacheable, payload]).publishCacheable, false);
});

test('the revision changes with each back end that has one', () => {
  const one = { name: 'one', revision: 1 };
  const two = { name: 'two', revision: 1 };
  const chain = new AuthChain([one, { name: 'fixed' }, two]);
  const before = chain.revision;
  two.revision += 1;
  assert.notEqual(chain.revision, before);
});

test('a refused publish says not authorised, and modifiers come through', () => {
  const modifiers: PublishModifiers = { topicName: 'b' };
  const rewriting: AuthBackend = {
    name: 'rewriting',
    onPublish: ({ topicName }) => (topicName === 'a' ? { verdict: 'allow', modifiers } : next),
  };
  const chain = new AuthChain([rewriting]);
  assert.deepEqual(chain.publish(publishRequest('a'), unexpected), { verdict: 'allow', modifiers });
  const refused = chain.publish(publishRequest('z'), unexpected);
  assert.equal(refused?.verdict === 'deny' && refused.reasonCode, ReasonCode.NotAuthorized);
});

function granting(name: string, filters: readonly string[]): AuthBackend {
  return {
    name,
    onSubscribe: ({ subscriptions }): Decision<SubscribeAnswers> => ({
      verdict: 'allow',
      modifiers: {
        verdicts: subscriptions.map(({ topicFilter, qos }) =>
          filters.includes(topicFilter) ? { topicFilter, qos } : { verdict: 'next' },
        ),
      },
    }),
  };
}

function verdictsOf(decision: Decision<SubscribeModifiers> | undefined): SubscribeVerdict[] {
  assert.equal(decision?.verdict, 'allow');
  return [...(decision.modifiers?.verdicts ?? [])];
}

test('two back ends can each grant a part of a SUBSCRIBE, and the rest is refused', () => {
  const chain = new AuthChain([granting('first', ['a']), granting('second', ['c'])]);
  const request = subscribeRequest('a', 'b', 'c');
  const [a, b, c] = verdictsOf(chain.subscribe(request, unexpected));
  assert.deepEqual(a, { topicFilter: 'a', qos: 1 });
  assert.equal(b !== undefined && 'refused' in b && b.refused, ReasonCode.NotAuthorized);
  assert.deepEqual(c, { topicFilter: 'c', qos: 1 });
});

test('a deny refuses only what no back end before it has granted', () => {
  const chain = new AuthChain([
    granting('first', ['a']),
    { name: 'strict', onSubscribe: () => deny(ReasonCode.QuotaExceeded) },
  ]);
  const [a, b] = verdictsOf(chain.subscribe(subscribeRequest('a', 'b'), unexpected));
  assert.deepEqual(a, { topicFilter: 'a', qos: 1 });
  assert.deepEqual(b, { refused: ReasonCode.QuotaExceeded, reason: 'no' });
});

test('a SUBSCRIBE that a back end allows as a whole is granted as requested', () => {
  const chain = new AuthChain([{ name: 'open', onSubscribe: () => allow }]);
  assert.deepEqual(verdictsOf(chain.subscribe(subscribeRequest('a', 'b/#'), unexpected)), [
    { topicFilter: 'a', qos: 1 },
    { topicFilter: 'b/#', qos: 1 },
  ]);
});

test('a back end with too few verdicts grants nothing', () => {
  const failures: string[] = [];
  const short: AuthBackend = {
    name: 'short',
    onSubscribe: () => ({
      verdict: 'allow',
      modifiers: { verdicts: [{ topicFilter: 'a', qos: 1 }] },
    }),
  };
  const chain = new AuthChain([short], (backend) => failures.push(backend));
  const verdicts = verdictsOf(chain.subscribe(subscribeRequest('a', 'b'), unexpected));
  assert.ok(verdicts.every((verdict) => 'refused' in verdict));
  assert.deepEqual(failures, ['short']);
});

test('a SUBSCRIBE answered later ends in one reply with all verdicts', () => {
  let late: Reply<SubscribeAnswers> = unexpected;
  const slow: AuthBackend = {
    name: 'slow',
    onSubscribe: (_request, reply) => {
      late = reply;
      return undefined;
    },
  };
  const chain = new AuthChain([granting('first', ['a']), slow, granting('last', ['c'])]);
  const decisions: Array<Decision<SubscribeModifiers>> = [];
  const request = subscribeRequest('a', 'b', 'c');
  assert.equal(
    chain.subscribe(request, (decision) => decisions.push(decision)),
    undefined,
  );
  late({
    verdict: 'allow',
    modifiers: { verdicts: [{ topicFilter: 'b', qos: 0 }, { verdict: 'next' }] },
  });
  assert.equal(decisions.length, 1);
  assert.deepEqual(verdictsOf(decisions[0]), [
    { topicFilter: 'a', qos: 1 },
    { topicFilter: 'b', qos: 0 },
    { topicFilter: 'c', qos: 1 },
  ]);
});

test('unsubscribing is allowed where nobody says otherwise', () => {
  const request = { client, topicFilters: ['a'] };
  assert.equal(new AuthChain([]).unsubscribe(request, unexpected)?.verdict, 'allow');
  const chain = new AuthChain([{ name: 'none', onUnsubscribe: () => next }]);
  assert.equal(chain.unsubscribe(request, unexpected)?.verdict, 'allow');
});

function enhancedRequest(authenticationMethod: string): EnhancedRequest {
  return {
    client: registerRequest(),
    authenticationMethod,
    authenticationData: undefined,
    reAuthentication: false,
    state: undefined,
  };
}

test('[MQTT5-4.12.0-1] an authentication method that nobody has is refused with 0x8C', () => {
  const chain = new AuthChain([
    {
      name: 'scram',
      authenticationMethods: ['SCRAM-SHA-256'],
      onEnhanced: () => ({ verdict: 'continue', authenticationData: undefined, state: 1 }),
    },
  ]);
  const refused = chain.enhanced(enhancedRequest('GSSAPI'), unexpected);
  assert.equal(
    refused?.verdict === 'deny' && refused.reasonCode,
    ReasonCode.BadAuthenticationMethod,
  );
  const asked = chain.enhanced(enhancedRequest('SCRAM-SHA-256'), unexpected);
  assert.equal(asked?.verdict, 'continue');
});

test('a throw during enhanced authentication denies', () => {
  const chain = new AuthChain([
    {
      name: 'broken',
      authenticationMethods: ['X'],
      onEnhanced: () => {
        throw new Error('boom');
      },
    },
  ]);
  assert.equal(chain.enhanced(enhancedRequest('X'), unexpected)?.verdict, 'deny');
});
