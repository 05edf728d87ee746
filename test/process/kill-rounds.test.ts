/**
 * `kill -9` at random moments under load. Whatever the broker acknowledged must reach every
 * subscriber, QoS 2 once, in the order of its publisher; a kill is at a packet that was chosen by
 * lot, so the seed replays the choices but not the scheduler of the machine.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { SeededRandom } from '../../src/base/mod.js';
import { BrokerProcess, temporaryDirectory } from '../fixtures/broker-process.js';
import { LoadTest } from '../fixtures/load-test.js';

const rounds = 50;
const seed = Number(process.env.NAUTILUS_SEED ?? randomInt(2 ** 32));

it(`nothing acknowledged is lost, doubled or disordered over ${rounds} kills (NAUTILUS_SEED=${seed})`, {
  timeout: 240_000,
}, async (t) => {
  const random = new SeededRandom(seed);
  const data = temporaryDirectory();
  t.after(data.remove);
  const options = {
    directory: data.path,
    settings: {
      max_online_messages: 1_000_000,
      max_offline_messages: 1_000_000,
      max_inflight_messages: 20,
    },
  };
  let broker = await BrokerProcess.start(options);
  t.after(() => broker.kill());
  const load = new LoadTest(random);
  await load.subscribe(broker.port);
  for (let round = 0; round < rounds; round += 1) {
    await load.begin(broker.port, () => {
      broker.child.kill('SIGKILL');
    });
    assert.equal((await broker.exited).signal, 'SIGKILL', broker.output);
    load.breakAll();
    assert.doesNotMatch(broker.output, /fault|damaged|assert/i);
    broker = await restart(options, random);
  }
  await load.drain(broker.port);
  assert.equal((await broker.stop()).code, 0, broker.output);
  load.breakAll();
  broker = await BrokerProcess.start(options);
  await load.expectSilence(broker.port);
  await load.checkRetained(broker.port);
  assert.doesNotMatch(broker.output, /fault|damaged|assert/i);
  t.diagnostic(load.summary());
});

/** Sometimes killed while it starts, too: what it does then must be repeatable. */
async function restart(
  options: Parameters<typeof BrokerProcess.start>[0],
  random: SeededRandom,
): Promise<BrokerProcess> {
  while (random.below(6) === 0) {
    const hasty = BrokerProcess.spawn(options);
    const lifeMs = 100 + random.below(300);
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
    await hasty.kill();
  }
  return await BrokerProcess.start(options);
}
