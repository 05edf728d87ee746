import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkTopicFilter, checkTopicName, parseSharedFilter } from '../../../src/topic/mod.js';

const deep = 10;

describe('Topic Names', () => {
  it('may hold spaces, empty levels, case, a lone slash [MQTT5-4.7.3-4] [MQTT3-4.7.3-4]', () => {
    for (const name of ['a', '/', 'a/b', '/a', 'a/', 'A b/ü', '$SYS/x', 'a//b']) {
      assert.equal(checkTopicName(name, deep), undefined, name);
    }
  });

  it('must have at least one character [MQTT5-4.7.3-1] [MQTT3-4.7.3-1]', () => {
    assert.equal(checkTopicName('', deep)?.statement, 'MQTT5-4.7.3-1');
    assert.equal(checkTopicFilter('', deep)?.statement, 'MQTT5-4.7.3-1');
  });

  it('must not hold U+0000 [MQTT5-4.7.3-2] [MQTT3-4.7.3-2]', () => {
    assert.equal(checkTopicName('a\0b', deep)?.statement, 'MQTT5-4.7.3-2');
    assert.equal(checkTopicFilter('a\0b', deep)?.statement, 'MQTT5-4.7.3-2');
  });

  it('must not be longer than 65,535 bytes [MQTT5-4.7.3-3] [MQTT3-4.7.3-3]', () => {
    assert.equal(checkTopicName('x'.repeat(65_535), deep), undefined);
    assert.equal(checkTopicName('x'.repeat(65_536), deep)?.statement, 'MQTT5-4.7.3-3');
    assert.equal(checkTopicName('\u20ac'.repeat(21_845), deep), undefined);
    assert.equal(checkTopicName('\u20ac'.repeat(21_846), deep)?.statement, 'MQTT5-4.7.3-3');
    assert.equal(checkTopicFilter('\u00fc'.repeat(32_768), deep)?.statement, 'MQTT5-4.7.3-3');
  });

  it('must not hold wildcards [MQTT5-3.3.2-2] [MQTT3-3.3.2-2] [MQTT5-4.7.0-1] [MQTT3-4.7.1-1]', () => {
    for (const name of ['#', '+', 'a/+', 'a/#', 'a+b', 'a#']) {
      assert.equal(checkTopicName(name, deep)?.statement, 'MQTT5-3.3.2-2', name);
    }
  });

  it('may have as many levels as topic_max_depth', () => {
    assert.equal(checkTopicName('1/2/3', 3), undefined);
    assert.ok(checkTopicName('1/2/3/4', 3)?.reason.includes('topic_max_depth'));
    assert.ok(checkTopicFilter('1/2/3/#', 3)?.reason.includes('topic_max_depth'));
    assert.equal(checkTopicFilter('1/2/#', 3), undefined);
    assert.equal(checkTopicName('/', 2), undefined);
    assert.equal(checkTopicName('/', 1)?.statement, undefined);
    assert.ok(checkTopicName('/'.repeat(65_535), 10)?.reason.includes('65536 levels'));
  });
});

describe('Topic Filters', () => {
  it('may hold # only as the last level [MQTT5-4.7.1-1] [MQTT3-4.7.1-2]', () => {
    for (const filter of ['#', 'a/#', '/#', '+/#']) {
      assert.equal(checkTopicFilter(filter, deep), undefined, filter);
    }
    for (const filter of ['a#', 'a/#/b', '#/', '##', 'a/b#']) {
      assert.equal(checkTopicFilter(filter, deep)?.statement, 'MQTT5-4.7.1-1', filter);
    }
  });

  it('may hold + only as a whole level [MQTT5-4.7.1-2] [MQTT3-4.7.1-3]', () => {
    for (const filter of ['+', '+/a', 'a/+', 'a/+/b', '/+', '+/+']) {
      assert.equal(checkTopicFilter(filter, deep), undefined, filter);
    }
    for (const filter of ['a+', '+a', 'a/b+', 'a/+b', '++']) {
      assert.equal(checkTopicFilter(filter, deep)?.statement, 'MQTT5-4.7.1-2', filter);
    }
  });
});

describe('shared subscriptions', () => {
  it('have a group and a filter', () => {
    const parsed = parseSharedFilter('$share/g/a/+');
    assert.deepEqual(parsed, { group: 'g', filter: 'a/+' });
    assert.deepEqual(parseSharedFilter('$share/g//'), { group: 'g', filter: '/' });
    assert.deepEqual(parseSharedFilter('$share/g/#'), { group: 'g', filter: '#' });
    assert.deepEqual(parseSharedFilter('$share/$share/$share/a'), {
      group: '$share',
      filter: '$share/a',
    });
    for (const filter of ['$shared/g/a', '$share', '$SHARE/g/a', 'a/b', '/$share/g/a']) {
      assert.equal(parseSharedFilter(filter), undefined, filter);
    }
  });

  it('must have a ShareName of at least one character [MQTT5-4.8.2-1]', () => {
    for (const filter of ['$share//a', '$share/', '$share//']) {
      const parsed = parseSharedFilter(filter);
      assert.ok(parsed !== undefined && 'reason' in parsed, filter);
      assert.equal(parsed.statement, 'MQTT5-4.8.2-1');
    }
  });

  it('must have a ShareName without wildcards, followed by / and a filter [MQTT5-4.8.2-2]', () => {
    for (const filter of ['$share/a+/b', '$share/+', '$share/#/b', '$share/g', '$share/g/']) {
      const parsed = parseSharedFilter(filter);
      assert.ok(parsed !== undefined && 'reason' in parsed, filter);
      assert.equal(parsed.statement, 'MQTT5-4.8.2-2');
    }
  });
});
