import type { Site } from '../cluster/identity/mod.js';
import { RetainedStore } from '../retain/mod.js';
import type { DeliveryTarget, Retained, Session, TopicHandle } from '../session/mod.js';
import { FilterTrie } from '../topic/mod.js';
import type { FilterEntry, LocalSubscribers } from './filter-entry.js';
import type { RemoteSites } from './remote-sites.js';
import type { SharedGroup } from './shared-group.js';

/** Topics that are remembered with what they match, per mountpoint; beyond it all are forgotten. */
const topicCacheMax = 250_000;
/** Characters of their names together. */
const topicCacheCharactersMax = 16 * 1024 * 1024;
/** Delivery targets in those match results together. */
const cachedTargetsMax = 2_000_000;

/** What a Topic Name matches, at one generation of the subscriptions. */
export interface Matches {
  /** One per session, overlapping subscriptions merged. */
  readonly targets: readonly Target[];
  readonly groups: readonly SharedGroup[];
  /** Other members of the cluster with matching subscribers, each once. */
  readonly sites: readonly MatchedSite[];
  /** Filters with sessions of other members that outlive connections. */
  readonly kept: readonly FilterEntry[];
}

export interface MatchedSite {
  readonly site: Site;
  hasPersistent: boolean;
}

/** A delivery target, and what stands in for it when the publisher is its own receiver. */
export interface Target extends DeliveryTarget {
  readonly noLocal: boolean;
}

export class TopicRecord implements TopicHandle {
  readonly realm: Realm;
  readonly name: string;
  readonly bytes: Uint8Array;
  generation = -1;
  matches: Matches = { targets: [], groups: [], sites: [], kept: [] };

  constructor(realm: Realm, name: string) {
    this.realm = realm;
    this.name = name;
    this.bytes = Buffer.from(name, 'utf8');
  }
}

/**
 * Everything under one mountpoint: its sessions, subscriptions, retained messages. Client
 * Identifiers and topics of different mountpoints never meet.
 */
export class Realm {
  readonly mountpoint: string;
  readonly sessions: Map<string, Session> = new Map();
  readonly retained: RetainedStore<Retained> = new RetainedStore();
  readonly #filters = new FilterTrie<FilterEntry>(({ filter }) => filter);
  readonly #topics = new Map<string, TopicRecord>();
  /** Rises with every change of subscriptions; match results of older ones are stale. */
  #generation = 0;
  #cachedTargets = 0;
  #topicCharacters = 0;
  #matchMark = 0;

  constructor(mountpoint: string) {
    this.mountpoint = mountpoint;
  }

  knownTopic(name: string): TopicRecord | undefined {
    return this.#topics.get(name);
  }

  /** The record of a valid Topic Name. It stays usable when it is forgotten here. */
  topic(name: string): TopicRecord {
    let record = this.#topics.get(name);
    if (record === undefined) {
      const isFull = this.#topics.size >= topicCacheMax;
      if (isFull || this.#topicCharacters > topicCacheCharactersMax) this.#forgetTopics();
      this.#topicCharacters += name.length;
      record = new TopicRecord(this, name);
      this.#topics.set(name, record);
    }
    return record;
  }

  matchesOf(record: TopicRecord): Matches {
    if (record.generation === this.#generation) return record.matches;
    if (this.#cachedTargets > cachedTargetsMax) this.#forgetTopics();
    record.matches = this.#match(record.name);
    record.generation = this.#generation;
    this.#cachedTargets += record.matches.targets.length;
    return record.matches;
  }

  /** The entry of a filter, made when it is the first. Every change is followed by `changed`. */
  filter(filter: string): FilterEntry {
    return this.#filters.getOrInsert(filter, () => ({
      filter,
      remotes: undefined,
      local: undefined,
    }));
  }

  existingFilter(filter: string): FilterEntry | undefined {
    return this.#filters.get(filter);
  }

  /** Subscriptions changed; `entry` goes when nobody is left in it. */
  changed(entry: FilterEntry): void {
    this.#generation += 1;
    this.#cachedTargets = 0;
    if (isEmpty(entry)) this.#filters.delete(entry.filter);
  }

  #match(name: string): Matches {
    const targets: Target[] = [];
    const groups: SharedGroup[] = [];
    const sites: MatchedSite[] = [];
    const kept: FilterEntry[] = [];
    this.#matchMark += 1;
    const mark = this.#matchMark;
    this.#filters.match(name, (entry) => {
      if (entry.remotes !== undefined) addSites(sites, entry.remotes);
      const { local } = entry;
      if (local === undefined) return;
      for (const subscription of local.subscriptions.values()) {
        const { session } = subscription;
        if (session.matchMark === mark) {
          const other = targets[session.matchIndex] as Target;
          targets[session.matchIndex] = merged(other, subscription);
        } else {
          session.matchMark = mark;
          session.matchIndex = targets.length;
          targets.push(subscription);
        }
      }
      for (const group of local.groups?.values() ?? []) groups.push(group);
      if (local.kept !== undefined) kept.push(entry);
    });
    return { targets, groups, sites, kept };
  }

  #forgetTopics(): void {
    // Records that clients hold on to match anew: their generation is no longer ours.
    this.#topics.clear();
    this.#topicCharacters = 0;
    this.#generation += 1;
    this.#cachedTargets = 0;
  }
}

function isEmpty({ remotes, local }: FilterEntry): boolean {
  return (remotes?.size ?? 0) === 0 && (local === undefined || isNobody(local));
}

function isNobody({ subscriptions, groups, kept }: LocalSubscribers): boolean {
  return kept === undefined && subscriptions.size === 0 && (groups?.size ?? 0) === 0;
}

/** Members are few: a search is cheaper than a map. */
function addSites(sites: MatchedSite[], remotes: RemoteSites): void {
  for (const [site, hasPersistent] of remotes) {
    const known = sites.find((matched) => matched.site === site);
    if (known === undefined) sites.push({ site, hasPersistent });
    else known.hasPersistent ||= hasPersistent;
  }
}

/**
 * Two subscriptions of one session match: one copy at the higher QoS with all identifiers
 * [MQTT5-3.3.4-2], [MQTT5-3.3.4-3]. No Local holds for the copy only if it holds for both; the
 * router merges again without the No Local ones when a client publishes to itself.
 * Statements: [MQTT5-3.3.4-4] [MQTT3-3.3.5-1]
 */
export function merged(one: Target, other: Target): Target {
  const identifiers = [
    ...(one.subscriptionIdentifiers ?? []),
    ...(other.subscriptionIdentifiers ?? []),
  ];
  return {
    session: one.session,
    qos: one.qos > other.qos ? one.qos : other.qos,
    noLocal: one.noLocal && other.noLocal,
    retainAsPublished: one.retainAsPublished || other.retainAsPublished,
    subscriptionIdentifiers: identifiers.length === 0 ? undefined : identifiers,
    group: undefined,
  };
}
