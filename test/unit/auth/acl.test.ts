import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Acl, AclBackend, parseAcl } from '../../../src/auth/mod.js';
import { publishRequest, subscribeRequest } from './requests.js';

interface Who {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly userName: string | undefined;
}

const anyone: Who = { mountpoint: '', clientIdentifier: 'c1', userName: undefined };

function aclOf(...lines: string[]): Acl {
  const { content, problems } = parseAcl(lines.join('\n'));
  assert.deepEqual(problems, undefined);
  return content;
}

function mayPublish(acl: Acl, topic: string, who: Partial<Who> = {}): boolean {
  return acl.publish(topic, { ...anyone, ...who }) === 'granted';
}

function maySubscribe(acl: Acl, filter: string, who: Partial<Who> = {}): boolean {
  return acl.subscribe(filter, { ...anyone, ...who }) === 'granted';
}

test('read grants subscribing, write publishing, no word both', () => {
  const acl = aclOf('topic read r', 'topic write w', 'topic both', 'topic readwrite rw');
  assert.deepEqual([mayPublish(acl, 'r'), maySubscribe(acl, 'r')], [false, true]);
  assert.deepEqual([mayPublish(acl, 'w'), maySubscribe(acl, 'w')], [true, false]);
  assert.deepEqual([mayPublish(acl, 'both'), maySubscribe(acl, 'both')], [true, true]);
  assert.deepEqual([mayPublish(acl, 'rw'), maySubscribe(acl, 'rw')], [true, true]);
});

test('an empty file grants nothing', () => {
  const acl = aclOf('', '# nothing');
  assert.equal(acl.publish('a', anyone), 'unknown');
  assert.equal(acl.subscribe('a', anyone), 'unknown');
});

test('topic lines after a user line are of that user, pattern lines are of everyone', () => {
  const acl = aclOf(
    'topic all',
    'user alice',
    'topic hers',
    'pattern p/%c',
    'user bob',
    'topic his',
  );
  assert.ok(mayPublish(acl, 'all'));
  assert.ok(mayPublish(acl, 'all', { userName: 'alice' }));
  assert.ok(mayPublish(acl, 'hers', { userName: 'alice' }));
  assert.ok(!mayPublish(acl, 'hers', { userName: 'bob' }));
  assert.ok(!mayPublish(acl, 'hers'));
  assert.ok(mayPublish(acl, 'his', { userName: 'bob' }));
  assert.ok(mayPublish(acl, 'p/c1'));
});

test('a user may have blanks in the name and several sections', () => {
  const acl = aclOf('user  Jane Roe ', 'topic a', 'user x', 'user Jane Roe', 'topic b c');
  assert.ok(mayPublish(acl, 'a', { userName: 'Jane Roe' }));
  assert.ok(mayPublish(acl, 'b c', { userName: 'Jane Roe' }));
});

test('patterns stand for mountpoint, client identifier and user name, as whole levels', () => {
  const acl = aclOf('pattern %m/%c/%u/x');
  const who = { mountpoint: 'mp', clientIdentifier: 'dev', userName: 'alice' };
  assert.ok(mayPublish(acl, 'mp/dev/alice/x', who));
  assert.ok(!mayPublish(acl, 'mp/dev2/alice/x', who));
  assert.ok(!mayPublish(acl, 'mp/dev/undefined/x', { ...who, userName: undefined }));
});

test('an absent or empty user name matches no %u', () => {
  const acl = aclOf('pattern u/%u/x');
  assert.ok(!mayPublish(acl, 'u//x', { userName: '' }));
  assert.ok(!mayPublish(acl, 'u//x'));
  assert.ok(!mayPublish(acl, 'u/%u/x'));
});

test('a client identifier or user name with wildcards or slashes widens no pattern', () => {
  const acl = aclOf('pattern read c/%c/#', 'pattern u/%u');
  for (const clientIdentifier of ['+', '#', 'a/+', '../#', 'a/#', '%c', '%u']) {
    const who = { clientIdentifier, userName: clientIdentifier };
    for (const filter of ['c/+/x', 'c/#', 'c/+/#', 'c/a/+/x', 'c/a/x', 'u/+', 'u/#', '#', '+/+']) {
      assert.ok(!maySubscribe(acl, filter, who), `${clientIdentifier} subscribed to ${filter}`);
    }
    for (const topic of ['u/a', 'u/a/b', 'c/a/x']) {
      assert.ok(!mayPublish(acl, topic, who), `${clientIdentifier} published to ${topic}`);
    }
  }
});

test('a user named with %c gets no pattern out of a topic line', () => {
  const acl = aclOf('topic a/%c');
  assert.ok(!mayPublish(acl, 'a/c1'));
  assert.ok(mayPublish(acl, 'a/%c'));
});

test('a filter is granted if one rule holds all that it can match', () => {
  const acl = aclOf('topic read a/#', 'topic read b/+/c', 'topic read +/d');
  for (const filter of ['a', 'a/+', 'a/#', 'a/b/+/#', 'b/+/c', 'b/x/c', '+/d', 'z/d', 'a/']) {
    assert.ok(maySubscribe(acl, filter), `${filter} refused`);
  }
  for (const filter of ['#', '+', 'b/#', 'b/+/+', 'b/+/#', '+/#', '+/+', '+/x/c', 'b/c', 'ab']) {
    assert.ok(!maySubscribe(acl, filter), `${filter} granted`);
  }
});

test('+/# grants # because both match every topic', () => {
  assert.ok(maySubscribe(aclOf('topic +/#'), '#'));
  assert.ok(mayPublish(aclOf('topic +/#'), 'a'));
  assert.ok(!maySubscribe(aclOf('topic a/+/#'), 'a/#'));
});

test('the packaged rule # grants everything, $SYS too', () => {
  const acl = aclOf('topic #');
  for (const filter of ['#', '$SYS/#', '+/+', 'a//b', '/']) assert.ok(maySubscribe(acl, filter));
  assert.ok(mayPublish(acl, '/'));
});

test('a shared subscription is judged by the filter in it, not by its group', () => {
  const acl = aclOf('topic read a/#', 'topic read +/public/#');
  assert.ok(maySubscribe(acl, '$share/group/a/+'));
  assert.ok(!maySubscribe(acl, '$share/a/secret'));
  assert.ok(!maySubscribe(acl, '$share/public/secret'));
  const spelled = aclOf('topic read $share/+/jobs/#');
  assert.ok(maySubscribe(spelled, '$share/workers/jobs/1'));
  assert.ok(!maySubscribe(spelled, 'jobs/1'));
});

test('deny goes before every grant and refuses filters that could match it', () => {
  const acl = aclOf('topic #', 'topic deny secret/#', 'topic deny $SYS/#', 'pattern deny own/%c');
  assert.equal(acl.publish('secret/x', anyone), 'denied');
  assert.equal(acl.publish('own/c1', anyone), 'denied');
  assert.equal(acl.publish('own/c2', anyone), 'granted');
  for (const filter of ['secret', 'secret/x', '+/x', '#', '+/+', 'own/+', '$share/g/#', '$SYS/a']) {
    assert.equal(acl.subscribe(filter, anyone), 'denied', filter);
  }
  for (const filter of ['open/#', 'own/c2', '+']) {
    const expected = filter === '+' ? 'denied' : 'granted';
    assert.equal(acl.subscribe(filter, anyone), expected, filter);
  }
});

test('a wildcard in front does not reach denied $ topics', () => {
  const acl = aclOf('topic #', 'topic deny $SYS/#');
  assert.equal(acl.subscribe('#', anyone), 'granted');
  assert.equal(acl.subscribe('+/a', anyone), 'granted');
});

test('blanks, tabs, carriage returns and a byte order mark are tolerated', () => {
  const acl = aclOf('\u{feff}  topic   read\ta/b  \r', '\t# indented comment\r', 'user  bob\r', '');
  assert.ok(maySubscribe(acl, 'a/b'));
  assert.ok(!mayPublish(acl, 'a/b'));
});

test('mistakes are all reported, with line and column', () => {
  const { problems } = parseAcl(
    [
      'topic a',
      'tpoic b',
      '  topic read a/b#',
      'topic #/a',
      'user',
      'pattern x/dev-%c',
      'topic read',
      'topic a # all of a',
      'topic a/+b',
    ].join('\n'),
  );
  assert.deepEqual(
    problems?.map(({ line, column }) => [line, column]),
    [
      [2, 1],
      [3, 17],
      [4, 7],
      [5, 5],
      [6, 15],
      [7, 11],
      [8, 9],
      [9, 9],
    ],
  );
  assert.match(problems?.[0]?.message ?? '', /tpoic/);
  assert.match(problems?.[6]?.message ?? '', /comment/);
});

const levels = fc.constantFrom('a', 'b', '', '$SYS');
const topics = fc.array(levels, { minLength: 1, maxLength: 4 });
const filters = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', '', '+', '$SYS'), { maxLength: 3 }),
    fc.constantFrom('a', '+', '#'),
  )
  .map(([front, last]) => [...front, last]);

/** MQTT 5 section 4.7, without the rule on `$`. */
function isMatch(filter: readonly string[], topic: readonly string[]): boolean {
  for (let at = 0; at < filter.length; at += 1) {
    if (filter[at] === '#') return true;
    if (at >= topic.length) return false;
    if (filter[at] !== '+' && filter[at] !== topic[at]) return false;
  }
  return filter.length === topic.length;
}

function reaches(filter: readonly string[], topic: readonly string[]): boolean {
  if (topic[0]?.startsWith('$') === true && (filter[0] === '#' || filter[0] === '+')) return false;
  return isMatch(filter, topic) || (filter.at(-1) === '#' && isMatch(filter.slice(0, -1), topic));
}

test('a granted filter reaches no topic outside the rule', () => {
  fc.assert(
    fc.property(filters, filters, topics, (rule, filter, topic) => {
      const acl = aclOf(`topic readwrite ${rule.join('/')}`);
      fc.pre(topic.join('/') !== '' && maySubscribe(acl, filter.join('/')));
      if (reaches(filter, topic)) assert.ok(mayPublish(acl, topic.join('/')));
    }),
  );
});

test('a filter that reaches a denied topic is denied', () => {
  fc.assert(
    fc.property(filters, filters, topics, (rule, filter, topic) => {
      const acl = aclOf('topic #', `topic deny ${rule.join('/')}`);
      const isDenied = acl.publish(topic.join('/'), anyone) === 'denied';
      if (isDenied && reaches(filter, topic)) {
        assert.equal(acl.subscribe(filter.join('/'), anyone), 'denied');
      }
    }),
  );
});

test('the back end leaves open what the file does not mention, and changes with the file', () => {
  const backend = new AclBackend();
  assert.equal(backend.onPublish(publishRequest('a')).verdict, 'next');
  const before = backend.revision;
  backend.replace(aclOf('topic a', 'topic deny b'));
  assert.notEqual(backend.revision, before);
  assert.equal(backend.onPublish(publishRequest('a')).verdict, 'allow');
  assert.equal(backend.onPublish(publishRequest('b')).verdict, 'deny');
  const decision = backend.onSubscribe(subscribeRequest('a', 'b', 'c'));
  assert.equal(decision.verdict, 'allow');
  assert.deepEqual(decision.modifiers?.verdicts, [
    { topicFilter: 'a', qos: 1 },
    { refused: 0x87, reason: 'denied by the ACL file' },
    { verdict: 'next' },
  ]);
});
