import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfiguration } from '../../../src/config/mod.js';
import { LiveOptions } from '../../../src/live-options.js';

class Rig {
  readonly told: string[] = [];
  readonly options: LiveOptions;

  constructor() {
    const { configuration } = loadConfiguration({});
    assert.ok(configuration !== undefined);
    this.options = new LiveOptions(configuration, {
      changed: (after, before) => {
        const [to, from] = [after, before].map(({ options }) => options.maxMessageRate);
        this.told.push(`from ${from} to ${to}`);
      },
      said: (sentence) => this.told.push(sentence),
    });
  }
}

describe('a change of options while the node runs', () => {
  it('is said in one line, takes effect, and the operator hears for how long and where', () => {
    const { told, options } = new Rig();
    assert.deepEqual(options.set([['max_message_rate', '7']]), {
      ok: true,
      text: 'max_message_rate = 7 (was 0).\nOn this node, until it is restarted: write it in the configuration file to keep it, and set it on the other members too.',
    });
    assert.deepEqual(told, [
      'options changed by vmq-admin: max_message_rate = 7 (was 0)',
      'from 0 to 7',
    ]);
    assert.equal(options.configuration.options.maxMessageRate, 7);
  });

  it('is no change when that is in force already', () => {
    const { told, options } = new Rig();
    const result = options.set([['max_message_rate', '0']]);
    assert.deepEqual(result, { ok: true, text: 'Nothing to change: that is in force.' });
    assert.deepEqual(told, []);
  });

  it('is refused as a whole, with the reason, when an option needs a restart', () => {
    const { told, options } = new Rig();
    const { ok, text } = options.set([
      ['max_message_rate', '7'],
      ['store', 'memory'],
    ]);
    assert.equal(ok, false);
    assert.equal(
      text,
      'store cannot be changed while the node runs: write it in the configuration file and restart the node.\nNothing was changed.',
    );
    assert.deepEqual(told, []);
    assert.equal(options.configuration.options.maxMessageRate, 0);
  });
});
