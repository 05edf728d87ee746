import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  changeOptions,
  type Configuration,
  loadConfiguration,
  showOptions,
} from '../../../src/config/mod.js';
import { optionText } from '../../../src/config/option-text.js';
import { parseValue } from '../../../src/config/parse-value.js';
import { activeRows } from '../../../src/config/table.js';

function loaded(...overrides: string[]): Configuration {
  const { configuration } = loadConfiguration({ overrides });
  assert.ok(configuration !== undefined);
  return configuration;
}

function wrongOf(...entries: [string, string][]): readonly string[] {
  const change = changeOptions(loaded(), entries);
  assert.ok('wrong' in change);
  return change.wrong;
}

describe('options of a running node', () => {
  it('change together, and what changed is told', () => {
    const before = loaded();
    const change = changeOptions(before, [
      ['allow_register_during_netsplit', 'majority'],
      ['max_message_rate', '100'],
      ['queue_type', 'fifo'],
      ['max_session_expiry_interval', '2h'],
    ]);
    assert.ok('changed' in change);
    assert.deepEqual(change.changed, [
      { key: 'allow_register_during_netsplit', from: 'off', to: 'majority' },
      { key: 'max_message_rate', from: '0', to: '100' },
      { key: 'max_session_expiry_interval', from: 'never', to: '7200s' },
    ]);
    assert.equal(change.configuration.options.allowRegisterDuringNetsplit, 'majority');
    assert.equal(change.configuration.options.maxSessionExpiryInterval, 7200);
    assert.equal(before.options.maxMessageRate, 0);
    assert.ok(Object.isFrozen(change.configuration.options));
  });

  it('are all left as they are when one entry is wrong, and each fault has its sentence', () => {
    const wrong = wrongOf(
      ['max_message_rate', '100'],
      ['allow_register_during_netsplit', 'maybe'],
      ['nodename', 'a@b'],
      ['allow_register_during_netsplt', 'on'],
      ['listener.tcp.default', '127.0.0.1:1'],
    );
    assert.deepEqual(wrong, [
      'allow_register_during_netsplit = maybe: must be one of off, on, majority.',
      'nodename cannot be changed while the node runs: write it in the configuration file and restart the node.',
      'There is no option allow_register_during_netsplt; did you mean allow_register_during_netsplit?',
      'listener.tcp.default belongs to a listener: it is read from the configuration file when the node starts.',
    ]);
  });

  it('never repeat a secret, neither when it is refused nor when it is shown', () => {
    const secret = 'not-to-be-seen-by-anybody';
    assert.ok(!wrongOf(['distributed_cookie', secret]).join('').includes(secret));
    const shown = showOptions(loaded(`distributed_cookie=${secret}`), ['distributed_cookie']);
    assert.deepEqual(shown, [['distributed_cookie', '(secret)']]);
  });

  it('that decide about anonymous clients are what is in force, not what was written', () => {
    const before = loaded();
    assert.deepEqual(showOptions(before, ['allow_anonymous']), [['allow_anonymous', 'on']]);
    const change = changeOptions(before, [['allow_anonymous', 'off']]);
    assert.ok('changed' in change);
    assert.deepEqual(change.changed, [{ key: 'allow_anonymous', from: 'on', to: 'off' }]);
    assert.equal(change.configuration.allowAnonymous, false);
  });

  it('are shown in the order asked, all of them without a name', () => {
    const keys = ['max_message_rate', 'allow_publish_during_netsplit'];
    assert.deepEqual(showOptions(loaded(), keys), [
      ['max_message_rate', '0'],
      ['allow_publish_during_netsplit', 'off'],
    ]);
    const all = showOptions(loaded(), []);
    assert.ok(!('wrong' in all));
    assert.equal(all.length, activeRows.length);
    assert.deepEqual(showOptions(loaded(), ['max_mesage_rate']), {
      wrong: ['There is no option max_mesage_rate; did you mean max_message_rate?'],
    });
  });

  it('are written so that reading them gives the same value', () => {
    for (const row of activeRows.filter(({ secret }) => secret !== true)) {
      const parsed = parseValue(row, row.default);
      assert.ok('value' in parsed, row.key);
      assert.deepEqual(parseValue(row, optionText(row, parsed.value)), parsed, row.key);
    }
  });
});
