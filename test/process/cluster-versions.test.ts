/** Nodes of other releases: what they have in common is spoken, and nothing in common is said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClusterProcess, majority } from '../fixtures/cluster-process.js';
import { Listener, SteadyPublisher } from '../fixtures/outage-clients.js';

const timeout = 120_000;

/** Makes a process speak versions `min` to `max` of the link protocol, and no others. */
function speaking(min: number, max: number): Readonly<Record<string, string>> {
  const load = `export async function load(url, context, next) {
    const loaded = await next(url, context);
    if (!url.endsWith('/cluster/cluster.js')) return loaded;
    const source = String(loaded.source).replace(/{ min: \\d+, max: \\d+ }/, '{ min: ${min}, max: ${max} }');
    if (!source.includes('{ min: ${min}, max: ${max} }')) throw new Error('versions not found');
    return { ...loaded, source };
  }`;
  const module = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
  const hooks = `import { register } from 'node:module'; register(${JSON.stringify(module(load))});`;
  return { NODE_OPTIONS: `--import=${module(hooks)}` };
}

describe('a node that speaks no version of the link protocol that the members speak', {
  timeout,
}, () => {
  it('stays outside, both sides say which one is to be upgraded, and the members go on', async (t) => {
    const cluster = await ClusterProcess.prepare(t, {
      nodes: 3,
      settings: majority,
      environmentOf: (index) => (index === 2 ? speaking(1, 1) : {}),
    });
    const [one, other, older] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    older.spawn();
    await Promise.all([one, other].map((node) => node.start()));
    const text = /no version of the link protocol is common: .*upgrade the older node/;
    await Promise.all([one, older].map(({ broker }) => broker.outputMatching(text)));
    const listener = await Listener.start(other.clientPath, 'steady');
    const publisher = await SteadyPublisher.start(one.clientPath, 'steady', 10);
    await listener.until(20);
    for (const { result } of await publisher.stop()) assert.ok(result === 0 || result === 0x10);
    const lines = one.output.split('\n').filter((line) => text.test(line));
    assert.ok(lines.length <= 2, `said ${lines.length} times:\n${lines.join('\n')}`);
  });
});

describe('a node of a newer release', { timeout }, () => {
  it('speaks with the members what they speak, to and fro', async (t) => {
    const cluster = await ClusterProcess.start(t, {
      nodes: 3,
      settings: majority,
      environmentOf: (index) => (index === 2 ? speaking(2, 3) : {}),
    });
    const [member, newer] = [cluster.node(0), cluster.node(2)];
    for (const [from, to] of [
      [member, newer],
      [newer, member],
    ] as const) {
      const listener = await Listener.start(to.clientPath, `to ${to.name}`);
      const publisher = await SteadyPublisher.start(from.clientPath, `to ${to.name}`, 10);
      await listener.until(10);
      for (const { result } of await publisher.stop()) assert.equal(result, 0);
    }
  });
});
