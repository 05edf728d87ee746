import { retainedFilter } from './cast.js';
import type { ClientPlan } from './client.js';
import { matches, nameOf } from './delivery-index.js';
import type { History, Publication } from './history.js';

/** A client that comes after everything and asks one node what it has retained. */
export function probePlan(node: string, address: string, prefix: string): ClientPlan {
  const device = `probe-${node}`;
  return {
    device,
    clientIdentifier: device,
    version: 5,
    isPersistent: false,
    addresses: [address],
    wanted: [{ filter: prefix + retainedFilter, qos: 1 }],
    publishes: undefined,
    will: undefined,
    restlessnessMs: 1_000_000,
  };
}

/** Compares what the probe of `node` got with what may be retained. */
export function checkProbe(history: History, node: string, prefix: string): void {
  const device = `probe-${node}`;
  const got = history.deliveries.filter(({ clientIdentifier }) => clientIdentifier === device);
  const topics = new Set(
    history.publications
      .filter(({ retain, topicName }) => retain && matches(prefix + retainedFilter, topicName))
      .map(({ topicName }) => topicName),
  );
  for (const topicName of topics) {
    const ofTopic = history.publications.filter((one) => one.topicName === topicName);
    const found = got.filter(({ publication }) => publication.topicName === topicName);
    if (found.length > 1) {
      const what = `${node} sent ${found.length} messages retained for ${topicName}`;
      history.violated('retained', what, device);
    }
    checkRetained(history, node, topicName, ofTopic, found[0]?.publication);
  }
}

/** Retained is the last one that was acknowledged, or one that nobody knows to be before it. */
function checkRetained(
  history: History,
  node: string,
  topicName: string,
  publications: readonly Publication[],
  retained: Publication | undefined,
): void {
  const setBackAt = Math.max(-1, ...history.setbacks.map(({ at }) => at));
  const last = publications
    .filter(({ acknowledgedAt }) => acknowledgedAt !== undefined && acknowledgedAt > setBackAt)
    .at(-1);
  if (last === undefined) return;
  if (retained === undefined ? last.isClear : retained.id >= last.id) return;
  const what = `${node} has ${retained === undefined ? 'nothing' : nameOf(retained)} retained for ${topicName}, not ${nameOf(last)}`;
  history.violated('retained', what, `#${last.id}`);
}
