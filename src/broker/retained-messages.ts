import type { Site, Stamp } from '../cluster/identity/mod.js';
import type { Journal, LoadedRetained } from '../journal/mod.js';
import type { Metrics } from '../metrics/mod.js';
import type { Message } from '../queue/mod.js';
import type {
  ClientLog,
  Retained,
  RetainedView,
  Session,
  Settings,
  Subscription,
} from '../session/mod.js';
import type { Realm, TopicRecord } from './realm.js';
import { type RetainedCluster, RetainedRows } from './retained-rows.js';
import { RetainedSweep } from './retained-sweep.js';

export interface RetainedHost {
  readonly metrics: Metrics;
  readonly durability: Journal;
  readonly log: ClientLog;
  settings(): Settings;
  readonly realms: ReadonlyMap<string, Realm>;
  realm(mountpoint: string): Realm;
}

/**
 * What is retained under all mountpoints of a node: within its limits, until it expires, and on
 * disk, in a record of its own or, where members share it, as a row of the cluster.
 */
export class RetainedMessages {
  readonly #host: RetainedHost;
  readonly #sweep: RetainedSweep;
  /** Undefined: a node without a cluster. */
  #rows: RetainedRows | undefined;
  /** Rises with every message that is retained, or is delivered while another member retains it. */
  #mark = 0;
  #rowStamp: Stamp = 0;
  #count = 0;
  #bytes = 0;
  #nextSweepAt = 0;

  constructor(host: RetainedHost) {
    this.#host = host;
    this.#sweep = new RetainedSweep(host.realms, (realm, { message }) => {
      this.#remove(realm, message.topicName);
      this.#rows?.expired(realm.mountpoint, message.topicName);
      host.metrics.queueMessageExpired += 1;
    });
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of the last retained message: see {@link send}. */
  get mark(): number {
    return this.#mark;
  }

  /** Of the row that the last {@link retain} wrote; 0: none. */
  get rowStamp(): Stamp {
    return this.#rowStamp;
  }

  /** What is retained is the same on all members. Before it is loaded. */
  share(cluster: RetainedCluster): RetainedRows {
    const { durability } = this.#host;
    this.#rows = new RetainedRows(cluster, {
      retainedFor: (mountpoint, topicName) =>
        this.#host.realm(mountpoint).retained.get(topicName)?.message,
      retainedChanged: (mountpoint, topicName, message, passedAt) => {
        const realm = this.#host.realm(mountpoint);
        if (message === undefined) this.#remove(realm, topicName);
        else this.#put(realm, message, 0).passedAt = passedAt;
      },
      passedAgain: (mountpoint, topicName, at) => {
        const retained = this.#host.realm(mountpoint).retained.get(topicName);
        if (retained !== undefined) retained.passedAt = at;
      },
      written: () => {
        durability.changeCount += 1;
      },
    });
    return this.#rows;
  }

  /** Records become rows when there is a cluster now; what is too long for one stays a record. */
  load(records: Iterable<LoadedRetained>, now: number): void {
    for (const { mountpoint, message, storeNumber } of records) {
      const rows = this.#rowsFor(message.topicName);
      if (rows?.fits(mountpoint, message) !== true)
        this.#put(this.#host.realm(mountpoint), message, storeNumber);
      else {
        rows.adopt(mountpoint, message);
        const gone: Retained = { message, stamp: 0, passedAt: 0, storeNumber };
        this.#host.durability.retainedChanged(mountpoint, gone, true);
      }
    }
    this.#rows?.load(now);
  }

  /**
   * [MQTT5-3.3.1-5..8]: replaces, or removes when empty. False: a limit stands in the way.
   * Statements: [MQTT3-3.3.1-5] [MQTT3-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11] [MQTT3-3.3.1-12]
   */
  retain(topic: TopicRecord, message: Message, now: number): boolean {
    const { realm, name } = topic;
    const { mountpoint } = realm;
    const rows = this.#rowsFor(name);
    this.#rowStamp = 0;
    if (message.payload.length === 0) {
      this.#remove(realm, name);
      this.#rowStamp = rows?.clear(mountpoint, name, now) ?? 0;
      return true;
    }
    if (rows?.fits(mountpoint, message) === false) {
      this.#host.log.warn({ topic: name }, 'retained message refused: too large for a cluster');
      return false;
    }
    if (!this.#makeRoom(realm, message, now)) return false;
    if (rows !== undefined) {
      const set = rows.set(mountpoint, message, now);
      this.#rowStamp = set.stamp;
      this.#put(realm, set.message, 0);
    } else {
      const retained = this.#put(realm, message, realm.retained.get(name)?.storeNumber ?? 0);
      this.#host.durability.retainedChanged(mountpoint, retained, false);
    }
    return true;
  }

  /** Before subscribers here get a message that member `from` retains, under `stamp`. */
  passed({ realm, name }: TopicRecord, stamp: Stamp, from: Site): void {
    const rows = this.#rowsFor(name);
    if (rows === undefined) return;
    this.#mark += 1;
    rows.passed(realm.mountpoint, name, { stamp, site: from, at: this.#mark });
  }

  /**
   * To a new subscription, which has been there since `since`, a {@link mark}: what was delivered
   * after that is not sent again, nor what is older than that and only seems to be retained still,
   * because the row of the newer one has not come.
   */
  send(session: Session, subscription: Subscription, since: number, now: number): void {
    const { topicFilter, filter } = subscription;
    if (session.subscriptions.get(topicFilter) !== subscription) return;
    // Rows that came in this turn count.
    this.#rows?.settle(now);
    const { mountpoint, retained } = this.#host.realm(session.mountpoint);
    if (retained.size === 0) return;
    const until = this.#mark;
    const view: RetainedView = {
      has: ({ message: { topicName }, stamp, passedAt }) =>
        stamp <= until &&
        passedAt <= since &&
        this.#rows?.hasPassed(mountpoint, topicName, since) !== true,
    };
    session.deliverRetained(retained.cursor(filter), subscription, view, now);
  }

  /** What other members said in this turn. */
  onTurnEnd(now: number): void {
    this.#rows?.settle(now);
  }

  /** A part of a sweep that is under way; begins one when it is due. */
  tick(now: number): void {
    if (!this.#sweep.isUnderway) {
      const sweepEvery = this.#host.settings().expireRetainCacheSeconds * 1000;
      if (sweepEvery === 0 || now < this.#nextSweepAt) return;
      this.#nextSweepAt = now + sweepEvery;
    }
    this.#sweep.step(now);
  }

  #rowsFor(topicName: string): RetainedRows | undefined {
    return this.#rows?.covers(topicName) === true ? this.#rows : undefined;
  }

  #makeRoom({ retained }: Realm, message: Message, now: number): boolean {
    const { topicName } = message;
    if (!this.#exceedsLimit(retained.get(topicName), message)) return true;
    this.#sweep.step(now);
    if (!this.#exceedsLimit(retained.get(topicName), message)) return true;
    this.#host.log.warn(
      { topic: topicName, retained: this.#count, bytes: this.#bytes },
      'retained message refused: retain_max_messages or retain_max_bytes is reached',
    );
    return false;
  }

  #exceedsLimit(previous: Retained | undefined, message: Message): boolean {
    const { maxRetainedMessages, maxRetainedBytes } = this.#host.settings();
    const count = this.#count + (previous === undefined ? 1 : 0);
    if (maxRetainedMessages > 0 && count > maxRetainedMessages) return true;
    const bytes = this.#bytes + message.sizeBytes - (previous?.message.sizeBytes ?? 0);
    return maxRetainedBytes > 0 && bytes > maxRetainedBytes;
  }

  #put(realm: Realm, message: Message, storeNumber: number): Retained {
    this.#mark += 1;
    const mark = this.#mark;
    const retained: Retained = { message, stamp: mark, passedAt: mark, storeNumber };
    const previous = realm.retained.set(message.topicName, retained);
    if (previous !== undefined) {
      this.#counted(previous.message, -1);
      const isRecordLeft = previous.storeNumber !== 0 && storeNumber === 0;
      if (isRecordLeft) this.#host.durability.retainedChanged(realm.mountpoint, previous, true);
    }
    this.#counted(message, 1);
    return retained;
  }

  #remove(realm: Realm, topicName: string): void {
    const removed = realm.retained.delete(topicName);
    if (removed === undefined) return;
    this.#counted(removed.message, -1);
    // What came with a row has no record beside it.
    if (removed.storeNumber === 0) return;
    this.#host.durability.retainedChanged(realm.mountpoint, removed, true);
  }

  #counted(message: Message, sign: 1 | -1): void {
    this.#count += sign;
    this.#bytes += sign * message.sizeBytes;
  }
}
