/** What a change of the ACL file means to those who are connected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AclBackend, parseAcl } from '../../src/auth/mod.js';
import { connect } from '../fixtures/client-packets.js';
import { Core } from './core.js';
import {
  disconnectCode,
  message,
  next,
  payloads,
  persistent,
  subscribed,
  versions,
} from './talk.js';

function replace(backend: AclBackend, ...lines: string[]): void {
  const { content } = parseAcl(lines.join('\n'));
  assert.ok(content !== undefined);
  backend.replace(content);
}

for (const version of versions) {
  describe(`when the ACL file changes, in version ${version}`, () => {
    it('a publish to a topic that was allowed before is judged by the new rules', () => {
      const acl = new AclBackend();
      replace(acl, 'topic #');
      const core = new Core({ backends: [acl] });
      const observer = core.connect(5, { clientIdentifier: 'observer' });
      subscribed(observer, 5, { topicFilter: '#' });
      const client = core.connect(version, { clientIdentifier: 'c' });
      client.send(message(version, 'a', 1, 'before'));
      assert.equal(next(client, 'puback').reasonCode, 0);
      replace(acl, 'topic read #');
      client.send(message(version, 'a', 1, 'after'));
      if (version === 5) assert.equal(next(client, 'puback').reasonCode, 0x87);
      if (version === 4) assert.equal(disconnectCode(client), undefined);
      replace(acl, 'topic #');
      const other = core.connect(version, { clientIdentifier: 'd' });
      other.send(message(version, 'a', 1, 'granted again'));
      assert.deepEqual(payloads(observer), ['before', 'granted again']);
    });

    it('a subscription that stands goes on, also when its session is resumed; a new one is refused', () => {
      const acl = new AclBackend();
      replace(acl, 'topic #');
      const core = new Core({ backends: [acl] });
      const client = core.connect(version, persistent('c'));
      subscribed(client, version, { topicFilter: 'a', qos: 1 });
      replace(acl, 'topic write #');
      const publisher = core.connect(5, { clientIdentifier: 'p' });
      publisher.send(message(5, 'a', 1, 'connected'));
      assert.deepEqual(payloads(client), ['connected']);
      client.drop();
      publisher.send(message(5, 'a', 1, 'away'));
      const resumed = core.open(version);
      resumed.send(connect(version, persistent('c')));
      assert.equal(next(resumed, 'connack').reasonCode, 0);
      assert.ok(payloads(resumed).includes('away'));
      if (version === 3) return;
      const refused = subscribed(resumed, version, { topicFilter: 'a', qos: 1 });
      assert.deepEqual(refused.reasonCodes, [version === 5 ? 0x87 : 0x80]);
    });
  });
}
