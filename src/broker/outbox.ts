import type { Site } from '../cluster/identity/mod.js';
import type { ClientLog } from '../session/mod.js';

export interface OutboxSettings {
  /** cluster.outbox_max_bytes, for each member; 0 no bound */
  readonly outboxMaxBytes: number;
  /** cluster.outbox_full */
  readonly outboxFull: 'drop' | 'refuse';
}

export interface OutboxHost {
  readonly log: ClientLog;
  settings(): OutboxSettings;
  /** Bytes of the messages here that belong to sessions of other members, by member. */
  sizes(): Map<Site, number>;
  nameOf(site: Site): string;
}

/** Between two counts of what there is, in ms; what is parked in between is added. */
const countEveryMs = 1000;

/** Percent at which an operator is told. */
const alarms: readonly number[] = [100, 80, 50];
/** Below this there may be another alarm. */
const calmPercent = 40;

/**
 * The bound of what is parked on this node's disk for each other member. What is handed over is
 * noticed with the next count: for a second the bound may seem to be reached when it no longer is.
 */
export class Outbox {
  readonly #host: OutboxHost;
  #sizes = new Map<Site, number>();
  /** The alarm that was given, in percent. */
  readonly #alarmed = new Map<Site, number>();
  #countAt = 0;

  constructor(host: OutboxHost) {
    this.#host = host;
  }

  /** A message of `bytes` is to be parked for a session of `site`. False: it does not fit. */
  admit(site: Site, bytes: number): boolean {
    const { outboxMaxBytes: max } = this.#host.settings();
    const size = (this.#sizes.get(site) ?? 0) + bytes;
    if (max > 0 && size > max) {
      this.#alarm(site, 100);
      return false;
    }
    this.#sizes.set(site, size);
    return true;
  }

  /** What does not fit is refused to its publisher, and not only lost. */
  get isRefusing(): boolean {
    return this.#host.settings().outboxFull === 'refuse';
  }

  tick(now: number): void {
    if (now < this.#countAt) return;
    this.#countAt = now + countEveryMs;
    this.#sizes = this.#host.sizes();
    const { outboxMaxBytes: max } = this.#host.settings();
    for (const site of this.#alarmed.keys()) {
      const percent = max > 0 ? ((this.#sizes.get(site) ?? 0) * 100) / max : 0;
      if (percent < calmPercent) this.#alarmed.delete(site);
    }
    if (max === 0) return;
    for (const [site, bytes] of this.#sizes) this.#alarm(site, (bytes * 100) / max);
  }

  #alarm(site: Site, percent: number): void {
    const level = alarms.find((one) => percent >= one);
    if (level === undefined || level <= (this.#alarmed.get(site) ?? 0)) return;
    this.#alarmed.set(site, level);
    const { outboxFull } = this.#host.settings();
    const then = outboxFull === 'drop' ? 'dropped' : 'refused';
    const member = this.#host.nameOf(site);
    const text = `messages kept for ${member} take ${level} % of cluster.outbox_max_bytes`;
    this.#host.log.warn({ member }, `${text}; beyond 100 % they are ${then}`);
  }
}
