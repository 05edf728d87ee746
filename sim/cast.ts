import type { ProtocolVersion } from '../src/packet/mod.js';
import type { Chance } from './chance.js';
import { type ClientPlan, secondTwin } from './client.js';
import type { PublishPlan } from './publisher.js';
import type { Wanted } from './subscriber.js';

/**
 * Topics by what they are for, so that each rule has messages that no other one blurs:
 * `t/` plain, `s/` shared subscriptions, `r/` retained, `w/` wills.
 */
const plainTopics = ['t/0', 't/1', 't/2', 't/3'];
const sharedTopics = ['s/0', 's/1'];
const retainedTopics = ['r/0', 'r/1', 'r/2'];
export const retainedFilter = 'r/#';

/** All members of it have persistent sessions: it loses nothing. */
const strictGroup = 'strict';
const mixedGroup = 'mixed';

/**
 * Everyone who takes part in a run, with habits that the seed decides. `prefix` keeps clients and
 * topics of one cast apart from those of another.
 */
export function castOf(chance: Chance, addresses: readonly string[], prefix: string): ClientPlan[] {
  const maker = new PlanMaker(chance, addresses, prefix);
  for (let index = 1; index <= 2 + chance.below(2); index += 1) {
    maker.add(`pub${index}`, { publishes: plainPublishes(chance) });
  }
  const retain: PublishPlan = {
    topicNames: retainedTopics,
    // One QoS: messages of different ones may overtake each other when they are sent again.
    qualities: [[1, 1 + chance.below(2)]],
    retain: true,
    everyMs: 900,
  };
  maker.add('keeper', { publishes: retain });
  maker.add('all', { wanted: [{ filter: 't/#', qos: 2 }] });
  maker.add('some', {
    // They overlap: a message comes once all the same.
    wanted: [
      { filter: 't/+', qos: 1 },
      { filter: 't/1', qos: 2 },
      { filter: retainedFilter, qos: 1 },
    ],
  });
  const qos = chance.below(3);
  maker.add('few', { wanted: [{ filter: `t/${chance.below(4)}`, qos }] });
  maker.add('clean', { isPersistent: false, wanted: [{ filter: 't/#', qos: 2 }] });
  const shared = (group: string): Wanted[] => [{ filter: `$share/${group}/s/#`, qos: 2 }];
  maker.add('share1', { wanted: shared(strictGroup) });
  maker.add('share2', { wanted: shared(strictGroup) });
  maker.add('share3', { wanted: shared(mixedGroup) });
  maker.add('share4', { isPersistent: false, wanted: shared(mixedGroup) });
  maker.add('watcher', { wanted: [{ filter: 'w/#', qos: 2 }] });
  const delaySeconds = chance.pick([0, 0, 2]);
  maker.add('mortal1', { will: { topicName: 'w/1', delaySeconds } });
  maker.add('mortal2', { isPersistent: false, will: { topicName: 'w/2', delaySeconds: 0 } });
  const twin = { isPersistent: false, wanted: [{ filter: 't/0', qos: 1 }] };
  maker.add('twin-a', { ...twin, clientIdentifier: 'twin' });
  maker.add(`twin${secondTwin}`, { ...twin, clientIdentifier: 'twin' });
  return maker.plans;
}

function plainPublishes(chance: Chance): PublishPlan {
  return {
    topicNames: [...plainTopics, ...sharedTopics],
    qualities: [
      [1, 0],
      [3, 1],
      [3, 2],
    ],
    retain: false,
    everyMs: chance.pick([60, 150, 400]),
  };
}

/** Fills in what a plan does not say, from the seed. */
class PlanMaker {
  readonly plans: ClientPlan[] = [];
  readonly #chance: Chance;
  readonly #addresses: readonly string[];
  readonly #prefix: string;

  constructor(chance: Chance, addresses: readonly string[], prefix: string) {
    this.#chance = chance;
    this.#addresses = addresses;
    this.#prefix = prefix;
  }

  add(device: string, given: Partial<ClientPlan>): void {
    const { publishes, will, wanted = [], clientIdentifier = device } = given;
    const { isPersistent = true } = given;
    // Where a session may be another one on another node, its client has to be told: 3.1 cannot.
    const needsToKnow = isPersistent && this.#addresses.length > 1;
    const version: ProtocolVersion = this.#chance.pick(needsToKnow ? [4, 4, 5, 5] : [3, 4, 5, 5]);
    const named = (topicName: string): string => this.#prefix + topicName;
    this.plans.push({
      version,
      isPersistent,
      addresses: this.#addresses,
      restlessnessMs: this.#chance.pick([1500, 4000, 15_000]),
      ...given,
      device: named(device),
      clientIdentifier: named(clientIdentifier),
      wanted: wanted.map(({ filter, qos }) => ({ filter: this.#filter(filter), qos })),
      publishes: publishes && { ...publishes, topicNames: publishes.topicNames.map(named) },
      will: will && { ...will, topicName: named(will.topicName) },
    });
  }

  #filter(filter: string): string {
    return filter.replace(/^(\$share\/[a-z]+\/)?/, `$1${this.#prefix}`);
  }
}
